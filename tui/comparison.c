#include "comparison.h"

#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "bytes.h"
#include "glyphs.h"

void comparison_destroy(void *argument)
{
	struct comparison *comparison = argument;
	if (comparison == NULL)
		return;
	free(comparison->text);
	free(comparison->words);
	free(comparison);
}

/* How much of the document a text so far may cover: a little more than as many bytes, up to a character's begin. */
static size_t covered_length(const char *document, size_t document_length, size_t length)
{
	size_t covered = length + length / 8 + 32;
	if (covered >= document_length)
		return document_length;
	while (covered > 0 && ((unsigned char)document[covered] & 0xc0) == 0x80)
		covered--;
	return covered;
}

/* Does a letter or a digit stand there? Wide characters have no words between spaces: each is one of its own. */
static bool is_letter(const char *text, size_t length, size_t offset)
{
	struct glyph glyph;
	if (offset >= length)
		return false;
	glyph_read(&glyph, text, length, offset);
	return glyph.kind == GLYPH_TEXT && glyph.width == 1 && iswalnum((wint_t)glyph.code[0]);
}

/*
 * The share of the document that came back before the first error, as the screen
 * says it: pith_matched_prefix() counts bytes and may end within a word ("hello"
 * in "hellooian"), which has not come back; so this ends before that word.
 */
static double matched_words(const char *document, const char *text, size_t text_length)
{
	double share = pith_matched_prefix(document, text);
	size_t length = strlen(document), at = (size_t)(share * (double)length + 0.5);
	bool inside = is_letter(document, length, at) || is_letter(text, text_length, at);
	if (length == 0 || !inside)
		return share;
	while (at > 0) {
		size_t previous = at - 1;
		while (previous > 0 && ((unsigned char)document[previous] & 0xc0) == 0x80)
			previous--;
		if (!is_letter(document, length, previous))
			break;
		at = previous;
	}
	return (double)at / (double)length;
}

struct comparison *comparison_create(const char *document, size_t document_length, const char *text, size_t length, bool whole)
{
	struct comparison *comparison = calloc(1, sizeof *comparison);
	if (comparison == NULL)
		return NULL;
	comparison->length = length;
	comparison->text = bytes_copy(text, length);
	if (comparison->text == NULL) {
		free(comparison);
		return NULL;
	}
	size_t covered = whole ? document_length : covered_length(document, document_length, length);
	if (pith_diff_words(&comparison->words, &comparison->n_words, document, covered, text, length, NULL) != PITH_OK) {
		comparison->words = NULL;
		comparison->n_words = 0;
	}
	comparison->rouge_l = pith_rouge_l(document, comparison->text);
	comparison->matched_prefix = matched_words(document, comparison->text, length);
	if (whole)
		comparison->bleu = pith_bleu(document, comparison->text);
	comparison->final = whole;
	return comparison;
}

struct comparison *comparison_of(const char *document, size_t document_length, const struct pith_generated *generated)
{
	struct comparison *comparison = comparison_create(document, document_length, generated->text, generated->length, true);
	if (comparison == NULL)
		return NULL;
	comparison->n_tokens = generated->n_tokens;
	comparison->seconds = generated->seconds;
	comparison->stop = generated->stop;
	return comparison;
}
