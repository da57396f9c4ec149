#define _POSIX_C_SOURCE 200809L
#include "yaml_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "fault.h"

/* One file being read. */
struct reader {
	yaml_parser_t parser;
	const char *name;
	size_t n_nodes;
	struct pith_error *err;
};

__attribute__((format(printf, 5, 0))) static enum pith_status fault_at(struct pith_error *err, const char *file, int line,
								       int column, const char *format, va_list arguments)
{
	char sentence[400];
	vsnprintf(sentence, sizeof sentence, format, arguments);
	return fault(err, PITH_BAD_FILE, "%s:%d:%d: %s", file, line, column, sentence);
}

enum pith_status yaml_tree_fault(struct pith_error *err, const char *file, const struct yaml_tree *at, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	enum pith_status status = fault_at(err, file, at->line, at->column, format, arguments);
	va_end(arguments);
	return status;
}

enum pith_status yaml_tree_fault_key(struct pith_error *err, const char *file, const struct yaml_tree *at, const char *format,
				     ...)
{
	va_list arguments;
	va_start(arguments, format);
	enum pith_status status = fault_at(err, file, at->key_line, at->key_column, format, arguments);
	va_end(arguments);
	return status;
}

__attribute__((format(printf, 3, 4))) static enum pith_status fault_mark(struct reader *reader, yaml_mark_t mark,
									 const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	enum pith_status status =
		fault_at(reader->err, reader->name, (int)mark.line + 1, (int)mark.column + 1, format, arguments);
	va_end(arguments);
	return status;
}

/* The next event; the caller deletes it when PITH_OK. */
static enum pith_status next_event(struct reader *reader, yaml_event_t *event)
{
	if (yaml_parser_parse(&reader->parser, event))
		return PITH_OK;
	switch (reader->parser.error) {
	case YAML_MEMORY_ERROR: return fault_memory(reader->err);
	case YAML_READER_ERROR:
		return fault(reader->err, PITH_BAD_FILE, "%s: byte %zu is not UTF-8 text.", reader->name,
			     reader->parser.problem_offset);
	default:
		return fault_mark(reader, reader->parser.problem_mark, "This is not YAML: %s.",
				  reader->parser.problem != NULL ? reader->parser.problem : "it cannot be read");
	}
}

/* A zeroed child at the end of parent, NULL when memory is out. */
static struct yaml_tree *add_child(struct yaml_tree *parent)
{
	if (parent->n_children == parent->capacity) {
		size_t capacity = parent->capacity == 0 ? 8 : parent->capacity * 2;
		struct yaml_tree *children = realloc(parent->children, capacity * sizeof *children);
		if (children == NULL)
			return NULL;
		parent->children = children;
		parent->capacity = capacity;
	}
	struct yaml_tree *child = &parent->children[parent->n_children++];
	*child = (struct yaml_tree){0};
	return child;
}

static enum pith_status copy_scalar(struct reader *reader, const yaml_event_t *event, char **out)
{
	if (event->data.scalar.anchor != NULL)
		return fault_mark(reader, event->start_mark, "Anchors and aliases are not supported.");
	const char *value = (const char *)event->data.scalar.value;
	if (strlen(value) != event->data.scalar.length)
		return fault_mark(reader, event->start_mark, "A value must not hold a NUL byte.");
	*out = strdup(value);
	return *out != NULL ? PITH_OK : fault_memory(reader->err);
}

static enum pith_status read_node(struct reader *reader, const yaml_event_t *event, struct yaml_tree *node, int depth);

static enum pith_status read_list(struct reader *reader, struct yaml_tree *list, int depth)
{
	for (;;) {
		yaml_event_t event;
		enum pith_status status = next_event(reader, &event);
		if (status != PITH_OK)
			return status;
		bool end = event.type == YAML_SEQUENCE_END_EVENT;
		if (!end) {
			struct yaml_tree *child = add_child(list);
			status = child == NULL ? fault_memory(reader->err) : read_node(reader, &event, child, depth + 1);
		}
		yaml_event_delete(&event);
		if (end || status != PITH_OK)
			return status;
	}
}

/* Reads the key that event holds into entry and checks that it is new. */
static enum pith_status read_key(struct reader *reader, const yaml_event_t *event, const struct yaml_tree *map,
				 struct yaml_tree *entry)
{
	if (event->type == YAML_ALIAS_EVENT)
		return fault_mark(reader, event->start_mark, "Anchors and aliases are not supported.");
	if (event->type != YAML_SCALAR_EVENT)
		return fault_mark(reader, event->start_mark, "A key must be a plain word.");
	enum pith_status status = copy_scalar(reader, event, &entry->key);
	if (status != PITH_OK)
		return status;
	entry->key_line = (int)event->start_mark.line + 1;
	entry->key_column = (int)event->start_mark.column + 1;
	for (const struct yaml_tree *other = map->children; other < entry; other++)
		if (strcmp(other->key, entry->key) == 0)
			return fault_mark(reader, event->start_mark,
					  "The key \"%s\" stands here a second time; the first is on line %d.", entry->key,
					  other->key_line);
	return PITH_OK;
}

static enum pith_status read_map(struct reader *reader, struct yaml_tree *map, int depth)
{
	for (;;) {
		yaml_event_t event;
		enum pith_status status = next_event(reader, &event);
		if (status != PITH_OK)
			return status;
		bool end = event.type == YAML_MAPPING_END_EVENT;
		struct yaml_tree *entry = end ? NULL : add_child(map);
		if (!end)
			status = entry == NULL ? fault_memory(reader->err) : read_key(reader, &event, map, entry);
		yaml_event_delete(&event);
		if (end || status != PITH_OK)
			return status;
		status = next_event(reader, &event);
		if (status != PITH_OK)
			return status;
		status = read_node(reader, &event, entry, depth + 1);
		yaml_event_delete(&event);
		if (status != PITH_OK)
			return status;
	}
}

/* Fills node with what begins with event; key and its place are left alone. */
static enum pith_status read_node(struct reader *reader, const yaml_event_t *event, struct yaml_tree *node, int depth)
{
	node->line = (int)event->start_mark.line + 1;
	node->column = (int)event->start_mark.column + 1;
	if (depth > YAML_TREE_MAX_DEPTH)
		return fault_mark(reader, event->start_mark, "This is nested more than %d levels deep.", YAML_TREE_MAX_DEPTH);
	if (++reader->n_nodes > YAML_TREE_MAX_NODES)
		return fault_mark(reader, event->start_mark, "The file has more than %d values.", YAML_TREE_MAX_NODES);
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		node->kind = YAML_TREE_SCALAR;
		node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
		return copy_scalar(reader, event, &node->text);
	case YAML_SEQUENCE_START_EVENT:
		node->kind = YAML_TREE_LIST;
		if (event->data.sequence_start.anchor != NULL)
			return fault_mark(reader, event->start_mark, "Anchors and aliases are not supported.");
		return read_list(reader, node, depth);
	case YAML_MAPPING_START_EVENT:
		node->kind = YAML_TREE_MAP;
		if (event->data.mapping_start.anchor != NULL)
			return fault_mark(reader, event->start_mark, "Anchors and aliases are not supported.");
		return read_map(reader, node, depth);
	default: return fault_mark(reader, event->start_mark, "Anchors and aliases are not supported.");
	}
}

/* The whole stream: nothing, or one document. */
static enum pith_status read_stream(struct reader *reader, struct yaml_tree *root)
{
	root->kind = YAML_TREE_MAP;
	root->line = root->column = 1;
	int n_documents = 0;
	for (;;) {
		yaml_event_t event;
		enum pith_status status = next_event(reader, &event);
		if (status != PITH_OK)
			return status;
		bool end = event.type == YAML_STREAM_END_EVENT;
		switch (event.type) {
		case YAML_STREAM_START_EVENT:
		case YAML_STREAM_END_EVENT:
		case YAML_DOCUMENT_END_EVENT: break;
		case YAML_DOCUMENT_START_EVENT:
			if (++n_documents > 1)
				status = fault_mark(reader, event.start_mark, "Only one document may stand in this file.");
			break;
		default: status = read_node(reader, &event, root, 1);
		}
		yaml_event_delete(&event);
		if (end || status != PITH_OK)
			return status;
	}
}

enum pith_status yaml_tree_parse(struct yaml_tree **out, const char *name, const char *text, size_t length,
				 struct pith_error *err)
{
	*out = NULL;
	struct reader reader = {.name = name, .err = err};
	struct yaml_tree *root = calloc(1, sizeof *root);
	if (root == NULL || !yaml_parser_initialize(&reader.parser)) {
		free(root);
		return fault_memory(err);
	}
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
	enum pith_status status = read_stream(&reader, root);
	yaml_parser_delete(&reader.parser);
	if (status != PITH_OK) {
		yaml_tree_free(root);
		return status;
	}
	/* "---" and nothing after it. */
	if (root->kind == YAML_TREE_SCALAR && !root->quoted && root->text[0] == '\0')
		root->kind = YAML_TREE_MAP;
	*out = root;
	return PITH_OK;
}

enum pith_status yaml_tree_load(struct yaml_tree **out, const char *path, struct pith_error *err)
{
	*out = NULL;
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		return fault(err, PITH_IO, "%s cannot be opened: %s.", path, strerror(errno));
	char *text = malloc(YAML_TREE_MAX_BYTES);
	enum pith_status status = PITH_OK;
	size_t length = text == NULL ? 0 : fread(text, 1, YAML_TREE_MAX_BYTES, file);
	if (text == NULL)
		status = fault_memory(err);
	else if (ferror(file))
		status = fault(err, PITH_IO, "%s cannot be read: %s.", path, strerror(errno));
	else if (length == YAML_TREE_MAX_BYTES)
		status = fault(err, PITH_BAD_FILE, "%s is too large for a YAML file.", path);
	else
		status = yaml_tree_parse(out, path, text, length, err);
	free(text);
	fclose(file);
	return status;
}

/* Frees what hangs below a node, not the node. */
static void free_contents(struct yaml_tree *node)
{
	for (size_t i = 0; i < node->n_children; i++)
		free_contents(&node->children[i]);
	free(node->children);
	free(node->key);
	free(node->text);
}

void yaml_tree_free(struct yaml_tree *tree)
{
	if (tree == NULL)
		return;
	free_contents(tree);
	free(tree);
}

const struct yaml_tree *yaml_tree_find(const struct yaml_tree *map, const char *key)
{
	if (map == NULL || map->kind != YAML_TREE_MAP)
		return NULL;
	for (size_t i = 0; i < map->n_children; i++)
		if (strcmp(map->children[i].key, key) == 0)
			return &map->children[i];
	return NULL;
}
