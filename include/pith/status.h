/*
 * Status codes and the error sentence.
 *
 * Every call of this library that can fail returns enum pith_status and, when
 * it is not PITH_OK, leaves one clear sentence in the struct pith_error that
 * the caller passed (NULL is allowed: then only the code is told). The library
 * never prints, exits or aborts.
 */
#ifndef PITH_STATUS_H
#define PITH_STATUS_H

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pith_status {
	PITH_OK = 0,
	PITH_NO_MEMORY,     /* an allocation failed */
	PITH_IO,            /* the operating system refused a read or a write */
	PITH_BAD_FILE,      /* a file is truncated, foreign or inconsistent */
	PITH_BAD_ARGUMENT,  /* the caller, or the user behind it, asked for something impossible */
	PITH_UNSUPPORTED,   /* understood, but not something this build can do */
	PITH_MISMATCH,      /* a soft prompt or adapter was made for another model, adapter or tokenizer */
	PITH_TOO_LONG,      /* the text does not fit the context of the model */
	PITH_CANCELLED,     /* the control's cancel flag was raised */
};

/* The reason, filled by the deepest function that knows it. */
struct pith_error {
	enum pith_status code;
	char message[512]; /* one sentence, UTF-8, no line feed, safe to show */
};

/* A short name of a code: "ok", "bad file". Never NULL. */
const char *pith_status_name(enum pith_status code);

/*
 * Fills err (NULL is allowed) with code and the formatted sentence, made safe to show: what a screen must not be given
 * (pith/characters.h) and bytes that are no UTF-8 become '?', and one that is too long ends with a whole character. Returns code.
 */
enum pith_status pith_error_fill(struct pith_error *err, enum pith_status code, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

#ifdef __cplusplus
}
#endif
#endif
