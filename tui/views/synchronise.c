/*
 * Two panes that show the same document in different words scroll together:
 * the sentence at the top of the one stands at the top of the other, and in
 * between both move in proportion.
 */
#include "workbench.h"

/* The sentence that a byte of the document is in. */
static size_t sentence_at(const struct workbench *workbench, size_t offset)
{
	size_t low = 0, high = workbench->n_sentences;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (workbench->sentences[middle].begin <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static size_t row_of_source(const struct text_pane *pane, size_t source)
{
	return layout_row_of(&pane->layout, styled_text_find(&pane->styled, source));
}

void synchronise_panes(const struct workbench *workbench, const struct text_pane *leader, struct text_pane *follower)
{
	if (workbench->n_sentences == 0 || leader->layout.n_rows == 0 || follower->layout.n_rows == 0)
		return;
	/* At both ends they meet, whatever the sentences say. */
	if (leader->top == 0 || leader->top >= text_pane_last_top(leader)) {
		text_pane_scroll_to(follower, leader->top == 0 ? 0 : text_pane_last_top(follower));
		return;
	}
	size_t source = styled_text_source(&leader->styled, leader->layout.begin[leader->top]);
	const struct pith_sentence *sentence = &workbench->sentences[sentence_at(workbench, source)];
	size_t begin = row_of_source(leader, sentence->begin), end = row_of_source(leader, sentence->end);
	size_t other = row_of_source(follower, sentence->begin), other_end = row_of_source(follower, sentence->end);
	size_t row = other;
	if (end > begin && leader->top > begin)
		row += (leader->top - begin) * (other_end - other) / (end - begin);
	text_pane_scroll_to(follower, row);
}
