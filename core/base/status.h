/*
 * Errors inside the core: fail() writes the sentence where the cause is known,
 * everybody above returns the code untouched.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include "pith/status.h"

/* pith_error_fill() with the arguments themselves. */
enum pith_status fail(struct pith_error *err, enum pith_status code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* fail() with PITH_NO_MEMORY; what is what could not be had: "the KV cache". */
enum pith_status fail_memory(struct pith_error *err, const char *what);

#endif
