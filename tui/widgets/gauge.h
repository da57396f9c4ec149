/* A bar that fills, and figures in words: what every part of the screen writes numbers with. */
#ifndef GAUGE_H
#define GAUGE_H

#include <stddef.h>

#include "canvas.h"

/* A progress bar; share below 0: unknown, a block that moves with tick. */
void gauge_draw(struct canvas *canvas, struct rect rect, double share, unsigned tick);

enum { FIGURE_SIZE = 48 };

/* "0.25 (4.0x)": both notations of a compression rate, always; "0.00" for nothing. */
void figure_rate(char out[FIGURE_SIZE], double rate);
/* "1,234" */
void figure_count(char out[FIGURE_SIZE], size_t n);
/* "1 token", "1,234 tokens" */
void figure_tokens(char out[FIGURE_SIZE], size_t n);
/* "545 B", "32.0 KiB" */
void figure_bytes(char out[FIGURE_SIZE], size_t n);
/* "8 ms", "0.42 s", "3 min 20 s" */
void figure_seconds(char out[FIGURE_SIZE], double seconds);
/* "1:02:03", or "2:03" */
void figure_clock(char out[FIGURE_SIZE], double seconds);

#endif
