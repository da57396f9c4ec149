/*
 * A stack for the handler of a crash: a thread whose own stack has run out has
 * no room for it, and the terminal would stay as it is.
 */
#ifndef CRASH_STACK_H
#define CRASH_STACK_H

#include <signal.h>

enum { CRASH_STACK_BYTES = 1 << 16 }; /* the registers of a large processor alone take 12 KiB */

struct crash_stack {
	stack_t before;
	char bytes[CRASH_STACK_BYTES];
};

/* For the thread that calls; it leaves the stack before it ends. */
void crash_stack_use(struct crash_stack *stack);
void crash_stack_leave(const struct crash_stack *stack);

#endif
