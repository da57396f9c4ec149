/*
 * Reads one line of JSON from stdin and checks its values, for the shell tests:
 *   json_check method=selfinfo original_tokens:integer tokens.0.text=The text~tidal seconds>0
 * KEY:TYPE (string, integer, number, boolean, null, array, object), KEY=VALUE,
 * KEY~PART of a string, KEY>NUMBER, KEY<NUMBER, KEY>=NUMBER, KEY<=NUMBER. A dot steps into an object or array.
 * Exit status 0: all hold; 1: the sentence on stderr says what does not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static const json_t *find(const json_t *value, const char *path, size_t length)
{
	while (value != NULL && length > 0) {
		size_t n = 0;
		char step[128];
		while (n < length && path[n] != '.')
			n++;
		snprintf(step, sizeof step, "%.*s", (int)n, path);
		value = json_is_array(value) ? json_array_get(value, strtoul(step, NULL, 10)) : json_object_get(value, step);
		path += n < length ? n + 1 : n;
		length -= n < length ? n + 1 : n;
	}
	return value;
}

static int has_type(const json_t *value, const char *type)
{
	return (strcmp(type, "string") == 0 && json_is_string(value)) ||
	       (strcmp(type, "integer") == 0 && json_is_integer(value)) ||
	       (strcmp(type, "number") == 0 && json_is_number(value)) ||
	       (strcmp(type, "boolean") == 0 && json_is_boolean(value)) || (strcmp(type, "null") == 0 && json_is_null(value)) ||
	       (strcmp(type, "array") == 0 && json_is_array(value)) || (strcmp(type, "object") == 0 && json_is_object(value));
}

static int equals(const json_t *value, const char *text)
{
	if (json_is_string(value))
		return strcmp(json_string_value(value), text) == 0;
	if (json_is_boolean(value))
		return strcmp(json_is_true(value) ? "true" : "false", text) == 0;
	if (json_is_null(value))
		return strcmp(text, "null") == 0;
	return json_is_number(value) && json_number_value(value) == strtod(text, NULL);
}

/* sign '<' or '>'; operand begins with '=' where the number itself is allowed. */
static int compares(const json_t *value, char sign, const char *operand)
{
	double number = json_is_number(value) ? json_number_value(value) : 0, bound = strtod(operand + (*operand == '='), NULL);
	return json_is_number(value) && ((*operand == '=' && number == bound) || (sign == '<' ? number < bound : number > bound));
}

static int holds(const json_t *root, const char *check)
{
	size_t length = strcspn(check, ":=~<>");
	const json_t *value = find(root, check, length);
	const char *operand = check + length + 1;
	if (value == NULL)
		return 0;
	switch (check[length]) {
	case ':': return has_type(value, operand);
	case '=': return equals(value, operand);
	case '~': return json_is_string(value) && strstr(json_string_value(value), operand) != NULL;
	case '<':
	case '>': return compares(value, check[length], operand);
	default: return 0;
	}
}

int main(int argc, char **argv)
{
	static char line[1 << 24];
	size_t length = fread(line, 1, sizeof line - 1, stdin);
	json_error_t error;
	if (length == 0 || strchr(line, '\n') != line + length - 1) {
		fprintf(stderr, "json_check: the output is not exactly one line: %.300s\n", line);
		return 1;
	}
	json_t *root = json_loadb(line, length, 0, &error);
	if (root == NULL) {
		fprintf(stderr, "json_check: no JSON (%s): %.300s\n", error.text, line);
		return 1;
	}
	int failed = 0;
	for (int i = 1; i < argc; i++) {
		if (!holds(root, argv[i])) {
			fprintf(stderr, "json_check: %s does not hold in %.600s\n", argv[i], line);
			failed = 1;
		}
	}
	json_decref(root);
	return failed;
}
