#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "fault.h"
#include "settings.h"

static json_t *value_json(const struct setting *row, const char *value)
{
	switch (row->type) {
	case SETTING_BOOL: return json_boolean(strcmp(value, "true") == 0);
	case SETTING_INTEGER: return json_integer(strtoll(value, NULL, 10));
	case SETTING_NUMBER: return json_real(strtod(value, NULL));
	default: return output_json_text(value, strlen(value));
	}
}

/* "key: value" as YAML, text that could be misread in quotes, filled up with spaces. */
static void print_value(const struct setting *row, const char *value)
{
	enum { COLUMN = 32 };
	static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
	bool text = row->type == SETTING_THEME || row->type == SETTING_PATH;
	int width = printf("%s: ", row->key);
	if (!text || (value[0] != '\0' && strspn(value, harmless) == strlen(value))) {
		width += printf("%s", value);
	} else {
		width += printf("\"");
		for (const char *c = value; *c != '\0'; c++) {
			if ((unsigned char)*c < 0x20 || *c == 0x7f)
				width += printf("\\x%02x", (unsigned char)*c);
			else
				width += printf(*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
		}
		width += printf("\"");
	}
	printf("%*s", width < COLUMN ? COLUMN - width : 0, "");
}

enum exit_code cmd_config(struct cli *cli)
{
	const struct setting *table = settings_table();
	json_t *object = cli->json ? json_object() : NULL;
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < SETTINGS_N; i++) {
		const char *origin = cli->settings.origin[i];
		char *value = settings_value(&cli->settings, i);
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
