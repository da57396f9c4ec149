/* How a training run goes, in a line and in JSON: while it runs, and from its log. */
#ifndef CLI_TRAIN_REPORT_H
#define CLI_TRAIN_REPORT_H

#include <stdio.h>

#include <jansson.h>

#include "pith/train.h"

/* "step 20/100, loss 3.210 (lm 3.21), ...", without a line feed; what is not known is left out. */
void train_report_print(FILE *out, const struct pith_train_report *report);

/* Losses or accuracies by objective; those that were not seen are left out. */
json_t *train_report_losses(const double *losses);

#endif
