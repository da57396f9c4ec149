/* The time by which waits and work are measured. */
#ifndef CLOCK_H
#define CLOCK_H

double clock_now(void); /* seconds of a clock that never jumps */

#endif
