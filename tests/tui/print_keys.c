/* Prints the section KEYS of the manual page from the table of actions; manual_keys.sh compares. */
#include <stdio.h>
#include <string.h>

#include "actions.h"

/* Text as roff wants it. */
static void print_escaped(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '-')
			fputs("\\-", stdout);
		else if (text[i] == '~')
			fputs("\\(ti", stdout);
		else
			putchar(text[i]);
	}
}

/* "i, Enter"; ten digits are a range. */
static void print_keys(const char *keys)
{
	static const char digits[] = "0 1 2 3 4 5 6 7 8 9";
	const char *separator = "";
	while (*keys != '\0') {
		size_t length = strcspn(keys, " ");
		fputs(separator, stdout);
		separator = ", ";
		if (strncmp(keys, digits, strlen(digits)) == 0) {
			fputs("0 to 9", stdout);
			length = strlen(digits);
		} else {
			print_escaped(keys, length);
		}
		keys += length + strspn(keys + length, " ");
	}
}

int main(void)
{
	const struct action *table = actions_table();
	puts(".SH KEYS\nOf the workbench.\n.B F1\nshows them on the screen.");
	for (int context = 0; context < N_CONTEXTS; context++) {
		printf(".SS %s\n", actions_context_title((enum action_context)context));
		for (int i = 0; i < N_ACTIONS; i++) {
			if (table[i].context != (enum action_context)context)
				continue;
			fputs(".TP\n.B ", stdout);
			print_keys(table[i].keys);
			putchar('\n');
			print_escaped(table[i].help, strlen(table[i].help));
			puts(".");
		}
	}
	return 0;
}
