/* What is an address, what is code, and above all what is not. */
#include "text/literals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_all(const char *const *words, bool (*is)(const char *, size_t), bool expected)
{
	for (size_t i = 0; words[i] != NULL; i++)
		if (is(words[i], strlen(words[i])) != expected)
			fail_msg("\"%s\" is %s", words[i], expected ? "not found" : "no such word");
}

static void test_addresses(void **state)
{
	(void)state;
	static const char *const addresses[] = {
		"https://example.org/a?b=c#d", "(http://x.org).", "ftp://host", "git+ssh://host/x", "www.example.org,", "WWW.x.y",
		"ada@example.org", "<ada@example.org>", "doi:10.1000/182", "10.1145/3292500", "example.org/code", "github.com/a/b",
		"/usr/bin/env", "./check", "../up", "~/notes", "C:\\Users", "src/main.c", "config.yaml", "paper.pdf.", "model.gguf",
		NULL};
	static const char *const others[] = {
		"", "a", "and/or", "he/she", "/s", "/he", "w/o", "km/h", "e.g.", "i.e.,", "U.S./U.K.", "3/4", "end.The", "10.5",
		"@home", "a@b", "Mr.", "://", "x://", "word.", "www.", "...", "1.c", ".c", "\xff\xfe/", "10.12/7", "{\"a\":1,\"file\":\"x.json\"}", "{\"to\":\"ada@example.org\"}",
		"[\"https://x.org\",\"https://y.org\"]", "a,b.txt", "f(x).py", NULL};
	expect_all(addresses, word_is_address, true);
	expect_all(others, word_is_address, false);
	/* As a picture's base64 begins. */
	char picture[300] = "/9j/4AAQSkZJRg";
	memset(picture + strlen(picture), 'A', sizeof picture - 1 - strlen(picture));
	assert_false(word_is_address(picture, sizeof picture - 1));
}

static void test_code(void **state)
{
	(void)state;
	static const char *const code[] = {
		"n_tokens", "(n_tokens),", "std::vector", "p->next", "x=>y", "a==b", "a!=b", "a&&b", "x:=1", "main()", "f(x)", "free(p);",
		"print(\"a\")", "$HOME", "${x}", "--tokens", "--cr=0.2", "<div>", "</s>", "\\alpha", "camelCase", "i+=1",
		NULL};
	static const char *const others[] = {
		"", "a", "{", "};", "&&", "==", "()", "word(s)", "box(es)", "child(ren),", "(un)usual", "(a)", "Smith", "SQuAD", "McDonald", "well-known", "--", "---",
		"$5", "$", "<", "<5", "\\", "_", "_a_", "a=b", "...", ")", "\xff", "don't", "2-3", "'--'", NULL};
	expect_all(code, word_is_code, true);
	expect_all(others, word_is_code, false);
}

/* Every piece of quoted code in [brackets]. */
static void expect_quoted(const char *text, const char *marked)
{
	char got[400] = "";
	size_t length = strlen(text), begin, end, done = 0;
	for (size_t at = 0; quoted_code_next(text, length, &at, &begin, &end);) {
		assert_true(begin >= done && end > begin && end <= length && at == end);
		strncat(got, text + done, begin - done);
		strcat(got, "[");
		strncat(got, text + begin, end - begin);
		strcat(got, "]");
		done = end;
	}
	strcat(got, text + done);
	assert_string_equal(got, marked);
}

static void test_quoted(void **state)
{
	(void)state;
	expect_quoted("", "");
	expect_quoted("call `free(p)` twice", "call [`free(p)`] twice");
	expect_quoted("`a b`, `c`", "[`a b`], [`c`]");
	expect_quoted("``quoted'' as ``TeX'' does", "``quoted'' as ``TeX'' does");
	expect_quoted("`old' quotes and `more' of them", "`old' quotes and `more' of them");
	expect_quoted("a ` b ` c", "a ` b ` c");
	expect_quoted("one `line\nonly`", "one `line\nonly`");
	expect_quoted("it`s `x`y", "it`s `x`y");
	expect_quoted("see\n```c\nint i;\n```\nend", "see\n[```c\nint i;\n```]\nend");
	expect_quoted("  ````\n```\n  ````x", "  [````\n```\n  ````]x");
	expect_quoted("```\nto the end", "[```\nto the end]");
	expect_quoted("no ``` fence", "no ``` fence");
	expect_quoted("`", "`");
}

/* However long and odd the text is, it is gone through once. */
static void test_long(void **state)
{
	(void)state;
	enum { LENGTH = 4 << 20 };
	char *text = malloc(LENGTH);
	assert_non_null(text);
	static const char *const pieces[] = {"`", "` ", "a`", "```\n", "``"};
	for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
		size_t size = strlen(pieces[p]), begin, end, n = 0;
		for (size_t i = 0; i < LENGTH; i++)
			text[i] = pieces[p][i % size];
		for (size_t at = 0; quoted_code_next(text, LENGTH, &at, &begin, &end);)
			n++;
		assert_true(n <= LENGTH / 3);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_quoted),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
