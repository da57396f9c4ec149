/*
 * YAML files as small trees, read with libyaml. Scalars stay strings: the
 * schema of the reader gives them a type, so that `no` and `1e3` do not
 * surprise. Refused, each with file, line and column: a key that comes twice,
 * anchors and aliases, keys that are not scalars, more than one document,
 * nesting deeper than YAML_TREE_MAX_DEPTH, more than YAML_TREE_MAX_NODES nodes.
 * (The name is not yaml.h because that is libyaml's.)
 */
#ifndef YAML_TREE_H
#define YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "pith/status.h"

enum { YAML_TREE_MAX_DEPTH = 32, YAML_TREE_MAX_NODES = 10000, YAML_TREE_MAX_BYTES = 4 << 20 };

enum yaml_tree_kind { YAML_TREE_SCALAR, YAML_TREE_LIST, YAML_TREE_MAP };

/* A node. The children of a list have no key. */
struct yaml_tree {
	enum yaml_tree_kind kind;
	char *key;            /* of an entry of a map; else NULL */
	int key_line, key_column;
	char *text;           /* of a scalar, NUL-terminated; else NULL */
	bool quoted;          /* the scalar stood in quotes or in a block: never empty, null or a number by accident */
	int line, column;     /* of the value, from 1 */
	struct yaml_tree *children;
	size_t n_children, capacity;
};

/* Reads a file; an empty one is an empty map. *out is the caller's. */
enum pith_status yaml_tree_load(struct yaml_tree **out, const char *path, struct pith_error *err);
/* The same from memory; name stands for the file in messages. */
enum pith_status yaml_tree_parse(struct yaml_tree **out, const char *name, const char *text, size_t length,
                                 struct pith_error *err);
void yaml_tree_free(struct yaml_tree *tree); /* NULL is allowed */

/* The value of a key of a map; NULL: no map, no such key. Borrowed. */
const struct yaml_tree *yaml_tree_find(const struct yaml_tree *map, const char *key);

/* "FILE:LINE:COLUMN: " and the sentence, as PITH_BAD_FILE. yaml_tree_fault_key points at the key of at instead of its value. */
enum pith_status yaml_tree_fault(struct pith_error *err, const char *file, const struct yaml_tree *at, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
enum pith_status yaml_tree_fault_key(struct pith_error *err, const char *file, const struct yaml_tree *at, const char *format,
                                     ...) __attribute__((format(printf, 4, 5)));

#endif
