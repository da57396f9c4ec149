/* Themes: the shipped files, colours on terminals of every kind, and that nothing depends on colour alone. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "theme.h"
#include "unit.h"

static const char *const shipped[] = {"pith-dark", "pith-light", "mono", "high-contrast"};
enum { N_SHIPPED = 4 };

static void load_shipped(struct theme *theme, const char *name)
{
	char path[512];
	struct pith_error err = {0};
	snprintf(path, sizeof path, "%s/themes/%s.yaml", SOURCE_DIR, name);
	if (theme_load(theme, path, &err) != PITH_OK)
		fail_msg("%s", err.message);
}

/* Relative luminance and contrast as WCAG 2 defines them. */
static double channel(uint32_t value)
{
	double c = value / 255.0;
	return c <= 0.03928 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static double contrast(uint32_t a, uint32_t b)
{
	double la = 0.2126 * channel(a >> 16) + 0.7152 * channel(a >> 8 & 255) + 0.0722 * channel(a & 255);
	double lb = 0.2126 * channel(b >> 16) + 0.7152 * channel(b >> 8 & 255) + 0.0722 * channel(b & 255);
	return la > lb ? (la + 0.05) / (lb + 0.05) : (lb + 0.05) / (la + 0.05);
}

static void files(void **state)
{
	(void)state;
	/* White on black is 21 by definition: the measure measures. */
	assert_true(contrast(0xffffff, 0) > 20.99 && contrast(0xffffff, 0) < 21.01);
	for (int i = 0; i < N_SHIPPED; i++) {
		struct theme theme;
		load_shipped(&theme, shipped[i]);
		assert_string_equal(theme.name, shipped[i]);
		assert_true(theme.has_palette);
		assert_int_equal(theme.monochrome, strcmp(shipped[i], "mono") == 0);
		double wanted = strcmp(shipped[i], "high-contrast") == 0 ? 7 : 4.5;
		/* Text and every hue that text is written in; faint text may be fainter, but must be there. */
		for (int slot = 0x05; slot <= 0x0E && !theme.monochrome; slot++)
			if (contrast(theme.palette[slot], theme.palette[0]) < wanted)
				fail_msg("%s: base%02X on base00 has a contrast of %.2f", shipped[i], (unsigned)slot,
				         contrast(theme.palette[slot], theme.palette[0]));
		assert_true(theme.monochrome || contrast(theme.palette[3], theme.palette[0]) >= 3);
	}
}

static void bad_files(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"palette:\n  base00: \"000000\"\n", "base01"},
		{"palette:\n  base00: \"12345\"\n", ":2:11:"},
		{"palette:\n  base00: [1]\n", "base00"},
		{"palette: {", ""},
	};
	char path[] = "/tmp/pith-theme-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		fputs(cases[i].text, file);
		fclose(file);
		struct theme theme;
		struct pith_error err = {0};
		theme_init(&theme);
		assert_int_equal(theme_load(&theme, path, &err), PITH_BAD_FILE);
		if (strstr(err.message, cases[i].message) == NULL || strstr(err.message, path) == NULL)
			fail_msg("\"%s\" lacks \"%s\"", err.message, cases[i].message);
		assert_string_equal(theme.name, "terminal"); /* untouched */
	}
	unlink(path);
}

static void nearest(void **state)
{
	(void)state;
	assert_int_equal(theme_nearest_256(0x000000), 16);
	assert_int_equal(theme_nearest_256(0xffffff), 231);
	assert_int_equal(theme_nearest_256(0xff0000), 196);
	assert_int_equal(theme_nearest_256(0x5f87af), 67); /* a colour of the cube itself */
	assert_int_equal(theme_nearest_256(0x808080), 244);
	assert_int_equal(theme_nearest_256(0x121212), 233);
}

static bool same_look(struct look a, struct look b)
{
	return a.foreground == b.foreground && a.background == b.background && a.attributes == b.attributes;
}

static void looks(void **state)
{
	(void)state;
	static const int colors[] = {0, 8, 16, 88, 256, 1 << 24};
	for (int i = 0; i <= N_SHIPPED; i++) {
		struct theme theme;
		theme_init(&theme);
		if (i < N_SHIPPED)
			load_shipped(&theme, shipped[i]);
		for (size_t c = 0; c < sizeof colors / sizeof *colors; c++) {
			for (int role = 0; role < N_ROLES; role++) {
				struct look look = theme_look(&theme, (enum role)role, colors[c]);
				assert_in_range((uintmax_t)(look.foreground + 1), 0, (uintmax_t)colors[c]);
				assert_in_range((uintmax_t)(look.background + 1), 0, (uintmax_t)colors[c]);
				if (!theme_has_color(&theme, colors[c]))
					assert_true(look.foreground == -1 && look.background == -1);
			}
			/* What must be told apart is told apart, with colour or without. */
			struct look kept = theme_look(&theme, ROLE_KEPT, colors[c]),
				    dropped = theme_look(&theme, ROLE_DROPPED, colors[c]);
			struct look protected = theme_look(&theme, ROLE_MUST_KEEP, colors[c]);
			assert_false(same_look(kept, dropped));
			assert_false(same_look(kept, protected));
			assert_true((protected.attributes & ATTRIBUTE_UNDERLINE) != 0);
			assert_false(
				same_look(theme_look(&theme, ROLE_POPUP, colors[c]), theme_look(&theme, ROLE_CHOICE, colors[c])));
			assert_false(
				same_look(theme_look(&theme, ROLE_TEXT, colors[c]), theme_look(&theme, ROLE_TITLE, colors[c])));
		}
	}
}

static void names(void **state)
{
	(void)state;
	char **found;
	size_t n;
	assert_int_equal(theme_names(&found, &n, NULL), PITH_OK);
	assert_true(n >= N_SHIPPED + 1);
	for (size_t i = 0; i < n; i++) {
		struct theme theme;
		struct pith_error err = {0};
		if (theme_find(&theme, found[i], &err) != PITH_OK)
			fail_msg("%s: %s", found[i], err.message);
		assert_true(i == 0 || strcmp(found[i - 1], found[i]) < 0);
	}
	theme_names_free(found, n);
	struct theme theme;
	struct pith_error err = {0};
	assert_int_equal(theme_find(&theme, "no-such-theme", &err), PITH_BAD_ARGUMENT);
	assert_non_null(strstr(err.message, "no-such-theme"));
	assert_int_not_equal(theme_find(&theme, "/nowhere/at/all.yaml", &err), PITH_OK);
}

int main(void)
{
	setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files), cmocka_unit_test(bad_files), cmocka_unit_test(nearest),
		cmocka_unit_test(looks), cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
