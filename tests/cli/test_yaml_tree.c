#include "yaml_tree.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static enum pith_status parse(struct yaml_tree **tree, const char *text, struct pith_error *err)
{
	return yaml_tree_parse(tree, "f.yaml", text, strlen(text), err);
}

static void test_values_and_places(void **state)
{
	(void)state;
	struct yaml_tree *tree;
	assert_int_equal(parse(&tree, "a: 1\nlist:\n  - x\n  - {k: no, q: \"\"}\nblock: |\n  two\n  lines\n", NULL), PITH_OK);
	assert_int_equal(tree->kind, YAML_TREE_MAP);
	assert_int_equal(tree->n_children, 3);
	const struct yaml_tree *a = yaml_tree_find(tree, "a");
	assert_string_equal(a->text, "1");
	assert_false(a->quoted);
	assert_int_equal(a->line, 1);
	assert_int_equal(a->column, 4);
	const struct yaml_tree *list = yaml_tree_find(tree, "list");
	assert_int_equal(list->kind, YAML_TREE_LIST);
	assert_int_equal(list->n_children, 2);
	assert_null(list->children[0].key);
	assert_string_equal(list->children[0].text, "x");
	assert_int_equal(list->children[1].line, 4);
	assert_int_equal(list->children[1].column, 5);
	assert_string_equal(yaml_tree_find(&list->children[1], "k")->text, "no");
	assert_true(yaml_tree_find(&list->children[1], "q")->quoted);
	assert_string_equal(yaml_tree_find(tree, "block")->text, "two\nlines\n");
	assert_null(yaml_tree_find(tree, "b"));
	assert_null(yaml_tree_find(a, "b"));
	yaml_tree_free(tree);
}

static void test_nothing_is_an_empty_map(void **state)
{
	(void)state;
	static const char *const empty[] = {"", "# only a comment\n", "---\n", "---\n...\n"};
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
		struct yaml_tree *tree;
		assert_int_equal(parse(&tree, empty[i], NULL), PITH_OK);
		assert_int_equal(tree->kind, YAML_TREE_MAP);
		assert_int_equal(tree->n_children, 0);
		yaml_tree_free(tree);
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"a: 1\nb: 2\na: 3\n", "f.yaml:3:1: The key \"a\" stands here a second time; the first is on line 1."},
		{"a: &x 1\n", "f.yaml:1:4: Anchors and aliases are not supported."},
		{"a: *x\n", "f.yaml:1:4: Anchors and aliases are not supported."},
		{"a: &x [1]\n", "f.yaml:1:4: Anchors and aliases are not supported."},
		{"? [1]\n: 2\n", "f.yaml:1:3: A key must be a plain word."},
		{"a: 1\n---\nb: 2\n", "f.yaml:2:1: Only one document may stand in this file."},
		{"a: \"x\\0y\"\n", "f.yaml:1:4: A value must not hold a NUL byte."},
		{"a: [1, 2\nb: 3\n", "f.yaml:2:2: This is not YAML: did not find expected ',' or ']'."},
		{"a: \xff\n", "f.yaml: byte 3 is not UTF-8 text."},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct yaml_tree *tree;
		struct pith_error err;
		assert_int_equal(parse(&tree, cases[i].text, &err), PITH_BAD_FILE);
		assert_null(tree);
		assert_string_equal(err.message, cases[i].message);
	}
}

static void test_limits(void **state)
{
	(void)state;
	struct yaml_tree *tree;
	struct pith_error err;
	char deep[200];
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	assert_int_equal(yaml_tree_parse(&tree, "f.yaml", deep, sizeof deep, &err), PITH_BAD_FILE);
	assert_non_null(strstr(err.message, "nested more than 32 levels"));
	assert_int_equal(yaml_tree_parse(&tree, "f.yaml", deep + 100 - YAML_TREE_MAX_DEPTH, 2 * YAML_TREE_MAX_DEPTH, &err),
			 PITH_OK);
	yaml_tree_free(tree);

	size_t length = 3 * (size_t)YAML_TREE_MAX_NODES;
	char *wide = malloc(length);
	assert_non_null(wide);
	for (size_t i = 0; i < length; i += 3)
		memcpy(wide + i, "- \n", 3);
	assert_int_equal(yaml_tree_parse(&tree, "f.yaml", wide, length, &err), PITH_BAD_FILE);
	assert_non_null(strstr(err.message, "more than 10000 values"));
	free(wide);
}

/* Damaged files must end in a tree or a sentence; what they must not do the sanitizers see. */
static void test_damaged(void **state)
{
	(void)state;
	static const char seed[] =
		"theme: dark\nlist: [1, {a: b}, \"c\\n\"]\nmap:\n  - &x y\n  - *x\n  - ? k\n    : |\n      text\n";
	uint64_t random = 88172645463325252u;
	for (int round = 0; round < 20000; round++) {
		char text[sizeof seed];
		memcpy(text, seed, sizeof seed);
		for (int change = 0; change < 4; change++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			text[random % (sizeof seed - 1)] = (char)(random >> 32);
		}
		struct yaml_tree *tree;
		struct pith_error err = {.message = ""};
		enum pith_status status = yaml_tree_parse(&tree, "f.yaml", text, random % sizeof seed, &err);
		assert_true(status == PITH_OK ? tree != NULL : tree == NULL && err.message[0] != '\0');
		yaml_tree_free(tree);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_and_places), cmocka_unit_test(test_nothing_is_an_empty_map),
		cmocka_unit_test(test_refused),           cmocka_unit_test(test_limits),
		cmocka_unit_test(test_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
