#include "train/keep_labels.h"

#include "text/stems.h"

enum pith_status keep_labels(bool *labels, double *hit_rate, const char *text, const struct pith_word *words, size_t n,
                             const char *short_form, size_t short_length, struct pith_error *err)
{
	struct stem_set stems;
	char stem[STEM_SIZE];
	*hit_rate = 0;
	if (!stem_set_read(&stems, short_form, short_length))
		return fail_memory(err, "the stems of a short form");
	for (size_t w = 0; w < n; w++) {
		labels[w] = false;
		/* "state-of-the-art" is kept when a part of it is. */
		for (size_t at = words[w].begin; next_stem(text, words[w].end, &at, stem);)
			if (stem_set_find(&stems, stem))
				labels[w] = true;
	}
	*hit_rate = stem_set_share_found(&stems);
	stem_set_free(&stems);
	return PITH_OK;
}
