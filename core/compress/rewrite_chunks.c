/* Where a document is cut for rewriting: at ends of sentences wherever one is in reach. */
#include "compress/rewrite.h"

#include <stdlib.h>

#include "text/sentences.h"
#include "text/unicode.h"

/* End of a chunk that begins at begin and ends inside a sentence, before token end_token. */
static size_t hard_cut(const struct pith_document *document, size_t begin, size_t end_token)
{
	const char *text = document->text;
	size_t end = document->tokens[end_token].begin, middle = begin + (end - begin) / 2;
	for (size_t i = end; i > middle; i--)
		if (text[i - 1] == ' ' || text[i - 1] == '\n' || text[i - 1] == '\t')
			return i;
	end -= unicode_incomplete_tail(text + begin, end - begin);
	return end > begin ? end : document->tokens[end_token].end;
}

/* End of the chunk that begins at begin, where token is the first that reaches into it. */
static size_t chunk_end(const struct pith_document *document, size_t begin, size_t token, size_t most_tokens)
{
	if (document->n_tokens - token <= most_tokens)
		return document->length;
	/* The first token that would be too many. */
	size_t end_token = token + most_tokens, limit = document->tokens[end_token].begin, end = begin;
	for (;;) {
		size_t next = sentence_end(document->text, document->length, end);
		if (next > limit)
			break;
		end = next;
	}
	return end > begin ? end : hard_cut(document, begin, end_token);
}

enum pith_status rewrite_chunks(struct rewrite_chunk **out, size_t *n, const struct pith_document *document, size_t most_tokens,
                                struct pith_error *err)
{
	size_t capacity = 0, token = 0;
	*out = NULL;
	*n = 0;
	for (size_t begin = 0; begin < document->length;) {
		if (*n == capacity) {
			capacity = capacity == 0 ? 16 : 2 * capacity;
			struct rewrite_chunk *grown = realloc(*out, capacity * sizeof *grown);
			if (grown == NULL) {
				free(*out);
				*out = NULL;
				return fail_memory(err, "the chunks");
			}
			*out = grown;
		}
		while (token < document->n_tokens && document->tokens[token].end <= begin)
			token++;
		size_t end = chunk_end(document, begin, token, most_tokens), last = token;
		while (last < document->n_tokens && document->tokens[last].begin < end)
			last++;
		(*out)[(*n)++] = (struct rewrite_chunk){begin, end, last - token};
		begin = end;
	}
	return PITH_OK;
}
