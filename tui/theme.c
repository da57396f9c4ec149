#define _GNU_SOURCE
#include "theme.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "paths.h"
#include "yaml_tree.h"

enum { SLOT_NONE = -1, TRUE_COLORS = 1 << 24 };

/* Slots of the palette after the base16 styling guide: 00 background .. 07 lightest, 08 deleted, 0B inserted, 0E changed. */
struct role_row {
	int foreground, background; /* slots; SLOT_NONE: as the text's */
	unsigned attributes;        /* always */
	unsigned mono;              /* in their place where there is no colour */
};

static const struct role_row role_rows[N_ROLES] = {
	[ROLE_TEXT] = {0x05, 0x00, 0, 0},
	[ROLE_FAINT] = {0x03, 0x00, 0, ATTRIBUTE_DIM},
	[ROLE_KEPT] = {0x06, 0x00, ATTRIBUTE_BOLD, ATTRIBUTE_BOLD},
	[ROLE_DROPPED] = {0x03, 0x00, 0, ATTRIBUTE_DIM},
	[ROLE_MUST_KEEP] = {0x0A, 0x00, ATTRIBUTE_BOLD | ATTRIBUTE_UNDERLINE, ATTRIBUTE_BOLD | ATTRIBUTE_UNDERLINE},
	[ROLE_LOST] = {0x08, 0x00, 0, ATTRIBUTE_DIM},
	[ROLE_ADDED] = {0x0B, 0x00, 0, ATTRIBUTE_BOLD},
	[ROLE_WAS] = {0x09, 0x00, 0, ATTRIBUTE_DIM},
	[ROLE_NOW] = {0x0E, 0x00, 0, ATTRIBUTE_BOLD},
	[ROLE_TITLE] = {0x05, 0x01, 0, ATTRIBUTE_REVERSE},
	[ROLE_TITLE_NAME] = {0x07, 0x01, ATTRIBUTE_BOLD, ATTRIBUTE_REVERSE | ATTRIBUTE_BOLD},
	[ROLE_TITLE_METHOD] = {0x0D, 0x01, ATTRIBUTE_BOLD, ATTRIBUTE_REVERSE | ATTRIBUTE_BOLD},
	[ROLE_BORDER] = {0x03, 0x00, 0, ATTRIBUTE_DIM},
	[ROLE_FOCUS] = {0x0D, 0x00, ATTRIBUTE_BOLD, ATTRIBUTE_BOLD},
	[ROLE_TAB] = {0x0D, 0x00, ATTRIBUTE_BOLD | ATTRIBUTE_UNDERLINE, ATTRIBUTE_BOLD | ATTRIBUTE_UNDERLINE},
	[ROLE_SLIDER] = {0x0D, 0x02, 0, 0},
	[ROLE_TRACK] = {0x03, 0x02, 0, ATTRIBUTE_DIM},
	[ROLE_VALUE] = {0x05, 0x00, ATTRIBUTE_BOLD, ATTRIBUTE_BOLD},
	[ROLE_LABEL] = {0x04, 0x00, 0, 0},
	[ROLE_GOOD] = {0x0B, 0x00, ATTRIBUTE_BOLD, ATTRIBUTE_BOLD},
	[ROLE_WARNING] = {0x0A, 0x00, ATTRIBUTE_BOLD, ATTRIBUTE_BOLD},
	[ROLE_ERROR] = {0x08, 0x00, ATTRIBUTE_BOLD, ATTRIBUTE_BOLD | ATTRIBUTE_REVERSE},
	[ROLE_PROGRESS] = {0x0B, 0x02, 0, 0},
	[ROLE_KEY] = {0x0C, 0x00, ATTRIBUTE_BOLD, ATTRIBUTE_BOLD},
	[ROLE_PROMPT] = {0x0D, 0x00, ATTRIBUTE_BOLD, ATTRIBUTE_BOLD},
	[ROLE_POPUP] = {0x05, 0x01, 0, 0},
	[ROLE_CHOICE] = {0x00, 0x0D, ATTRIBUTE_BOLD, ATTRIBUTE_REVERSE},
	[ROLE_CURVE_1] = {0x0D, 0x00, 0, 0},
	[ROLE_CURVE_2] = {0x0B, 0x00, 0, ATTRIBUTE_BOLD},
	[ROLE_CURVE_3] = {0x09, 0x00, 0, ATTRIBUTE_DIM},
	[ROLE_CURVE_4] = {0x0E, 0x00, 0, 0},
};

/*
 * The sixteen colours of a terminal that stand for the slots; -1: the terminal's own foreground or background. Whether it is
 * light or dark is unknown, so that white stands for nothing.
 */
static const int8_t ansi_of_slot[THEME_SLOTS] = {-1, -1, -1, 8, -1, -1, -1, -1, 1, 3, 3, 2, 6, 4, 5, 1};

void theme_init(struct theme *theme)
{
	*theme = (struct theme){.name = "terminal", .title = "Terminal"};
}

static bool parse_color(const char *text, uint32_t *rgb)
{
	if (*text == '#')
		text++;
	if (strlen(text) != 6 || strspn(text, "0123456789abcdefABCDEF") != 6)
		return false;
	*rgb = (uint32_t)strtoul(text, NULL, 16);
	return true;
}

static enum pith_status read_palette(struct theme *theme, const struct yaml_tree *tree, const char *path, struct pith_error *err)
{
	/* The older flat form has the colours at the top. */
	const struct yaml_tree *palette = yaml_tree_find(tree, "palette");
	if (palette == NULL)
		palette = tree;
	bool grey = true;
	for (unsigned i = 0; i < THEME_SLOTS; i++) {
		char key[8];
		snprintf(key, sizeof key, "base%02X", i);
		const struct yaml_tree *entry = yaml_tree_find(palette, key);
		if (entry == NULL)
			return yaml_tree_fault(err, path, palette, "The palette lacks %s.", key);
		uint32_t rgb;
		if (entry->kind != YAML_TREE_SCALAR || !parse_color(entry->text, &rgb))
			return yaml_tree_fault(err, path, entry, "%s is not a colour such as \"1d2021\".", key);
		theme->palette[i] = rgb;
		grey = grey && rgb >> 16 == (rgb >> 8 & 0xff) && rgb >> 16 == (rgb & 0xff);
	}
	theme->has_palette = true;
	theme->monochrome = grey;
	return PITH_OK;
}

static void copy_short(char *out, size_t size, const char *text, size_t length)
{
	size_t n = length < size - 1 ? length : size - 1;
	memcpy(out, text, n);
	out[n] = '\0';
}

enum pith_status theme_load(struct theme *theme, const char *path, struct pith_error *err)
{
	struct yaml_tree *tree;
	enum pith_status status = yaml_tree_load(&tree, path, err);
	if (status != PITH_OK)
		return status;
	struct theme loaded = {0};
	status = read_palette(&loaded, tree, path, err);
	if (status == PITH_OK) {
		const char *slash = strrchr(path, '/');
		const char *stem = slash == NULL ? path : slash + 1;
		const char *dot = strrchr(stem, '.');
		copy_short(loaded.name, sizeof loaded.name, stem, dot == NULL ? strlen(stem) : (size_t)(dot - stem));
		const struct yaml_tree *name = yaml_tree_find(tree, "name");
		const char *title = name != NULL && name->kind == YAML_TREE_SCALAR ? name->text : loaded.name;
		copy_short(loaded.title, sizeof loaded.title, title, strlen(title));
		*theme = loaded;
	}
	yaml_tree_free(tree);
	return status;
}

/* The folders that hold themes; either may be NULL. */
static void theme_folders(char *folders[2])
{
	folders[0] = paths_user_config("themes");
	folders[1] = paths_shipped("themes");
}

bool theme_is_path(const char *name)
{
	static const char ending[] = ".yaml";
	size_t length = strlen(name), n = sizeof ending - 1;
	return strchr(name, '/') != NULL || (length > n && strcmp(name + length - n, ending) == 0);
}

enum pith_status theme_find(struct theme *theme, const char *name, struct pith_error *err)
{
	if (strcmp(name, "terminal") == 0) {
		theme_init(theme);
		return PITH_OK;
	}
	if (theme_is_path(name))
		return theme_load(theme, name, err);
	char *folders[2];
	theme_folders(folders);
	enum pith_status status = fault(err, PITH_BAD_ARGUMENT, "There is no theme \"%s\".", name);
	for (int i = 0; i < 2; i++) {
		char *path = NULL;
		if (status != PITH_BAD_ARGUMENT || folders[i] == NULL || asprintf(&path, "%s/%s.yaml", folders[i], name) < 0)
			continue;
		FILE *there = fopen(path, "re");
		if (there != NULL) {
			fclose(there);
			status = theme_load(theme, path, err);
		}
		free(path);
	}
	free(folders[0]);
	free(folders[1]);
	return status;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_name(char ***names, size_t *n, const char *name, size_t length)
{
	for (size_t i = 0; i < *n; i++)
		if (strlen((*names)[i]) == length && memcmp((*names)[i], name, length) == 0)
			return true;
	char **grown = realloc(*names, (*n + 1) * sizeof *grown);
	if (grown == NULL)
		return false;
	*names = grown;
	grown[*n] = strndup(name, length);
	if (grown[*n] == NULL)
		return false;
	++*n;
	return true;
}

enum pith_status theme_names(char ***names, size_t *n, struct pith_error *err)
{
	char *folders[2];
	theme_folders(folders);
	*names = NULL;
	*n = 0;
	bool added = add_name(names, n, "terminal", strlen("terminal"));
	for (int i = 0; i < 2; i++) {
		DIR *folder = folders[i] == NULL ? NULL : opendir(folders[i]);
		const struct dirent *entry;
		while (folder != NULL && added && (entry = readdir(folder)) != NULL) {
			size_t length = strlen(entry->d_name);
			if (length > 5 && strcmp(entry->d_name + length - 5, ".yaml") == 0)
				added = add_name(names, n, entry->d_name, length - 5);
		}
		if (folder != NULL)
			closedir(folder);
		free(folders[i]);
	}
	if (!added) {
		theme_names_free(*names, *n);
		*names = NULL;
		*n = 0;
		return fault_memory(err);
	}
	qsort(*names, *n, sizeof **names, compare_names);
	return PITH_OK;
}

void theme_names_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* A colour in Oklab (Ottosson 2020), where distance is what the eye sees: greens do not become greys. */
struct lab {
	double l, a, b;
};

static double linear_channel(uint32_t value)
{
	double c = value / 255.0;
	return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static struct lab lab_of(uint32_t rgb)
{
	double red = linear_channel(rgb >> 16), green = linear_channel(rgb >> 8 & 0xff), blue = linear_channel(rgb & 0xff);
	double l = cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue);
	double m = cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue);
	double s = cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue);
	return (struct lab){0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
	                    1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
	                    0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

static double color_distance(struct lab x, struct lab y)
{
	return (x.l - y.l) * (x.l - y.l) + (x.a - y.a) * (x.a - y.a) + (x.b - y.b) * (x.b - y.b);
}

int theme_nearest_256(uint32_t rgb)
{
	static const uint32_t levels[6] = {0, 95, 135, 175, 215, 255};
	struct lab wanted = lab_of(rgb);
	int best = 16;
	double best_distance = -1;
	for (int color = 16; color < 256; color++) {
		uint32_t candidate;
		if (color < 232) {
			int cube = color - 16;
			candidate = levels[cube / 36] << 16 | levels[cube / 6 % 6] << 8 | levels[cube % 6];
		} else {
			candidate = (uint32_t)(8 + 10 * (color - 232)) * 0x010101u;
		}
		double distance = color_distance(wanted, lab_of(candidate));
		if (best_distance < 0 || distance < best_distance) {
			best = color;
			best_distance = distance;
		}
	}
	return best;
}

static int32_t color_of_slot(const struct theme *theme, int slot, int n_colors)
{
	if (!theme->has_palette || n_colors < 256) {
		int color = ansi_of_slot[slot];
		return color >= 8 && n_colors < 16 ? -1 : color;
	}
	if (n_colors >= TRUE_COLORS) /* the first eight numbers of a direct-colour terminal are its palette */
		return theme->palette[slot] < 8 ? 8 : (int32_t)theme->palette[slot];
	return theme_nearest_256(theme->palette[slot]);
}

bool theme_has_color(const struct theme *theme, int n_colors)
{
	return n_colors >= 8 && !theme->monochrome;
}

struct look theme_look(const struct theme *theme, enum role role, int n_colors)
{
	const struct role_row *row = &role_rows[role];
	if (!theme_has_color(theme, n_colors))
		return (struct look){-1, -1, row->mono};
	struct look look = {color_of_slot(theme, row->foreground, n_colors), color_of_slot(theme, row->background, n_colors),
	                    row->attributes};
	if (!theme->has_palette || n_colors < 256) {
		/* Sixteen colours cannot show a shade between two: bars and choices are told apart by reversing. */
		if (row->foreground == 0x03 && look.foreground < 0)
			look.attributes |= ATTRIBUTE_DIM;
		if (row->background == 0x01 || row->background == 0x0D)
			look = (struct look){-1, -1, row->attributes | (role == ROLE_POPUP ? 0 : ATTRIBUTE_REVERSE)};
	}
	return look;
}
