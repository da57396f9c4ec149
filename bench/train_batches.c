#include "train_batches.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf.h"
#include "formats/jsonl.h"
#include "text/tokenizer.h"

enum { MAGIC = 0x48425450, MOST_IDS = 1 << 28 }; /* "PTBH"; 1 GiB of ids */

static size_t row_length(const struct batches_header *h)
{
	return (size_t)h->n_tokens + 1;
}

static size_t n_rows(const struct batches_header *h)
{
	return (size_t)h->n_steps * (size_t)h->n_micro * (size_t)h->n_sequences;
}

static enum pith_status check_header(const struct batches_header *h, const char *path, struct pith_error *err)
{
	const int32_t sizes[] = {h->n_steps, h->n_micro, h->n_sequences, h->n_tokens};
	double n_ids = 1;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		if (sizes[i] < 1)
			return fail(err, PITH_BAD_FILE, "%s has no batches.", path);
		n_ids *= (double)sizes[i] + 1;
	}
	if (n_ids > MOST_IDS)
		return fail(err, PITH_BAD_FILE, "%s has batches of more than %d tokens.", path, MOST_IDS);
	return PITH_OK;
}

static enum pith_status reserve_ids(struct batches *batches, struct pith_error *err)
{
	batches->ids = malloc(n_rows(&batches->header) * row_length(&batches->header) * sizeof *batches->ids);
	return batches->ids == NULL ? fail_memory(err, "the batches") : PITH_OK;
}

/* --- from texts ----------------------------------------------------------------------------------------- */

/* Appends the text of a line and EOS; a line without a text appends nothing. */
static enum pith_status append_line(struct token_list *stream, const struct tokenizer *tokenizer, const struct jsonl *file,
				    size_t line, struct pith_error *err)
{
	struct jsonl_record *record;
	enum pith_status status = jsonl_read(&record, file, line, err);
	if (status != PITH_OK)
		return status;
	size_t length;
	const char *text = jsonl_string(record, "text", &length);
	if (text != NULL)
		status = tokenizer_encode(tokenizer, text, length, stream, err);
	if (status == PITH_OK && text != NULL && !token_list_append(stream, tokenizer_eos(tokenizer)))
		status = fail_memory(err, "the batches");
	jsonl_record_free(record);
	return status;
}

static enum pith_status fill_rows(struct batches *batches, const struct tokenizer *tokenizer, const struct jsonl *file,
				  const char *path, struct pith_error *err)
{
	size_t n = (size_t)batches->header.n_tokens, rows = n_rows(&batches->header), row = 0, line = 0;
	struct token_list stream = {0};
	enum pith_status status = PITH_OK;
	while (status == PITH_OK && row < rows) {
		if (line >= jsonl_n_lines(file) && row == 0) {
			status = fail(err, PITH_BAD_FILE, "%s holds too little \"text\" for a sequence of %zu tokens.", path, n);
			break;
		}
		status = append_line(&stream, tokenizer, file, line++ % jsonl_n_lines(file), err);
		size_t used = 0;
		for (; status == PITH_OK && row < rows && stream.n - used >= n; used += n, row++) {
			int32_t *ids = batches->ids + row * row_length(&batches->header);
			ids[0] = tokenizer_bos(tokenizer);
			memcpy(ids + 1, stream.ids + used, n * sizeof *ids);
		}
		token_list_remove(&stream, 0, used);
	}
	token_list_free(&stream);
	return status;
}

enum pith_status batches_make(struct batches *batches, const struct batches_header *header, const char *model_path,
			      const char *text_path, struct pith_error *err)
{
	*batches = (struct batches){.header = *header};
	batches->header.magic = MAGIC;
	struct gguf *gguf = NULL;
	struct tokenizer *tokenizer = NULL;
	struct jsonl *file = NULL;
	enum pith_status status = check_header(&batches->header, "The measurement", err);
	if (status == PITH_OK)
		status = gguf_open(&gguf, model_path, err);
	if (status == PITH_OK)
		status = tokenizer_create(&tokenizer, gguf, err);
	if (status == PITH_OK)
		status = jsonl_open(&file, text_path, err);
	if (status == PITH_OK && jsonl_n_lines(file) == 0)
		status = fail(err, PITH_BAD_FILE, "%s holds no lines.", text_path);
	if (status == PITH_OK)
		status = reserve_ids(batches, err);
	if (status == PITH_OK)
		status = fill_rows(batches, tokenizer, file, text_path, err);
	jsonl_close(file);
	tokenizer_destroy(tokenizer);
	gguf_close(gguf);
	return status;
}

/* --- the file --------------------------------------------------------------------------------------------- */

enum pith_status batches_write(const struct batches *batches, const char *path, struct pith_error *err)
{
	FILE *file = fopen(path, "wb");
	if (file == NULL)
		return fail(err, PITH_IO, "Cannot write %s: %s.", path, strerror(errno));
	size_t n = n_rows(&batches->header) * row_length(&batches->header);
	bool written = fwrite(&batches->header, sizeof batches->header, 1, file) == 1 &&
		       fwrite(batches->ids, sizeof *batches->ids, n, file) == n;
	if (fclose(file) != 0 || !written)
		return fail(err, PITH_IO, "Cannot write %s: %s.", path, strerror(errno));
	return PITH_OK;
}

enum pith_status batches_read(struct batches *batches, const char *path, struct pith_error *err)
{
	*batches = (struct batches){0};
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		return fail(err, PITH_IO, "Cannot read %s: %s.", path, strerror(errno));
	enum pith_status status = PITH_OK;
	if (fread(&batches->header, sizeof batches->header, 1, file) != 1 || batches->header.magic != MAGIC)
		status = fail(err, PITH_BAD_FILE, "%s is no file of batches.", path);
	if (status == PITH_OK)
		status = check_header(&batches->header, path, err);
	if (status == PITH_OK)
		status = reserve_ids(batches, err);
	if (status == PITH_OK) {
		size_t n = n_rows(&batches->header) * row_length(&batches->header);
		if (fread(batches->ids, sizeof *batches->ids, n, file) != n)
			status = fail(err, PITH_BAD_FILE, "%s ends early.", path);
	}
	fclose(file);
	return status;
}

void batches_free(struct batches *batches)
{
	free(batches->ids);
	*batches = (struct batches){0};
}

/* --- for the trainer -------------------------------------------------------------------------------------- */

/* All micro-batches have one size: arrays are made for the first and stay. */
static enum pith_status reserve_microbatch(struct microbatch *m, size_t n, size_t n_sequences, struct pith_error *err)
{
	if (m->row_capacity >= n && m->reader.sequence_capacity >= n_sequences)
		return PITH_OK;
	struct batch *b = &m->reader.batch;
	microbatch_free(m);
	b->ids = malloc(n * sizeof *b->ids);
	b->positions = malloc(n * sizeof *b->positions);
	b->sequences = malloc(n_sequences * sizeof *b->sequences);
	m->targets = malloc(n * sizeof *m->targets);
	m->weights = malloc(n * sizeof *m->weights);
	m->objectives = malloc(n * sizeof *m->objectives);
	if (b->ids == NULL || b->positions == NULL || b->sequences == NULL || m->targets == NULL || m->weights == NULL ||
	    m->objectives == NULL) {
		microbatch_free(m);
		return fail_memory(err, "a micro-batch");
	}
	m->reader.token_capacity = m->row_capacity = n;
	m->reader.sequence_capacity = n_sequences;
	return PITH_OK;
}

enum pith_status batches_fill(const struct batches *batches, size_t step, size_t micro, struct microbatch *m,
			      struct pith_error *err)
{
	const struct batches_header *h = &batches->header;
	size_t n = (size_t)h->n_tokens, n_sequences = (size_t)h->n_sequences;
	enum pith_status status = reserve_microbatch(m, n * n_sequences, n_sequences, err);
	if (status != PITH_OK)
		return status;
	microbatch_clear(m);
	struct batch *b = &m->reader.batch;
	size_t first_row = (step * (size_t)h->n_micro + micro) * n_sequences;
	for (size_t s = 0; s < n_sequences; s++) {
		const int32_t *row = batches->ids + (first_row + s) * row_length(h);
		b->sequences[b->n_sequences++] = (struct sequence){.first = s * n, .n = n, .kv_first = s * n};
		for (size_t i = 0; i < n; i++) {
			size_t token = b->n_tokens++;
			b->ids[token] = row[i];
			b->positions[token] = (int32_t)i;
			m->targets[token] = row[i + 1];
			m->weights[token] = 1;
			m->objectives[token] = PITH_OBJECTIVE_LM;
		}
	}
	b->n_kv_rows = b->n_tokens;
	microbatch_normalise(m);
	return PITH_OK;
}
