#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "fault.h"
#include "pith/characters.h"
#include "settings.h"
#include "theme.h"

static json_t *value_json(const struct setting *row, const char *value)
{
	switch (row->type) {
	case SETTING_BOOL: return json_boolean(strcmp(value, "true") == 0);
	case SETTING_INTEGER: return json_integer(strtoll(value, NULL, 10));
	case SETTING_NUMBER: return json_real(strtod(value, NULL));
	default: return output_json_text(value, strlen(value));
	}
}

/* Text in double quotes, as YAML has them; what a terminal might obey, or YAML takes for the end of a line, by its number. */
static int print_quoted(const char *text)
{
	int width = printf("\"");
	size_t length = strlen(text);
	for (size_t i = 0, n; i < length; i += n) {
		int32_t code;
		n = pith_character(text + i, length - i, &code);
		if (n == 0) { /* no UTF-8: nothing that a YAML file can hold, which says so when it is read */
			n = 1;
			width += printf("%c", text[i]);
		} else if (code == '"' || code == '\\') {
			width += printf("\\%c", (char)code);
		} else if (pith_character_is_hidden(code)) {
			width += printf(code <= 0xff ? "\\x%02x" : code <= 0xffff ? "\\u%04x" : "\\U%08x", (unsigned)code);
		} else {
			width += printf("%.*s", (int)n, text + i);
		}
	}
	return width + printf("\"");
}

/* "key: value" as YAML, text that could be misread in quotes, filled up with spaces. */
static void print_value(const struct setting *row, const char *value)
{
	enum { COLUMN = 32 };
	static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
	bool text = row->type == SETTING_THEME || row->type == SETTING_PATH || row->type == SETTING_TEXT;
	bool plain = !text || (value[0] != '\0' && strspn(value, harmless) == strlen(value));
	int width = printf("%s: ", row->key);
	width += plain ? printf("%s", value) : print_quoted(value);
	printf("%*s", width < COLUMN ? COLUMN - width : 0, "");
}

/* The value of row i; a path so that it leads to the same file from wherever a configuration file stands. NULL: no memory. */
static char *portable_value(const struct settings *settings, size_t i)
{
	const struct setting *row = &settings_table()[i];
	char *value = settings_value(settings, i), *folder = NULL, *absolute = NULL;
	bool path = row->type == SETTING_PATH || (row->type == SETTING_THEME && value != NULL && theme_is_path(value));
	if (value == NULL || !path || value[0] == '\0' || value[0] == '/' || (folder = getcwd(NULL, 0)) == NULL)
		return value;
	if (asprintf(&absolute, "%s/%s", folder, value) < 0)
		absolute = NULL;
	free(folder);
	free(value);
	return absolute;
}

enum exit_code cmd_config(struct cli *cli)
{
	const struct setting *table = settings_table();
	json_t *object = cli->json ? json_object() : NULL;
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < SETTINGS_N; i++) {
		const char *origin = cli->settings.origin[i];
		char *value = portable_value(&cli->settings, i);
		if (value == NULL) {
			status = fault_memory(&cli->err);
		} else if (cli->json) {
			json_object_set_new(object, table[i].key,
					    json_pack("{s:o, s:o}", "value", value_json(&table[i], value), "origin",
						      output_json_text(origin, strlen(origin))));
		} else {
			print_value(&table[i], value);
			fputs("  # ", stdout);
			output_escaped(stdout, origin, strlen(origin));
			putchar('\n');
		}
		free(value);
	}
	if (status == PITH_OK && cli->json)
		return output_json(object) ? EXIT_CODE_OK : cli_failed(cli, fault_memory(&cli->err));
	json_decref(object);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}
