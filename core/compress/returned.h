/* How much of a document comes back from its memory rows, regenerated as it will be when it is wanted, which then is kept. */
#ifndef COMPRESS_RETURNED_H
#define COMPRESS_RETURNED_H

#include "compress/document.h"

struct returned {
	bool exact;       /* byte for byte */
	double f1;        /* of the document's tokens and those that come back: how many they have in common, in order */
	size_t n_matched; /* tokens of the document before the first difference */
};

enum pith_status returned_measure(struct returned *out, struct pith_compressed *compressed,
                                  const struct pith_document *document, const struct pith_control *control,
                                  struct pith_error *err);

#endif
