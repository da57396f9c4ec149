/* Content words of English text in a form in which "improves" equals "improving". */
#ifndef TEXT_STEMS_H
#define TEXT_STEMS_H

#include <stdbool.h>
#include <stddef.h>

/* Room for a stem; longer words are cut. */
enum { STEM_SIZE = 48 };
/*
 * Steps to the next content word of text[*at, length): letters and digits of
 * it in lower case without common suffixes go to stem, NUL-terminated. False:
 * there is none left. Words that carry no content of their own ("the") are
 * passed over.
 */
bool next_stem(const char *text, size_t length, size_t *at, char stem[STEM_SIZE]);

/* The different stems of a text, and which of them were found elsewhere. */
struct stem_set {
	struct marked_stem {
		char text[STEM_SIZE];
		bool found;
	} *stems;
	size_t n;
};
bool stem_set_read(struct stem_set *set, const char *text, size_t length); /* false: no memory, nothing to free */
void stem_set_free(struct stem_set *set);
/* Is it one of them? It is marked as found. */
bool stem_set_find(struct stem_set *set, const char *stem);
/* Marks it as found: was it one of them, and not found before? */
bool stem_set_mark(struct stem_set *set, const char *stem);
double stem_set_share_found(const struct stem_set *set); /* 0 of none */
/* The share of the stems of a short form that a text holds. False: no memory. */
bool stem_share(double *share, const char *text, size_t length, const char *short_form);

#endif
