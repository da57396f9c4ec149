/* The log of a training run, read whole and while it grows, and what is refused. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scratch.h"
#include "training/training_log.h"
#include "unit.h"

static const char first_line[] =
	"{\"step\":20,\"n_steps\":100,\"tokens\":85219,\"loss\":8.66657,\"loss_lm\":8.84351,\"loss_regenerate\":8.66823,\"length\":24,"
	"\"learning_rate\":0.0002,\"gradient_norm\":2.17953,\"tokens_per_second\":3729.71}\n";
static const char second_line[] =
	"{\"step\":40,\"n_steps\":100,\"tokens\":165219,\"loss\":7.5,\"loss_lm\":7.9,\"eval_loss_lm\":7.7,\"eval_accuracy_lm\":0.125,"
	"\"length\":24,\"learning_rate\":0.0004,\"tokens_per_second\":4000}\n";
static const char third_line[] =
	"{\"step\":60,\"n_steps\":100,\"tokens\":245219,\"loss\":6.5,\"loss_lm\":6.9,\"tokens_per_second\":2000}\n";

static void append(const char *path, const char *text)
{
	FILE *file = fopen(path, "a");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void open_log(struct training_log *log, const char *path)
{
	assert_int_equal(training_log_open(log, path, NULL), PITH_OK);
}

static void read_log(struct training_log *log, bool final)
{
	struct pith_error err = {0};
	if (training_log_read(log, final, &err) != PITH_OK)
		fail_msg("%s", err.message);
}

static void assert_near(double value, double expected)
{
	if (!(fabs(value - expected) <= 1e-9 * fmax(1, fabs(expected))))
		fail_msg("%.12g is not %.12g", value, expected);
}

static void values(void **state)
{
	(void)state;
	struct training_log log;
	const char *path = scratch_write("values.jsonl", first_line, strlen(first_line));
	append(path, second_line);
	open_log(&log, path);
	read_log(&log, true);
	assert_int_equal(log.n, 2);
	const struct training_point *p = &log.points[0];
	assert_int_equal(p->step, 20);
	assert_int_equal(p->n_steps, 100);
	assert_near(p->tokens, 85219);
	assert_near(p->loss, 8.66657);
	assert_near(p->learning_rate, 0.0002);
	assert_near(p->tokens_per_second, 3729.71);
	assert_near(p->length, 24);
	assert_near(p->objective_loss[PITH_OBJECTIVE_LM], 8.84351);
	assert_near(p->objective_loss[PITH_OBJECTIVE_REGENERATE], 8.66823);
	/* "loss_answer" begins like "loss_answer_full": neither is there. */
	assert_true(isnan(p->objective_loss[PITH_OBJECTIVE_ANSWER]) && isnan(p->objective_loss[PITH_OBJECTIVE_ANSWER_FULL]));
	assert_true(isnan(p->eval_loss[PITH_OBJECTIVE_LM]));
	assert_near(log.points[1].eval_loss[PITH_OBJECTIVE_LM], 7.7);
	assert_near(log.points[1].eval_accuracy[PITH_OBJECTIVE_LM], 0.125);
	training_log_close(&log);
}

static void last_state(void **state)
{
	(void)state;
	struct training_log log;
	struct pith_train_report report;
	const char *path = scratch_write("state.jsonl", first_line, strlen(first_line));
	append(path, second_line);
	append(path, third_line);
	open_log(&log, path);
	assert_false(training_log_state(&log, &report));
	read_log(&log, false);
	assert_true(training_log_state(&log, &report));
	assert_int_equal(report.step, 60);
	assert_int_equal(report.n_steps, 100);
	assert_int_equal(report.tokens, 245219);
	/* 80,000 tokens at 4,000 a second and as many at 2,000: 60 seconds for 40 steps, and 40 are left. */
	assert_near(report.seconds_left, 60);
	/* The newest held-out values are of an earlier line. */
	assert_near(report.eval_loss[PITH_OBJECTIVE_LM], 7.7);
	assert_true(isnan(report.eval_loss[PITH_OBJECTIVE_ANSWER]));
	assert_true(isnan(report.learning_rate));
	append(path, "{\"step\":100,\"n_steps\":100,\"loss\":null}\n");
	read_log(&log, false);
	assert_true(training_log_state(&log, &report));
	assert_near(report.seconds_left, 0);
	assert_true(isnan(report.loss));
	append(path, "{\"step\":120}\n"); /* a log of an earlier version does not say of how many */
	read_log(&log, false);
	assert_true(training_log_state(&log, &report));
	assert_int_equal(report.n_steps, 0);
	assert_true(isnan(report.seconds_left));
	training_log_close(&log);
}

static void growing(void **state)
{
	(void)state;
	struct training_log log;
	const char *path = scratch_write("growing.jsonl", "", 0);
	open_log(&log, path);
	read_log(&log, false);
	assert_int_equal(log.n, 0);
	append(path, first_line);
	read_log(&log, false);
	assert_int_equal(log.n, 1);
	/* Half a line waits for its other half. */
	char half[64];
	snprintf(half, sizeof half, "%.40s", second_line);
	append(path, half);
	read_log(&log, false);
	assert_int_equal(log.n, 1);
	/* ... is left out of a last look, */
	read_log(&log, true);
	assert_int_equal(log.n, 1);
	/* ... and counts once it is whole. */
	append(path, second_line + 40);
	read_log(&log, false);
	assert_int_equal(log.n, 2);
	assert_near(log.points[1].loss, 7.5);
	read_log(&log, false);
	assert_int_equal(log.n, 2);
	training_log_close(&log);
}

static void resumed(void **state)
{
	(void)state;
	struct training_log log;
	char text[2048];
	int length = snprintf(text, sizeof text, "%s%s%s", first_line, second_line, third_line);
	const char *path = scratch_write("resumed.jsonl", text, (size_t)length);
	open_log(&log, path);
	read_log(&log, false);
	assert_int_equal(log.n, 3);
	/* Back at a checkpoint of step 30: step 40 comes again, and 60 is yet to come. */
	append(path, "{\"step\":40,\"loss\":1.5}\n");
	read_log(&log, false);
	assert_int_equal(log.n, 2);
	assert_int_equal(log.points[1].step, 40);
	assert_near(log.points[1].loss, 1.5);
	/* The core cuts the log before it goes on: shorter for a moment, or as long again between two looks. */
	length = snprintf(text, sizeof text, "%s", first_line);
	scratch_write("resumed.jsonl", text, (size_t)length);
	read_log(&log, false);
	assert_int_equal(log.n, 1);
	append(path, "{\"step\":40,\"loss\":3.5}\n");
	read_log(&log, false);
	length = snprintf(text, sizeof text, "%s{\"step\":50,\"loss\":2.5}\n{\"step\":60,\"loss\":2.25}\n", first_line);
	scratch_write("resumed.jsonl", text, (size_t)length);
	read_log(&log, false);
	assert_int_equal(log.n, 3);
	assert_int_equal(log.points[1].step, 50);
	assert_near(log.points[2].loss, 2.25);
	training_log_close(&log);
}

static void refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *sentence;
		bool final; /* refused by a last look only */
	} cases[] = {
		{"hello\n", ":1: This is not a report", false},
		{"hello", ":1: This is not a report", false},
		{"[1]\n", ":1: This is not a report", false},
		{"{\"loss\":3}\n", ":1: This is not a report", false},
		{"{\"step\":20}\n\n{\"step\":40\n", ":3: This is not a report", false},
		{"{\"step\":1.5}\n", ":1: \"step\" is not a number of steps", false},
		{"{\"step\":-1}\n", ":1: \"step\"", false},
		{"{\"step\":99999999999}\n", ":1: \"step\"", false},
		{"{\"step\":1,\"n_steps\":\"x\"}\n", ":1: \"n_steps\"", false},
		{"{\"step\":1}\n{\"step\":2,\"loss_lm\":\"2\"}\n", ":2: \"loss_lm\" is not a number.", false},
		{"{\"step\":1,\"tokens_per_second\":[]}\n", ":1: \"tokens_per_second\" is not a number.", false},
		{"{\"step\":1", ":1: This is not a report", true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (int final = 0; final < 2; final++) {
			struct training_log log;
			struct pith_error err = {0};
			const char *path = scratch_write("refused.jsonl", cases[i].text, strlen(cases[i].text));
			open_log(&log, path);
			enum pith_status status = training_log_read(&log, final != 0, &err);
			if (cases[i].final && final == 0) {
				assert_int_equal(status, PITH_OK);
			} else {
				assert_int_equal(status, PITH_BAD_FILE);
				if (strstr(err.message, cases[i].sentence) == NULL || strstr(err.message, path) != err.message)
					fail_msg("\"%s\" lacks \"%s\"", err.message, cases[i].sentence);
			}
			training_log_close(&log);
		}
	}
}

static void odd_files(void **state)
{
	(void)state;
	struct training_log log;
	struct pith_error err = {0};
	open_log(&log, scratch_path("missing.jsonl"));
	assert_int_equal(training_log_read(&log, false, &err), PITH_IO);
	assert_non_null(strstr(err.message, "missing.jsonl cannot be opened"));
	training_log_close(&log);
	open_log(&log, scratch_directory);
	assert_int_equal(training_log_read(&log, false, &err), PITH_BAD_FILE);
	training_log_close(&log);
	/* A large file without a line feed, and one that is binary. */
	static char block[200000];
	memset(block, '{', sizeof block);
	open_log(&log, scratch_write("large.jsonl", block, sizeof block));
	assert_int_equal(training_log_read(&log, false, &err), PITH_BAD_FILE);
	training_log_close(&log);
	memset(block, 0, sizeof block);
	block[100] = '\n';
	open_log(&log, scratch_write("large.jsonl", block, sizeof block));
	assert_int_equal(training_log_read(&log, false, &err), PITH_BAD_FILE);
	training_log_close(&log);
	/* Many lines: more than one block, in one look. */
	const char *path = scratch_write("many.jsonl", "", 0);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 1; i <= 20000; i++)
		fprintf(file, "{\"step\":%d,\"loss\":%d.5}\n", i, i);
	assert_int_equal(fclose(file), 0);
	open_log(&log, path);
	read_log(&log, false);
	assert_int_equal(log.n, 20000);
	for (size_t i = 0; i < log.n; i++)
		assert_true(log.points[i].step == (long)i + 1 && log.points[i].loss == (double)i + 1.5);
	training_log_close(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),  cmocka_unit_test(last_state), cmocka_unit_test(growing),
		cmocka_unit_test(resumed), cmocka_unit_test(refused),    cmocka_unit_test(odd_files),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
