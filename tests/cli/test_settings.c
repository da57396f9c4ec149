#define _POSIX_C_SOURCE 200809L
#include "settings.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"
#include "unit.h"
#include "yaml_tree.h"

/* Nobody's own settings. */
static int go_nowhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < SETTINGS_N; i++)
		if (unsetenv(settings_table()[i].environment) != 0)
			return 1;
	return setenv("HOME", "/nonexistent", 1) != 0 || setenv("XDG_CONFIG_HOME", "/nonexistent", 1) != 0 ||
	       setenv("XDG_CONFIG_DIRS", "/nonexistent", 1) != 0;
}

static void test_table(void **state)
{
	(void)state;
	const struct setting *table = settings_table();
	for (size_t i = 0; i < SETTINGS_N; i++) {
		assert_non_null(table[i].key);
		assert_true(strncmp(table[i].environment, "PITH_", 5) == 0);
		assert_true(table[i].help[0] != '\0');
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(table[i].key, table[j].key);
			assert_string_not_equal(table[i].environment, table[j].environment);
			assert_int_not_equal(table[i].offset, table[j].offset);
		}
	}
}

/* The shipped file holds every row, in order, with its default and its line of help. */
static void test_shipped_file(void **state)
{
	(void)state;
	struct yaml_tree *tree;
	const struct setting *table = settings_table();
	assert_int_equal(yaml_tree_load(&tree, SOURCE_DIR "/config.yaml", NULL), PITH_OK);
	assert_int_equal(tree->n_children, SETTINGS_N);
	FILE *file = fopen(SOURCE_DIR "/config.yaml", "r");
	assert_non_null(file);
	char line[256], before[256] = "";
	for (size_t i = 0; i < SETTINGS_N; i++) {
		char comment[256], key[64];
		assert_string_equal(tree->children[i].key, table[i].key);
		assert_string_equal(tree->children[i].text, table[i].fallback);
		snprintf(comment, sizeof comment, "# %s\n", table[i].help);
		snprintf(key, sizeof key, "%s:", table[i].key);
		while (fgets(line, sizeof line, file) != NULL && strncmp(line, key, strlen(key)) != 0)
			memcpy(before, line, sizeof line);
		assert_string_equal(before, comment);
	}
	fclose(file);
	yaml_tree_free(tree);
}

static void test_defaults(void **state)
{
	(void)state;
	struct settings settings;
	const struct settings_request request = {0};
	struct pith_error err;
	assert_int_equal(settings_load(&settings, &request, &err), PITH_OK);
	assert_string_equal(settings.theme, "terminal");
	assert_string_equal(settings.model, "");
	assert_string_equal(settings.warnings, "");
	assert_true(settings.rate == 0.125 && settings.mouse && settings.keep_digits && !settings.auto_answer);
	assert_int_equal(settings.unicode, SETTINGS_UNICODE_FULL);
	assert_int_equal(settings.color, SETTINGS_COLOR_AUTO);
	for (size_t i = 0; i < SETTINGS_N; i++) {
		char *value = settings_value(&settings, i);
		assert_string_equal(value, settings_table()[i].fallback);
		free(value);
		assert_non_null(strstr(settings.origin[i], "config.yaml:"));
	}
	settings_free(&settings);
}

static void test_flags(void **state)
{
	(void)state;
	struct settings settings;
	static const struct settings_flag flags[] = {
		{"color", "never", "--no-color"}, {"unicode", "ascii", "--set"}, {"history_size", "0", "--set"}};
	const struct settings_request request = {.flags = flags, .n_flags = 3};
	assert_int_equal(settings_load(&settings, &request, NULL), PITH_OK);
	assert_int_equal(settings.color, SETTINGS_COLOR_NEVER);
	assert_int_equal(settings.unicode, SETTINGS_UNICODE_ASCII);
	assert_int_equal(settings.history_size, 0);
	settings_free(&settings);

	static const struct settings_flag wrong = {"history_size", "-1", "--set"};
	const struct settings_request bad = {.flags = &wrong, .n_flags = 1};
	struct pith_error err;
	assert_int_equal(settings_load(&settings, &bad, &err), PITH_BAD_ARGUMENT);
	assert_string_equal(err.message, "--set: history_size must be a whole number from 0 to 100000, not \"-1\".");
	settings_free(&settings);
}

static void test_nearest(void **state)
{
	(void)state;
	static const char *const names[] = {"theme", "threads", "rate", "escape_delay_ms"};
	assert_string_equal(nearest_word("thme", names, 4), "theme");
	assert_string_equal(nearest_word("treads", names, 4), "threads");
	assert_string_equal(nearest_word("rtae", names, 4), "rate");
	assert_string_equal(nearest_word("escape", names, 4), "escape_delay_ms");
	assert_null(nearest_word("zzz", names, 4));
	assert_null(nearest_word("a", names, 4));
	assert_null(nearest_word("", names, 4));
	char hint[64];
	assert_string_equal(nearest_hint(hint, sizeof hint, "rat", names, 4), "; did you mean rate?");
	assert_string_equal(nearest_hint(hint, sizeof hint, "zzz", names, 4), ".");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table), cmocka_unit_test(test_shipped_file), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_flags), cmocka_unit_test(test_nearest),
	};
	return cmocka_run_group_tests(tests, go_nowhere, NULL);
}
