/* Words of texts, questions and answers exchanged together. */
#define _XOPEN_SOURCE 700
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "scratch.h"
#include "train/renaming.h"

#define PARTY "Anna came to the party on Monday with Joanna. The party of Anna cost 45 dollars, and the art was by a red fox."
static const char *const lines[] = {
	"{\"context\":\"" PARTY "\",\"question\":\"Who came to the party?\",\"answers\":[\"Anna\"]}",
	"{\"context\":\"" PARTY "\",\"question\":\"What did the party of Anna cost?\",\"answers\":[\"45 dollars\"]}",
	"{\"context\":\"" PARTY "\",\"question\":\"What was by the fox?\",\"answers\":[\"no art at all\",\"art\"]}",
	"{\"context\":\"In 1871 Bertha built a steamer called Comet near Hamburg.\",\"question\":\"Who built it?\",\"answers\":[\"Bertha\"]}",
	"{\"context\":\"Charles counted 312 swans beside the lighthouse.\",\"question\":\"How many?\",\"answers\":[\"312 swans\"]}",
	"{\"context\":\"A violin lay on the table.\",\"question\":\"What lay there?\",\"answers\":[\"violin\"]}",
};

static struct jsonl *open_lines(void)
{
	struct buffer text = {0};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		assert_true(buffer_append_string(&text, lines[i]) && buffer_append_string(&text, "\n"));
	struct jsonl *file;
	assert_int_equal(jsonl_open(&file, scratch_write("lines.jsonl", text.data, text.length), NULL), PITH_OK);
	buffer_free(&text);
	return file;
}

static const char *new_name(const struct renaming *renaming, const char *from)
{
	for (size_t i = 0; i < renaming->n; i++)
		if (strcmp(renaming->pairs[i].from.data, from) == 0)
			return renaming->pairs[i].to.data;
	return NULL;
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;
	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		n++;
	return n;
}

static void test_draw(void **state)
{
	(void)state;
	struct jsonl *file = open_lines();
	struct renaming renaming = {0};
	size_t n_anna = 0, n_cost = 0, n_party = 0;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct random_state random;
		random_seed(&random, seed);
		assert_true(renaming_draw(&renaming, file, 1, 1, &random));
		const char *anna = new_name(&renaming, "Anna"), *cost = new_name(&renaming, "45 dollars");
		/* Of other lines, of the same kind, and nothing that stands in the text already. */
		assert_true(anna == NULL || strcmp(anna, "Bertha") == 0 || strcmp(anna, "Charles") == 0 ||
		            strcmp(anna, "Comet") == 0 || strcmp(anna, "Hamburg") == 0);
		assert_true(cost == NULL || strcmp(cost, "312 swans") == 0);
		n_anna += anna != NULL;
		n_cost += cost != NULL;
		n_party += new_name(&renaming, "party") != NULL;
		assert_null(new_name(&renaming, "no art at all"));
	}
	assert_true(n_anna > 60 && n_cost > 60); /* of 200: the few other lines have one answer of each kind */
	assert_true(n_party > 10 && n_party < 120); /* a fifth of the share for each of two questions */
	/* A share of none, a line that is not there: nothing. */
	struct random_state random;
	random_seed(&random, 1);
	assert_true(renaming_draw(&renaming, file, 1, 0, &random));
	assert_int_equal(renaming.n, 0);
	renaming_free(&renaming);
	jsonl_close(file);
}

static void test_apply(void **state)
{
	(void)state;
	struct jsonl *file = open_lines();
	struct renaming renaming = {0};
	struct buffer out = {0};
	bool seen = false;
	for (uint64_t seed = 1; seed <= 50 && !seen; seed++) {
		struct random_state random;
		random_seed(&random, seed);
		assert_true(renaming_draw(&renaming, file, 0, 1, &random));
		const char *anna = new_name(&renaming, "Anna");
		if (anna == NULL)
			continue;
		seen = true;
		assert_true(renaming_apply(&renaming, PARTY, strlen(PARTY), &out));
		assert_int_equal(count(out.data, anna), 2);
		assert_int_equal(count(out.data, "Anna"), 0);
		assert_int_equal(count(out.data, "Joanna"), 1); /* whole words alone */
		buffer_clear(&out);
		assert_true(renaming_apply(&renaming, "Anna", 4, &out));
		assert_string_equal(out.data, anna);
	}
	assert_true(seen);
	renaming_clear(&renaming);
	buffer_clear(&out);
	assert_true(renaming_apply(&renaming, PARTY, strlen(PARTY), &out));
	assert_string_equal(out.data, PARTY);
	buffer_free(&out);
	renaming_free(&renaming);
	jsonl_close(file);
}

/* Of two pairs that fit, the longer one. */
static void test_longest(void **state)
{
	(void)state;
	struct renaming renaming = {.n = 2};
	struct buffer out = {0};
	const char *text = "a red fox, the fox";
	assert_true(buffer_append_string(&renaming.pairs[0].from, "red") && buffer_append_string(&renaming.pairs[0].to, "blue"));
	assert_true(buffer_append_string(&renaming.pairs[1].from, "red fox") &&
	            buffer_append_string(&renaming.pairs[1].to, "hare"));
	assert_true(renaming_apply(&renaming, text, strlen(text), &out));
	assert_string_equal(out.data, "a hare, the fox");
	buffer_free(&out);
	renaming_free(&renaming);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_draw), cmocka_unit_test(test_apply),
	                                   cmocka_unit_test(test_longest)};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
