#include "actions.h"

#include <stdbool.h>
#include <string.h>

static const struct action table[N_ACTIONS] = {
#define ACTION_ROW(id, context, keys, hint, help) {ACTION_##id, context, keys, hint, help},
	ACTIONS(ACTION_ROW)
#undef ACTION_ROW
};

const struct action *actions_table(void)
{
	return table;
}

static bool has_key(const char *keys, const char *key)
{
	size_t length = strlen(key);
	for (const char *at = keys; *at != '\0';) {
		size_t n = strcspn(at, " ");
		if (n == length && memcmp(at, key, n) == 0)
			return true;
		at += n + strspn(at + n, " ");
	}
	return false;
}

enum action_id actions_find(enum action_context context, const char *key)
{
	if (key[0] == '\0')
		return ACTION_NONE;
	for (int i = 0; i < N_ACTIONS; i++)
		if (table[i].context == context && has_key(table[i].keys, key))
			return table[i].id;
	return context == CONTEXT_ANYWHERE ? ACTION_NONE : actions_find(CONTEXT_ANYWHERE, key);
}

const char *actions_context_title(enum action_context context)
{
	switch (context) {
	case CONTEXT_ANYWHERE: return "Anywhere";
	case CONTEXT_SLIDER: return "When the slider has the focus";
	case CONTEXT_PANES: return "When a pane has the focus";
	case CONTEXT_LINE: return "While a line is typed (and readline's keys)";
	case CONTEXT_CURVES: return "While a training run is watched";
	case CONTEXT_MOUSE: return "Mouse";
	case N_CONTEXTS: break;
	}
	return "";
}

size_t actions_first_key(enum action_id id, const char **key)
{
	*key = table[id].keys;
	return strcspn(*key, " ");
}
