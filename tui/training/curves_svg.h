/* The loss curves of a training run as a picture that stands by itself: for a model card. */
#ifndef CURVES_SVG_H
#define CURVES_SVG_H

#include <stdio.h>

#include "training/training_log.h"

/*
 * Writes an SVG with the training and the held-out losses, a line per
 * objective. It follows the reader's light or dark scheme; lines differ by
 * dashes as well as by colour. Failures to write are the stream's to tell.
 */
void curves_svg_write(FILE *out, const struct training_log *log);

#endif
