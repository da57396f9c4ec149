#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

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

enum pith_status fail(struct pith_error *err, enum pith_status code, const char *format, ...)
{
	if (err == NULL)
		return code;
	err->code = code;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(err->message, sizeof err->message, format, arguments);
	va_end(arguments);
	/* Names from files end up in messages, and messages on terminals. */
	for (char *c = err->message; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return code;
}

enum pith_status fail_memory(struct pith_error *err, const char *what)
{
	return fail(err, PITH_NO_MEMORY, "Not enough memory for %s.", what);
}
