/* Has whoever waits for this work given it up? */
#ifndef BASE_CANCEL_H
#define BASE_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "pith/control.h"

static inline bool is_cancelled(const struct pith_control *control)
{
	return control != NULL && control->cancel != NULL && atomic_load(control->cancel);
}

#endif
