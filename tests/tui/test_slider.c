/* The arithmetic of the slider, what may be typed for it, and how it is drawn. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "widgets/gauge.h"
#include "widgets/slider.h"

static void assert_near(double value, double expected)
{
	if (!(fabs(value - expected) < 1e-9))
		fail_msg("%.12g is not %.12g", value, expected);
}

static void columns(void **state)
{
	(void)state;
	for (int width = 2; width <= 300; width++) {
		assert_near(slider_rate_at(0, width), 0.01);
		assert_near(slider_rate_at(-5, width), 0.01);
		assert_near(slider_rate_at(width - 1, width), 1.0);
		assert_near(slider_rate_at(width + 100, width), 1.0);
		for (int col = 1; col < width; col++) {
			double rate = slider_rate_at(col, width);
			assert_true(rate >= slider_rate_at(col - 1, width));
			assert_near(rate * 100, round(rate * 100)); /* whole percents */
		}
	}
	/* With room for all of them every percent can be pointed at. */
	for (int percent = 1; percent <= 100; percent++)
		assert_near(slider_rate_at(percent - 1, 100), percent / 100.0);
}

static void steps(void **state)
{
	(void)state;
	struct slider slider;
	slider_init(&slider, 0.25);
	slider_step(&slider, 1, 100);
	assert_near(slider.live.rate, 0.26);
	assert_near(slider.settled.rate, 0.25);
	assert_true(slider_unsettled(&slider));
	slider_settle(&slider);
	assert_false(slider_unsettled(&slider));
	slider_step(&slider, -100, 100);
	assert_near(slider.live.rate, 0.01);
	slider_step(&slider, 100, 100);
	assert_near(slider.live.rate, 1);
	/* What was typed between two percents snaps in the direction of the step. */
	slider_set(&slider, (struct slider_value){.rate = 0.123});
	slider_step(&slider, 1, 100);
	assert_near(slider.live.rate, 0.13);
	slider_set(&slider, (struct slider_value){.rate = 0.123});
	slider_step(&slider, -1, 100);
	assert_near(slider.live.rate, 0.12);
	/* Below the first percent there is no less to step to, and less is never more. */
	slider_set(&slider, (struct slider_value){.rate = 0.0001});
	slider_step(&slider, -1, 100);
	assert_near(slider.live.rate, 0.0001);
	slider_step(&slider, -10, 100);
	assert_near(slider.live.rate, 0.0001);
	slider_step(&slider, 1, 100);
	assert_near(slider.live.rate, 0.01);
	slider_set(&slider, (struct slider_value){.rate = 1.0 / 740, .n_tokens = 1});
	slider_step(&slider, -1, 740);
	assert_int_equal(slider.live.n_tokens, 1);
	slider_least(&slider, 740);
	assert_int_equal(slider.live.n_tokens, 1);
	slider_least(&slider, 0);
	assert_int_equal(slider.live.n_tokens, 0);
	assert_near(slider.live.rate, 0.01);
	/* A hundred steps up and down come back to the very same value. */
	slider_set(&slider, (struct slider_value){.rate = 0.07});
	for (int i = 0; i < 50; i++)
		slider_step(&slider, 1, 100);
	for (int i = 0; i < 50; i++)
		slider_step(&slider, -1, 100);
	assert_near(slider.live.rate, 0.07);
}

static void token_steps(void **state)
{
	(void)state;
	struct slider slider;
	slider_init(&slider, 0.5);
	slider_step_tokens(&slider, 1, 16, 96);
	assert_int_equal(slider.live.n_tokens, 17);
	slider_step_tokens(&slider, -1, 1, 96);
	assert_int_equal(slider.live.n_tokens, 1);
	slider_step_tokens(&slider, 1, 96, 96);
	assert_int_equal(slider.live.n_tokens, 96);
	assert_near(slider_share((struct slider_value){.n_tokens = 24}, 96), 0.25);
	assert_near(slider_share((struct slider_value){.n_tokens = 500}, 96), 1);
	assert_near(slider_share((struct slider_value){.rate = 1e-9}, 96), 1.0 / 96); /* one token is the least that is made */
	assert_near(slider_share((struct slider_value){.rate = 1e-9}, 0), 1e-9);
	/* From a target in tokens a step in percents starts where that target stands. */
	slider_set(&slider, (struct slider_value){.n_tokens = 24});
	slider_step(&slider, 1, 96);
	assert_int_equal(slider.live.n_tokens, 0);
	assert_near(slider.live.rate, 0.26);
}

static void dragging(void **state)
{
	(void)state;
	struct slider slider;
	slider_init(&slider, 0.25);
	slider_press(&slider, 50, 100);
	assert_true(slider.dragging);
	assert_near(slider.live.rate, 0.51);
	slider_drag(&slider, 300, 100);
	assert_near(slider.live.rate, 1);
	assert_near(slider.settled.rate, 0.25);
	slider_revert(&slider); /* Esc */
	assert_false(slider.dragging);
	assert_near(slider.live.rate, 0.25);
	slider_press(&slider, 9, 100);
	slider_settle(&slider); /* release */
	assert_false(slider.dragging);
	assert_near(slider.settled.rate, 0.1);
}

static void assert_parsed(const char *text, double rate, size_t n_tokens)
{
	struct slider_value value = {0};
	struct pith_error err = {0};
	if (slider_parse(text, &value, &err) != PITH_OK)
		fail_msg("\"%s\": %s", text, err.message);
	assert_int_equal(value.n_tokens, n_tokens);
	if (n_tokens == 0)
		assert_near(value.rate, rate);
}

static void typed(void **state)
{
	(void)state;
	assert_parsed("0.25", 0.25, 0);
	assert_parsed("1", 1, 0);
	assert_parsed("25%", 0.25, 0);
	assert_parsed(" 12.5 % ", 0.125, 0);
	assert_parsed("4x", 0.25, 0);
	assert_parsed("4X", 0.25, 0);
	assert_parsed("3\xc3\x97", 1.0 / 3, 0);
	assert_parsed("16t", 0, 16);
	assert_parsed("16 tokens", 0, 16);
	assert_parsed("1 token", 0, 1);
	static const char *const wrong[] = {"", "x", "0", "-1", "0%", "101%", "0.5x", "25", "0t", "1.5t", "4x4", "4 x x", "nan", "inf",
	                                    "1e400", "99999999999t", "16 tokens please"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct slider_value value = {.rate = 0.5};
		struct pith_error err = {0};
		if (slider_parse(wrong[i], &value, &err) == PITH_OK)
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_true(strlen(err.message) > 10);
	}
}

static void assert_drawn(double rate, int cols, bool ascii, const char *expected)
{
	struct canvas canvas = {0};
	struct slider slider;
	slider_init(&slider, rate);
	assert_true(canvas_resize(&canvas, 1, cols));
	canvas.ascii = ascii;
	slider_draw(&slider, &canvas, (struct rect){0, 0, 1, cols}, 0);
	char *dump = canvas_dump(&canvas);
	dump[strcspn(dump, "\n")] = '\0';
	assert_string_equal(dump, expected);
	free(dump);
	canvas_free(&canvas);
}

static void drawn(void **state)
{
	(void)state;
	assert_drawn(1, 4, false, "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88");
	assert_drawn(0.01, 4, false, "\xe2\x96\x8f\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80"); /* one eighth */
	assert_drawn(1, 4, true, "####");
	assert_drawn(0.01, 4, true, "#...");
}

static void figures(void **state)
{
	(void)state;
	char out[FIGURE_SIZE];
	figure_rate(out, 0.25);
	assert_string_equal(out, "0.25 (4.0x)");
	figure_rate(out, 0.125);
	assert_string_equal(out, "0.125 (8.0x)");
	figure_rate(out, 16.0 / 129);
	assert_string_equal(out, "0.124 (8.1x)");
	figure_rate(out, 0.5);
	assert_string_equal(out, "0.50 (2.0x)");
	figure_rate(out, 0.0104);
	assert_string_equal(out, "0.010 (96.2x)");
	figure_rate(out, 1);
	assert_string_equal(out, "1.00 (1.0x)");
	figure_rate(out, 0);
	assert_string_equal(out, "0.00");
	figure_tokens(out, 1);
	assert_string_equal(out, "1 token");
	figure_tokens(out, 2183);
	assert_string_equal(out, "2,183 tokens");
	figure_count(out, 1234567);
	assert_string_equal(out, "1,234,567");
	figure_count(out, 999);
	assert_string_equal(out, "999");
	figure_bytes(out, 545);
	assert_string_equal(out, "545 B");
	figure_bytes(out, 196608);
	assert_string_equal(out, "192.0 KiB");
	figure_seconds(out, 0.0081);
	assert_string_equal(out, "8 ms");
	figure_seconds(out, 0.42);
	assert_string_equal(out, "0.42 s");
	figure_seconds(out, 200);
	assert_string_equal(out, "3 min 20 s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns), cmocka_unit_test(steps), cmocka_unit_test(token_steps), cmocka_unit_test(dragging),
		cmocka_unit_test(typed),   cmocka_unit_test(drawn), cmocka_unit_test(figures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
