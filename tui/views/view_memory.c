/*
 * The right pane: the memory tokens themselves. One row each, one bar per
 * layer: how long its key row and its value row are, from the shortest to the
 * longest of all. Readable without colour.
 */
#include <math.h>
#include <stdio.h>

#include "widgets/gauge.h"
#include "widgets/paragraph.h"
#include "widgets/scroll_bar.h"
#include "workbench.h"

enum { NUMBER_COLS = 6, MAX_SHOWN_LAYERS = 64 };

/* Smallest and largest norm of keys (part 0) or values (part 1), of those that are numbers. */
struct range {
	float low, high;
};

static struct range find_range(const float *norms, size_t n, int part)
{
	struct range range = {INFINITY, -INFINITY};
	for (size_t i = 0; i < n; i++) {
		float norm = norms[i * 2 + (size_t)part];
		if (!isfinite(norm))
			continue;
		range.low = fminf(range.low, norm);
		range.high = fmaxf(range.high, norm);
	}
	return range.low <= range.high ? range : (struct range){NAN, NAN};
}

static uint32_t bar_code(const struct canvas *canvas, struct range range, float norm)
{
	static const char ramp[] = ".:-=+*#@";
	if (!isfinite(norm))
		return '?'; /* a file may hold any bits */
	float share = range.high > range.low ? (norm - range.low) / (range.high - range.low) : 0.5f;
	int level = (int)(share * 7.999f);
	level = level < 0 ? 0 : level > 7 ? 7 : level;
	return canvas->ascii ? (uint32_t)ramp[level] : 0x2581u + (uint32_t)level;
}

/* The rows that are shown: of the first purpose that there is, and how many purposes there are. */
static const float *shown_norms(const struct workbench *workbench, const char **purpose)
{
	static const char *const names[PITH_N_MEMORY_PURPOSES] = {"regeneration", "answers"};
	for (int i = 0; workbench->forms[FORM_FIRST].compressed != NULL && i < PITH_N_MEMORY_PURPOSES; i++)
		if (workbench->forms[FORM_FIRST].compressed->norms[i] != NULL) {
			*purpose = names[i];
			return workbench->forms[FORM_FIRST].compressed->norms[i];
		}
	return NULL;
}

size_t view_memory_rows(const struct workbench *workbench)
{
	const char *purpose;
	return shown_norms(workbench, &purpose) == NULL ? 0 : workbench->forms[FORM_FIRST].compressed->info.compressed_tokens;
}

/* The number, keys, values and mean norms of memory token i. */
static void draw_token(const struct workbench *workbench, struct canvas *canvas, int row, struct rect rect, size_t i,
                       const float *norms, const struct range *ranges, int layers)
{
	const float *token = norms + i * (size_t)workbench->forms[FORM_FIRST].compressed->n_layers * 2;
	int col = rect.col + canvas_printf(canvas, row, rect.col, NUMBER_COLS, ROLE_LABEL, "%5zu ", i + 1);
	double mean[2] = {0, 0};
	for (int part = 0; part < 2; part++) {
		for (int layer = 0; layer < workbench->forms[FORM_FIRST].compressed->n_layers; layer++)
			mean[part] += (double)token[layer * 2 + part] / workbench->forms[FORM_FIRST].compressed->n_layers;
		for (int layer = 0; layer < layers; layer++)
			canvas_code(canvas, row, col + layer, bar_code(canvas, ranges[part], token[layer * 2 + part]),
			            part == 0 ? ROLE_FOCUS : ROLE_GOOD);
		col += (layers > 6 ? layers : 6) + 1;
	}
	canvas_printf(canvas, row, col, rect.col + rect.cols - 1 - col, ROLE_TEXT, "%8.2f %8.2f", mean[0], mean[1]);
}

static void draw_head(const struct workbench *workbench, struct canvas *canvas, struct rect rect, const char *purpose,
                      const struct range *ranges, int layers)
{
	const struct pith_compressed_info *info = &workbench->forms[FORM_FIRST].compressed->info;
	char bytes[FIGURE_SIZE], each[FIGURE_SIZE];
	figure_bytes(bytes, info->compressed_bytes);
	/* Embeddings have no layers, and two purposes count. */
	figure_bytes(each, info->compressed_bytes / info->compressed_tokens);
	canvas_printf(canvas, rect.row, rect.col, rect.cols, ROLE_TEXT, "%zu memory token%s x %d layers (%s)",
	              info->compressed_tokens, info->compressed_tokens == 1 ? "" : "s",
	              workbench->forms[FORM_FIRST].compressed->n_layers, purpose);
	canvas_printf(canvas, rect.row + 1, rect.col, rect.cols, ROLE_LABEL, "%s in all, %s a token", bytes, each);
	canvas_printf(canvas, rect.row + 2, rect.col, rect.cols, ROLE_LABEL, "bars: keys %.2f to %.2f, values %.2f to %.2f",
	              (double)ranges[0].low, (double)ranges[0].high, (double)ranges[1].low, (double)ranges[1].high);
	int width = (layers > 6 ? layers : 6) + 1;
	canvas_printf(canvas, rect.row + 3, rect.col, rect.cols, ROLE_LABEL, "token %-*s%-*s|key|mean |value|", width, "keys",
	              width, "values");
}

void view_memory_draw(struct workbench *workbench, struct canvas *canvas, struct rect rect)
{
	const char *purpose = "";
	const float *norms = shown_norms(workbench, &purpose);
	if (norms == NULL) {
		const char *why = workbench->forms[FORM_FIRST].compressed == NULL
		                          ? "Nothing is compressed yet."
		                          : "This method makes text: it has no memory tokens (m: another method).";
		paragraph_draw(canvas, rect, ROLE_FAINT, why);
		return;
	}
	enum { HEAD_ROWS = 4 };
	size_t n = view_memory_rows(workbench);
	size_t rows = rect.rows > HEAD_ROWS ? (size_t)(rect.rows - HEAD_ROWS) : 0, last = n > rows ? n - rows : 0;
	workbench->memory_top = workbench->memory_top < last ? workbench->memory_top : last;
	size_t n_values = n * (size_t)workbench->forms[FORM_FIRST].compressed->n_layers;
	const struct range ranges[2] = {find_range(norms, n_values, 0), find_range(norms, n_values, 1)};
	/* As many layers as fit: two bars and two numbers in a row. */
	int room = (rect.cols - NUMBER_COLS - 2 - 18) / 2, layers = workbench->forms[FORM_FIRST].compressed->n_layers;
	room = room < 1 ? 1 : room > MAX_SHOWN_LAYERS ? MAX_SHOWN_LAYERS : room;
	layers = layers < room ? layers : room;
	draw_head(workbench, canvas, rect, purpose, ranges, layers);
	for (size_t i = 0; i < rows && workbench->memory_top + i < n; i++)
		draw_token(workbench, canvas, rect.row + HEAD_ROWS + (int)i, rect, workbench->memory_top + i, norms, ranges,
		           layers);
	const struct rect bar = {rect.row + HEAD_ROWS, rect.col + rect.cols - 1, (int)rows, 1};
	scroll_bar_draw(canvas, bar, workbench->memory_top, n);
}
