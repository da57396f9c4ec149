/* The figures of a compressed form, with their names, one behind the other over as many rows as there are. */
#ifndef VIEW_FIGURES_H
#define VIEW_FIGURES_H

#include "canvas.h"
#include "pith/compress.h"

/* Where the next figure goes. Start it with row 0 and the first column that may be written to, counted from rect. */
struct figure_flow {
	struct canvas *canvas;
	struct rect rect;
	int row, col;
};

void figure_flow_add(struct figure_flow *flow, const char *label, enum role role, const char *value);
void view_figures_add(struct figure_flow *flow, const struct pith_compressed_info *info);
int view_figures_rows(const struct pith_compressed_info *info, int cols); /* how many rows of so many columns they take */

#endif
