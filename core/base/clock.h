/* The time by which work and waits are measured. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

double clock_seconds(void); /* of a clock that never jumps */

#endif
