#include "fault.h"

#include <stdarg.h>
#include <stdio.h>

enum pith_status fault(struct pith_error *err, enum pith_status code, const char *format, ...)
{
	if (err == NULL)
		return code;
	err->code = code;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(err->message, sizeof err->message, format, arguments);
	va_end(arguments);
	/* File names and values end up in messages, and messages on terminals. */
	for (char *c = err->message; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return code;
}

enum pith_status fault_memory(struct pith_error *err)
{
	return fault(err, PITH_NO_MEMORY, "Not enough memory.");
}
