#include "train/keep_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "compress/words.h"
#include "formats/jsonl.h"
#include "model/session.h"
#include "train/keep_labels.h"

/* What reading needs, from the first source to the last. */
struct reading {
	struct keep_data *data;
	const struct pith_keep_recipe *recipe;
	struct pith_model *model;
	const struct keep_head *head;
	struct session *session;
	int32_t *ids;
	const struct pith_control *control;
	size_t n_done, n_total; /* texts, for progress */
};

static bool reserve(struct keep_data *data, size_t n_rows)
{
	if (data->n_texts == data->texts_capacity) {
		size_t capacity = data->texts_capacity == 0 ? 256 : 2 * data->texts_capacity;
		struct keep_text *texts = realloc(data->texts, capacity * sizeof *texts);
		if (texts == NULL)
			return false;
		data->texts = texts;
		data->texts_capacity = capacity;
	}
	if (data->n_rows + n_rows > data->rows_capacity) {
		size_t capacity = 2 * data->rows_capacity + n_rows;
		float *states = realloc(data->states, capacity * data->n_embd * sizeof *states);
		if (states == NULL)
			return false;
		data->states = states;
		float *labels = realloc(data->labels, capacity * sizeof *labels);
		if (labels == NULL)
			return false;
		data->labels = labels;
		data->rows_capacity = capacity;
	}
	return true;
}

void keep_data_free(struct keep_data *data)
{
	free(data->texts);
	free(data->states);
	free(data->labels);
	*data = (struct keep_data){0};
}

/* --- one text --------------------------------------------------------------------------------------------- */

struct surprise {
	float score;
	size_t token;
};

static int compare_surprise(const void *a, const void *b)
{
	const struct surprise *x = a, *y = b;
	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return x->token < y->token ? -1 : 1;
}

/*
 * Mixes the rank of each token by self-information into its label. Short forms know what a text is about, but of two words
 * that none of them holds the one that could not be guessed is still the better one to keep.
 */
static enum pith_status mix_surprise(float *labels, size_t n, struct pith_document *document, double share,
                                     const struct pith_control *control, struct pith_error *err)
{
	const float *scores;
	struct pith_control silent = {.cancel = control == NULL ? NULL : control->cancel};
	enum pith_status status = pith_document_scores(document, &scores, &silent, err);
	struct surprise *order = malloc(n * sizeof *order);
	if (status == PITH_OK && order == NULL)
		status = fail_memory(err, "the labels");
	if (status == PITH_OK) {
		for (size_t i = 0; i < n; i++)
			order[i] = (struct surprise){isfinite(scores[i]) ? scores[i] : 0, i};
		qsort(order, n, sizeof *order, compare_surprise);
		for (size_t rank = 0; rank < n; rank++) {
			float *label = &labels[order[rank].token];
			if (*label >= 0)
				*label = (float)((1 - share) * (double)*label + share * (double)rank / (double)n);
		}
	}
	free(order);
	return status;
}

/* Adds the document's beginning with its labels, unless it is badly aligned. */
static enum pith_status add_document(struct reading *reading, struct pith_document *document,
                                     const struct buffer *short_form, double weight, struct pith_error *err)
{
	struct keep_data *data = reading->data;
	size_t window = reading->head->window_tokens, n = document->n_tokens < window ? document->n_tokens : window;
	double hit_rate = 0;
	const float *states;
	if (!reserve(data, n))
		return fail_memory(err, "the hidden states");
	enum pith_status status = keep_label_tokens(data->labels + data->n_rows, n, &hit_rate, document, short_form, err);
	if (status != PITH_OK)
		return status;
	if (hit_rate < reading->recipe->least_hit_rate || hit_rate == 0) {
		data->n_left_out++;
		return PITH_OK;
	}
	if (reading->recipe->surprise_share > 0) {
		status = mix_surprise(data->labels + data->n_rows, n, document, reading->recipe->surprise_share, reading->control,
		                      err);
		if (status != PITH_OK)
			return status;
	}
	for (size_t i = 0; i < n; i++)
		reading->ids[1 + i] = document->tokens[i].id;
	status = keep_head_read(reading->head, reading->session, tokenizer_bos(reading->model->tokenizer), reading->ids, n,
	                        &states, reading->control, err);
	if (status != PITH_OK)
		return status;
	memcpy(data->states + data->n_rows * data->n_embd, states, n * data->n_embd * sizeof *states);
	double share = reading->recipe->held_out, i = (double)data->n_texts;
	data->texts[data->n_texts++] = (struct keep_text){
		.first = data->n_rows, .n = n, .weight = (float)weight, .held_out = floor((i + 1) * share) > floor(i * share)};
	data->n_rows += n;
	return PITH_OK;
}

static enum pith_status add_text(struct reading *reading, const char *text, size_t length, const struct buffer *short_form,
                                 double weight, struct pith_error *err)
{
	enum { MOST_BYTES_PER_TOKEN = 16 };
	struct pith_document *document;
	size_t most = MOST_BYTES_PER_TOKEN * reading->head->window_tokens;
	if (length == 0)
		return PITH_OK;
	enum pith_status status = pith_document_create(&document, reading->model, text, length < most ? length : most, err);
	if (status == PITH_OK)
		status = add_document(reading, document, short_form, weight, err);
	pith_document_destroy(document);
	return status;
}

/* --- one source -------------------------------------------------------------------------------------------- */

/* The text of a line, with the lines behind it that belong to it; *line is then the one behind them. */
static enum pith_status read_lines(struct reading *reading, const struct pith_keep_source *source, const struct jsonl *file,
                                   size_t *line, struct pith_error *err)
{
	struct keep_pair pair;
	enum pith_status status = keep_pair_read(&pair, file, *line, false, err);
	if (status == PITH_OK && pair.text == NULL)
		status = fail(err, PITH_BAD_FILE,
		              "%s, line %zu: there is no \"text\" with a \"target\" or a \"title\", and no \"context\".",
		              source->path, jsonl_line_number(file, *line));
	*line = pair.next_line;
	if (status == PITH_OK && pair.short_form.length > 0)
		status = add_text(reading, pair.text, pair.length, &pair.short_form, source->weight, err);
	keep_pair_free(&pair);
	return status;
}

static size_t n_of_source(const struct pith_keep_source *source, size_t n_lines)
{
	return source->limit > 0 && (size_t)source->limit < n_lines ? (size_t)source->limit : n_lines;
}

static enum pith_status read_source(struct reading *reading, const struct pith_keep_source *source, const struct jsonl *file,
                                    struct pith_error *err)
{
	const struct pith_control *control = reading->control;
	size_t n_lines = jsonl_n_lines(file), n = n_of_source(source, n_lines), line = 0;
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < n; i++) {
		size_t wanted = i * n_lines / n;
		if (wanted >= line) {
			line = wanted;
			status = read_lines(reading, source, file, &line, err);
		}
		reading->n_done++;
		if (status == PITH_OK && control != NULL && control->progress != NULL)
			control->progress(control->user, "reading", (double)reading->n_done, (double)reading->n_total);
	}
	return status;
}

enum pith_status keep_data_read(struct keep_data *data, const struct pith_keep_recipe *recipe, struct pith_model *model,
                                const struct keep_head *head, const struct pith_control *control, struct pith_error *err)
{
	*data = (struct keep_data){.n_embd = head->n_embd};
	struct reading reading = {.data = data, .recipe = recipe, .model = model, .head = head, .control = control};
	struct jsonl **files = calloc(recipe->n_sources + 1, sizeof *files);
	reading.ids = malloc(keep_head_capacity(head) * sizeof *reading.ids);
	enum pith_status status = files == NULL || reading.ids == NULL ? fail_memory(err, "the texts") : PITH_OK;
	if (status == PITH_OK)
		status = session_create(&reading.session, &model->transformer, model->pool, keep_head_capacity(head), err);
	/* All are opened before the first is read: a path that is wrong is told at once. */
	for (size_t i = 0; status == PITH_OK && i < recipe->n_sources; i++) {
		status = jsonl_open(&files[i], recipe->sources[i].path, err);
		if (status == PITH_OK)
			reading.n_total += n_of_source(&recipe->sources[i], jsonl_n_lines(files[i]));
	}
	for (size_t i = 0; status == PITH_OK && i < recipe->n_sources; i++)
		status = read_source(&reading, &recipe->sources[i], files[i], err);
	for (size_t i = 0; files != NULL && i < recipe->n_sources; i++)
		jsonl_close(files[i]);
	session_destroy(reading.session);
	free(files);
	free(reading.ids);
	return status;
}
