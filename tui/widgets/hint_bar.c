#include "widgets/hint_bar.h"

#include <string.h>

void hint_bar_draw(struct canvas *canvas, struct rect rect, enum action_context context)
{
	const struct action *table = actions_table();
	int col = 1;
	for (int i = 0; i < N_ACTIONS; i++) {
		const char *key;
		size_t length = actions_first_key((enum action_id)i, &key);
		int width = (int)length + 1 + (int)strlen(table[i].hint);
		if (table[i].context != context || table[i].hint[0] == '\0' || col + width > rect.cols)
			continue;
		col += canvas_text(canvas, rect.row, col, rect.cols - col, ROLE_KEY, key, length);
		col += 1 + canvas_string(canvas, rect.row, col + 1, rect.cols - col - 1, ROLE_FAINT, table[i].hint) + 2;
	}
}
