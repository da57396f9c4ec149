/*
 * How a caller watches and stops a long call.
 *
 * The library is synchronous. A call that may take longer than a blink takes a
 * struct pith_control (NULL: run silently to the end). Its functions are called
 * on the calling thread, between layers, tokens or steps; they must return soon.
 */
#ifndef PITH_CONTROL_H
#define PITH_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#ifdef __cplusplus
#include <atomic>
using std::atomic_bool; /* of the same size and representation as C's, which gcc and clang see to */
#else
#include <stdatomic.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct pith_control {
	/* done of total units of work (total 0: unknown); what names the work, "reading", "regenerating". May be NULL. */
	void (*progress)(void *user, const char *what, double done, double total);
	/* A piece of generated text: whole UTF-8 characters, not NUL-terminated. May be NULL. */
	void (*text)(void *user, const char *text, size_t length);
	/* A line for the log, without line feed. May be NULL. */
	void (*log)(void *user, const char *line);
	void *user;
	/* When it becomes true the call returns PITH_CANCELLED within one layer, token or step. May be NULL. */
	const atomic_bool *cancel;
};

#ifdef __cplusplus
}
#endif
#endif
