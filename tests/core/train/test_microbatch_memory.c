/*
 * Memory tokens of micro-batches: whose encoding a reader sees, where memory
 * tokens stand, and what is handed over as embeddings in place of rows.
 */
#define _XOPEN_SOURCE 700
#include "unit.h"

#include "support/microbatch_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_are_one_to_one),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_shared_encoding),
		cmocka_unit_test(test_given),
	};
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
