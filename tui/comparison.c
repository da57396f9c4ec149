#include "comparison.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

enum place { PLACE_BETWEEN, PLACE_WORD, PLACE_WIDE };

/* What stands there? Words go up to white space, as where they are marked; but of wide characters each is a word of its own. */
static enum place place_at(const char *text, size_t length, size_t offset)
{
	struct glyph glyph;
	if (offset >= length)
		return PLACE_BETWEEN;
	glyph_read(&glyph, text, length, offset);
	if (glyph.kind == GLYPH_SPACE || glyph.kind == GLYPH_TAB || glyph.kind == GLYPH_BREAK)
		return PLACE_BETWEEN;
	return glyph.kind == GLYPH_TEXT && glyph.width == 2 ? PLACE_WIDE : PLACE_WORD;
}

/* Up to the last word that has ended, before white space or as a wide character: what stands behind it may go on. */
static size_t whole_words(const char *text, size_t length)
{
	for (size_t end = length; end > 0;) {
		size_t begin = end - 1;
		while (begin > 0 && ((unsigned char)text[begin] & 0xc0) == 0x80)
			begin--;
		if (place_at(text, length, begin) != PLACE_WORD)
			return end;
		end = begin;
	}
	return 0;
}

/*
 * The share of the document that came back before the first error, as the screen
 * says it: pith_matched_prefix() counts bytes and may end within a word ("hello"
 * in "hellooian", "end." in "end.."), which has not come back and is marked; so
 * this ends before that word, and is 1 only when nothing is marked.
 */
static double matched_words(const char *document, const char *text, size_t text_length)
{
	double share = pith_matched_prefix(document, text);
	size_t length = strlen(document), at = (size_t)(share * (double)length + 0.5);
	enum place next = place_at(document, length, at), came = place_at(text, text_length, at);
	bool inside = next == PLACE_WORD || came == PLACE_WORD || (at == length && came == PLACE_WIDE);
	while (inside && at > 0) {
		size_t previous = at - 1;
		while (previous > 0 && ((unsigned char)document[previous] & 0xc0) == 0x80)
			previous--;
		enum place before = place_at(document, length, previous);
		if (before == PLACE_BETWEEN)
			break;
		at = previous;
		inside = before == PLACE_WORD;
	}
	return length == 0 ? share : (double)at / (double)length;
}

/* ROUGE counts words of ASCII letters and digits: of a text without any it says nothing. */
static bool has_rouge_words(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((text[i] >= '0' && text[i] <= '9') || ((text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z'))
			return true;
	return false;
}

struct comparison *comparison_create(const char *document, size_t document_length, const char *text, size_t length, bool whole)
{
	if (!whole)
		length = whole_words(text, length);
	if (!whole && length == 0)
		return NULL;
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
	comparison->rouge_l = has_rouge_words(document, document_length) ? pith_rouge_l(document, comparison->text) : NAN;
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
