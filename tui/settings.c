#define _GNU_SOURCE
#include "settings.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "nearest.h"
#include "paths.h"
#include "pith/compress.h"
#include "theme.h"
#include "yaml_tree.h"

#define ROW(key, type, fallback, minimum, maximum, choices, environment, help)                                                   \
	{                                                                                                                        \
#key, environment, type, fallback, minimum, maximum, choices, help, offsetof(struct settings, key)               \
	}

static const struct setting table[SETTINGS_N] = {
	ROW(theme, SETTING_THEME, "terminal", 0, 0, NULL, "PITH_THEME",
            "colours: terminal (its own), the name of a file in themes/ without .yaml, or the path of a base16 YAML file"),
	ROW(model, SETTING_PATH, "", 0, 0, NULL, "PITH_MODEL", "path of a GGUF model; empty: the one that comes with pith"),
	ROW(method, SETTING_METHOD, "500x", 0, 0, NULL, "PITH_METHOD", "compression method to begin with"),
	ROW(rate, SETTING_NUMBER, "0.125", 0.001, 1, NULL, "PITH_RATE",
            "compression rate to begin with: compressed tokens / original tokens"),
	ROW(keep_digits, SETTING_BOOL, "true", 0, 0, NULL, "PITH_KEEP_DIGITS",
            "extractive methods keep words with digits before all others but pinned ones"),
	ROW(keep_negations, SETTING_BOOL, "true", 0, 0, NULL, "PITH_KEEP_NEGATIONS",
            "extractive methods keep not, no, never and the like before all others but pinned ones"),
	ROW(keep_names, SETTING_BOOL, "true", 0, 0, NULL, "PITH_KEEP_NAMES",
            "extractive methods keep names, each once, before other words, as long as what must be kept takes half of the budget"),
	ROW(keep_addresses, SETTING_BOOL, "true", 0, 0, NULL, "PITH_KEEP_ADDRESSES",
            "extractive methods keep addresses of pages, people and files before all others but pinned ones"),
	ROW(keep_code, SETTING_BOOL, "true", 0, 0, NULL, "PITH_KEEP_CODE",
            "extractive methods keep words of programs, and what stands between backticks, before all others but pinned ones"),
	ROW(coherence, SETTING_NUMBER, "1.5", 0, PITH_MOST_COHERENCE, NULL, "PITH_COHERENCE",
            "how much neighbouring words hold together in extractive text: 0 is each for itself, 3 leaves whole phrases, and fewer"),
	ROW(compat, SETTING_BOOL, "false", 0, 0, NULL, "PITH_COMPAT",
            "methods repeat the faults they were published with: single tokens, missed budgets, too much for a memory token"),
	ROW(rewrite, SETTING_BOOL, "true", 0, 0, NULL, "PITH_REWRITE",
            "abstractive methods write; false: words stand in place of every rewrite, as where one fails, many times faster"),
	ROW(keep_facts, SETTING_BOOL, "true", 0, 0, NULL, "PITH_KEEP_FACTS",
            "a rewrite that loses numbers, negations or names gives way to words that lose fewer"),
	ROW(server, SETTING_TEXT, "", 0, 0, NULL, "PITH_SERVER",
            "OpenAI-compatible server that rewrites, http://HOST:PORT/v1; empty: the model does. The key is in PITH_API_KEY"),
	ROW(server_model, SETTING_TEXT, "", 0, 0, NULL, "PITH_SERVER_MODEL", "which model of the server; empty: its only one"),
	ROW(server_timeout, SETTING_INTEGER, "120", 1, 3600, NULL, "PITH_SERVER_TIMEOUT",
            "seconds that the server may say nothing"),
	ROW(auto_regenerate, SETTING_BOOL, "true", 0, 0, NULL, "PITH_AUTO_REGENERATE",
            "regenerate the text whenever the slider has settled"),
	ROW(auto_answer, SETTING_BOOL, "false", 0, 0, NULL, "PITH_AUTO_ANSWER",
            "answer the last question again whenever the slider has settled"),
	ROW(max_answer_tokens, SETTING_INTEGER, "48", 1, 4096, NULL, "PITH_MAX_ANSWER_TOKENS", "longest answer, in tokens"),
	ROW(threads, SETTING_INTEGER, "0", 0, 1024, NULL, "PITH_THREADS", "threads of the model; 0: one per core"),
	ROW(sync_scroll, SETTING_BOOL, "true", 0, 0, NULL, "PITH_SYNC_SCROLL",
            "scroll both panes together, sentence by sentence"),
	ROW(mouse, SETTING_BOOL, "true", 0, 0, NULL, "PITH_MOUSE", "use the mouse; Shift leaves it to the terminal"),
	ROW(escape_delay_ms, SETTING_INTEGER, "25", 0, 2000, NULL, "PITH_ESCAPE_DELAY_MS",
            "milliseconds to wait after Esc for the rest of a key; raise it on slow lines"),
	ROW(unicode, SETTING_CHOICE, "full", 0, 0, "full|ascii", "PITH_UNICODE",
            "full, or ascii: also in a locale without UTF-8 and on the Linux console"),
	ROW(color, SETTING_CHOICE, "auto", 0, 0, "auto|always|never", "PITH_COLOR",
            "auto (NO_COLOR and the terminal decide), always or never"),
	ROW(history_size, SETTING_INTEGER, "500", 0, 100000, NULL, "PITH_HISTORY_SIZE", "questions remembered from run to run"),
};

const struct setting *settings_table(void)
{
	return table;
}

/* Adds a line to the warnings; a line that finds no memory is lost. */
__attribute__((format(printf, 2, 3))) static void warn(struct settings *settings, const char *format, ...)
{
	char *line = NULL, *all = NULL;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if (asprintf(&all, "%s%s\n", settings->warnings != NULL ? settings->warnings : "", line) >= 0) {
		free(settings->warnings);
		settings->warnings = all;
	}
	free(line);
}

static bool parse_bool(const char *text, bool *value)
{
	static const char *const words[] = {"false", "no", "off", "0", "true", "yes", "on", "1"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(text, words[i]) == 0) {
			*value = i >= 4;
			return true;
		}
	}
	return false;
}

/* A whole number or any number, nothing else behind it, inside the row's range. */
static bool parse_number(const struct setting *row, const char *text, double *value)
{
	char *end = NULL;
	*value = strtod(text, &end);
	bool plain = text[0] != '\0' && strspn(text, "+-.0123456789eE") == strlen(text) && *end == '\0';
	if (!plain || !isfinite(*value) || (row->type == SETTING_INTEGER && *value != floor(*value)))
		return false;
	return *value >= row->minimum && *value <= row->maximum;
}

/* The place of text among "a|b|c"; -1: not there. */
static int parse_choice(const char *choices, const char *text)
{
	size_t length = strlen(text);
	int i = 0;
	for (const char *choice = choices; length > 0; choice += strcspn(choice, "|") + 1, i++) {
		size_t n = strcspn(choice, "|");
		if (n == length && memcmp(choice, text, n) == 0)
			return i;
		if (choice[n] == '\0')
			return -1;
	}
	return -1;
}

/* What row wants, for a message: "a number from 0.001 to 1". */
static void describe_wanted(const struct setting *row, char *out, size_t size)
{
	out[0] = '\0';
	switch (row->type) {
	case SETTING_THEME: snprintf(out, size, "the name of a theme"); return;
	case SETTING_PATH: snprintf(out, size, "a path"); return;
	case SETTING_TEXT: snprintf(out, size, "a text"); return;
	case SETTING_BOOL: snprintf(out, size, "true or false"); return;
	case SETTING_CHOICE: snprintf(out, size, "one of %s", row->choices); return;
	case SETTING_INTEGER: snprintf(out, size, "a whole number from %.0f to %.0f", row->minimum, row->maximum); return;
	case SETTING_NUMBER: snprintf(out, size, "a number from %g to %g", row->minimum, row->maximum); return;
	case SETTING_METHOD: break;
	}
	size_t n = 0, used = (size_t)snprintf(out, size, "one of ");
	const struct pith_method *methods = pith_methods(&n);
	for (size_t i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? "|" : "", methods[i].name);
}

/* The string that a text row keeps; file is where it stood, NULL: not in a file. NULL: no memory. */
static char *resolve_text(const struct setting *row, const char *text, const char *file)
{
	bool path = row->type == SETTING_PATH || (row->type == SETTING_THEME && theme_is_path(text));
	const char *home = getenv("HOME");
	char *resolved = NULL;
	if (path && strncmp(text, "~/", 2) == 0 && home != NULL)
		return asprintf(&resolved, "%s/%s", home, text + 2) < 0 ? NULL : resolved;
	return path && file != NULL && text[0] != '\0' ? paths_beside(file, text) : strdup(text);
}

enum assigned { ASSIGNED, WRONG_VALUE, NO_MEMORY };

/* Stores text as the value of row i. */
static enum assigned assign_value(struct settings *settings, size_t i, const char *text, const char *file)
{
	const struct setting *row = &table[i];
	void *field = (char *)settings + row->offset;
	double number;
	int choice;
	switch (row->type) {
	case SETTING_METHOD:
		if (pith_method_find(text) == NULL)
			return WRONG_VALUE;
		/* fall through */
	case SETTING_THEME:
		if (text[0] == '\0')
			return WRONG_VALUE;
		/* fall through */
	case SETTING_TEXT:
	case SETTING_PATH: {
		char *copy = resolve_text(row, text, file);
		if (copy == NULL)
			return NO_MEMORY;
		free(*(char **)field);
		*(char **)field = copy;
		return ASSIGNED;
	}
	case SETTING_BOOL: return parse_bool(text, field) ? ASSIGNED : WRONG_VALUE;
	case SETTING_CHOICE:
		choice = parse_choice(row->choices, text);
		if (choice < 0)
			return WRONG_VALUE;
		*(int *)field = choice;
		return ASSIGNED;
	case SETTING_INTEGER:
		if (!parse_number(row, text, &number))
			return WRONG_VALUE;
		*(int *)field = (int)number;
		return ASSIGNED;
	case SETTING_NUMBER: return parse_number(row, text, field) ? ASSIGNED : WRONG_VALUE;
	}
	return WRONG_VALUE;
}

/* A theme has to be there now: what is said of it while a screen is opened is not seen for long. */
static enum pith_status check_theme(const char *name, const char *place, struct pith_error *err)
{
	struct theme theme;
	struct pith_error reason = {0};
	enum pith_status status = theme_find(&theme, name, &reason);
	if (status == PITH_OK)
		return PITH_OK;
	return fault(err, status == PITH_NO_MEMORY ? status : PITH_BAD_ARGUMENT, "%s: %s", place, reason.message);
}

/* assign_value() with its origin; what is wrong is told with place before it ("FILE:3:7", "PITH_RATE"). */
static enum pith_status assign(struct settings *settings, size_t i, const char *text, const char *file, const char *origin,
			       const char *place, struct pith_error *err)
{
	switch (assign_value(settings, i, text, file)) {
	case NO_MEMORY: return fault_memory(err);
	case WRONG_VALUE: {
		char wanted[160];
		describe_wanted(&table[i], wanted, sizeof wanted);
		return fault(err, PITH_BAD_ARGUMENT, "%s: %s must be %s, not \"%.60s\".", place, table[i].key, wanted, text);
	}
	case ASSIGNED: break;
	}
	enum pith_status status = table[i].type == SETTING_THEME ? check_theme(settings->theme, place, err) : PITH_OK;
	if (status != PITH_OK)
		return status;
	char *copy = strdup(origin);
	if (copy == NULL)
		return fault_memory(err);
	free(settings->origin[i]);
	settings->origin[i] = copy;
	return PITH_OK;
}

/* The row of a key; SETTINGS_N: none, and hint ends the sentence that says so. */
static size_t find_row(const char *key, char *hint, size_t size)
{
	const char *names[SETTINGS_N];
	for (size_t i = 0; i < SETTINGS_N; i++) {
		names[i] = table[i].key;
		if (strcmp(table[i].key, key) == 0)
			return i;
	}
	nearest_hint(hint, size, key, names, SETTINGS_N);
	return SETTINGS_N;
}

static enum pith_status assign_entry(struct settings *settings, const char *path, const struct yaml_tree *entry,
				     struct pith_error *err)
{
	char hint[80];
	size_t i = find_row(entry->key, hint, sizeof hint);
	if (i == SETTINGS_N) {
		warn(settings, "%s:%d:%d: There is no setting \"%.60s\"%s", path, entry->key_line, entry->key_column, entry->key,
		     hint);
		return PITH_OK;
	}
	if (entry->kind != YAML_TREE_SCALAR)
		return yaml_tree_fault(err, path, entry, "%s must be a single value.", entry->key);
	char *origin = NULL, *place = NULL;
	enum pith_status status = PITH_NO_MEMORY;
	if (asprintf(&origin, "%s:%d", path, entry->line) < 0)
		origin = NULL;
	if (asprintf(&place, "%s:%d:%d", path, entry->line, entry->column) < 0)
		place = NULL;
	if (origin == NULL || place == NULL)
		fault_memory(err);
	else
		status = assign(settings, i, entry->text, path, origin, place, err);
	free(origin);
	free(place);
	return status;
}

static enum pith_status load_file(struct settings *settings, const char *path, struct pith_error *err)
{
	struct yaml_tree *root;
	enum pith_status status = yaml_tree_load(&root, path, err);
	if (status != PITH_OK)
		return status;
	if (root->kind != YAML_TREE_MAP)
		status = yaml_tree_fault(err, path, root, "A configuration file holds lines of the form \"key: value\".");
	for (size_t i = 0; status == PITH_OK && i < root->n_children; i++)
		status = assign_entry(settings, path, &root->children[i], err);
	yaml_tree_free(root);
	return status;
}

/* Takes path over. A file that is not there is none; NULL too. */
static enum pith_status load_if_there(struct settings *settings, char *path, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	if (path != NULL && access(path, F_OK) == 0)
		status = load_file(settings, path, err);
	free(path);
	return status;
}

/* The system's files: the folders of XDG_CONFIG_DIRS, of which the first has the last word. */
static enum pith_status load_system_files(struct settings *settings, struct pith_error *err)
{
	const char *folders = getenv("XDG_CONFIG_DIRS");
	if (folders == NULL || folders[0] == '\0')
		folders = "/etc/xdg";
	size_t end = strlen(folders);
	enum pith_status status = PITH_OK;
	while (status == PITH_OK && end > 0) {
		size_t begin = end;
		while (begin > 0 && folders[begin - 1] != ':')
			begin--;
		char *path = NULL;
		if (folders[begin] == '/' && asprintf(&path, "%.*s/pith/config.yaml", (int)(end - begin), folders + begin) < 0)
			return fault_memory(err);
		status = load_if_there(settings, path, err);
		end = begin > 0 ? begin - 1 : 0;
	}
	return status;
}

static enum pith_status load_environment(struct settings *settings, struct pith_error *err)
{
	for (size_t i = 0; i < SETTINGS_N; i++) {
		const char *name = table[i].environment;
		const char *value = getenv(name);
		if (value == NULL || value[0] == '\0')
			continue;
		enum pith_status status = assign(settings, i, value, NULL, name, name, err);
		if (status != PITH_OK)
			return status;
	}
	return PITH_OK;
}

static enum pith_status load_flags(struct settings *settings, const struct settings_request *request, struct pith_error *err)
{
	for (size_t f = 0; f < request->n_flags; f++) {
		const struct settings_flag *flag = &request->flags[f];
		char hint[80];
		size_t i = find_row(flag->key, hint, sizeof hint);
		if (i == SETTINGS_N)
			return fault(err, PITH_BAD_ARGUMENT, "%s: There is no setting \"%.60s\"%s", flag->name, flag->key, hint);
		enum pith_status status = assign(settings, i, flag->value, NULL, flag->name, flag->name, err);
		if (status != PITH_OK)
			return status;
	}
	return PITH_OK;
}

enum pith_status settings_load(struct settings *settings, const struct settings_request *request, struct pith_error *err)
{
	*settings = (struct settings){0};
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < SETTINGS_N; i++)
		status = assign(settings, i, table[i].fallback, NULL, "default", "default", err);
	if (status == PITH_OK)
		status = load_if_there(settings, paths_shipped("config.yaml"), err);
	if (status == PITH_OK)
		status = load_system_files(settings, err);
	if (status == PITH_OK)
		status = load_if_there(settings, settings_user_file(), err);
	if (status == PITH_OK && request->config_path != NULL)
		status = load_file(settings, request->config_path, err);
	if (status == PITH_OK)
		status = load_environment(settings, err);
	if (status == PITH_OK)
		status = load_flags(settings, request, err);
	if (settings->warnings == NULL)
		settings->warnings = calloc(1, 1);
	if (status == PITH_OK && settings->warnings == NULL)
		status = fault_memory(err);
	return status;
}

void settings_free(struct settings *settings)
{
	free(settings->theme);
	free(settings->model);
	free(settings->method);
	free(settings->server);
	free(settings->server_model);
	for (size_t i = 0; i < SETTINGS_N; i++)
		free(settings->origin[i]);
	free(settings->warnings);
	*settings = (struct settings){0};
}

char *settings_value(const struct settings *settings, size_t i)
{
	const struct setting *row = &table[i];
	const void *field = (const char *)settings + row->offset;
	char *text = NULL;
	int length = -1;
	switch (row->type) {
	case SETTING_THEME:
	case SETTING_PATH:
	case SETTING_TEXT:
	case SETTING_METHOD: return strdup(*(char *const *)field);
	case SETTING_BOOL: return strdup(*(const bool *)field ? "true" : "false");
	case SETTING_INTEGER: length = asprintf(&text, "%d", *(const int *)field); break;
	case SETTING_NUMBER: length = asprintf(&text, "%g", *(const double *)field); break;
	case SETTING_CHOICE: {
		const char *choice = row->choices;
		for (int skip = *(const int *)field; skip > 0; skip--)
			choice += strcspn(choice, "|") + 1;
		length = asprintf(&text, "%.*s", (int)strcspn(choice, "|"), choice);
		break;
	}
	}
	return length < 0 ? NULL : text;
}

char *settings_user_file(void)
{
	return paths_user_config("config.yaml");
}

void settings_keep(const struct settings *settings, struct pith_compress_options *options)
{
	options->keep_digits = settings->keep_digits;
	options->keep_negations = settings->keep_negations;
	options->keep_names = settings->keep_names;
	options->keep_addresses = settings->keep_addresses;
	options->keep_code = settings->keep_code;
	options->rewrite = settings->rewrite;
	options->keep_facts = settings->keep_facts;
	options->coherence = settings->coherence;
}

bool settings_no_color(const struct settings *settings)
{
	const char *no_color = getenv("NO_COLOR");
	if (settings->color == SETTINGS_COLOR_ALWAYS)
		return false;
	return settings->color == SETTINGS_COLOR_NEVER || (no_color != NULL && no_color[0] != '\0');
}
