#include "train/keep_labels.h"

#include <stdlib.h>
#include <string.h>

#include "compress/words.h"
#include "text/stems.h"

/* --- pairs -------------------------------------------------------------------------------------------------- */

static bool append_line(struct buffer *out, const char *text)
{
	return text == NULL || (buffer_append_string(out, text) && buffer_append_string(out, "\n"));
}

static bool append_question(struct buffer *out, const struct jsonl_record *record)
{
	bool done = append_line(out, jsonl_string(record, "question", NULL));
	for (size_t i = 0; done && i < jsonl_n_strings(record, "answers"); i++)
		done = append_line(out, jsonl_string_at(record, "answers", i));
	return done;
}

/* Has the line a context, and is it this one? Then *record is the line's, to be freed. */
static enum pith_status read_same(struct jsonl_record **record, const struct jsonl *file, size_t line, const char *context,
                                  size_t length, struct pith_error *err)
{
	size_t other_length;
	enum pith_status status = jsonl_read(record, file, line, err);
	if (status != PITH_OK)
		return status;
	const char *other = jsonl_string(*record, "context", &other_length);
	if (other == NULL || other_length != length || memcmp(other, context, length) != 0) {
		jsonl_record_free(*record);
		*record = NULL;
	}
	return PITH_OK;
}

/* The questions of the lines from first on that are about the same context; *next is the line behind them. */
static enum pith_status collect_questions(struct keep_pair *pair, const struct jsonl *file, size_t first, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	bool same = true;
	for (pair->next_line = first; status == PITH_OK && same && pair->next_line < jsonl_n_lines(file);) {
		struct jsonl_record *record = NULL;
		status = read_same(&record, file, pair->next_line, pair->text, pair->length, err);
		same = record != NULL;
		if (same && !append_question(&pair->short_form, record))
			status = fail_memory(err, "the questions of a text");
		jsonl_record_free(record);
		pair->next_line += same;
	}
	return status;
}

/* The first of the lines in a row that are about the same context. */
static enum pith_status find_first(size_t *first, const struct keep_pair *pair, const struct jsonl *file, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	for (bool same = true; status == PITH_OK && same && *first > 0;) {
		struct jsonl_record *record = NULL;
		status = read_same(&record, file, *first - 1, pair->text, pair->length, err);
		same = record != NULL;
		jsonl_record_free(record);
		*first -= same;
	}
	return status;
}

enum pith_status keep_pair_read(struct keep_pair *pair, const struct jsonl *file, size_t line, bool all, struct pith_error *err)
{
	*pair = (struct keep_pair){.next_line = line + 1};
	enum pith_status status = jsonl_read(&pair->record, file, line, err);
	if (status != PITH_OK)
		return status;
	const char *context = jsonl_string(pair->record, "context", &pair->length);
	const char *target = jsonl_string(pair->record, "target", NULL);
	target = target != NULL ? target : jsonl_string(pair->record, "title", NULL);
	pair->text = context != NULL ? context : jsonl_string(pair->record, "text", &pair->length);
	if (context == NULL && (pair->text == NULL || target == NULL)) {
		pair->text = NULL;
		return PITH_OK;
	}
	if (context == NULL)
		return append_line(&pair->short_form, target) ? PITH_OK : fail_memory(err, "the short form of a text");
	if (all)
		status = find_first(&line, pair, file, err);
	return status == PITH_OK ? collect_questions(pair, file, line, err) : status;
}

void keep_pair_free(struct keep_pair *pair)
{
	buffer_free(&pair->short_form);
	jsonl_record_free(pair->record);
}

/* --- labels ------------------------------------------------------------------------------------------------- */

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

enum pith_status keep_label_tokens(float *labels, size_t n, double *hit_rate, const struct pith_document *document,
                                   const struct buffer *short_form, struct pith_error *err)
{
	struct pith_compress_options options = {0};
	struct pith_word *words = NULL;
	size_t n_words = 0;
	enum pith_status status = words_split(&words, &n_words, document, NULL, &options, err);
	bool *kept = calloc(n_words + 1, sizeof *kept);
	if (status == PITH_OK && kept == NULL)
		status = fail_memory(err, "the labels");
	if (status == PITH_OK)
		status = keep_labels(kept, hit_rate, document->text, words, n_words, short_form->data, short_form->length, err);
	size_t word = 0;
	for (size_t i = 0; status == PITH_OK && i < n; i++) {
		while (word < n_words && words[word].end <= document->tokens[i].begin)
			word++;
		bool inside = word < n_words && words[word].begin < document->tokens[i].end;
		labels[i] = !inside ? -1.0f : kept[word] ? 1.0f : 0.0f;
	}
	free(words);
	free(kept);
	return status;
}

enum pith_status keep_piece_read(struct keep_piece *piece, const struct tokenizer *tokenizer, const char *text, size_t length,
                                 size_t most_tokens, const struct buffer *short_form, struct pith_error *err)
{
	*piece = (struct keep_piece){0};
	enum pith_status status = tokenizer_encode_spans(tokenizer, text, length, &piece->tokens, &piece->n, err);
	if (status != PITH_OK)
		return status;
	if (piece->n > most_tokens) {
		piece->n = most_tokens;
		length = piece->tokens[most_tokens - 1].end;
	}
	piece->labels = malloc((piece->n + 1) * sizeof *piece->labels);
	if (piece->labels == NULL)
		return fail_memory(err, "the labels");
	/* It is only read. */
	struct pith_document document = {
		.text = (char *)text, .length = length, .tokens = piece->tokens, .n_tokens = piece->n};
	return keep_label_tokens(piece->labels, piece->n, &piece->hit_rate, &document, short_form, err);
}

void keep_piece_free(struct keep_piece *piece)
{
	free(piece->tokens);
	free(piece->labels);
	*piece = (struct keep_piece){0};
}
