#include "compress/published.h"

#include <stdio.h>
#include <stdlib.h>

#include "compress/words.h"

static int descending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return x < y ? 1 : x > y ? -1 : 0;
}

void sort_descending(float *values, size_t n)
{
	qsort(values, n, sizeof *values, descending);
}

/* The words, anew: their scores from those of the tokens, none of them protected, kept or not. */
static enum pith_status describe_words(struct pith_compressed *out, const struct pith_document *document, const size_t *tokens,
				       size_t n, const float *scores, struct pith_error *err)
{
	struct pith_compress_options nothing_kept = {0};
	free(out->words);
	enum pith_status status = words_split(&out->words, &out->n_words, document, scores, &nothing_kept, err);
	size_t place = 0;
	for (size_t w = 0; status == PITH_OK && w < out->n_words; w++) {
		struct pith_word *word = &out->words[w];
		size_t n_kept = 0;
		while (place < n && document->tokens[tokens[place]].end <= word->begin)
			place++;
		/* Looked at from the same place again by the next word: a token may reach into it. */
		for (size_t i = place; i < n && document->tokens[tokens[i]].begin < word->end; i++)
			n_kept++;
		word->kept = n_kept > 0 && n_kept == word->n_tokens;
	}
	return status;
}

enum pith_status keep_tokens(struct pith_compressed *out, struct pith_document *document, const size_t *tokens, size_t n,
			     const float *scores, struct pith_error *err)
{
	struct buffer text = {0};
	struct token_list list = {0};
	bool done = buffer_append(&text, "", 0);
	for (size_t i = 0; done && i < n; i++) {
		const struct pith_token *token = &document->tokens[tokens[i]];
		done = buffer_append(&text, document->text + token->begin, token->end - token->begin);
	}
	enum pith_status status = done ? PITH_OK : fail_memory(err, "the compressed text");
	if (status == PITH_OK)
		status = describe_words(out, document, tokens, n, scores, err);
	if (status == PITH_OK)
		status = tokenizer_encode(document->model->tokenizer, text.data, text.length, &list, err);
	if (status == PITH_OK) {
		out->text = text.data;
		out->text_length = text.length;
		out->info.compressed_tokens = list.n;
		out->info.compressed_bytes = text.length;
		snprintf(out->note, sizeof out->note, "As published: %zu token%s asked, %zu given.", out->info.budget_tokens,
		         out->info.budget_tokens == 1 ? "" : "s", list.n);
		text = (struct buffer){0};
	}
	buffer_free(&text);
	token_list_free(&list);
	return status;
}
