/* The left pane: the document, its words kept, dropped (faint, between ~ and ~) or protected (underlined). */
#include "workbench.h"

/* The words dropped from the i-th on, as one run between marks; returns the first word after it, or 0 without memory. */
static size_t append_dropped(struct workbench *workbench, size_t i)
{
	struct styled_text *styled = &workbench->document_pane.styled;
	const struct shown_compressed *compressed = workbench->forms[FORM_FIRST].compressed;
	const struct pith_word *words = compressed->words;
	size_t last = i;
	while (last + 1 < compressed->n_words && !words[last + 1].kept)
		last++;
	size_t begin = words[i].begin, end = words[last].end;
	bool done = (!workbench->marks || styled_text_mark(styled, ROLE_DROPPED, "~", 1, begin)) &&
	            styled_text_append(styled, ROLE_DROPPED, workbench->text, begin, end) &&
	            (!workbench->marks || styled_text_mark(styled, ROLE_DROPPED, "~", 1, end));
	return done ? last + 1 : 0;
}

bool view_document_build(struct workbench *workbench)
{
	struct styled_text *styled = &workbench->document_pane.styled;
	styled_text_clear(styled);
	text_pane_changed(&workbench->document_pane);
	if (workbench->text == NULL)
		return true;
	const struct shown_compressed *compressed = workbench->forms[FORM_FIRST].compressed;
	size_t n_words = compressed == NULL ? 0 : compressed->n_words, at = 0;
	for (size_t i = 0; i < n_words;) {
		const struct pith_word *word = &compressed->words[i];
		if (!styled_text_append(styled, ROLE_TEXT, workbench->text, at, word->begin))
			return false;
		if (word->kept) {
			enum role role = word->must_keep ? ROLE_MUST_KEEP : ROLE_KEPT;
			if (!styled_text_append(styled, role, workbench->text, word->begin, word->end))
				return false;
			i++;
		} else {
			i = append_dropped(workbench, i);
			if (i == 0)
				return false;
		}
		at = compressed->words[i - 1].end;
	}
	return styled_text_append(styled, ROLE_TEXT, workbench->text, at, workbench->length);
}
