/*
 * Colours: what a piece of the screen means (a role) and how a theme shows it.
 *
 * A theme is a base16 scheme (YAML: system, name, author, variant, palette
 * base00..base0F). Roles point at slots of the palette and carry attributes, so
 * that nothing depends on colour alone. A palette of pure greys, NO_COLOR and
 * terminals without colour use the attributes only.
 */
#ifndef THEME_H
#define THEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pith/status.h"

enum role {
	ROLE_TEXT,
	ROLE_FAINT,      /* hints, separators, what matters less */
	ROLE_KEPT,       /* words that survive */
	ROLE_DROPPED,
	ROLE_MUST_KEEP,
	ROLE_LOST,       /* of the document, not in the regenerated text */
	ROLE_ADDED,      /* the other way round */
	ROLE_WAS,        /* the two sides of a changed word */
	ROLE_NOW,
	ROLE_TITLE,      /* the bar at the top and its parts */
	ROLE_TITLE_NAME,
	ROLE_TITLE_METHOD,
	ROLE_BORDER,
	ROLE_FOCUS,      /* the border of what has the keys */
	ROLE_TAB,        /* the chosen one of several */
	ROLE_SLIDER,
	ROLE_TRACK,
	ROLE_VALUE,      /* figures */
	ROLE_LABEL,      /* what the figures are */
	ROLE_GOOD,
	ROLE_WARNING,
	ROLE_ERROR,
	ROLE_PROGRESS,
	ROLE_KEY,        /* names of keys */
	ROLE_PROMPT,
	ROLE_POPUP,
	ROLE_CHOICE,     /* the chosen row of a menu */
	ROLE_CURVE_1,    /* lines of one plot */
	ROLE_CURVE_2,
	ROLE_CURVE_3,
	ROLE_CURVE_4,
	N_ROLES
};

enum attribute {
	ATTRIBUTE_BOLD = 1,
	ATTRIBUTE_DIM = 2,
	ATTRIBUTE_UNDERLINE = 4,
	ATTRIBUTE_REVERSE = 8,
};

enum { THEME_SLOTS = 16 };

struct theme {
	char name[64];               /* stem of the file: "pith-dark" */
	char title[64];              /* what the file calls itself */
	bool has_palette;            /* false: the terminal's own sixteen colours */
	bool monochrome;             /* attributes only */
	uint32_t palette[THEME_SLOTS]; /* 0xRRGGBB */
};

/* The theme that needs no file: the terminal's own colours. */
void theme_init(struct theme *theme);

/* Reads a base16 file; an error names file, line and column. */
enum pith_status theme_load(struct theme *theme, const char *path, struct pith_error *err);

/* Is it the path of a file: has it a slash, or does it end in .yaml? */
bool theme_is_path(const char *name);
/* A name of a theme folder (the user's, then the shipped one), "terminal", or a path. */
enum pith_status theme_find(struct theme *theme, const char *name, struct pith_error *err);

/* All names that theme_find() knows, sorted; the strings and the array are freed with theme_names_free(). */
enum pith_status theme_names(char ***names, size_t *n, struct pith_error *err);
void theme_names_free(char **names, size_t n);

/* How a role looks on a terminal of n_colors (0: no colour). */
struct look {
	int32_t foreground, background; /* curses colour numbers; -1: the terminal's own */
	unsigned attributes;
};
struct look theme_look(const struct theme *theme, enum role role, int n_colors);

/* Can the theme's roles be told apart by colour on such a terminal? */
bool theme_has_color(const struct theme *theme, int n_colors);

/* The colour of the xterm 256-colour cube and grey ramp nearest to 0xRRGGBB. */
int theme_nearest_256(uint32_t rgb);

#endif
