/*
 * Micro-batches built from files, decoded again: positions, memory links,
 * targets, weights. The vocabulary is bytes, so a sample can be read here.
 */
#define _XOPEN_SOURCE 700
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"
#include "support/tiny.h"
#include "train/microbatch.h"

enum { N_MEMORY = 6, N_TASKS = 4, LENGTH = 40 };
static const double answer_weight = 3;

struct fixture {
	struct task_data tasks[N_TASKS];
	struct gguf *vocabulary;
	struct tokenizer *tokenizer;
	struct microbatch_builder builder;
	struct sampling sampling;
};

static void open_task(struct fixture *f, enum pith_objective objective, const char *name, bool has_questions)
{
	struct task_data *data = &f->tasks[f->builder.n_tasks++];
	data->task = (struct pith_task){.objective = objective, .weight = 1, .max_tokens = 64};
	data->task.loss_weight = objective == PITH_OBJECTIVE_ANSWER_FULL ? answer_weight : 0;
	data->has_questions = has_questions;
	assert_int_equal(jsonl_open(&data->file, scratch_path(name), NULL), PITH_OK);
}

static int setup(void **state)
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

static int teardown(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < N_TASKS; i++)
		jsonl_close(f->tasks[i].file);
	tokenizer_destroy(f->tokenizer);
	gguf_close(f->vocabulary);
	return scratch_teardown(NULL);
}

static void build(struct fixture *f, struct microbatch *m, uint64_t seed)
{
	struct pith_error err;
	random_seed(&f->builder.random, seed);
	microbatch_clear(m);
	if (microbatch_build(m, &f->builder, &f->sampling, &err) != PITH_OK)
		fail_msg("%s", err.message);
}

/* Sequences stand one after another, and so do their key and value rows. */
static void check_layout(const struct batch *b)
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
static size_t check_encoder_sequence(const struct batch *b, const struct sequence *s, size_t k)
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
static size_t check_links(const struct microbatch *m, size_t reader, struct buffer *documents, size_t *longest)
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

static void read_sequence(struct reading *r, const struct microbatch *m, size_t i)
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

static void reading_free(struct reading *r)
{
	buffer_free(&r->text);
	buffer_free(&r->documents);
}

static void check_regenerate(const struct reading *r)
{
	assert_int_equal(r->ids[0], TINY_BOS);
	assert_string_equal(r->text.data, r->documents.data);
	assert_int_equal(r->n_targets, r->n);
	assert_int_equal(r->targets[r->n - 1], TINY_EOS);
	assert_true(r->n - 1 <= LENGTH);
}

/* "stone" or "it" behind "Answer:"; how many tokens that is, the end included. */
static size_t answer_length(const struct reading *r)
{
	const char *answer = strstr(r->text.data, "\nAnswer:");
	assert_non_null(answer);
	assert_true(strcmp(answer, "\nAnswer: stone") == 0 || strcmp(answer, "\nAnswer: it") == 0);
	assert_int_equal(r->targets[r->n - 1], TINY_EOS);
	return strlen(answer) - strlen("\nAnswer:") + 1;
}

static void check_answer(const struct reading *r)
{
	assert_true(strncmp(r->text.data, "Question: What is ", 18) == 0); /* no BOS: that asks for regeneration */
	size_t n_answer = answer_length(r);
	assert_int_equal(r->n_targets, r->n); /* the question is language worth learning */
	for (size_t j = 0; j < r->n; j++)
		assert_int_equal(r->objectives[j], j + n_answer >= r->n ? PITH_OBJECTIVE_ANSWER : PITH_OBJECTIVE_LM);
}

/* The document and the question are learnt with weight one as plain text, the answer with its own. */
static void check_answer_full(const struct reading *r)
{
	size_t n_answer = answer_length(r);
	assert_int_equal(r->ids[0], TINY_BOS);
	for (size_t j = 0; j < r->n; j++) {
		bool answer = j + n_answer >= r->n, inside = j > 0 && !answer;
		assert_int_equal(r->targets[j] >= 0, answer || inside);
		assert_int_equal(r->objectives[j], answer ? PITH_OBJECTIVE_ANSWER_FULL : PITH_OBJECTIVE_LM);
		if (inside)
			assert_float_equal(r->weights[r->n - 1] / r->weights[j], (float)answer_weight, 1e-4f);
	}
}

static void test_samples(void **state)
{
	struct fixture *f = *state;
	struct microbatch m = {0};
	int n_seen[PITH_N_OBJECTIVES] = {0}, n_split = 0;
	for (uint64_t seed = 0; seed < 20; seed++) {
		build(f, &m, seed);
		check_layout(&m.reader.batch);
		check_layout(&m.encoder[0].batch);
		check_layout(&m.encoder[1].batch);
		assert_int_equal(m.encoder[0].batch.n_sequences + m.encoder[1].batch.n_sequences, m.n_links);
		for (size_t i = 0; i < m.reader.batch.n_sequences; i++) {
			struct reading r;
			read_sequence(&r, &m, i);
			int objective = r.objectives[r.n - 1];
			n_seen[objective]++;
			assert_int_equal(r.n_rows > 0, objective == PITH_OBJECTIVE_REGENERATE || objective == PITH_OBJECTIVE_ANSWER);
			if (objective == PITH_OBJECTIVE_REGENERATE)
				check_regenerate(&r);
			else if (objective == PITH_OBJECTIVE_ANSWER)
				check_answer(&r);
			else if (objective == PITH_OBJECTIVE_ANSWER_FULL)
				check_answer_full(&r);
			else
				assert_int_equal(r.ids[0], TINY_BOS);
			reading_free(&r);
		}
		for (size_t i = 1; i < m.n_links; i++)
			n_split += m.links[i].reader_sequence == m.links[i - 1].reader_sequence;
	}
	for (int i = 0; i < PITH_N_OBJECTIVES; i++)
		assert_true(n_seen[i] > 5 || i == PITH_OBJECTIVE_REWRITE);
	assert_true(n_split > 0);
	microbatch_free(&m);
}

/* Documents of a regeneration and of an answer go to the encoder of their purpose, once each. */
static void test_links_are_one_to_one(void **state)
{
	struct fixture *f = *state;
	struct microbatch m = {0};
	build(f, &m, 3);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		size_t expected = 0;
		for (size_t i = 0; i < m.n_links; i++) {
			const struct memory_link *link = &m.links[i];
			if ((int)link->purpose != p)
				continue;
			assert_int_equal(link->encoder_sequence, expected++);
			const struct sequence *s = &m.reader.batch.sequences[link->reader_sequence];
			int objective = m.objectives[s->first + s->n - 1];
			assert_int_equal(objective, p == PITH_REGENERATE ? PITH_OBJECTIVE_REGENERATE : PITH_OBJECTIVE_ANSWER);
		}
		assert_int_equal(expected, m.encoder[p].batch.n_sequences);
	}
	microbatch_free(&m);
}

static void test_weights(void **state)
{
	struct fixture *f = *state;
	struct microbatch m = {0};
	for (uint64_t seed = 0; seed < 5; seed++) {
		build(f, &m, seed);
		double sum = 0;
		size_t n = m.reader.batch.n_tokens, total = n + m.encoder[0].batch.n_tokens + m.encoder[1].batch.n_tokens;
		for (size_t i = 0; i < n; i++)
			sum += m.targets[i] >= 0 ? (double)m.weights[i] : 0;
		assert_true(fabs(sum - 1) < 1e-5);
		/* Full, and over by no more than a sample. */
		assert_true(total >= f->sampling.n_tokens && total < f->sampling.n_tokens + 300);
	}
	microbatch_free(&m);
}

static bool same(const struct microbatch *a, const struct microbatch *b)
{
	const struct pack *packs[][2] = {
		{&a->reader, &b->reader}, {&a->encoder[0], &b->encoder[0]}, {&a->encoder[1], &b->encoder[1]}};
	for (size_t i = 0; i < 3; i++) {
		const struct batch *x = &packs[i][0]->batch, *y = &packs[i][1]->batch;
		if (x->n_tokens != y->n_tokens || x->n_sequences != y->n_sequences || x->n_kv_rows != y->n_kv_rows ||
		    memcmp(x->ids, y->ids, x->n_tokens * sizeof *x->ids) != 0 ||
		    memcmp(x->positions, y->positions, x->n_tokens * sizeof *x->positions) != 0 ||
		    memcmp(x->sequences, y->sequences, x->n_sequences * sizeof *x->sequences) != 0)
			return false;
	}
	size_t n = a->reader.batch.n_tokens;
	return a->n_links == b->n_links && memcmp(a->targets, b->targets, n * sizeof *a->targets) == 0 &&
	       memcmp(a->weights, b->weights, n * sizeof *a->weights) == 0;
}

/* The seed decides all; what was built before decides nothing. */
static void test_seed(void **state)
{
	struct fixture *f = *state;
	struct microbatch a = {0}, b = {0};
	build(f, &a, 11);
	build(f, &b, 12);
	assert_false(same(&a, &b));
	build(f, &b, 11);
	assert_true(same(&a, &b));
	microbatch_free(&a);
	microbatch_free(&b);
}

/* Questions that a text makes of itself, no longer than the curriculum wants. */
static void check_cloze(struct fixture *f, double noise)
{
	struct microbatch m = {0};
	struct pith_error err;
	int n_added = 0, n_gaps = 0;
	struct sampling sampling = f->sampling;
	struct pith_task before = f->tasks[0].task;
	f->tasks[0].task.objective = PITH_OBJECTIVE_ANSWER;
	f->tasks[0].task.max_tokens = 200;
	sampling.length = 120;
	f->builder.cloze_noise = noise;
	for (size_t line = 0; line < jsonl_n_lines(f->tasks[0].file); line++) {
		bool added;
		random_seed(&f->builder.random, line);
		microbatch_clear(&m);
		assert_int_equal(microbatch_add(&m, &f->builder, 0, line, &sampling, &added, &err), PITH_OK);
		if (!added)
			continue;
		n_added++;
		struct reading r;
		read_sequence(&r, &m, 0);
		const char *gap = strstr(r.text.data, "____"), *answer = strstr(r.text.data, "\nAnswer: ");
		n_gaps += gap != NULL;
		assert_true(gap != NULL || (answer != NULL && answer[-1] == '?'));
		assert_non_null(answer);
		/* What was left out stands in the document. */
		assert_non_null(strstr(r.documents.data, answer + 9));
		assert_int_equal(r.n_targets, r.n);
		assert_true(r.documents.length <= 120);
		reading_free(&r);
	}
	f->tasks[0].task = before;
	assert_true(n_added >= 3);
	assert_int_equal(n_gaps, noise == 0 ? n_added : 0);
	microbatch_free(&m);
}

static void test_cloze(void **state)
{
	check_cloze(*state, 0);
	check_cloze(*state, 1);
}

/* A sample that needs a position more than the model has is left out: line by line the same as others, or not there. */
static void test_positions(void **state)
{
	struct fixture *f = *state;
	struct microbatch m = {0};
	int n_left_out = 0;
	for (size_t task = 0; task < N_TASKS; task++)
		for (size_t line = 0; line < 20; line++) {
			bool added, still_added;
			f->builder.n_positions = 1024;
			random_seed(&f->builder.random, line);
			microbatch_clear(&m);
			assert_int_equal(microbatch_add(&m, &f->builder, task, line, &f->sampling, &added, NULL), PITH_OK);
			int32_t top = 0;
			const struct pack *packs[] = {&m.reader, &m.encoder[0], &m.encoder[1]};
			for (size_t i = 0; added && i < 3; i++)
				for (size_t j = 0; j < packs[i]->batch.n_tokens; j++)
					top = packs[i]->batch.positions[j] > top ? packs[i]->batch.positions[j] : top;
			for (size_t n = (size_t)top; added && n <= (size_t)top + 1; n++) {
				f->builder.n_positions = n;
				random_seed(&f->builder.random, line);
				microbatch_clear(&m);
				assert_int_equal(microbatch_add(&m, &f->builder, task, line, &f->sampling, &still_added, NULL), PITH_OK);
				/* Several spans start anew at the slots and need less than the whole does. */
				assert_true(still_added == (n == (size_t)top + 1) || m.encoder[PITH_ANSWER].batch.n_sequences != 1);
				n_left_out += !still_added;
			}
		}
	f->builder.n_positions = 1024;
	assert_true(n_left_out > 20);
	microbatch_free(&m);
}

/* Data of which no line suits end the run with a sentence that names the file; so does damage. */
static void test_hopeless_data(void **state)
{
	struct fixture *f = *state;
	static const char *const contents[] = {
		"{\"text\": \"hi\"}\n{\"text\": \"\"}\n",
		"{\"other\": 1}\n",
		"{\"text\": \"never closed\n",
	};
	for (size_t i = 0; i < 3; i++) {
		struct task_data bad = {.task = {.objective = PITH_OBJECTIVE_REGENERATE, .weight = 1, .max_tokens = 64}};
		struct microbatch_builder builder = {.tasks = &bad, .n_tasks = 1, .tokenizer = f->tokenizer, .n_positions = 64};
		struct microbatch m = {0};
		struct pith_error err = {0};
		bad.task.path = scratch_write("bad.jsonl", contents[i], strlen(contents[i]));
		assert_int_equal(jsonl_open(&bad.file, bad.task.path, &err), PITH_OK);
		random_seed(&builder.random, 1);
		assert_int_equal(microbatch_build(&m, &builder, &f->sampling, &err), PITH_BAD_FILE);
		assert_non_null(strstr(err.message, "bad.jsonl"));
		jsonl_close(bad.file);
		microbatch_free(&m);
	}
}

/* A task of three lines, the first two with one context. */
static struct microbatch_builder shared_questions(const struct fixture *f, struct task_data *task)
{
	static const char lines[] =
		"{\"context\": \"The stone is red and the window is green.\", \"question\": \"Stone?\", \"answers\": [\"red\"]}\n"
		"{\"context\": \"The stone is red and the window is green.\", \"question\": \"Window?\", \"answers\": [\"green\"]}\n"
		"{\"context\": \"Something else stands here now.\", \"question\": \"What?\", \"answers\": [\"else\"]}\n";
	*task = (struct task_data){.task = {.objective = PITH_OBJECTIVE_ANSWER, .weight = 1, .max_tokens = 64}, .has_questions = true};
	assert_int_equal(jsonl_open(&task->file, scratch_write("shared.jsonl", lines, strlen(lines)), NULL), PITH_OK);
	return (struct microbatch_builder){.tasks = task, .n_tasks = 1, .tokenizer = f->tokenizer, .n_positions = 1024};
}

static void add_shared(struct microbatch *m, struct microbatch_builder *builder, const struct fixture *f)
{
	bool added;
	random_seed(&builder->random, 1);
	assert_int_equal(microbatch_add(m, builder, 0, 0, &f->sampling, &added, NULL), PITH_OK);
	assert_true(added);
}

/* A malformed line ends the run, or is left out and named, also where it would have been a further question. */
static void test_skipping(void **state)
{
	struct fixture *f = *state;
	static const char lines[] = "{\"context\": \"The stone is red.\", \"question\": \"Stone?\", \"answers\": [\"red\"]}\n"
				    "{\"context\": \"The stone is red.\", \"question\n";
	for (int first = 0; first < 2; first++) {
		struct task_data task = {.task = {.objective = PITH_OBJECTIVE_ANSWER_FULL, .weight = 1, .max_tokens = 64}, .has_questions = true};
		struct microbatch_builder builder = {.tasks = &task, .n_tasks = 1, .tokenizer = f->tokenizer, .n_positions = 1024};
		struct microbatch m = {0};
		struct pith_error err = {0};
		bool added;
		assert_int_equal(jsonl_open(&task.file, scratch_write("torn.jsonl", lines, strlen(lines)), NULL), PITH_OK);
		random_seed(&builder.random, 1);
		assert_int_equal(microbatch_add(&m, &builder, 0, (size_t)first, &f->sampling, &added, &err), PITH_BAD_FILE);
		assert_non_null(strstr(err.message, "torn.jsonl, line 2"));
		microbatch_clear(&m);
		builder.skip_malformed = true;
		err = (struct pith_error){0};
		assert_int_equal(microbatch_add(&m, &builder, 0, (size_t)first, &f->sampling, &added, &err), PITH_OK);
		assert_int_equal(added, first == 0);
		assert_int_equal(m.reader.batch.n_sequences, first == 0 ? 1 : 0);
		assert_int_equal(err.code, PITH_OK);
		assert_int_equal(builder.skipped.code, PITH_BAD_FILE);
		assert_non_null(strstr(builder.skipped.message, "torn.jsonl, line 2"));
		jsonl_close(task.file);
		microbatch_free(&m);
	}
}

/* Slots: the first memory token at 1, the next at 2, behind a document as it always stands. */
static void test_slots(void **state)
{
	struct fixture *f = *state;
	struct task_data task;
	struct microbatch_builder builder = shared_questions(f, &task);
	struct microbatch spread = {0}, m = {0};
	add_shared(&spread, &builder, f);
	builder.memory_slots = true;
	add_shared(&m, &builder, f);
	const struct batch *b = &m.encoder[PITH_ANSWER].batch;
	assert_int_equal(b->n_tokens, spread.encoder[PITH_ANSWER].batch.n_tokens);
	assert_memory_equal(b->ids, spread.encoder[PITH_ANSWER].batch.ids, b->n_tokens * sizeof *b->ids);
	size_t n_memory = 0;
	for (size_t s = 0; s < b->n_sequences; s++)
		for (size_t i = 0; i < b->sequences[s].n; i++) {
			int32_t id = b->ids[b->sequences[s].first + i], position = b->positions[b->sequences[s].first + i];
			assert_int_equal(position, id < 0 ? -id : (int32_t)i);
			n_memory += id < 0;
		}
	assert_true(n_memory > 0);
	jsonl_close(task.file);
	microbatch_free(&spread);
	microbatch_free(&m);
}

/* Lines that share a context share one encoding: every reader sees its rows, and asks its own question. */
static void test_shared_encoding(void **state)
{
	struct fixture *f = *state;
	struct task_data task;
	struct microbatch_builder builder = shared_questions(f, &task);
	struct microbatch m = {0};
	add_shared(&m, &builder, f);
	size_t n_spans = m.encoder[PITH_ANSWER].batch.n_sequences;
	assert_int_equal(m.reader.batch.n_sequences, 2);
	assert_int_equal(m.n_links, 2 * n_spans);
	for (size_t i = 0; i < m.n_links; i++) {
		assert_int_equal(m.links[i].reader_sequence, i / n_spans);
		assert_int_equal(m.links[i].encoder_sequence, i % n_spans);
		assert_int_equal(m.links[i].k, m.links[i % n_spans].k);
	}
	const struct sequence *readers = m.reader.batch.sequences;
	assert_int_equal(readers[0].n_past, readers[1].n_past);
	/* Byte tokens: "Question: S..." and "Question: W...". */
	assert_int_equal(m.reader.batch.ids[readers[0].first + 10], 'S');
	assert_int_equal(m.reader.batch.ids[readers[1].first + 10], 'W');
	assert_int_equal(m.targets[readers[1].first + readers[1].n - 1], TINY_EOS);
	jsonl_close(task.file);
	microbatch_free(&m);
}

/* From the full text: the document is read once, and every further question goes on from its end. */
static void test_shared_document(void **state)
{
	struct fixture *f = *state;
	static const char context[] = "The stone is red and the window is green.";
	static const char lines[] =
		"{\"context\": \"Something else stands here now.\", \"question\": \"What?\", \"answers\": [\"else\"]}\n"
		"{\"context\": \"The stone is red and the window is green.\", \"question\": \"Stone?\", \"answers\": [\"red\"]}\n"
		"{\"context\": \"The stone is red and the window is green.\", \"question\": \"Window?\", \"answers\": [\"green\"]}\n";
	struct task_data task = {.task = {.objective = PITH_OBJECTIVE_ANSWER_FULL, .weight = 1, .max_tokens = 64}, .has_questions = true};
	struct microbatch_builder builder = {.tasks = &task, .n_tasks = 1, .tokenizer = f->tokenizer, .n_positions = 1024};
	struct microbatch m = {0};
	bool added;
	assert_int_equal(jsonl_open(&task.file, scratch_write("shared.jsonl", lines, strlen(lines)), NULL), PITH_OK);
	random_seed(&builder.random, 1);
	/* The last line: its further question stands before it. */
	assert_int_equal(microbatch_add(&m, &builder, 0, 2, &f->sampling, &added, NULL), PITH_OK);
	assert_true(added);
	assert_int_equal(m.reader.batch.n_sequences, 2);
	assert_int_equal(m.n_links, 0);
	const struct sequence *whole = &m.reader.batch.sequences[0], *further = &m.reader.batch.sequences[1];
	const int32_t *ids = m.reader.batch.ids, *positions = m.reader.batch.positions;
	size_t n = 1 + strlen(context); /* BOS and byte tokens */
	assert_int_equal(further->n_past, n);
	assert_int_equal(further->n_shared, n);
	assert_int_equal(further->shared_with, 0);
	assert_int_equal(positions[further->first], n);
	assert_memory_equal(ids + whole->first + n, ids + further->first, 10 * sizeof *ids); /* "Question: " */
	assert_int_equal(ids[whole->first + n + 10], 'W');
	assert_int_equal(ids[further->first + 10], 'S');
	/* " red" and EOS are asked for behind "Answer:", and the question itself. */
	const int32_t *targets = m.targets + further->first;
	assert_int_equal(targets[further->n - 1], TINY_EOS);
	assert_int_equal(targets[further->n - 2], 'd');
	for (size_t i = 0; i + 1 < further->n; i++)
		assert_int_equal(targets[i], ids[further->first + i + 1]);
	assert_int_equal(m.objectives[further->first + further->n - 5], PITH_OBJECTIVE_ANSWER_FULL);
	assert_int_equal(m.objectives[further->first + further->n - 6], PITH_OBJECTIVE_LM);
	for (size_t i = 1; i + 1 < whole->n; i++) /* the first word follows from nothing */
		assert_int_equal(m.targets[whole->first + i], ids[whole->first + i + 1]);

	/* A document that is to be skipped takes its own targets away, no others. */
	struct microbatch skipping = {0};
	task.task.skip_document = true;
	random_seed(&builder.random, 1);
	assert_int_equal(microbatch_add(&skipping, &builder, 0, 2, &f->sampling, &added, NULL), PITH_OK);
	assert_int_equal(skipping.reader.batch.n_tokens, m.reader.batch.n_tokens);
	for (size_t i = 0; i < m.reader.batch.n_tokens; i++)
		assert_int_equal(skipping.targets[i], i + 1 < n ? -1 : m.targets[i]);
	microbatch_free(&skipping);
	jsonl_close(task.file);
	microbatch_free(&m);
}

/* Noise changes what the reader reads, never what it should say, and about as many tokens as it is told. */
/*
 * Memory tokens that are handed over as embeddings: the reader begins with them, where they stood in the encoder; further
 * questions share their rows.
 */
static void test_given(void **state)
{
	struct fixture *f = *state;
	struct microbatch m = {0};
	size_t n_given = 0, n_sharing = 0;
	f->builder.memory = PITH_MEMORY_EMBEDDINGS;
	build(f, &m, 5);
	struct task_data task;
	struct microbatch_builder builder = shared_questions(f, &task);
	builder.memory = PITH_MEMORY_EMBEDDINGS;
	add_shared(&m, &builder, f);
	f->builder.memory = PITH_MEMORY_ROWS;
	const struct batch *b = &m.reader.batch;
	check_layout(b);
	for (size_t i = 0; i < m.n_links; i++) {
		const struct memory_link *link = &m.links[i];
		const struct batch *from = &m.encoder[link->purpose].batch;
		const struct sequence *encoder = &from->sequences[link->encoder_sequence];
		const struct sequence *reader = &b->sequences[link->reader_sequence];
		assert_int_equal(reader->n_past, 0);
		for (size_t j = 0; j < link->k; j++) {
			size_t row = reader->first + link->offset + j;
			assert_int_equal(b->ids[row], -1 - (int)n_given++);
			assert_int_equal(b->positions[row], from->positions[encoder->first + encoder->n - link->k + j]);
			assert_int_equal(m.targets[row], -1);
		}
	}
	assert_int_equal(n_given, m.n_given);
	assert_true(n_given > 10);
	for (size_t i = 0; i < b->n_sequences; i++) {
		const struct sequence *s = &b->sequences[i];
		assert_int_equal(s->n_past, s->n_shared); /* nothing is copied from an encoder */
		if (s->n_shared == 0)
			continue;
		const struct sequence *owner = &b->sequences[s->shared_with];
		bool memory = b->ids[owner->first] < 0;
		n_sharing += memory;
		/* All of its memory tokens, and nothing else of it. */
		for (size_t j = 0; memory && j <= s->n_shared; j++)
			assert_int_equal(b->ids[owner->first + j] < 0, j < s->n_shared);
		if (memory)
			assert_int_equal(b->positions[s->first], b->positions[owner->first + s->n_shared]);
	}
	assert_int_equal(n_sharing, 1);
	jsonl_close(task.file);
	microbatch_free(&m);
}

/* The first tokens of a regenerated text count more, those of other objectives do not; memory tokens before them are no part of it. */
static void test_opening(void **state)
{
	struct fixture *f = *state;
	static const double expected[] = {9, 7, 5, 3, 1, 1};
	for (int memory = 0; memory < PITH_N_MEMORIES; memory++) {
		struct microbatch m = {0};
		bool added;
		struct microbatch_builder builder = f->builder;
		builder.memory = (enum pith_memory)memory;
		builder.opening_tokens = 4;
		builder.opening_weight = 9;
		random_seed(&builder.random, 3);
		assert_int_equal(microbatch_add(&m, &builder, 1, 0, &f->sampling, &added, NULL), PITH_OK);
		assert_true(added);
		size_t text = memory == PITH_MEMORY_EMBEDDINGS ? m.n_given : 0;
		for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
			assert_true((double)m.weights[text + i] == expected[i]);
		size_t first = m.reader.batch.n_tokens;
		assert_int_equal(microbatch_add(&m, &builder, 0, 1, &f->sampling, &added, NULL), PITH_OK);
		for (size_t i = first; i < m.reader.batch.n_tokens; i++)
			assert_true(m.weights[i] == 1);
		microbatch_free(&m);
	}
}

/* A text, the length that its target has in tokens, the target, which alone is learned; titles are targets too. */
static void test_rewrite(void **state)
{
	struct fixture *f = *state;
	static const char lines[] = "{\"text\": \"The stone is red and the window is green.\", \"target\": \"Red stone.\"}\n"
				    "{\"text\": \"The stone is red and the window is green.\", \"title\": \"Colours\"}\n"
				    "{\"text\": \"Short.\", \"target\": \"It is longer than what it stands for, by far, it is.\"}\n"
				    "{\"text\": \"No target at all.\"}\n"
				    "{\"text\": \"The stone is red and the window is green.\", \"target\": \"\"}\n";
	static const char *const expected[] = {"The stone is red and the window is green.\nIn 11 tokens: Red stone.",
	                                       "The stone is red and the window is green.\nIn 8 tokens: Colours", NULL, NULL, NULL};
	struct task_data task = {.task = {.objective = PITH_OBJECTIVE_REWRITE, .weight = 1, .max_tokens = 60}};
	struct microbatch_builder builder = {.tasks = &task, .n_tasks = 1, .tokenizer = f->tokenizer, .n_positions = 1024};
	assert_int_equal(jsonl_open(&task.file, scratch_write("pairs.jsonl", lines, strlen(lines)), NULL), PITH_OK);
	random_seed(&builder.random, 1);
	for (size_t line = 0; line < 5; line++) {
		struct microbatch m = {0};
		bool added;
		assert_int_equal(microbatch_add(&m, &builder, 0, line, &f->sampling, &added, NULL), PITH_OK);
		assert_int_equal(added, expected[line] != NULL);
		if (added) {
			struct reading r;
			read_sequence(&r, &m, 0);
			assert_string_equal(r.text.data, expected[line]);
			size_t n_target = strlen(strstr(expected[line], "tokens:") + 7) + 1; /* and the end */
			assert_int_equal(r.n_targets, n_target);
			assert_int_equal(r.first_target, r.n - n_target);
			assert_int_equal(r.objectives[r.n - 1], PITH_OBJECTIVE_REWRITE);
			reading_free(&r);
		}
		microbatch_free(&m);
	}
	/* A text that would have to be cut no longer is what the target was made of. */
	struct microbatch m = {0};
	bool added;
	task.task.max_tokens = 40;
	assert_int_equal(microbatch_add(&m, &builder, 0, 0, &f->sampling, &added, NULL), PITH_OK);
	assert_false(added);
	microbatch_free(&m);
	jsonl_close(task.file);
}

/* The teacher reads what the encoders read, then the same questions, and is asked wherever the reader has to answer. */
static void test_teacher(void **state)
{
	struct fixture *f = *state;
	struct microbatch plain = {0}, m = {0};
	size_t n_asked = 0;
	for (uint64_t round = 0; round < 40; round++) {
		bool added;
		microbatch_clear(&plain);
		microbatch_clear(&m);
		for (size_t task = 1; task < N_TASKS; task++) {
			struct microbatch_builder builder = f->builder;
			struct sampling sampling = f->sampling;
			random_seed(&builder.random, round);
			assert_int_equal(microbatch_add(&plain, &builder, task, round % 20, &sampling, &added, NULL), PITH_OK);
			sampling.distillation = 0.5;
			random_seed(&builder.random, round);
			assert_int_equal(microbatch_add(&m, &builder, task, round % 20, &sampling, &added, NULL), PITH_OK);
		}
		const struct batch *reader = &m.reader.batch, *teacher = &m.teacher.batch, *encoder = &m.encoder[PITH_ANSWER].batch;
		assert_int_equal(plain.teacher.batch.n_tokens, 0);
		assert_int_equal(plain.reader.batch.n_tokens, reader->n_tokens);
		assert_memory_equal(plain.reader.batch.ids, reader->ids, reader->n_tokens * sizeof *reader->ids);
		assert_true(m.distillation == 0.5);
		check_layout(teacher);
		for (size_t i = 0; i < reader->n_tokens; i++) {
			assert_int_equal(plain.teacher_rows[i], -1);
			assert_int_equal(m.teacher_rows[i] >= 0, m.objectives[i] == PITH_OBJECTIVE_ANSWER);
			if (m.teacher_rows[i] >= 0)
				assert_int_equal(teacher->ids[m.teacher_rows[i]], reader->ids[i]);
			n_asked += m.teacher_rows[i] >= 0;
		}
		/* The first sequence begins with the document, as the encoders' one, or several in a row, have it. */
		size_t at = 1;
		assert_int_equal(teacher->ids[0], TINY_BOS);
		for (size_t s = 0; s < encoder->n_sequences; s++)
			for (size_t i = 1; i < encoder->sequences[s].n; i++)
				if (encoder->ids[encoder->sequences[s].first + i] >= 0)
					assert_int_equal(teacher->ids[at++], encoder->ids[encoder->sequences[s].first + i]);
	}
	assert_true(n_asked > 40);
	/* Two questions about one text: it is read once. */
	struct task_data task;
	struct microbatch_builder builder = shared_questions(f, &task);
	f->sampling.distillation = 0.5;
	microbatch_clear(&m);
	add_shared(&m, &builder, f);
	f->sampling.distillation = 0;
	const struct sequence *first = &m.teacher.batch.sequences[0], *second = &m.teacher.batch.sequences[1];
	size_t n_text = first->n - m.reader.batch.sequences[0].n;
	assert_int_equal(m.teacher.batch.n_sequences, 2);
	assert_true(first->n_past == 0 && first->n_shared == 0);
	assert_true(second->n_past == n_text && second->n_shared == n_text && second->shared_with == 0);
	assert_int_equal(second->n, m.reader.batch.sequences[1].n);
	assert_int_equal(m.teacher.batch.positions[second->first], n_text);
	check_layout(&m.teacher.batch);
	/* Where the encoders have several spans side by side, the teacher has one text: it too has to fit. */
	struct sampling sampling = f->sampling;
	sampling.distillation = 0.5;
	sampling.k_ratio_min = sampling.k_ratio_max = 1;
	for (size_t n_positions = 4; n_positions < 200; n_positions++) {
		builder.n_positions = n_positions;
		for (uint64_t seed = 0; seed < 20; seed++) {
			bool added;
			microbatch_clear(&m);
			random_seed(&builder.random, seed);
			assert_int_equal(microbatch_add(&m, &builder, 0, 0, &sampling, &added, NULL), PITH_OK);
			for (size_t i = 0; i < m.teacher.batch.n_tokens; i++)
				assert_in_range(m.teacher.batch.positions[i], 0, n_positions - 1);
		}
	}
	jsonl_close(task.file);
	microbatch_free(&plain);
	microbatch_free(&m);
}

/* Some tokens of a question's own words are wrong; the document, what stands around them, the answer and all targets are right. */
static void test_question_noise(void **state)
{
	struct fixture *f = *state;
	enum { ROUNDS = 300 };
	size_t n_changed = 0, n_all = 0;
	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct microbatch clean = {0}, noisy = {0};
		bool added;
		for (int task = 2; task <= 3; task++) {
			struct microbatch_builder builder = f->builder;
			struct sampling sampling = f->sampling;
			random_seed(&builder.random, round);
			assert_int_equal(microbatch_add(&clean, &builder, (size_t)task, round % 20, &sampling, &added, NULL), PITH_OK);
			sampling.question_noise = 0.3;
			random_seed(&builder.random, round);
			assert_int_equal(microbatch_add(&noisy, &builder, (size_t)task, round % 20, &sampling, &added, NULL), PITH_OK);
		}
		/* The first sequence of each; what is drawn behind it differs. */
		const struct sequence *a = &clean.reader.batch.sequences[0], *b = &noisy.reader.batch.sequences[0];
		assert_int_equal(a->n, b->n);
		assert_memory_equal(clean.targets, noisy.targets, a->n * sizeof *clean.targets);
		size_t answer = 0, question = 0; /* where "Question:" begins, a line feed before it */
		while (clean.objectives[answer] == PITH_OBJECTIVE_LM)
			answer++;
		for (size_t i = 0; i + 9 < answer; i++)
			if (clean.reader.batch.ids[i] == 'Q' && clean.reader.batch.ids[i + 8] == ':')
				question = i;
		for (size_t i = 0; i < a->n; i++) {
			bool same = clean.reader.batch.ids[i] == noisy.reader.batch.ids[i];
			/* From behind "Question: " up to "\nAnswer:", where "answer" is the colon. */
			assert_true(same || (i >= question + 10 && i + 7 < answer));
			n_changed += !same;
		}
		n_all += answer - 7 - (question + 10);
		microbatch_free(&clean);
		microbatch_free(&noisy);
	}
	double share = (double)n_changed / (double)n_all;
	assert_true(share > 0.2 && share < 0.32);
}

/*
 * A question is asked of the sentences near it alone, and of those that hold its answer; two questions about one text then
 * read it separately. Renamed, text and answer change together.
 */
static void test_evidence(void **state)
{
	struct fixture *f = *state;
#define CONTEXT "A mill is old. Anna keeps 25 books. It was cold in March. Nobody came."
	static const char lines[] = "{\"context\": \"" CONTEXT "\", \"question\": \"Is the mill old?\", \"answers\": [\"Anna\"]}\n"
				    "{\"context\": \"" CONTEXT "\", \"question\": \"How cold was it?\", \"answers\": [\"cold\"]}\n"
				    "{\"context\": \"Berta sold the 77 ships.\", \"question\": \"Who did?\", \"answers\": [\"Berta\"]}\n";
	struct task_data task = {.task = f->tasks[2].task, .has_questions = true};
	task.task.max_tokens = 100;
	assert_int_equal(jsonl_open(&task.file, scratch_write("evidence.jsonl", lines, strlen(lines)), NULL), PITH_OK);
	struct microbatch_builder builder = f->builder;
	builder.tasks = &task;
	builder.n_tasks = 1;
	struct sampling sampling = f->sampling;
	sampling.evidence_least = sampling.evidence_most = 40;
	size_t n_renamed = 0;
	for (uint64_t round = 0; round < 60; round++) {
		struct microbatch m = {0};
		struct reading first, second;
		bool added;
		random_seed(&builder.random, round);
		sampling.renamed = round < 30 ? 0 : 1;
		assert_int_equal(microbatch_add(&m, &builder, 0, 0, &sampling, &added, NULL), PITH_OK);
		assert_true(added);
		assert_int_equal(microbatch_add(&m, &builder, 0, 1, &sampling, &added, NULL), PITH_OK);
		assert_true(added);
		assert_int_equal(m.reader.batch.n_sequences, 2);
		assert_int_equal(m.reader.batch.sequences[1].n_shared, 0);
		read_sequence(&first, &m, 0);
		read_sequence(&second, &m, 1);
		if (round < 30) {
			/* The question's own words point to the mill; the answer stands elsewhere, and there it is read. */
			assert_string_equal(first.text.data, "A mill is old. Anna keeps 25 books.Question: Is the mill old?\nAnswer: Anna");
			assert_non_null(strstr(second.text.data, "It was cold in March."));
			assert_null(strstr(second.text.data, "books"));
		} else if (strstr(first.text.data, "Answer: Berta") != NULL) {
			assert_non_null(strstr(first.text.data, "Berta keeps"));
			assert_null(strstr(first.text.data, "Anna"));
			n_renamed++;
		} else {
			assert_non_null(strstr(first.text.data, "Anna keeps"));
		}
		reading_free(&first);
		reading_free(&second);
		microbatch_free(&m);
	}
	assert_true(n_renamed >= 10);
	jsonl_close(task.file);
#undef CONTEXT
}

static void test_reader_noise(void **state)
{
	struct fixture *f = *state;
	enum { ROUNDS = 400 };
	size_t n_changed = 0, n_all = 0;
	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct microbatch m = {0};
		bool added;
		f->sampling.reader_noise = 0.15;
		random_seed(&f->builder.random, round);
		assert_int_equal(microbatch_add(&m, &f->builder, 1, round % 40, &f->sampling, &added, NULL), PITH_OK);
		const struct batch *encoder = &m.encoder[PITH_REGENERATE].batch, *reader = &m.reader.batch;
		for (size_t i = 0; added && i < reader->n_tokens; i++) {
			assert_int_equal(m.targets[i], i + 1 < reader->n_tokens ? encoder->ids[i + 1] : TINY_EOS);
			n_changed += reader->ids[i] != encoder->ids[i];
			n_all++;
		}
		microbatch_free(&m);
	}
	f->sampling.reader_noise = 0;
	double share = (double)n_changed / (double)n_all;
	/* Some wrong tokens are the right ones by chance, and texts of a few dozen tokens cut runs short. */
	assert_true(share > 0.08 && share < 0.17);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples), cmocka_unit_test(test_links_are_one_to_one), cmocka_unit_test(test_weights),
		cmocka_unit_test(test_seed),    cmocka_unit_test(test_cloze),                cmocka_unit_test(test_hopeless_data),
		cmocka_unit_test(test_positions), cmocka_unit_test(test_shared_encoding),
		cmocka_unit_test(test_shared_document),
		cmocka_unit_test(test_evidence), cmocka_unit_test(test_reader_noise), cmocka_unit_test(test_question_noise), cmocka_unit_test(test_teacher), cmocka_unit_test(test_slots), cmocka_unit_test(test_opening), cmocka_unit_test(test_rewrite), cmocka_unit_test(test_skipping), cmocka_unit_test(test_given),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
