#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "pith/characters.h"

const char *pith_status_name(enum pith_status code)
{
	switch (code) {
	case PITH_OK: return "ok";
	case PITH_NO_MEMORY: return "out of memory";
	case PITH_IO: return "input/output error";
	case PITH_BAD_FILE: return "bad file";
	case PITH_BAD_ARGUMENT: return "bad argument";
	case PITH_UNSUPPORTED: return "unsupported";
	case PITH_MISMATCH: return "mismatch";
	case PITH_TOO_LONG: return "too long";
	case PITH_CANCELLED: return "cancelled";
	}
	return "unknown";
}

/* Names from files end up in messages, and messages on terminals and in JSON. cut: the end may be half a character. */
static void make_showable(char *message, bool cut)
{
	size_t length = strlen(message), used = 0;
	for (size_t i = 0, n; i < length; i += n) {
		int32_t code;
		n = pith_character(message + i, length - i, &code);
		if (n == 0 && cut && length - i < 4)
			break;
		if (n == 0 || pith_character_is_hidden(code)) {
			message[used++] = '?';
			n += n == 0;
		} else {
			memmove(message + used, message + i, n);
			used += n;
		}
	}
	message[used] = '\0';
}

enum pith_status pith_error_fill(struct pith_error *err, enum pith_status code, const char *format, va_list arguments)
{
	if (err == NULL)
		return code;
	err->code = code;
	int length = vsnprintf(err->message, sizeof err->message, format, arguments);
	make_showable(err->message, length >= (int)sizeof err->message);
	return code;
}

enum pith_status fail(struct pith_error *err, enum pith_status code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	pith_error_fill(err, code, format, arguments);
	va_end(arguments);
	return code;
}

enum pith_status fail_memory(struct pith_error *err, const char *what)
{
	return fail(err, PITH_NO_MEMORY, "Not enough memory for %s.", what);
}
