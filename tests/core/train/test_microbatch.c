/*
 * Micro-batches built from files, decoded again: positions, targets, weights;
 * the seed decides all of it.
 */
#define _XOPEN_SOURCE 700
#include "unit.h"

#include <math.h>
#include <string.h>

#include "support/microbatch_fixture.h"

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
		assert_true(n_seen[i] > 5 || i == PITH_OBJECTIVE_REWRITE || i == PITH_OBJECTIVE_KEEP);
	assert_true(n_split > 0);
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

/* Noise changes what the reader reads, never what it should say, and about as many tokens as it is told. */
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
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_hopeless_data),
		cmocka_unit_test(test_opening),
		cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_reader_noise),
	};
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
