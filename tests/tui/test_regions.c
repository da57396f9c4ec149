/* The division of the screen: at every size its parts are inside it, do not overlap, and are large enough to be of use. */
#include <string.h>

#include "regions.h"
#include "unit.h"

enum { MAX_ROWS = 90, MAX_COLS = 320 };
static unsigned char owner[MAX_ROWS][MAX_COLS];

static void claim(struct rect rect, unsigned char who, int rows, int cols)
{
	if (rect.rows == 0 || rect.cols == 0)
		return;
	assert_true(rect.row >= 0 && rect.col >= 0 && rect.rows > 0 && rect.cols > 0);
	assert_true(rect.row + rect.rows <= rows && rect.col + rect.cols <= cols);
	for (int row = rect.row; row < rect.row + rect.rows; row++)
		for (int col = rect.col; col < rect.col + rect.cols; col++) {
			if (owner[row][col] != 0)
				fail_msg("%dx%d: parts %u and %u share row %d, column %d", cols, rows, owner[row][col], who, row, col);
			owner[row][col] = who;
		}
}

static void check(int rows, int cols, int answers, int figure_rows)
{
	struct regions regions = regions_compute(rows, cols, answers, figure_rows);
	if (rows < REGIONS_MIN_ROWS || cols < REGIONS_MIN_COLS) {
		assert_true(regions.too_small);
		return;
	}
	assert_false(regions.too_small);
	memset(owner, 0, sizeof owner);
	const struct rect parts[] = {
		regions.title,         regions.document_header,  regions.document, regions.divider,          regions.result_header,
		regions.result,        regions.slider,           regions.figures,  regions.answer_header[0], regions.answer[0],
		regions.answer_header[1], regions.answer[1],     regions.answer_header[2],  regions.answer[2],
		regions.answer_divider[0], regions.answer_divider[1], regions.question, regions.status, regions.hints,
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		claim(parts[i], (unsigned char)(i + 1), rows, cols);
	for (int row = 0; row < rows; row++)
		for (int col = 0; col < cols; col++)
			if (owner[row][col] == 0)
				fail_msg("%dx%d: nobody draws row %d, column %d", cols, rows, row, col);
	assert_true(regions.document.rows >= 2 && regions.result.rows >= 2);
	assert_true(regions.document.cols >= 29 && regions.result.cols >= 29);
	assert_true(regions.track.cols >= 25);
	assert_true(regions.figures.rows == 2 || (regions.figures.rows >= figure_rows && cols >= 120));
	assert_true(rect_contains(regions.slider, regions.track.row, regions.track.col));
	if (rows >= 24 && cols >= 80)
		assert_true(regions.document.rows >= (answers ? 9 : 13) || regions.stacked);
	for (int i = 0; i < answers; i++) {
		assert_int_equal(regions.answer_header[i].rows, 1);
		assert_true(regions.answer[i].rows >= 3 && regions.answer[i].cols >= (answers > 2 ? 19 : 29));
	}
}

static void all_sizes(void **state)
{
	(void)state;
	for (int rows = 1; rows <= MAX_ROWS; rows++)
		for (int cols = 1; cols <= MAX_COLS; cols++) {
			check(rows, cols, 0, 1 + rows % 2);
			check(rows, cols, 2, 1 + rows % 2);
			check(rows, cols, 3, 1 + rows % 2);
		}
}

static void stacked(void **state)
{
	(void)state;
	assert_false(regions_compute(24, 80, 0, 1).stacked);
	assert_true(regions_compute(40, 70, 0, 1).stacked);
	assert_true(regions_compute(60, 90, 0, 1).stacked);
	assert_false(regions_compute(60, 200, 0, 1).stacked);
	assert_false(regions_compute(17, 60, 0, 1).stacked); /* too low to stack */
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(all_sizes), cmocka_unit_test(stacked)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
