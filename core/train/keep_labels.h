/*
 * Labels for a keep head without a teacher that is paid for: which words of a
 * text a person kept who wrote its short form (a title, a summary, the
 * questions that were asked of it with their answers). Compared are stems of
 * content words, so that "improves" finds "improving".
 */
#ifndef TRAIN_KEEP_LABELS_H
#define TRAIN_KEEP_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "pith/compress.h"

/*
 * labels (n): does the word hold a stem of the short form? *hit_rate: share of
 * the stems of the short form that the words hold; 0 when it has none. A pair
 * with a low one is badly aligned, and is better left out.
 */
enum pith_status keep_labels(bool *labels, double *hit_rate, const char *text, const struct pith_word *words, size_t n,
                             const char *short_form, size_t short_length, struct pith_error *err);

#endif
