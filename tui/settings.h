/*
 * What a user can set. One table says key, type, default, range, help and
 * environment name; the configuration files, the environment, the command
 * line, `pith config`, and the shipped config.yaml all go by it.
 *
 * Later ones win: default < shipped config.yaml < /etc/xdg/pith/config.yaml <
 * $XDG_CONFIG_HOME/pith/config.yaml < --config FILE < PITH_* < flags.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "pith/compress.h"
#include "pith/status.h"

enum settings_unicode { SETTINGS_UNICODE_FULL, SETTINGS_UNICODE_ASCII };
enum settings_color { SETTINGS_COLOR_AUTO, SETTINGS_COLOR_ALWAYS, SETTINGS_COLOR_NEVER };

enum { SETTINGS_N = 26 };

struct settings {
	char *theme;  /* a name of themes/, or the path of a base16 file */
	char *model;  /* path of a GGUF file; "": the shipped one */
	char *method; /* as pith_methods() names them */
	double rate;  /* target CR, (0, 1] */
	bool keep_digits, keep_negations, keep_names, keep_addresses, keep_code; /* in extractive text */
	double coherence; /* of extractive text, in nats */
	bool rewrite;    /* abstractive methods ask a model at all */
	bool keep_facts; /* in rewritten text */
	bool compat;
	char *server;       /* address of an OpenAI-compatible server that rewrites; "": the model does */
	char *server_model; /* "": the server's only one */
	int server_timeout; /* seconds that it may say nothing */
	bool auto_regenerate, auto_answer; /* without being asked, whenever the slider has settled */
	int max_answer_tokens;
	int threads; /* 0: one per core */
	bool sync_scroll;
	bool mouse;
	int escape_delay_ms;
	int unicode; /* enum settings_unicode */
	int color;   /* enum settings_color */
	int history_size; /* questions remembered */

	char *origin[SETTINGS_N]; /* by row of the table: "default", "/path/config.yaml:3", "PITH_RATE", "--set" */
	char *warnings;           /* what was odd but not wrong, one sentence a line, or "" */
};

/*
 * A path in a file is seen from that file's folder, elsewhere from the current one; "~/" is the home folder. A theme is taken
 * as it is, or as a path when it holds a slash; it has to be there.
 */
enum setting_type {
	SETTING_THEME,
	SETTING_PATH,
	SETTING_TEXT, /* taken as it is, also when it is empty */
	SETTING_METHOD,
	SETTING_BOOL,
	SETTING_INTEGER,
	SETTING_NUMBER,
	SETTING_CHOICE,
};

/* A row of the table. */
struct setting {
	const char *key;
	const char *environment; /* "PITH_RATE" */
	enum setting_type type;
	const char *fallback;    /* the default, as it is written in a file */
	double minimum, maximum; /* of integers and numbers, both allowed */
	const char *choices;     /* "full|safe|ascii" */
	const char *help;        /* one line */
	size_t offset;           /* in struct settings */
};
const struct setting *settings_table(void); /* SETTINGS_N rows */

/* A value from the command line. */
struct settings_flag {
	const char *key, *value;
	const char *name; /* "--model": the origin */
};

struct settings_request {
	const char *config_path; /* --config; NULL: none */
	const struct settings_flag *flags;
	size_t n_flags;
};

/*
 * Fills settings from all sources; settings_free() it, also after a failure. A
 * bad value or an unreadable --config fails with PITH_BAD_FILE or
 * PITH_BAD_ARGUMENT and a sentence that names the place.
 */
enum pith_status settings_load(struct settings *settings, const struct settings_request *request, struct pith_error *err);
void settings_free(struct settings *settings);

/* Sets what compression is to keep. */
void settings_keep(const struct settings *settings, struct pith_compress_options *options);

/* No colours, by the setting or by NO_COLOR. */
bool settings_no_color(const struct settings *settings);

/* The value of row i as it would be written in a file; freed with free(), NULL: no memory. */
char *settings_value(const struct settings *settings, size_t i);

/* The user's own configuration file, there or not; freed with free(); NULL: no home, no memory. */
char *settings_user_file(void);

#endif
