/*
 * What tests of micro-batches share: data files, a builder over four tasks, and a micro-batch decoded again, with what holds of
 * each. The vocabulary is bytes, so a sample can be read here.
 * The .c file that includes it defines _XOPEN_SOURCE 700 first (scratch.h).
 */
#ifndef TESTS_SUPPORT_MICROBATCH_FIXTURE_H
#define TESTS_SUPPORT_MICROBATCH_FIXTURE_H

#include <math.h>
#include <string.h>

#include "scratch.h"
#include "support/tiny.h"
#include "train/microbatch.h"
#include "unit.h"

enum { N_MEMORY = 6, N_TASKS = 4, LENGTH = 40 };
static const double answer_weight = 3;

struct fixture {
	struct task_data tasks[N_TASKS];
	struct gguf *vocabulary;
	struct tokenizer *tokenizer;
	struct microbatch_builder builder;
	struct sampling sampling;
};

static inline void open_task(struct fixture *f, enum pith_objective objective, const char *name, bool has_questions)
{
	struct task_data *data = &f->tasks[f->builder.n_tasks++];
	data->task = (struct pith_task){.objective = objective, .weight = 1, .max_tokens = 64};
	data->task.loss_weight = objective == PITH_OBJECTIVE_ANSWER_FULL ? answer_weight : 0;
	data->has_questions = has_questions;
	assert_int_equal(jsonl_open(&data->file, scratch_path(name), NULL), PITH_OK);
}

static inline int fixture_setup(void **state)
{
	if (scratch_setup(NULL) != 0)
		return -1;
	static struct fixture f;
	struct pith_error err;
	tiny_vocabulary(scratch_path("vocabulary.gguf"));
	tiny_texts(scratch_path("texts.jsonl"), 40, 1);
	tiny_questions(scratch_path("questions.jsonl"), 20, 2);
	assert_int_equal(gguf_open(&f.vocabulary, scratch_path("vocabulary.gguf"), &err), PITH_OK);
	assert_int_equal(tokenizer_create(&f.tokenizer, f.vocabulary, &err), PITH_OK);
	open_task(&f, PITH_OBJECTIVE_LM, "texts.jsonl", false);
	open_task(&f, PITH_OBJECTIVE_REGENERATE, "texts.jsonl", false);
	open_task(&f, PITH_OBJECTIVE_ANSWER_FULL, "questions.jsonl", true);
	open_task(&f, PITH_OBJECTIVE_ANSWER, "questions.jsonl", true);
	f.builder.tasks = f.tasks;
	f.builder.tokenizer = f.tokenizer;
	f.builder.n_positions = 1024;
	f.sampling = (struct sampling){
		.length = LENGTH, .k_ratio_min = 0.05, .k_ratio_max = 0.12, .n_memory = N_MEMORY, .n_tokens = 1500};
	*state = &f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < N_TASKS; i++)
		jsonl_close(f->tasks[i].file);
	tokenizer_destroy(f->tokenizer);
	gguf_close(f->vocabulary);
	return scratch_teardown(NULL);
}

static inline void build(struct fixture *f, struct microbatch *m, uint64_t seed)
{
	struct pith_error err;
	random_seed(&f->builder.random, seed);
	microbatch_clear(m);
	if (microbatch_build(m, &f->builder, &f->sampling, &err) != PITH_OK)
		fail_msg("%s", err.message);
}

/* Sequences stand one after another, and so do their key and value rows. */
static inline void check_layout(const struct batch *b)
{
	size_t tokens = 0, rows = 0;
	for (size_t i = 0; i < b->n_sequences; i++) {
		const struct sequence *s = &b->sequences[i];
		assert_int_equal(s->first, tokens);
		assert_int_equal(s->kv_first, rows);
		assert_true(s->n > 0);
		tokens += s->n;
		rows += s->n_past + s->n;
	}
	assert_int_equal(b->n_tokens, tokens);
	assert_int_equal(b->n_kv_rows, rows);
}

/* BOS at 0, document at 1..n, then memory tokens in the middles of k equal stretches. Returns the number of document tokens. */
static inline size_t check_encoder_sequence(const struct batch *b, const struct sequence *s, size_t k)
{
	const int32_t *ids = b->ids + s->first, *positions = b->positions + s->first;
	size_t n = s->n - k - 1;
	assert_int_equal(s->n_past, 0);
	assert_int_equal(ids[0], TINY_BOS);
	for (size_t i = 0; i <= n; i++) {
		assert_int_equal(positions[i], i);
		assert_true(i == 0 || (ids[i] >= 0 && ids[i] < 256));
	}
	for (size_t j = 0; j < k; j++) {
		assert_int_equal(ids[1 + n + j], -1 - (int)j);
		assert_int_equal(positions[1 + n + j], 1 + (int)floor(((double)j + 0.5) * (double)n / (double)k));
	}
	return n;
}

/* The reader's memory: links in order, rows without gaps. Appends the documents behind them. */
static inline size_t check_links(const struct microbatch *m, size_t reader, struct buffer *documents, size_t *longest)
{
	size_t rows = 0, n_document = 0, k_all = 0;
	*longest = 0;
	for (size_t i = 0; i < m->n_links; i++) {
		const struct memory_link *link = &m->links[i];
		if (link->reader_sequence != reader)
			continue;
		const struct batch *b = &m->encoder[link->purpose].batch;
		const struct sequence *s = &b->sequences[link->encoder_sequence];
		assert_int_equal(link->offset, rows);
		assert_true(link->k >= 1 && link->k <= N_MEMORY);
		rows += link->k;
		size_t n = check_encoder_sequence(b, s, link->k);
		for (size_t j = 1; j <= n; j++) {
			char byte = (char)b->ids[s->first + j];
			assert_true(buffer_append(documents, &byte, 1));
		}
		n_document += n;
		*longest = n > *longest ? n : *longest;
		k_all += link->k;
	}
	/* k was drawn between the two ratios, rounded, at least one. */
	assert_true(rows == 0 || (double)k_all <= fmax(1, ceil(0.12 * (double)n_document)));
	assert_true(rows == 0 || (double)k_all >= fmin(N_MEMORY, fmax(1, floor(0.05 * (double)n_document))));
	return rows;
}

struct reading {
	size_t n, n_rows, n_targets, first_target;
	const int32_t *ids, *targets, *positions;
	const float *weights;
	const uint8_t *objectives;
	struct buffer text, documents;
};

static inline void read_sequence(struct reading *r, const struct microbatch *m, size_t i)
{
	const struct sequence *s = &m->reader.batch.sequences[i];
	*r = (struct reading){.n = s->n, .ids = m->reader.batch.ids + s->first, .targets = m->targets + s->first,
			      .positions = m->reader.batch.positions + s->first, .weights = m->weights + s->first,
			      .objectives = m->objectives + s->first, .first_target = s->n};
	size_t longest;
	r->n_rows = check_links(m, i, &r->documents, &longest);
	/* A document comes back at its own positions; a question stands behind the longest span. */
	size_t begin = r->n_rows > 0 && r->ids[0] != TINY_BOS ? longest + 1 : 0;
	assert_int_equal(s->n_past, r->n_rows);
	for (size_t j = 0; j < r->n; j++) {
		char byte = (char)r->ids[j];
		assert_true(r->ids[j] == TINY_BOS ? j == 0 : r->ids[j] >= 0 && r->ids[j] < 256);
		assert_true(r->ids[j] == TINY_BOS || buffer_append(&r->text, &byte, 1));
		assert_int_equal(r->positions[j], begin + j);
		/* A target is the token that comes next; behind the last it is the end. */
		bool last = j + 1 == r->n;
		assert_true(r->targets[j] == -1 || r->targets[j] == (last ? TINY_EOS : r->ids[j + 1]));
		if (r->targets[j] >= 0 && r->n_targets++ == 0)
			r->first_target = j;
	}
	assert_true(r->n_targets > 0);
}

static inline void reading_free(struct reading *r)
{
	buffer_free(&r->text);
	buffer_free(&r->documents);
}

/* A task of three lines, the first two with one context. */
static inline struct microbatch_builder shared_questions(const struct fixture *f, struct task_data *task)
{
	static const char lines[] =
		"{\"context\": \"The stone is red and the window is green.\", \"question\": \"Stone?\", \"answers\": [\"red\"]}\n"
		"{\"context\": \"The stone is red and the window is green.\", \"question\": \"Window?\", \"answers\": [\"green\"]}\n"
		"{\"context\": \"Something else stands here now.\", \"question\": \"What?\", \"answers\": [\"else\"]}\n";
	*task = (struct task_data){.task = {.objective = PITH_OBJECTIVE_ANSWER, .weight = 1, .max_tokens = 64}, .has_questions = true};
	assert_int_equal(jsonl_open(&task->file, scratch_write("shared.jsonl", lines, strlen(lines)), NULL), PITH_OK);
	return (struct microbatch_builder){.tasks = task, .n_tasks = 1, .tokenizer = f->tokenizer, .n_positions = 1024};
}

static inline void add_shared(struct microbatch *m, struct microbatch_builder *builder, const struct fixture *f)
{
	bool added;
	random_seed(&builder->random, 1);
	assert_int_equal(microbatch_add(m, builder, 0, 0, &f->sampling, &added, NULL), PITH_OK);
	assert_true(added);
}

#endif
