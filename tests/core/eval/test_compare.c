/* Methods beside each other on a small random model: what every measure must be where it is known. */
#define _XOPEN_SOURCE 700
#include <math.h>
#include <stdlib.h>

#include "model/answer_entropy.h"
#include "eval/similarity.h"
#include "model/session.h"
#include "pith/evaluate.h"
#include "support/small_model.h"
#include "text/answer_prompt.h"

static struct pith_model *model;

static int setup(void **state)
{
	(void)state;
	if (scratch_setup(NULL) != 0)
		return -1;
	small_files("small", 5);
	model = small_open(scratch_path("small.gguf"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pith_model_close(model);
	return scratch_teardown(NULL);
}

/* --- similarity --------------------------------------------------------------------------------------------------------- */

/* Vectors in the plane: best cosines that can be worked out by hand. */
static void test_similarity_by_hand(void **state)
{
	(void)state;
	float reference[] = {1, 0, 0, 1, 0.6f, 0.8f}, candidate[] = {1, 0, 0.8f, 0.6f};
	struct token_vectors a = {3, 2, reference}, b = {2, 2, candidate}, none = {0, 2, NULL};
	struct pith_error err;
	double f;
	must(token_vectors_similarity(&f, &a, &b, &err), &err);
	double recall = (1 + 0.6 + 0.96) / 3, precision = (1 + 0.96) / 2;
	assert_true(fabs(f - 2 * precision * recall / (precision + recall)) < 1e-6);
	must(token_vectors_similarity(&f, &a, &a, &err), &err);
	assert_true(fabs(f - 1) < 1e-6);
	must(token_vectors_similarity(&f, &a, &none, &err), &err);
	assert_true(f == 0);
	must(token_vectors_similarity(&f, &none, &b, &err), &err);
	assert_true(f == 0);
}

/* One vector of length 1 for each token; more rows than are compared at once; a text longer than the context is cut. */
static void test_vectors(void **state)
{
	(void)state;
	struct pith_error err;
	struct buffer text = {0};
	struct random_state random;
	random_seed(&random, 3);
	small_text(&text, &random, 400);
	struct token_vectors whole, shorter, empty;
	must(token_vectors_read(&whole, model, text.data, text.length, NULL, &err), &err);
	must(token_vectors_read(&shorter, model, text.data, text.length / 3, NULL, &err), &err);
	must(token_vectors_read(&empty, model, "", 0, NULL, &err), &err);
	assert_int_equal(whole.n, SMALL_CONTEXT - 1);
	assert_int_equal(empty.n, 0);
	for (size_t i = 0; i < whole.n; i++) {
		double squares = 0;
		for (size_t j = 0; j < whole.n_embd; j++)
			squares += pow((double)whole.data[i * whole.n_embd + j], 2);
		assert_true(fabs(squares - 1) < 1e-5);
	}
	/* The first tokens are the same, and so is what the model has seen by then. */
	for (size_t i = 0; i + 1 < shorter.n; i++)
		assert_true(fabsf(whole.data[i * whole.n_embd] - shorter.data[i * whole.n_embd]) < 1e-4f);
	double same, part;
	must(token_vectors_similarity(&same, &whole, &whole, &err), &err);
	must(token_vectors_similarity(&part, &whole, &shorter, &err), &err);
	assert_true(fabs(same - 1) < 1e-5 && part < same && part > 0);
	token_vectors_free(&whole);
	token_vectors_free(&shorter);
	token_vectors_free(&empty);
	buffer_free(&text);
}

/* --- fidelity ----------------------------------------------------------------------------------------------------------- */

/* Against logits one by one: -ln softmax of each token of " answer" and the end, behind the prompt. */
static void test_cross_entropy(void **state)
{
	(void)state;
	static const char text[] = "The river was measured.", question[] = "What was measured?", answer[] = "the river";
	struct pith_error err;
	struct token_list ids = {0};
	struct session *session;
	must(answer_prompt_text(model->tokenizer, text, strlen(text), question, &ids, NULL, &err), &err);
	size_t n_prompt = ids.n;
	must(tokenizer_encode(model->tokenizer, " the river", 10, &ids, &err), &err);
	assert_true(token_list_append(&ids, tokenizer_eos(model->tokenizer)));
	must(session_create(&session, &model->transformer, model->pool, ids.n, &err), &err);
	struct session_input input = {.ids = ids.ids, .n = ids.n};
	must(session_read(session, &input, NULL, &err), &err);
	double expected = 0;
	size_t n_vocab = model->transformer.h.n_vocab;
	for (size_t i = n_prompt; i < ids.n; i++) {
		const float *logits = session_logits(session, i - 1);
		double sum = 0;
		for (size_t v = 0; v < n_vocab; v++)
			sum += exp((double)logits[v] - (double)logits[ids.ids[i]]);
		expected += log(sum) / (double)(ids.n - n_prompt);
	}
	double nats;
	must(answer_cross_entropy(&nats, model, text, strlen(text), question, answer, NULL, &err), &err);
	assert_true(fabs(nats - expected) < 1e-4);
	must(answer_cross_entropy(&nats, model, "", 0, question, answer, NULL, &err), &err);
	assert_true(isfinite(nats) && fabs(nats - expected) > 1e-3);
	struct buffer longer = {0};
	while (longer.length < 5000)
		assert_true(buffer_append_string(&longer, "a long river "));
	expect_failure(answer_cross_entropy(&nats, model, longer.data, longer.length, question, answer, NULL, &err),
	               PITH_TOO_LONG, &err, "the context of small is 512");
	buffer_free(&longer);
	session_destroy(session);
	token_list_free(&ids);
}

/* --- the comparison ----------------------------------------------------------------------------------------------------- */

static const char questions[] =
	"{\"context\": \"The tide was measured on Monday by two engineers of the harbour. It was not high.\", "
	"\"question\": \"When?\", \"answers\": [\"Monday\", \"on Monday\"]}\n"
	"{\"context\": \"The tide was measured on Monday by two engineers of the harbour. It was not high.\", "
	"\"question\": \"By whom?\", \"answers\": [\"two engineers\"]}\n"
	"{\"context\": \"However, the committee never approved the budget of 4711 for the turbine without delay.\", "
	"\"question\": \"Which budget?\", \"answers\": [\"4711\"]}\n";

static void aim(struct pith_compress_options *target, const char *method, double rate)
{
	pith_compress_options_init(target);
	target->method = pith_method_find(method);
	target->rate = rate;
}

static const struct pith_mean *value(const struct pith_compare_row *row, enum pith_measure m)
{
	assert_true(row->has[m]);
	assert_true(row->values[m].low <= row->values[m].mean && row->values[m].mean <= row->values[m].high);
	return &row->values[m];
}

/* Everything is kept at rate 1: all measures are those of the full text. Less is kept at others, to the token. */
static void test_questions(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_compress_options targets[4];
	aim(&targets[0], "selfinfo", 1);
	aim(&targets[1], "selfinfo", 0.4);
	aim(&targets[2], "500x", 0.2);
	aim(&targets[3], "icae", 0.2);
	struct pith_compare_options options = {
		.data_path = scratch_write("questions.jsonl", questions, strlen(questions)), .targets = targets, .n_targets = 4};
	struct pith_compare_report report;
	must(pith_compare(&report, model, &options, NULL, &err), &err);
	assert_int_equal(report.n, 3);
	assert_int_equal(report.n_rows, 5);
	assert_true(report.asks);
	const struct pith_compare_row *full = &report.rows[0], *all = &report.rows[1], *some = &report.rows[2];
	assert_null(full->target);
	assert_false(full->has[PITH_MEASURE_SECONDS] || full->has[PITH_MEASURE_BREAK_EVEN]);
	static const enum pith_measure same[] = {PITH_MEASURE_CR, PITH_MEASURE_F1, PITH_MEASURE_EM, PITH_MEASURE_SUB_EM,
	                                         PITH_MEASURE_ANSWER_ROUGE_L, PITH_MEASURE_ROUGE_L, PITH_MEASURE_FIDELITY};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		assert_true(fabs(value(all, same[i])->mean - value(full, same[i])->mean) < 1e-9);
	assert_true(fabs(value(all, PITH_MEASURE_SIMILARITY)->mean - 1) < 1e-5);
	assert_true(value(some, PITH_MEASURE_CR)->mean < 0.4 + 1e-9);
	assert_true(value(some, PITH_MEASURE_ABS_DELTA_CR)->mean == 0);
	assert_true(value(some, PITH_MEASURE_ROUGE_L)->mean < 1);
	for (size_t i = 1; i < 4; i++) {
		assert_int_equal(report.rows[i].failure.code, PITH_OK);
		assert_ptr_equal(report.rows[i].target, &targets[i - 1]);
		assert_true(value(&report.rows[i], PITH_MEASURE_OVER_BUDGET)->mean == 0);
		assert_true(value(&report.rows[i], PITH_MEASURE_SECONDS)->mean > 0);
		assert_true(report.rows[i].has[PITH_MEASURE_KEPT] && report.rows[i].has[PITH_MEASURE_BREAK_EVEN]);
	}
	/* No adapter: said, with file and line, and nothing measured. */
	assert_int_equal(report.rows[4].failure.code, PITH_UNSUPPORTED);
	assert_non_null(strstr(report.rows[4].failure.message, "questions.jsonl, line 1"));
	for (size_t m = 0; m < PITH_N_MEASURES; m++)
		assert_false(report.rows[4].has[m]);
	pith_compare_report_free(&report);
}

/* At the same target, and of other methods alone; what a failed method lacks is no difference. */
static void test_differences(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_compress_options targets[5];
	aim(&targets[0], "selfinfo", 0.4);
	aim(&targets[1], "500x", 0.4);
	aim(&targets[2], "500x", 0.2);
	aim(&targets[3], "icae", 0.4);
	aim(&targets[4], "llmlingua", 0.4);
	struct pith_compare_options options = {.data_path = scratch_write("questions.jsonl", questions, strlen(questions)),
	                                       .targets = targets, .n_targets = 5, .against = pith_method_find("selfinfo")};
	struct pith_compare_report report;
	must(pith_compare(&report, model, &options, NULL, &err), &err);
	const struct pith_compare_row *rows = report.rows, *compared[] = {&rows[2], &rows[5]};
	static const size_t alone[] = {0, 1, 3, 4};
	for (size_t i = 0; i < 4; i++)
		for (size_t m = 0; m < PITH_N_MEASURES; m++)
			assert_false(rows[alone[i]].has_difference[m]);
	for (size_t i = 0; i < 2; i++) {
		const struct pith_compare_row *row = compared[i];
		for (size_t m = 0; m < PITH_N_MEASURES; m++) {
			assert_int_equal(row->has_difference[m], row->has[m] && m != PITH_MEASURE_BREAK_EVEN);
			if (row->has_difference[m] &&
			    fabs(row->differences[m].mean - (row->values[m].mean - rows[1].values[m].mean)) > 1e-9)
				fail_msg("%s: %g is not %g less %g", pith_measures()[m].name, row->differences[m].mean,
				         row->values[m].mean, rows[1].values[m].mean);
		}
	}
	assert_true(rows[2].differences[PITH_MEASURE_SIMILARITY].mean != 0);
	pith_compare_report_free(&report);
}

/* Texts alone: what needs a question is left out. */
static void test_texts(void **state)
{
	(void)state;
	static const char lines[] = "{\"text\": \"The turbine was measured by the committee on Monday.\"}\n"
				    "{\"text\": \"Water and energy of the harbour, 12 of them.\"}\n"
				    "{\"text\": \"Electricity generation was not approved.\"}\n";
	struct pith_error err;
	struct pith_compress_options target;
	aim(&target, "selfinfo", 0.5);
	struct pith_compare_options options = {
		.data_path = scratch_write("texts.jsonl", lines, strlen(lines)), .targets = &target, .n_targets = 1, .limit = 2};
	struct pith_compare_report report;
	must(pith_compare(&report, model, &options, NULL, &err), &err);
	assert_int_equal(report.n, 2);
	assert_false(report.asks);
	for (size_t m = 0; m < PITH_N_MEASURES; m++)
		assert_int_equal(report.rows[1].has[m], pith_measures()[m].needs == PITH_NEEDS_TEXTS);
	pith_compare_report_free(&report);
}

/* Texts with what somebody made of them: how many of its words are left. A line without is left out. */
static void test_targets(void **state)
{
	(void)state;
	static const char lines[] =
		"{\"text\": \"The turbine was measured by the committee on Monday.\", \"target\": \"Measuring turbines, cheaply and Monday\"}\n"
		"{\"text\": \"Water and energy of the harbour, 12 of them.\", \"target\": \"harbours\"}\n"
		"{\"text\": \"Electricity generation was not approved.\"}\n";
	struct pith_error err;
	struct pith_compress_options target;
	aim(&target, "selfinfo", 1);
	struct pith_compare_options options = {
		.data_path = scratch_write("targets.jsonl", lines, strlen(lines)), .targets = &target, .n_targets = 1};
	struct pith_compare_report report;
	must(pith_compare(&report, model, &options, NULL, &err), &err);
	assert_int_equal(report.n, 2);
	assert_int_equal(report.n_left_out, 1);
	assert_non_null(strstr(report.left_out.message, "targets.jsonl, line 3: there is no \"target\""));
	for (size_t m = 0; m < PITH_N_MEASURES; m++)
		assert_int_equal(report.rows[1].has[m], pith_measures()[m].needs != PITH_NEEDS_QUESTIONS);
	/* Three of four stems and the only one; the rate of 1 keeps what the full text has. */
	for (size_t row = 0; row < 2; row++)
		assert_true(fabs(value(&report.rows[row], PITH_MEASURE_TARGET_WORDS)->mean - 0.875) < 1e-9);
	pith_compare_report_free(&report);
}

/* Lines that cannot be measured as they stand are left out, and counted; the first is told. */
static void test_left_out(void **state)
{
	(void)state;
	struct pith_error err;
	struct buffer lines = {0};
	struct pith_compress_options target;
	assert_true(buffer_append_string(&lines, questions) &&
	            buffer_append_string(&lines,
	                                 "{\"context\": \"\", \"question\": \"Why?\", \"answers\": [\"so\"]}\n{\"context\": \""));
	for (int i = 0; i < 600; i++)
		assert_true(buffer_append_string(&lines, "river "));
	assert_true(buffer_append_string(&lines, "\", \"question\": \"Why?\", \"answers\": [\"so\"]}\n"));
	aim(&target, "selfinfo", 0.5);
	struct pith_compare_options options = {
		.data_path = scratch_write("mixed.jsonl", lines.data, lines.length), .targets = &target, .n_targets = 1};
	struct pith_compare_report report;
	must(pith_compare(&report, model, &options, NULL, &err), &err);
	assert_int_equal(report.n, 3);
	assert_int_equal(report.n_left_out, 2);
	assert_non_null(strstr(report.left_out.message, "mixed.jsonl, line 4: there is no text"));
	assert_int_equal(report.rows[1].failure.code, PITH_OK);
	pith_compare_report_free(&report);
	buffer_free(&lines);
}

static void stop_after_one(void *user, const char *what, double done, double total)
{
	assert_string_equal(what, "comparing");
	assert_true(total == 3);
	if (done >= 1)
		atomic_store((atomic_bool *)user, true);
}

/* Lines without a text are left out and counted, the first of all and the last too; a text of another kind is a mistake. */
static void test_without_text(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_compress_options target;
	struct pith_compare_report report;
	aim(&target, "selfinfo", 0.5);
	struct pith_compare_options options = {.targets = &target, .n_targets = 1};
	static const char lines[] = "{\"text\": \"\"}\n{\"text\": \"Some words stand here.\"}\n{\"other\": 1}\n";
	options.data_path = scratch_write("holes.jsonl", lines, strlen(lines));
	must(pith_compare(&report, model, &options, NULL, &err), &err);
	assert_int_equal(report.n, 1);
	assert_int_equal(report.n_left_out, 2);
	pith_compare_report_free(&report);
}

static void test_failures(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_compress_options target;
	struct pith_compare_report report;
	aim(&target, "selfinfo", 0.5);
	struct pith_compare_options options = {.targets = &target, .n_targets = 1};
	static const char torn[] = "{\"text\": \"Some words stand here.\"}\n{\"text\": 3}\n", other[] = "{\"other\": 1}\n";
	options.data_path = scratch_write("torn.jsonl", torn, strlen(torn));
	expect_failure(pith_compare(&report, model, &options, NULL, &err), PITH_BAD_FILE, &err, "torn.jsonl, line 2");
	assert_int_equal(report.n, 1);
	pith_compare_report_free(&report);
	options.data_path = scratch_write("other.jsonl", other, strlen(other));
	expect_failure(pith_compare(&report, model, &options, NULL, &err), PITH_BAD_FILE, &err, "\"text\"");
	pith_compare_report_free(&report);
	options.data_path = "/nowhere/at all.jsonl";
	expect_failure(pith_compare(&report, model, &options, NULL, &err), PITH_IO, &err, "nowhere");
	pith_compare_report_free(&report);
	atomic_bool cancel = false;
	struct pith_control control = {.progress = stop_after_one, .user = &cancel, .cancel = &cancel};
	options.data_path = scratch_write("questions.jsonl", questions, strlen(questions));
	expect_failure(pith_compare(&report, model, &options, &control, &err), PITH_CANCELLED, &err, "after 1 of 3 lines");
	assert_int_equal(report.n, 1);
	pith_compare_report_free(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_similarity_by_hand),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_cross_entropy),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_without_text),
		cmocka_unit_test(test_failures),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
