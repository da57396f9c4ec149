/* The screen of a training run, drawn into a canvas without a terminal; its keys; the picture for model cards. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "training/curves.h"
#include "training/curves_svg.h"
#include "unit.h"
#include "widgets/plot.h"

static struct training_point empty_point(long step)
{
	struct training_point point = {
		.step = step, .tokens = NAN, .loss = NAN, .length = NAN, .learning_rate = NAN, .tokens_per_second = NAN};
	for (int i = 0; i < PITH_N_OBJECTIVES; i++)
		point.objective_loss[i] = point.eval_loss[i] = point.eval_accuracy[i] = NAN;
	return point;
}

enum { N_POINTS = 101 };

/* A run of 1,000 steps: two objectives, one of them from the middle on; held-out values at three places. */
static void fill_log(struct training_log *log, struct training_point points[N_POINTS])
{
	for (int i = 0; i < N_POINTS; i++) {
		struct training_point *p = &points[i];
		*p = empty_point(10 * i);
		p->n_steps = 4000;
		p->tokens = 5000.0 * i;
		p->loss = p->objective_loss[PITH_OBJECTIVE_LM] = 8 - 0.05 * i;
		if (i > 50)
			p->objective_loss[PITH_OBJECTIVE_ANSWER] = 1 + 0.01 * i;
		if (i % 50 == 0)
			p->eval_loss[PITH_OBJECTIVE_LM] = 9 - 0.05 * i;
		p->learning_rate = 1e-3;
		p->tokens_per_second = 1000;
	}
	static char path[] = "runs/base.jsonl";
	*log = (struct training_log){.path = path, .points = points, .n = N_POINTS, .modified = 5000};
}

static char *drawn(const struct training_log *log, const struct curves_view *view, int rows, int cols, bool ascii,
                   const char *message)
{
	struct canvas canvas = {.ascii = ascii};
	assert_true(canvas_resize(&canvas, rows, cols));
	curves_draw(&canvas, log, view, 5001, message);
	char *dump = canvas_dump(&canvas);
	assert_non_null(dump);
	canvas_free(&canvas);
	return dump;
}

static void assert_shows(const char *dump, const char *text)
{
	if (strstr(dump, text) == NULL)
		fail_msg("\"%s\" is not in\n%s", text, dump);
}

static void assert_hides(const char *dump, const char *text)
{
	if (strstr(dump, text) != NULL)
		fail_msg("\"%s\" is in\n%s", text, dump);
}

/* The line from (0, 0) to (10, 10) over a scale from 0 to 10, by hand. */
static void one_line(void **state)
{
	(void)state;
	static const double x[] = {0, 10}, y[] = {0, 10};
	const struct plot_series series = {.role = ROLE_CURVE_1, .letter = 'a', .x = x, .y = y, .n = 2};
	struct canvas canvas = {.ascii = true};
	assert_true(canvas_resize(&canvas, 6, 13));
	assert_true(plot_draw(&canvas, (struct rect){0, 0, 6, 13}, &series, 1, 0, 10, false));
	char *dump = canvas_dump(&canvas);
	/* ASCII: 8 by 4 cells behind the labels; the tick of 5 stands between two rows and goes to the lower one. */
	assert_string_equal(dump, "10+      aa a\n"
	                          "  |    aa\n"
	                          " 5+  aa\n"
	                          " 0+aa\n"
	                          "  ++---+--+\n"
	                          "   0   5 10\n");
	free(dump);
	canvas.ascii = false;
	canvas_clear(&canvas);
	assert_true(plot_draw(&canvas, (struct rect){0, 0, 6, 13}, &series, 1, 0, 10, false));
	dump = canvas_dump(&canvas);
	/* Braille: 16 by 16 dots, so the diagonal, two cells a row: each with one dot in either column. */
	assert_string_equal(dump, "10\u2524      \u2860\u280a a\n"
	                          "  \u2502    \u2860\u280a\n"
	                          " 5\u2524  \u2860\u280a\n"
	                          " 0\u2524\u2860\u280a\n"
	                          "  \u2514\u252c\u2500\u2500\u2500\u252c\u2500\u2500\u252c\n"
	                          "   0   5 10\n");
	assert_int_equal(canvas.cells[10].role, ROLE_CURVE_1);
	free(dump);
	canvas_free(&canvas);
}

/* Where each value of a known line has to stand: a step function changes its row at its step. */
static void places(void **state)
{
	(void)state;
	double x[100], y[100];
	for (int i = 0; i < 100; i++) {
		x[i] = i;
		y[i] = i < 50 ? 4 : 1;
	}
	const struct plot_series series = {.role = ROLE_CURVE_1, .letter = '\0', .x = x, .y = y, .n = 100};
	struct canvas canvas = {.ascii = true};
	assert_true(canvas_resize(&canvas, 12, 54));
	assert_true(plot_draw(&canvas, (struct rect){0, 0, 12, 54}, &series, 1, 0, 99, false));
	/* Labels are one column, then the axis; ten rows of dots from 4 above to 1 below. */
	int columns = 54 - 1 - 1 - 2;
	for (int col = 0; col < columns; col++) {
		double step = 99.0 * col / (columns - 1);
		bool above = canvas.cells[2 + col].code[0] == '*', below = canvas.cells[9 * 54 + 2 + col].code[0] == '*';
		if (fabs(step - 49.5) > 2 && (above != (step < 49.5) || below != (step > 49.5)))
			fail_msg("column %d (step %.1f): above %d, below %d", col, step, above, below);
	}
	canvas_free(&canvas);
}

static void grid_and_single(void **state)
{
	(void)state;
	struct training_log log;
	struct training_point points[N_POINTS];
	struct curves_view view;
	fill_log(&log, points);
	curves_view_init(&view);
	char *dump = drawn(&log, &view, 24, 110, false, NULL);
	static const char *const shown[] = {"base.jsonl",     "step 1,000 of 4,000 (25 %)",
	                                    "loss 3.000",     "1,000 tokens/s",
	                                    "Training loss",  "a lm 3.000",
	                                    "d answer 2.000", "Held-out loss",
	                                    "a lm 4.000",     "Learning rate",
	                                    "1.00e-03",       "Speed",
	                                    "0 all<",         "q leave",
	                                    "? help"};
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
		assert_shows(dump, shown[i]);
	/* 5,000 tokens in ten steps at 1,000 a second: 3,000 steps take 1,500 seconds. */
	assert_shows(dump, "25:00 left");
	assert_hides(dump, "regenerate");
	assert_hides(dump, "runs/");
	free(dump);
	/* Too small for four: the first alone, and others by their keys. */
	dump = drawn(&log, &view, 12, 40, false, NULL);
	assert_shows(dump, "1 loss<");
	assert_shows(dump, "Training loss");
	assert_hides(dump, "Held-out loss");
	assert_hides(dump, "all<");
	free(dump);
	dump = drawn(&log, &view, 24, 80, true, "base.jsonl:7: It broke.");
	assert_shows(dump, "base.jsonl:7: It broke.");
	assert_hides(dump, "q leave");
	for (const char *c = dump; *c != '\0'; c++)
		assert_true((unsigned char)*c < 0x80);
	free(dump);
	log.n = 0;
	dump = drawn(&log, &view, 24, 80, false, NULL);
	assert_shows(dump, "Waiting for the first report.");
	free(dump);
	dump = drawn(&log, &view, 4, 20, false, NULL);
	assert_shows(dump, "needs 30x8");
	free(dump);
}

static void quiet_and_finished(void **state)
{
	(void)state;
	struct training_log log;
	struct training_point points[N_POINTS];
	struct curves_view view;
	fill_log(&log, points);
	curves_view_init(&view);
	log.modified = 5001 - 3723;
	char *dump = drawn(&log, &view, 24, 80, false, NULL);
	assert_shows(dump, "quiet for 1:02:03");
	assert_hides(dump, "left");
	free(dump);
	points[N_POINTS - 1].n_steps = 1000;
	dump = drawn(&log, &view, 24, 80, false, NULL);
	assert_shows(dump, "(100 %)");
	assert_shows(dump, "finished");
	free(dump);
}

static void press(struct curves_view *view, const struct training_log *log, const char *key)
{
	curves_perform(view, log, actions_find(CONTEXT_CURVES, key), key, 24, 80);
}

static void keys(void **state)
{
	(void)state;
	struct training_log log;
	struct training_point points[N_POINTS];
	struct curves_view view;
	fill_log(&log, points);
	curves_view_init(&view);
	for (int i = 0; i < N_PANELS; i++) {
		press(&view, &log, "Tab");
		assert_int_equal(view.panel, i);
	}
	press(&view, &log, "Tab");
	assert_int_equal(view.panel, N_PANELS);
	press(&view, &log, "Shift-Tab");
	assert_int_equal(view.panel, PANEL_SPEED);
	press(&view, &log, "2");
	assert_int_equal(view.panel, PANEL_HELD_OUT);
	press(&view, &log, "0");
	assert_int_equal(view.panel, N_PANELS);
	/* Where all have no room Tab goes round without them, from the one that is shown in their place. */
	curves_perform(&view, &log, ACTION_CURVES_NEXT, "Tab", 12, 40);
	assert_int_equal(view.panel, PANEL_HELD_OUT);
	view.panel = PANEL_SPEED;
	curves_perform(&view, &log, ACTION_CURVES_NEXT, "Tab", 12, 40);
	assert_int_equal(view.panel, PANEL_LOSS);
	curves_perform(&view, &log, ACTION_CURVES_PREVIOUS, "Shift-Tab", 12, 40);
	assert_int_equal(view.panel, PANEL_SPEED);
	press(&view, &log, "l");
	assert_true(view.logarithmic);
	press(&view, &log, "l");
	assert_false(view.logarithmic);
	assert_int_equal(actions_find(CONTEXT_CURVES, "Esc"), ACTION_CURVES_LEAVE);
	assert_int_equal(actions_find(CONTEXT_CURVES, "q"), ACTION_CURVES_LEAVE);
	assert_int_equal(actions_find(CONTEXT_CURVES, "?"), ACTION_CURVES_HELP);
	assert_int_equal(actions_find(CONTEXT_PANES, "w"), ACTION_WATCH);
}

static void zoom(void **state)
{
	(void)state;
	struct training_log log;
	struct training_point points[N_POINTS];
	struct curves_view view;
	fill_log(&log, points);
	curves_view_init(&view);
	press(&view, &log, "Left"); /* nothing to move to */
	assert_int_equal(view.back, 0);
	press(&view, &log, "+");
	assert_int_equal(view.span, 500);
	char *dump = drawn(&log, &view, 24, 80, false, NULL);
	assert_shows(dump, "steps 500 to 1,000");
	free(dump);
	press(&view, &log, "Up");
	assert_int_equal(view.span, 250);
	press(&view, &log, "Left");
	dump = drawn(&log, &view, 24, 80, false, NULL);
	assert_shows(dump, "steps 688 to 938");
	free(dump);
	for (int i = 0; i < 50; i++)
		press(&view, &log, "Left");
	dump = drawn(&log, &view, 24, 80, false, NULL);
	assert_shows(dump, "steps 0 to 250");
	free(dump);
	press(&view, &log, "End");
	assert_int_equal(view.back, 0);
	for (int i = 0; i < 50; i++)
		press(&view, &log, "+");
	assert_true(view.span >= 40 && view.span < 80); /* four reports are seen */
	for (int i = 0; i < 10; i++)
		press(&view, &log, "Down");
	assert_int_equal(view.span, 0);
	press(&view, &log, "+");
	press(&view, &log, "Right");
	assert_int_equal(view.back, 0);
	press(&view, &log, "Home");
	assert_int_equal(view.span, 0);
	/* A log that went back to its beginning is shorter than what was seen of it. */
	press(&view, &log, "+");
	press(&view, &log, "Left");
	log.n = 2;
	dump = drawn(&log, &view, 24, 80, false, NULL);
	assert_shows(dump, "steps 0 to 10");
	free(dump);
}

/* Every size, every panel, lines with holes and odd values: nothing is drawn outside, nothing breaks. */
static void any_size(void **state)
{
	(void)state;
	struct training_log log;
	struct training_point points[N_POINTS];
	struct curves_view view;
	fill_log(&log, points);
	points[3].objective_loss[PITH_OBJECTIVE_LM] = -1;
	points[4].objective_loss[PITH_OBJECTIVE_LM] = 1e300;
	points[5].learning_rate = 0;
	static const size_t lengths[] = {0, 1, 2, N_POINTS};
	for (int n = 0; n < 4; n++) {
		log.n = lengths[n];
		for (int panel = 0; panel <= N_PANELS; panel++) {
			for (int size = 1; size < 130; size += size < 40 ? 3 : 11) {
				curves_view_init(&view);
				view.panel = panel;
				view.logarithmic = size % 2 == 0;
				free(drawn(&log, &view, size, 130 - size, size % 3 == 0, NULL));
				free(drawn(&log, &view, 1 + size / 4, size, size % 3 == 0, NULL));
			}
		}
	}
}

/* --- the picture ----------------------------------------------------------------------------------------- */

static char *picture(const struct training_log *log)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	assert_non_null(stream);
	curves_svg_write(stream, log);
	assert_int_equal(fclose(stream), 0);
	char *copy = strdup(text);
	free(text);
	assert_non_null(copy);
	return copy;
}

static int count(const char *text, const char *part)
{
	int n = 0;
	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		n++;
	return n;
}

/* Every tag that is opened is closed, in order, and no bare markup stands in text. */
static void assert_balanced(const char *text)
{
	char open[16][32];
	int depth = 0;
	for (const char *at = text; (at = strchr(at, '<')) != NULL;) {
		const char *end = strchr(at, '>');
		assert_non_null(end);
		assert_true(strcspn(at + 1, "<") > (size_t)(end - at - 1));
		char name[32];
		assert_int_equal(sscanf(at + 1 + (at[1] == '/'), "%31[a-z]", name), 1);
		if (at[1] == '/') {
			assert_true(depth > 0);
			assert_string_equal(open[--depth], name);
		} else if (end[-1] != '/') {
			assert_true(depth < 16);
			strcpy(open[depth++], name);
		}
		at = end;
	}
	assert_int_equal(depth, 0);
}

/* What a real parser says, where there is one. */
static void assert_parses(const char *text)
{
	char path[] = "/tmp/pith-curves-XXXXXX", command[128];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	FILE *file = fdopen(fd, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	snprintf(command, sizeof command, "command -v xmllint >/dev/null || exit 77; xmllint --noout %s", path);
	int status = system(command);
	unlink(path);
	if (WEXITSTATUS(status) == 77)
		print_message("xmllint is not there; the tags are balanced\n");
	else
		assert_int_equal(status, 0);
}

static void svg(void **state)
{
	(void)state;
	struct training_log log;
	struct training_point points[N_POINTS];
	fill_log(&log, points);
	log.path = (char[]){"runs/a<b>&\"c\"\x01\xff.jsonl"};
	char *text = picture(&log);
	assert_balanced(text);
	assert_parses(text);
	assert_shows(text, "<title>a&#60;b&#62;&#38;&#34;c&#34;??.jsonl: training and held-out loss up to step 1,000</title>");
	assert_shows(text, "prefers-color-scheme:dark");
	assert_shows(text, ">Training loss<");
	assert_shows(text, ">Held-out loss<");
	/* Two training lines and a held-out one, each with its sample in a legend. */
	assert_int_equal(count(text, "class=\"line s"), 6);
	assert_int_equal(count(text, ">lm<"), 2);
	assert_int_equal(count(text, ">answer<"), 1);
	assert_int_equal(count(text, "nan"), 0);
	assert_int_equal(count(text, "http"), 1); /* the name space: nothing is fetched */
	free(text);
	/* One evaluation is a dot; none is said. */
	points[50].eval_loss[PITH_OBJECTIVE_LM] = points[100].eval_loss[PITH_OBJECTIVE_LM] = NAN;
	text = picture(&log);
	assert_parses(text);
	assert_int_equal(count(text, "<circle"), 1);
	free(text);
	points[0].eval_loss[PITH_OBJECTIVE_LM] = NAN;
	text = picture(&log);
	assert_parses(text);
	assert_shows(text, "nothing yet");
	free(text);
}

/* A long run stays a small picture, and its spikes stay in it. */
static void svg_of_long_run(void **state)
{
	(void)state;
	enum { N = 50000 };
	struct training_point *points = calloc(N, sizeof *points);
	assert_non_null(points);
	for (int i = 0; i < N; i++) {
		points[i] = empty_point(i + 1);
		points[i].objective_loss[PITH_OBJECTIVE_LM] = i == 30000 ? 10 : 2 + i % 2;
	}
	const struct training_log log = {.path = (char[]){"long.jsonl"}, .points = points, .n = N};
	char *text = picture(&log);
	assert_parses(text);
	assert_true(strlen(text) < 60000);
	/* The scale goes up to 10, which is the plot's upper edge. */
	char top[32];
	const char *path = strstr(text, "class=\"frame\" d=\"M64 ");
	assert_non_null(path);
	assert_int_equal(sscanf(path, "class=\"frame\" d=\"M64 %31[0-9.]", top), 1);
	const char *line = strstr(text, "class=\"line s0\"");
	assert_non_null(line);
	char wanted[40];
	snprintf(wanted, sizeof wanted, " %s", top);
	const char *spike = strstr(line, wanted);
	assert_true(spike != NULL && spike < strstr(line, "/>"));
	free(text);
	free(points);
}

int main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line), cmocka_unit_test(places), cmocka_unit_test(grid_and_single),
		cmocka_unit_test(quiet_and_finished), cmocka_unit_test(keys), cmocka_unit_test(zoom),
		cmocka_unit_test(any_size), cmocka_unit_test(svg), cmocka_unit_test(svg_of_long_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
