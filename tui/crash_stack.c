#define _GNU_SOURCE
#include "crash_stack.h"

void crash_stack_use(struct crash_stack *stack)
{
	const stack_t ours = {.ss_sp = stack->bytes, .ss_size = sizeof stack->bytes};
	if (sigaltstack(&ours, &stack->before) != 0)
		stack->before = (stack_t){.ss_flags = SS_DISABLE};
}

void crash_stack_leave(const struct crash_stack *stack)
{
	sigaltstack(&stack->before, NULL);
}
