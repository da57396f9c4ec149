/*
 * The left pane while two methods stand side by side: the second form of the
 * document in the document's place. Below its text stand its own figures, since
 * those below the slider are the first form's; what has to be said of it stands
 * before the text. Of memory tokens the text is what came back from them.
 */
#include "views/view_figures.h"
#include "workbench.h"

/* Parts of the pane, from top to bottom. */
struct places {
	struct rect text, legend, figures; /* no rows: not shown */
};

/* The text keeps three fifths of the rows, whatever the figures take. */
static struct places find_places(const struct workbench *workbench, struct rect pane)
{
	const struct shown_compressed *compressed = workbench->forms[FORM_SECOND].compressed;
	struct places places = {pane, pane, pane};
	int most = pane.rows * 2 / 5, figures = view_figures_rows(&compressed->info, pane.cols + 1);
	int legend = form_beside_regenerated(workbench) ? view_regenerated_legend_rows(pane) : 0;
	legend = legend < most ? legend : most;
	figures = figures < most - legend ? figures : most - legend;
	places.text.rows = pane.rows - legend - figures;
	places.legend.row = pane.row + places.text.rows;
	places.legend.rows = legend;
	places.figures.row = places.legend.row + legend;
	places.figures.rows = figures;
	return places;
}

struct rect view_beside_text(const struct workbench *workbench, struct rect pane)
{
	return find_places(workbench, pane).text;
}

bool view_beside_build(struct workbench *workbench)
{
	const struct form *form = &workbench->forms[FORM_SECOND];
	struct text_pane *pane = &workbench->document_pane;
	styled_text_clear(&pane->styled);
	text_pane_changed(pane);
	if (!view_note_build(form, pane))
		return false;
	return form_beside_regenerated(workbench) ? view_regenerated_build(workbench, form, pane)
	                                          : view_compressed_build(workbench, form, pane);
}

void view_beside_draw(struct workbench *workbench, struct canvas *canvas, struct rect pane)
{
	const struct form *form = &workbench->forms[FORM_SECOND];
	const struct places places = find_places(workbench, pane);
	text_pane_draw(&workbench->document_pane, canvas, places.text);
	if (places.legend.rows > 0)
		view_regenerated_draw_legend(form, canvas, places.legend);
	/* The pane keeps a column at its left; the flow brings one of its own. */
	struct rect rect = places.figures;
	struct figure_flow flow = {canvas, {rect.row, rect.col - 1, rect.rows, rect.cols + 1}, 0, 1};
	if (rect.rows > 0)
		view_figures_add(&flow, &form->compressed->info);
}
