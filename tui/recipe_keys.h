/* What recipes may say: a table of keys for each kind. The manual and its test go by them. */
#ifndef RECIPE_KEYS_H
#define RECIPE_KEYS_H

#include <stddef.h>

enum key_type { KEY_PATH, KEY_TEXT, KEY_INTEGER, KEY_SIZE, KEY_SEED, KEY_NUMBER, KEY_BOOL, KEY_OBJECTIVE, KEY_MEMORY };

/* A row of a table: key, where its value goes, and what it may be. */
struct key {
	const char *name;
	enum key_type type;
	size_t offset;
	double minimum, maximum;
};

struct key_table {
	const struct key *keys;
	size_t n;
};
extern const struct key_table recipe_keys, task_keys, tokenizer_keys, keep_keys, source_keys, grpo_keys;
enum { MOST_KEYS = 80 }; /* of one table */

#endif
