#define _POSIX_C_SOURCE 200809L
#include "cli/output.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "pith/characters.h"
#include "pith/output_file.h"

/* Writes the character at text and returns its length; what a terminal might obey is spelled out. */
static size_t put_visible(FILE *out, const char *text, size_t length)
{
	unsigned char c = (unsigned char)text[0];
	int32_t code;
	size_t n = pith_character(text, length, &code);
	if (n == 0) {
		fprintf(out, "<0x%02X>", c);
		return 1;
	}
	if (c < 0x20 || c == 0x7f)
		fprintf(out, "^%c", c ^ 0x40);
	else if (pith_character_is_hidden(code))
		fprintf(out, "<U+%04X>", (unsigned)code);
	else
		fwrite(text, 1, n, out);
	return n;
}

void output_text(FILE *out, const char *text, size_t length)
{
	if (!isatty(fileno(out))) {
		fwrite(text, 1, length, out);
		return;
	}
	for (size_t i = 0; i < length;) {
		if (text[i] == '\n' || text[i] == '\t') {
			putc(text[i], out);
			i++;
		} else {
			i += put_visible(out, text + i, length - i);
		}
	}
}

void output_escaped(FILE *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		switch (text[i]) {
		case '\n':
			fputs("\\n", out);
			i++;
			break;
		case '\r':
			fputs("\\r", out);
			i++;
			break;
		case '\t':
			fputs("\\t", out);
			i++;
			break;
		case '\\':
			fputs("\\\\", out);
			i++;
			break;
		default: i += put_visible(out, text + i, length - i);
		}
	}
}

json_t *output_json_text(const char *text, size_t length)
{
	static const char replacement[] = "\xef\xbf\xbd";
	json_t *string = json_stringn(text, length);
	if (string != NULL || length > (SIZE_MAX - 1) / 3)
		return string;
	char *clean = malloc(3 * length + 1);
	if (clean == NULL)
		return NULL;
	size_t used = 0;
	for (size_t i = 0; i < length;) {
		int32_t code;
		size_t n = pith_character(text + i, length - i, &code);
		const char *source = n > 0 ? text + i : replacement;
		size_t copied = n > 0 ? n : sizeof replacement - 1;
		memcpy(clean + used, source, copied);
		used += copied;
		i += n > 0 ? n : 1;
	}
	string = json_stringn(clean, used);
	free(clean);
	return string;
}

bool output_json(json_t *object)
{
	if (object == NULL)
		return false;
	bool done = json_dumpf(object, stdout, JSON_REAL_PRECISION(8)) == 0;
	putc('\n', stdout);
	json_decref(object);
	/* A failed write shows again when stdout is flushed; what is left is memory. */
	return done || ferror(stdout);
}

enum pith_status output_finish(struct pith_error *err)
{
	bool failed = ferror(stdout) != 0;
	if (fflush(stdout) == 0 && !failed)
		return PITH_OK;
	if (failed) /* by an earlier write, whose reason nobody kept */
		return fault(err, PITH_IO, "Standard output cannot be written.");
	if (errno == EPIPE)
		return PITH_OK;
	return fault(err, PITH_IO, "Standard output cannot be written: %s.", strerror(errno));
}

enum pith_status output_file(const char *path, const char *text, size_t length, struct pith_error *err)
{
	struct pith_output_file *file;
	enum pith_status status = pith_output_file_create(&file, path, err);
	if (status != PITH_OK)
		return status;
	status = pith_output_file_write(file, text, length, err);
	if (status == PITH_OK)
		return pith_output_file_commit(file, err);
	pith_output_file_abandon(file);
	return status;
}
