/*
 * A form: what is left of the document. An extractive result is a text,
 * each word of which is a word of the document; an abstractive one is a text of
 * its own; a soft one has no text, and the pane says what it is instead.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "widgets/gauge.h"
#include "workbench.h"

/* The words of the compressed text found again, in order, so that each knows its place in the document. */
static bool append_words(const struct workbench *workbench, const struct shown_compressed *compressed, struct styled_text *styled)
{
	size_t at = 0, source = 0;
	for (size_t i = 0; i < compressed->n_words; i++) {
		const struct pith_word *word = &compressed->words[i];
		size_t length = word->end - word->begin;
		if (!word->kept || length == 0)
			continue;
		const char *found = memmem(compressed->text + at, compressed->length - at, workbench->text + word->begin, length);
		if (found == NULL)
			break;
		size_t place = (size_t)(found - compressed->text);
		enum role role = word->must_keep ? ROLE_MUST_KEEP : ROLE_TEXT;
		if (!styled_text_mark(styled, ROLE_TEXT, compressed->text + at, place - at, source) ||
		    !styled_text_append(styled, role, workbench->text, word->begin, word->end))
			return false;
		at = place + length;
		source = word->end;
	}
	return styled_text_mark(styled, ROLE_TEXT, compressed->text + at, compressed->length - at, source);
}

static bool append_soft_facts(const struct shown_compressed *compressed, struct styled_text *styled)
{
	const struct pith_compressed_info *info = &compressed->info;
	char tokens[FIGURE_SIZE], bytes[FIGURE_SIZE], original[FIGURE_SIZE], encoded[FIGURE_SIZE];
	char layers[32] = "", what[FIGURE_SIZE + 40] = "this document", text[1024];
	bool one = info->compressed_tokens == 1, rows = info->method->memory == PITH_MEMORY_ROWS;
	figure_count(tokens, info->compressed_tokens);
	figure_bytes(bytes, info->compressed_bytes);
	figure_bytes(original, info->original_bytes);
	figure_count(encoded, info->encoded_tokens);
	if (info->encoded_tokens < info->original_tokens)
		snprintf(what, sizeof what, "the first %s tokens of this document", encoded);
	if (rows)
		snprintf(layers, sizeof layers, " of %d layers", compressed->n_layers);
	snprintf(
		text, sizeof text,
		"%s memory token%s%s hold%s %s.\n\n"
		"In place of words the model reads %s %s: %s, where the text has %s. That costs %s token%s of its attention.\n\n"
		"Press r to let it regenerate the text from them, i to ask it a question, p to look at the rows, s to save them.",
		tokens, one ? "" : "s", layers, one ? "s" : "", what, one ? "its" : "their",
		rows  ? "key and value rows"
		: one ? "embedding"
		      : "embeddings",
		bytes, original, tokens, one ? "" : "s");
	return styled_text_mark(styled, ROLE_TEXT, text, strlen(text), 0);
}

bool view_note_build(const struct form *form, struct text_pane *pane)
{
	if (form->compressed == NULL || form->compressed->note[0] == '\0')
		return true;
	char text[sizeof form->compressed->note + 2];
	int length = snprintf(text, sizeof text, "%s\n\n", form->compressed->note);
	return styled_text_mark(&pane->styled, ROLE_WARNING, text, (size_t)length, 0);
}

bool view_compressed_build(const struct workbench *workbench, const struct form *form, struct text_pane *pane)
{
	const struct shown_compressed *compressed = form->compressed;
	if (compressed == NULL)
		return true;
	return compressed->text != NULL ? append_words(workbench, compressed, &pane->styled)
	                                : append_soft_facts(compressed, &pane->styled);
}
