/*
 * Errors of the program itself, in the struct of the library: one sentence,
 * written where the cause is known, returned untouched by everybody above.
 */
#ifndef FAULT_H
#define FAULT_H

#include "pith/status.h"

/* pith_error_fill() with the arguments themselves. */
enum pith_status fault(struct pith_error *err, enum pith_status code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* fault() with PITH_NO_MEMORY. */
enum pith_status fault_memory(struct pith_error *err);

#endif
