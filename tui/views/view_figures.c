#include "views/view_figures.h"

#include <stdio.h>
#include <string.h>

#include "glyphs.h"
#include "widgets/gauge.h"

enum { FIRST_COL = 1, GAP_COLS = 2 };

void figure_flow_add(struct figure_flow *flow, const char *label, enum role role, const char *value)
{
	int label_width = text_width(label, strlen(label)), width = label_width + text_width(value, strlen(value));
	if (flow->col > FIRST_COL && flow->col + GAP_COLS + width > flow->rect.cols) {
		flow->row++;
		flow->col = FIRST_COL;
	}
	if (flow->col > FIRST_COL)
		flow->col += GAP_COLS;
	int row = flow->rect.row + flow->row, col = flow->rect.col + flow->col, room = flow->rect.cols - flow->col;
	flow->col += width;
	if (flow->row >= flow->rect.rows)
		return;
	canvas_string(flow->canvas, row, col, room, ROLE_LABEL, label);
	canvas_string(flow->canvas, row, col + label_width, room - label_width, role, value);
}

void view_figures_add(struct figure_flow *flow, const struct pith_compressed_info *info)
{
	char value[4 * FIGURE_SIZE], a[FIGURE_SIZE], b[FIGURE_SIZE];
	figure_rate(value, info->target_cr);
	figure_flow_add(flow, "target ", ROLE_VALUE, value);
	figure_rate(value, info->cr);
	figure_flow_add(flow, "achieved ", ROLE_VALUE, value);
	snprintf(value, sizeof value, "%+.3f", info->delta_cr);
	/* A budget that was exceeded is said in a colour of its own. */
	bool ascii = flow->canvas == NULL || flow->canvas->ascii;
	figure_flow_add(flow, ascii ? "dCR " : "\xce\x94" "CR ", info->delta_cr > 0.0005 ? ROLE_WARNING : ROLE_GOOD, value);
	figure_count(a, info->original_tokens);
	figure_count(b, info->compressed_tokens);
	snprintf(value, sizeof value, "%s -> %s", a, b);
	figure_flow_add(flow, "tokens ", ROLE_VALUE, value);
	if (info->n_spans > 0 && info->encoded_tokens < info->original_tokens) {
		figure_count(b, info->encoded_tokens);
		snprintf(value, sizeof value, "the first %s", b);
		figure_flow_add(flow, "holds ", ROLE_WARNING, value);
	}
	figure_bytes(a, info->original_bytes);
	figure_bytes(b, info->compressed_bytes);
	snprintf(value, sizeof value, "%s -> %s", a, b);
	figure_flow_add(flow, "bytes ", ROLE_VALUE, value);
	if (info->n_chunks > 0) {
		snprintf(value, sizeof value, "%zu of %zu", info->n_chunks - info->n_chunks_extractive, info->n_chunks);
		figure_flow_add(flow, "rewritten ", info->n_chunks_extractive > 0 ? ROLE_WARNING : ROLE_GOOD, value);
	}
	if (info->refine_steps > 0) { /* which another rate or method takes away */
		snprintf(value, sizeof value, "%d step%s", info->refine_steps, info->refine_steps == 1 ? "" : "s");
		figure_flow_add(flow, "refined ", ROLE_GOOD, value);
	}
	if (info->n_spans > 0) {
		snprintf(value, sizeof value, "%zu", info->n_spans);
		figure_flow_add(flow, "spans ", ROLE_VALUE, value);
	}
	figure_seconds(value, info->seconds);
	figure_flow_add(flow, "took ", ROLE_VALUE, value);
}

int view_figures_rows(const struct pith_compressed_info *info, int cols)
{
	/* No rows to write to: only the places are found. */
	struct figure_flow flow = {NULL, {0, 0, 0, cols}, 0, FIRST_COL};
	view_figures_add(&flow, info);
	return flow.row + 1;
}
