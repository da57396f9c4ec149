#include "fault.h"

#include <stdarg.h>

enum pith_status fault(struct pith_error *err, enum pith_status code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	pith_error_fill(err, code, format, arguments);
	va_end(arguments);
	return code;
}

enum pith_status fault_memory(struct pith_error *err)
{
	return fault(err, PITH_NO_MEMORY, "Not enough memory.");
}
