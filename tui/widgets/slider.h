/*
 * The slider of the compression rate. It has two values: the live one follows
 * every motion, the settled one is what the document is compressed to. Pure
 * state; drawing goes into a canvas.
 */
#ifndef SLIDER_H
#define SLIDER_H

#include <stdbool.h>
#include <stddef.h>

#include "canvas.h"
#include "pith/status.h"

/* A target: a share, or tokens when n_tokens is not 0. */
struct slider_value {
	double rate;
	size_t n_tokens;
};

struct slider {
	struct slider_value live, settled;
	bool dragging; /* the mouse holds it */
	struct slider_value before; /* the drag */
};

void slider_init(struct slider *slider, double rate);
bool slider_unsettled(const struct slider *slider); /* does the live value differ from the settled one? */

/*
 * Moves the live value by whole percents, snapping to them, down to the first
 * one; n_tokens of the document tell where a target in tokens stands.
 */
void slider_step(struct slider *slider, int percent, size_t n_tokens);
void slider_least(struct slider *slider, size_t n_tokens); /* to one token; to the first percent of an unknown number */
/* Moves the live value by tokens. */
void slider_step_tokens(struct slider *slider, int tokens, size_t budget, size_t n_tokens);
void slider_set(struct slider *slider, struct slider_value value);
void slider_settle(struct slider *slider);
void slider_revert(struct slider *slider); /* ends a drag; the live value is what it was before */

/* The mouse at column col of a track of width cells; columns outside are its ends. */
void slider_press(struct slider *slider, int col, int width);
void slider_drag(struct slider *slider, int col, int width);

/* The share that a target means in a document of n_tokens (0: unknown), in (0, 1]: at least one token. */
double slider_share(struct slider_value value, size_t n_tokens);

/* The rate at a column: the first one is 1 %, the last one 100 %. */
double slider_rate_at(int col, int width);

/* "0.25", "25%", "4x", "16t" (or "16 tokens"). */
enum pith_status slider_parse(const char *text, struct slider_value *value, struct pith_error *err);

/* The track: filled up to the live share in eighths of a cell, a tick where the settled one is. */
void slider_draw(const struct slider *slider, struct canvas *canvas, struct rect rect, size_t n_tokens);

#endif
