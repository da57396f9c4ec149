/* Float arrays that start on a cache line: wide stores that straddle two lines cost matrix products a third of their speed. */
#ifndef BASE_ALIGNED_H
#define BASE_ALIGNED_H

#include <stddef.h>

/* n zeros, freed with free(); NULL: no memory. */
float *aligned_floats(size_t n);

#endif
