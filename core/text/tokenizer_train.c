/*
 * Learning a byte-level BPE vocabulary: counts of the split pattern's pieces,
 * then the most frequent pair again and again (Sennrich et al. 2016), ties by
 * the smaller pair so that the result does not depend on the machine.
 *
 * Ids: 0 <|bos|>, 1 <|eos|>, 2 <|pad|> (control), then 256 bytes, then merges.
 */
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/buffer.h"
#include "base/cancel.h"
#include "formats/gguf.h"
#include "formats/jsonl.h"
#include "pith/train.h"
#include "text/byte_alphabet.h"
#include "text/byte_strings.h"
#include "text/pair_counts.h"
#include "text/split_pattern.h"
#include "text/vocabulary.h"

enum {
	N_CONTROL = 3,
	FIRST_BYTE = N_CONTROL,
	FIRST_MERGE = FIRST_BYTE + 256,
	/* Longer pieces (base64, rulers) are cut: no useful token is that long, and each join would walk through all of it. */
	LONGEST_WORD = 256,
	LINES_PER_REPORT = 256,
	MERGES_PER_REPORT = 64,
};

/* A pair that occurs once saves one token of one text: it is chance. */
static const uint64_t lowest_count = 2;

static const char *const control_names[N_CONTROL] = {"<|bos|>", "<|eos|>", "<|pad|>"};

struct pair_of_tokens {
	int32_t left, right;
};

struct trainer {
	const struct pith_tokenizer_recipe *recipe;
	const struct pith_control *control;
	struct split_pattern *pattern;
	struct byte_strings words; /* the different pieces of the texts ... */
	uint64_t *word_counts;     /* ... and how often each occurs */
	size_t n_word_counts_allocated;
	struct pair_counts *pairs;
	struct byte_strings tokens; /* token FIRST_BYTE + i is string i */
	struct pair_of_tokens *merges;
	size_t n_merges, n_merges_allocated;
};

static enum pith_status check_in(const struct trainer *trainer, const char *what, double done, double total,
                                 struct pith_error *err)
{
	const struct pith_control *control = trainer->control;
	if (control != NULL && control->progress != NULL)
		control->progress(control->user, what, done, total);
	if (is_cancelled(control))
		return fail(err, PITH_CANCELLED, "Training the vocabulary was cancelled.");
	return PITH_OK;
}

static bool count_word(struct trainer *trainer, const char *bytes, size_t length)
{
	uint32_t n_before = trainer->words.n, number;
	if (!byte_strings_intern(&trainer->words, bytes, length, &number))
		return false;
	if (number >= trainer->n_word_counts_allocated) {
		size_t n = trainer->n_word_counts_allocated == 0 ? 4096 : 2 * trainer->n_word_counts_allocated;
		uint64_t *counts = realloc(trainer->word_counts, n * sizeof *counts);
		if (counts == NULL)
			return false;
		trainer->word_counts = counts;
		trainer->n_word_counts_allocated = n;
	}
	if (number == n_before)
		trainer->word_counts[number] = 0;
	trainer->word_counts[number]++;
	return true;
}

static bool count_text(struct trainer *trainer, const char *text, size_t length)
{
	for (size_t begin = 0, end; begin < length; begin = end) {
		end = split_pattern_next(trainer->pattern, text, length, begin);
		for (size_t i = begin; i < end; i += LONGEST_WORD)
			if (!count_word(trainer, text + i, end - i < LONGEST_WORD ? end - i : LONGEST_WORD))
				return false;
	}
	return true;
}

/* Counts the strings of one line: text, or context and question. previous is the hash of the last line's text. */
static enum pith_status count_line(struct trainer *trainer, const struct jsonl *file, size_t line, size_t *n_bytes,
                                   uint64_t *previous, struct pith_error *err)
{
	struct jsonl_record *record;
	enum pith_status status = jsonl_read(&record, file, line, err);
	if (status != PITH_OK)
		return status;
	size_t length = 0, question_length = 0;
	const char *text = jsonl_string(record, "text", &length);
	if (text == NULL)
		text = jsonl_string(record, "context", &length);
	const char *question = jsonl_string(record, "question", &question_length);
	bool done = true;
	if (text != NULL) {
		/* Questions about one context follow each other and repeat it: it counts once. */
		uint64_t hash = XXH3_64bits(text, length);
		if (hash != *previous) {
			done = count_text(trainer, text, length);
			*n_bytes += length;
		}
		*previous = hash;
	}
	if (question != NULL) {
		done = done && count_text(trainer, question, question_length);
		*n_bytes += question_length;
	}
	jsonl_record_free(record);
	return done ? PITH_OK : fail_memory(err, "counting the words of the texts");
}

static enum pith_status count_file(struct trainer *trainer, size_t path, struct pith_error *err)
{
	const struct pith_tokenizer_recipe *recipe = trainer->recipe;
	struct jsonl *file;
	enum pith_status status = jsonl_open(&file, recipe->paths[path], err);
	if (status != PITH_OK)
		return status;
	size_t n_lines = jsonl_n_lines(file), n_bytes = 0;
	size_t most = recipe->max_bytes_per_path == 0 ? SIZE_MAX : recipe->max_bytes_per_path;
	uint64_t previous = 0;
	for (size_t line = 0; line < n_lines && n_bytes < most && status == PITH_OK; line++) {
		double done = (double)path + (double)line / (double)n_lines;
		if (line % LINES_PER_REPORT == 0)
			status = check_in(trainer, "reading", done, (double)recipe->n_paths, err);
		if (status == PITH_OK)
			status = count_line(trainer, file, line, &n_bytes, &previous, err);
	}
	jsonl_close(file);
	return status;
}

/* Hands the words, as tokens of single bytes, to the pair counts. */
static enum pith_status count_pairs(struct trainer *trainer, struct pith_error *err)
{
	trainer->pairs = pair_counts_create();
	bool done = trainer->pairs != NULL;
	int32_t ids[LONGEST_WORD];
	for (uint32_t i = 0; i < trainer->words.n && done; i++) {
		size_t length;
		const char *bytes = byte_strings_at(&trainer->words, i, &length);
		for (size_t j = 0; j < length; j++)
			ids[j] = FIRST_BYTE + (unsigned char)bytes[j];
		done = pair_counts_add_word(trainer->pairs, ids, length, trainer->word_counts[i]);
	}
	for (int b = 0; b < 256 && done; b++) {
		char byte = (char)b;
		uint32_t number;
		done = byte_strings_intern(&trainer->tokens, &byte, 1, &number);
	}
	return done ? PITH_OK : fail_memory(err, "counting the pairs of the texts");
}

/*
 * The token that left and right become. It is always a new one: bytes between two boundaries that no merge has crossed are
 * merged the same way wherever they stand, so no other pair can have made them before.
 */
static bool merged_token(struct trainer *trainer, int32_t left, int32_t right, struct buffer *scratch, int32_t *merged)
{
	const int32_t halves[2] = {left, right};
	buffer_clear(scratch);
	for (int i = 0; i < 2; i++) {
		size_t length;
		const char *bytes = byte_strings_at(&trainer->tokens, (uint32_t)(halves[i] - FIRST_BYTE), &length);
		if (!buffer_append(scratch, bytes, length))
			return false;
	}
	uint32_t number;
	if (!byte_strings_intern(&trainer->tokens, scratch->data, scratch->length, &number))
		return false;
	*merged = FIRST_BYTE + (int32_t)number;
	return true;
}

static bool note_merge(struct trainer *trainer, int32_t left, int32_t right)
{
	if (trainer->n_merges == trainer->n_merges_allocated) {
		size_t n = trainer->n_merges_allocated == 0 ? 4096 : 2 * trainer->n_merges_allocated;
		struct pair_of_tokens *merges = realloc(trainer->merges, n * sizeof *merges);
		if (merges == NULL)
			return false;
		trainer->merges = merges;
		trainer->n_merges_allocated = n;
	}
	trainer->merges[trainer->n_merges++] = (struct pair_of_tokens){left, right};
	return true;
}

static enum pith_status learn_merges(struct trainer *trainer, struct pith_error *err)
{
	int n_vocab = trainer->recipe->n_vocab;
	struct buffer scratch = {0};
	enum pith_status status = PITH_OK;
	while ((int)trainer->tokens.n < n_vocab - FIRST_BYTE && status == PITH_OK) {
		int32_t left, right, merged;
		uint64_t count;
		if (trainer->n_merges % MERGES_PER_REPORT == 0)
			status = check_in(trainer, "merging", FIRST_BYTE + (double)trainer->tokens.n, n_vocab, err);
		if (status != PITH_OK)
			break;
		if (!pair_counts_best(trainer->pairs, &left, &right, &count) || count < lowest_count)
			status = fail(err, PITH_BAD_ARGUMENT, "The texts yield only %d tokens, not %d: more text is needed.",
			              FIRST_BYTE + (int)trainer->tokens.n, n_vocab);
		else if (!merged_token(trainer, left, right, &scratch, &merged) || !note_merge(trainer, left, right) ||
		         !pair_counts_join(trainer->pairs, left, right, merged))
			status = fail_memory(err, "learning the vocabulary");
	}
	buffer_free(&scratch);
	return status;
}

/* Strings in a row, for an array of the file. */
struct string_list {
	struct buffer bytes;
	size_t *lengths;
	const char **strings;
	size_t n;
};

static void string_list_free(struct string_list *list)
{
	buffer_free(&list->bytes);
	free(list->lengths);
	free(list->strings);
}

static bool string_list_init(struct string_list *list, size_t n)
{
	list->lengths = malloc((n + 1) * sizeof *list->lengths);
	list->strings = malloc((n + 1) * sizeof *list->strings);
	return list->lengths != NULL && list->strings != NULL;
}

/* Ends the string that was appended to list->bytes since the last call. */
static void string_list_end(struct string_list *list, size_t begin)
{
	list->lengths[list->n++] = list->bytes.length - begin;
}

/* Once nothing is appended any more: the bytes stay where they are. */
static void string_list_finish(struct string_list *list)
{
	const char *string = list->bytes.data;
	for (size_t i = 0; i < list->n; i++) {
		list->strings[i] = string;
		string += list->lengths[i];
	}
}

static bool append_token(const struct trainer *trainer, struct buffer *out, int32_t id)
{
	if (id < N_CONTROL)
		return buffer_append_string(out, control_names[id]);
	size_t length;
	const char *bytes = byte_strings_at(&trainer->tokens, (uint32_t)(id - FIRST_BYTE), &length);
	return byte_alphabet_append(out, bytes, length);
}

static bool list_tokens(const struct trainer *trainer, struct string_list *list)
{
	int32_t n = trainer->recipe->n_vocab;
	if (!string_list_init(list, (size_t)n))
		return false;
	for (int32_t id = 0; id < n; id++) {
		size_t begin = list->bytes.length;
		if (!append_token(trainer, &list->bytes, id))
			return false;
		string_list_end(list, begin);
	}
	string_list_finish(list);
	return true;
}

static bool list_merges(const struct trainer *trainer, struct string_list *list)
{
	if (!string_list_init(list, trainer->n_merges))
		return false;
	for (size_t i = 0; i < trainer->n_merges; i++) {
		size_t begin = list->bytes.length;
		if (!append_token(trainer, &list->bytes, trainer->merges[i].left) || !buffer_append_string(&list->bytes, " ") ||
		    !append_token(trainer, &list->bytes, trainer->merges[i].right))
			return false;
		string_list_end(list, begin);
	}
	string_list_finish(list);
	return true;
}

static enum pith_status write_list(struct gguf_writer *writer, const char *key, const struct string_list *list,
                                   struct pith_error *err)
{
	return gguf_write_string_array(writer, key, list->strings, list->lengths, list->n, err);
}

static enum pith_status write_keys(struct gguf_writer *writer, const struct trainer *trainer, const struct string_list *tokens,
                                   const struct string_list *merges, const int32_t *types, struct pith_error *err)
{
	const char *pre = trainer->recipe->pre;
	enum pith_status status = gguf_write_string(writer, "general.architecture", "llama", err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "general.type", "model", err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "tokenizer.ggml.model", "gpt2", err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "tokenizer.ggml.pre", pre, err);
	if (status == PITH_OK)
		status = write_list(writer, "tokenizer.ggml.tokens", tokens, err);
	if (status == PITH_OK)
		status = gguf_write_i32_array(writer, "tokenizer.ggml.token_type", types, tokens->n, err);
	if (status == PITH_OK)
		status = write_list(writer, "tokenizer.ggml.merges", merges, err);
	if (status == PITH_OK)
		status = gguf_write_u32(writer, "tokenizer.ggml.bos_token_id", 0, err);
	if (status == PITH_OK)
		status = gguf_write_u32(writer, "tokenizer.ggml.eos_token_id", 1, err);
	if (status == PITH_OK)
		status = gguf_write_u32(writer, "tokenizer.ggml.padding_token_id", 2, err);
	if (status == PITH_OK)
		status = gguf_write_bool(writer, "tokenizer.ggml.add_bos_token", true, err);
	return status;
}

static enum pith_status write_vocabulary(const struct trainer *trainer, struct pith_error *err)
{
	struct string_list tokens = {0}, merges = {0};
	struct gguf_writer *writer = NULL;
	int32_t *types = malloc((size_t)trainer->recipe->n_vocab * sizeof *types);
	enum pith_status status;
	if (types == NULL || !list_tokens(trainer, &tokens) || !list_merges(trainer, &merges)) {
		status = fail_memory(err, "writing the vocabulary");
	} else {
		for (int i = 0; i < trainer->recipe->n_vocab; i++)
			types[i] = i < N_CONTROL ? 3 : 1; /* control, normal */
		status = gguf_writer_create(&writer, err);
		if (status == PITH_OK)
			status = write_keys(writer, trainer, &tokens, &merges, types, err);
		if (status == PITH_OK)
			status = gguf_writer_finish(writer, trainer->recipe->output_path, err);
		gguf_writer_destroy(writer);
	}
	string_list_free(&tokens);
	string_list_free(&merges);
	free(types);
	return status;
}

static enum pith_status train(struct trainer *trainer, struct pith_error *err)
{
	const struct pith_tokenizer_recipe *recipe = trainer->recipe;
	enum pith_status status = split_pattern_create(&trainer->pattern, recipe->pre, err);
	for (size_t i = 0; i < recipe->n_paths && status == PITH_OK; i++)
		status = count_file(trainer, i, err);
	if (status == PITH_OK)
		status = count_pairs(trainer, err);
	if (status == PITH_OK)
		status = learn_merges(trainer, err);
	if (status == PITH_OK)
		status = write_vocabulary(trainer, err);
	return status;
}

enum pith_status pith_train_tokenizer(const struct pith_tokenizer_recipe *recipe, const struct pith_control *control,
                                      struct pith_error *err)
{
	if (recipe->n_vocab < FIRST_MERGE || recipe->n_vocab > VOCABULARY_MAX_TOKENS)
		return fail(err, PITH_BAD_ARGUMENT, "A vocabulary of %d tokens cannot be trained; %d to %d can.", recipe->n_vocab,
		            (int)FIRST_MERGE, (int)VOCABULARY_MAX_TOKENS);
	if (recipe->n_paths == 0)
		return fail(err, PITH_BAD_ARGUMENT, "There are no texts to train a vocabulary on.");
	struct trainer trainer = {.recipe = recipe, .control = control};
	enum pith_status status = train(&trainer, err);
	split_pattern_destroy(trainer.pattern);
	byte_strings_free(&trainer.words);
	free(trainer.word_counts);
	pair_counts_destroy(trainer.pairs);
	byte_strings_free(&trainer.tokens);
	free(trainer.merges);
	return status;
}
