/*
 * Questions in micro-batches: those that a text asks of itself, several about
 * one text, what of it they are asked of, and what a teacher reads of them.
 */
#define _XOPEN_SOURCE 700
#include "unit.h"

#include <string.h>

#include "support/microbatch_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cloze),
		cmocka_unit_test(test_skipping),
		cmocka_unit_test(test_shared_document),
		cmocka_unit_test(test_teacher),
		cmocka_unit_test(test_question_noise),
		cmocka_unit_test(test_evidence),
	};
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
