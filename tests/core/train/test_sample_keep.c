/*
 * Samples of words that are kept, read back from micro-batches: a text twice, and behind each byte of the second copy "+" or "-"
 * as its word stands in the short form or not; of a context, in those of all its questions, whichever line was drawn.
 */
#define _XOPEN_SOURCE 700
#include "unit.h"

#include <string.h>

#include "support/microbatch_fixture.h"

/* Of a micro-batch of one keep sample: the text as it was read, and a verdict or a space for each byte of it. */
struct kept {
	char text[400], verdicts[400];
};

static bool add(struct kept *kept, const struct fixture *f, const char *lines, size_t line, int max_tokens, uint64_t seed)
{
	struct task_data task = {.task = {.objective = PITH_OBJECTIVE_KEEP, .weight = 1, .max_tokens = max_tokens}};
	struct microbatch_builder builder = {.tasks = &task, .n_tasks = 1, .tokenizer = f->tokenizer, .n_positions = 1024};
	struct microbatch m = {0};
	bool added;
	assert_int_equal(jsonl_open(&task.file, scratch_write("kept.jsonl", lines, strlen(lines)), NULL), PITH_OK);
	random_seed(&builder.random, seed);
	assert_int_equal(microbatch_add(&m, &builder, 0, line, &f->sampling, &added, NULL), PITH_OK);
	if (added) {
		const struct batch *b = &m.reader.batch;
		size_t n = (b->n_tokens - 1) / 2;
		assert_int_equal(b->n_sequences, 1);
		assert_int_equal(b->n_tokens, 1 + 2 * n);
		assert_true(n < sizeof kept->text);
		assert_int_equal(b->ids[0], TINY_BOS);
		for (size_t i = 0; i < n; i++) {
			int32_t target = m.targets[1 + n + i];
			assert_int_equal(b->ids[1 + i], b->ids[1 + n + i]);
			assert_int_equal(m.targets[i], -1);
			assert_true(target == -1 || target == '+' || target == '-');
			assert_int_equal(m.objectives[1 + n + i], PITH_OBJECTIVE_KEEP);
			kept->text[i] = (char)b->ids[1 + i];
			kept->verdicts[i] = target < 0 ? ' ' : (char)target;
		}
		assert_int_equal(m.targets[n], -1);
		kept->text[n] = kept->verdicts[n] = '\0';
	}
	microbatch_free(&m);
	jsonl_close(task.file);
	return added;
}

static void test_short_forms(void **state)
{
	static const char lines[] = "{\"text\": \"The stone is red and the windows are green.\", \"target\": \"A red window.\"}\n"
				    "{\"text\": \"The stone is red and the windows are green.\", \"title\": \"Stones\"}\n"
				    "{\"text\": \"The stone is red and the windows are green.\", \"target\": \"Nothing of it.\"}\n"
				    "{\"text\": \"Short.\", \"target\": \"Short\"}\n"
				    "{\"text\": \"The stone is red.\"}\n{\"question\": \"What?\", \"target\": \"Stones\"}\n";
	static const char *const verdicts[] = {"--- ----- -- +++ --- --- +++++++ --- ------",
					       "--- +++++ -- --- --- --- ------- --- ------", NULL, NULL, NULL, NULL};
	for (size_t line = 0; line < sizeof verdicts / sizeof *verdicts; line++) {
		struct kept kept;
		assert_int_equal(add(&kept, *state, lines, line, 64, 1), verdicts[line] != NULL);
		if (verdicts[line] == NULL)
			continue;
		assert_string_equal(kept.text, "The stone is red and the windows are green.");
		assert_string_equal(kept.verdicts, verdicts[line]);
	}
}

static void test_questions(void **state)
{
	static const char lines[] =
		"{\"context\": \"Something else stands here.\", \"question\": \"Who stands?\", \"answers\": [\"nobody\"]}\n"
		"{\"context\": \"The stone is red, the house is blue.\", \"question\": \"Stone?\", \"answers\": [\"it is red\", \"reds\"]}\n"
		"{\"context\": \"The stone is red, the house is blue.\", \"question\": \"A house?\", \"answers\": []}\n"
		"{\"context\": \"The stone is red, the house is grey.\", \"question\": \"Grey?\", \"answers\": [\"house\"]}\n";
	static const char *const verdicts[] = {"--------- ---- ++++++ -----", "--- +++++ -- ++++ --- +++++ -- -----",
	                                       "--- +++++ -- ++++ --- +++++ -- -----", "--- ----- -- ---- --- +++++ -- +++++"};
	for (size_t line = 0; line < sizeof verdicts / sizeof *verdicts; line++) {
		struct kept kept;
		assert_true(add(&kept, *state, lines, line, 64, 1));
		assert_string_equal(kept.verdicts, verdicts[line]);
	}
}

/* Of a long text pieces are read, each of at most max_tokens; the labels are those of the same words. */
static void test_pieces(void **state)
{
	char lines[2000] = "{\"text\": \"";
	size_t n_inside = 0, n_kept = 0;
	for (int i = 0; i < 60; i++)
		strcat(lines, i % 3 == 0 ? "stones " : i % 3 == 1 ? "red " : "windows ");
	strcat(lines, "\", \"target\": \"red\"}\n");
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct kept kept;
		assert_true(add(&kept, *state, lines, 0, 30, seed));
		assert_true(strlen(kept.text) <= 30);
		n_inside += strncmp(kept.text, "stones red", 10) != 0;
		for (size_t i = 0; kept.text[i] != '\0'; i++)
			n_kept += kept.verdicts[i] == '+';
		for (const char *red = strstr(kept.text, "red "); red != NULL; red = strstr(red + 1, "red "))
			assert_memory_equal(kept.verdicts + (red - kept.text), "+++ ", 4);
	}
	assert_true(n_inside > 3 && n_inside < 17 && n_kept > 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_forms),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_pieces),
	};
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
