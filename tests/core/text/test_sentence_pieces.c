/*
 * Ids against the sentencepiece package (golden_sentence_pieces.py); the order of joining against vocabularies of a few pieces;
 * the space before a text, which belongs to no byte; any bytes come back; damaged vocabularies are refused with their sentence.
 */
#define _XOPEN_SOURCE 700
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "support/encodings.h"
#include "support/pieces.h"
#include "text/chat_format.h"

#define GOLDEN GOLDEN_DIR "golden_sentence_pieces"
#define SPACE "\xe2\x96\x81"

static struct tokenizer *golden;

static int setup(void **state)
{
	golden = pieces_open(GOLDEN ".gguf");
	return scratch_setup(state);
}

static int teardown(void **state)
{
	tokenizer_destroy(golden);
	return scratch_teardown(state);
}

#define EXPECT_IDS(tokenizer, text, ...)                                                                                         \
	expect_ids(tokenizer, text, sizeof text - 1, (const int32_t[]){__VA_ARGS__},                                             \
	           sizeof(int32_t[]){__VA_ARGS__} / sizeof(int32_t))

static void test_golden_encodings(void **state)
{
	(void)state;
	for_each_golden_line(GOLDEN ".jsonl", 170, check_encoding, golden);
}

/* --- there and back ------------------------------------------------------------------------------------------ */

/* Encodes any bytes; the spans must cover them without gaps, the added space none of them, and the bytes must come back. */
static void expect_round_trip(const struct tokenizer *tokenizer, const char *text, size_t length)
{
	struct token_list list = {0};
	struct pith_token *tokens;
	struct buffer back = {0}, streamed = {0};
	size_t n;
	assert_int_equal(tokenizer_encode(tokenizer, text, length, &list, NULL), PITH_OK);
	assert_int_equal(tokenizer_encode_spans(tokenizer, text, length, &tokens, &n, NULL), PITH_OK);
	assert_int_equal(n, list.n);
	for (size_t i = 0; i < n; i++) {
		size_t token_length, added = i == 0;
		const char *bytes = tokenizer_bytes(tokenizer, list.ids[i], &token_length);
		assert_int_equal(tokens[i].id, list.ids[i]);
		assert_int_equal(tokens[i].begin, i == 0 ? 0 : tokens[i - 1].end);
		assert_int_equal(tokens[i].end - tokens[i].begin, token_length - added);
		assert_memory_equal(text + tokens[i].begin, bytes + added, token_length - added);
		assert_true(!added || bytes[0] == ' ');
		/* One at a time is the same as all at once. */
		assert_true(tokenizer_decode(tokenizer, &list.ids[i], 1, i == 0, &streamed));
	}
	assert_int_equal(n == 0 ? 0 : tokens[n - 1].end, length);
	assert_true(tokenizer_decode(tokenizer, list.ids, list.n, true, &back));
	assert_int_equal(back.length, length);
	assert_int_equal(streamed.length, length);
	if (length > 0) {
		assert_memory_equal(back.data, text, length);
		assert_memory_equal(streamed.data, text, length);
	}
	buffer_free(&back);
	buffer_free(&streamed);
	free(tokens);
	token_list_free(&list);
}

static void test_any_bytes_come_back(void **state)
{
	(void)state;
	static const char *const parts[] = {"the",  " the",   "\n\n", "\xff", "\xe4\xb8", "\xe4\xb8\xad", SPACE, "  ",
	                                    "1234", "<tool>", "<too", " ",    "\t",       "compress",     "\xc2\xa0"};
	struct random_state random;
	random_seed(&random, 1);
	expect_round_trip(golden, "", 0);
	expect_round_trip(golden, "\0", 1);
	for (int round = 0; round < 3000; round++) {
		char text[DRAWN_TEXT];
		size_t length = draw_text(text, parts, sizeof parts / sizeof parts[0], &random);
		expect_round_trip(golden, text, length);
	}
}

static void test_megabytes(void **state)
{
	(void)state;
	enum { LENGTH = 1 << 20 };
	static const char *const units[] = {"a", " ", "the", "\n", "\xff", "ab ", "inging", "<tool", "\xe4\xb8\xad", "0", SPACE};
	char *text = malloc(LENGTH + 8);
	assert_non_null(text);
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		size_t unit = strlen(units[i]), length = LENGTH / unit * unit;
		for (size_t j = 0; j < length; j += unit)
			memcpy(text + j, units[i], unit);
		expect_round_trip(golden, text, length);
	}
	free(text);
}

/* U+2581 in a text is not the space that it stands for in the vocabulary: it is its bytes. */
static void test_foreign_space(void **state)
{
	(void)state;
	struct token_list spaces = {0}, marks = {0};
	assert_int_equal(tokenizer_encode(golden, "the the", 7, &spaces, NULL), PITH_OK);
	assert_int_equal(tokenizer_encode(golden, "the" SPACE "the", 9, &marks, NULL), PITH_OK);
	assert_int_equal(spaces.n, 2);
	assert_int_equal(marks.ids[1], tokenizer_find(golden, "<0x00>") + 0xe2);
	token_list_free(&spaces);
	token_list_free(&marks);
}

/* --- the space before a text -------------------------------------------------------------------------------- */

static void test_where_a_text_begins(void **state)
{
	(void)state;
	struct token_list list = {0}, whole = {0}, parts = {0};
	struct buffer text = {0};
	int32_t with_space = tokenizer_find(golden, SPACE "the");
	assert_true(with_space >= 0);
	EXPECT_IDS(golden, "the", with_space);
	/* Behind BOS a text begins; behind another token one goes on. */
	assert_true(token_list_append(&list, tokenizer_bos(golden)));
	assert_int_equal(tokenizer_encode(golden, "the", 3, &list, NULL), PITH_OK);
	assert_int_equal(tokenizer_encode(golden, " the", 4, &list, NULL), PITH_OK);
	assert_int_equal(tokenizer_encode(golden, "", 0, &list, NULL), PITH_OK);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.ids[1], with_space);
	assert_int_equal(list.ids[2], with_space);
	assert_true(tokenizer_decode(golden, list.ids, list.n, true, &text));
	assert_string_equal(text.data, "the the");
	buffer_clear(&text);
	assert_true(tokenizer_decode(golden, list.ids, list.n, false, &text));
	assert_string_equal(text.data, " the the");
	/* What is said to go on does so in an empty list, too. */
	list.n = 0;
	assert_int_equal(tokenizer_encode_continued(golden, " the", 4, &list, NULL), PITH_OK);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.ids[0], with_space);
	/* Parts that meet at a space are the whole. */
	assert_int_equal(tokenizer_encode(golden, "the memory of the prompt", 24, &whole, NULL), PITH_OK);
	assert_int_equal(tokenizer_encode(golden, "the memory", 10, &parts, NULL), PITH_OK);
	assert_int_equal(tokenizer_encode(golden, " of the prompt", 14, &parts, NULL), PITH_OK);
	assert_int_equal(parts.n, whole.n);
	assert_memory_equal(parts.ids, whole.ids, whole.n * sizeof *whole.ids);
	buffer_free(&text);
	token_list_free(&list);
	token_list_free(&whole);
	token_list_free(&parts);
}

static void test_space_alone(void **state)
{
	(void)state;
	/* A text that begins with no word that has a token of its own: the added space is one, of no length. */
	struct pith_token *spans;
	size_t n, length;
	assert_int_equal(tokenizer_encode_spans(golden, "\xe4\xbb\x8a the", 7, &spans, &n, NULL), PITH_OK);
	assert_true(n >= 3);
	assert_string_equal(tokenizer_bytes(golden, spans[0].id, &length)[0] == ' ' && length == 1 ? "space" : "other", "space");
	assert_int_equal(spans[0].begin, 0);
	assert_int_equal(spans[0].end, 0);
	assert_int_equal(spans[1].begin, 0);
	assert_int_equal(spans[n - 1].end, 7);
	free(spans);
}

/* --- joining ------------------------------------------------------------------------------------------------- */

enum { UNK, BOS, EOS, SPC, A, B, C, AB, BC, ABC, SA, N_PIECES };
static const struct piece few[] = {
	{"<unk>", 0, PIECE_UNKNOWN}, {"<s>", 0, PIECE_CONTROL}, {"</s>", 0, PIECE_CONTROL}, {SPACE, -20, PIECE_NORMAL},
	{"a", -21, PIECE_NORMAL},    {"b", -22, PIECE_NORMAL},  {"c", -23, PIECE_NORMAL},   {"ab", -2, PIECE_NORMAL},
	{"bc", -1, PIECE_NORMAL},    {"abc", -3, PIECE_NORMAL}, {SPACE "a", -4, PIECE_NORMAL},
};

static struct tokenizer *open_few(struct pieces *vocabulary)
{
	if (vocabulary->pieces == NULL) {
		vocabulary->pieces = few;
		vocabulary->n = N_PIECES;
	}
	return pieces_open(pieces_write(vocabulary, "few.gguf"));
}

static void test_order_of_joining(void **state)
{
	(void)state;
	struct pieces vocabulary = {.no_space_prefix = true};
	struct tokenizer *tokenizer = open_few(&vocabulary);
	/* "bc" has the higher score, so "abc" comes of "a" and "bc"; "ab" only where "c" does not follow. */
	EXPECT_IDS(tokenizer, "abc", ABC);
	EXPECT_IDS(tokenizer, "abab", AB, AB);
	EXPECT_IDS(tokenizer, "bca", BC, A);
	EXPECT_IDS(tokenizer, " a ab", SA, SPC, AB);
	tokenizer_destroy(tokenizer);
	/* Equal scores: the leftmost first. Positive, negative and zero scores in their order. */
	struct piece other[N_PIECES];
	memcpy(other, few, sizeof few);
	other[AB].score = other[BC].score = 0;
	other[ABC].type = PIECE_CONTROL;
	vocabulary.pieces = other;
	tokenizer = open_few(&vocabulary);
	EXPECT_IDS(tokenizer, "abc", AB, C);
	tokenizer_destroy(tokenizer);
	static const float rising[] = {-INFINITY, -2e30f, -1, -1e-30f, 0, 1e-30f, 1, 2e30f, INFINITY};
	for (size_t i = 1; i < sizeof rising / sizeof *rising; i++) {
		other[AB].score = rising[i - 1];
		other[BC].score = rising[i];
		tokenizer = open_few(&vocabulary);
		EXPECT_IDS(tokenizer, "abc", A, BC);
		tokenizer_destroy(tokenizer);
	}
}

static void test_tokens_across_words(void **state)
{
	(void)state;
	/* With a token that reaches from one word into the next, words can not be joined one by one. */
	struct piece other[N_PIECES + 1];
	memcpy(other, few, sizeof few);
	other[N_PIECES] = (struct piece){"b" SPACE "a", -1, PIECE_NORMAL};
	struct pieces vocabulary = {.pieces = other, .n = N_PIECES + 1};
	struct tokenizer *tokenizer = open_few(&vocabulary);
	EXPECT_IDS(tokenizer, "cb a", SPC, C, N_PIECES);
	EXPECT_IDS(tokenizer, "b b", SPC, B, SPC, B);
	tokenizer_destroy(tokenizer);
}

static void test_unknown_characters(void **state)
{
	(void)state;
	struct pith_token *spans;
	size_t n;
	struct pieces vocabulary = {.no_space_prefix = true};
	/* Without byte tokens one unknown token stands for a whole character, and covers it. */
	struct tokenizer *tokenizer = open_few(&vocabulary);
	EXPECT_IDS(tokenizer, "a\xe4\xb8\xad\xff" "b", A, UNK, UNK, B);
	assert_int_equal(tokenizer_encode_spans(tokenizer, "a\xe4\xb8\xad\xff" "b", 6, &spans, &n, NULL), PITH_OK);
	static const uint32_t ends[] = {1, 4, 5, 6};
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(spans[i].end, ends[i]);
	free(spans);
	tokenizer_destroy(tokenizer);
	/* Another one, by the key; one that is no control token is none. */
	vocabulary.unknown_key = BOS + 1;
	tokenizer = open_few(&vocabulary);
	EXPECT_IDS(tokenizer, "x", BOS);
	tokenizer_destroy(tokenizer);
	vocabulary.unknown_key = A + 1;
	tokenizer = open_few(&vocabulary);
	EXPECT_IDS(tokenizer, "x", UNK);
	tokenizer_destroy(tokenizer);
	/* None at all: bytes are left out, and the spans have no gaps. */
	struct piece other[N_PIECES];
	memcpy(other, few, sizeof few);
	other[UNK].text = "<none>";
	vocabulary.pieces = other;
	tokenizer = open_few(&vocabulary);
	EXPECT_IDS(tokenizer, "xaxb", A, B);
	assert_int_equal(tokenizer_encode_spans(tokenizer, "xaxb", 4, &spans, &n, NULL), PITH_OK);
	assert_int_equal(n, 2);
	assert_int_equal(spans[0].begin, 0);
	assert_int_equal(spans[0].end, 3);
	free(spans);
	tokenizer_destroy(tokenizer);
	/* With bytes: <0x20> is the added space where there is no piece for it. */
	other[SPC].type = other[SA].type = PIECE_CONTROL;
	vocabulary.with_bytes = true;
	vocabulary.no_space_prefix = false;
	tokenizer = open_few(&vocabulary);
	EXPECT_IDS(tokenizer, "a\xff", N_PIECES + 0x20, A, N_PIECES + 0xff);
	expect_round_trip(tokenizer, " a\xff ", 4);
	assert_int_equal(tokenizer_find(tokenizer, "ab"), AB);
	tokenizer_destroy(tokenizer);
	/* No token for a space: none is added, and none is taken away. */
	vocabulary.with_bytes = false;
	tokenizer = open_few(&vocabulary);
	EXPECT_IDS(tokenizer, "ab", AB);
	tokenizer_destroy(tokenizer);
}

static void test_verbatim_pieces(void **state)
{
	(void)state;
	struct piece other[N_PIECES + 1];
	memcpy(other, few, sizeof few);
	other[N_PIECES] = (struct piece){"a" SPACE "b", 0, PIECE_USER_DEFINED};
	struct pieces vocabulary = {.pieces = other, .n = N_PIECES + 1};
	struct tokenizer *tokenizer = open_few(&vocabulary);
	EXPECT_IDS(tokenizer, "ca bc", SPC, C, N_PIECES, C);
	expect_round_trip(tokenizer, "ca bc", 5);
	tokenizer_destroy(tokenizer);
}

/* Tokens of 1000 and 500 equal letters: the longer one is never made, and texts of them come back. */
static void test_long_pieces(void **state)
{
	(void)state;
	struct piece other[N_PIECES + 2];
	char *text = malloc(1001), *half = malloc(501);
	assert_true(text != NULL && half != NULL);
	memset(text, 'a', 1000);
	memset(half, 'a', 500);
	text[1000] = half[500] = '\0';
	memcpy(other, few, sizeof few);
	other[N_PIECES] = (struct piece){text, 5, PIECE_NORMAL};
	other[N_PIECES + 1] = (struct piece){half, 6, PIECE_NORMAL};
	struct pieces vocabulary = {.pieces = other, .n = N_PIECES + 2};
	struct tokenizer *tokenizer = open_few(&vocabulary);
	expect_round_trip(tokenizer, text, 1000);
	tokenizer_destroy(tokenizer);
	free(text);
	free(half);
}

/* --- the file ------------------------------------------------------------------------------------------------ */

static void expect_fingerprint(struct pieces *vocabulary, const char *first, bool same)
{
	struct tokenizer *tokenizer = open_few(vocabulary);
	if ((strcmp(tokenizer_fingerprint(tokenizer), first) == 0) != same)
		fail_msg("the fingerprint is %s", same ? "another" : "the same");
	tokenizer_destroy(tokenizer);
}

static void test_fingerprint(void **state)
{
	(void)state;
	struct pieces vocabulary = {.pieces = few, .n = N_PIECES}, flag = vocabulary, unknown = vocabulary, talks = vocabulary;
	struct piece other[N_PIECES];
	char first[33];
	struct tokenizer *tokenizer = open_few(&vocabulary);
	strcpy(first, tokenizer_fingerprint(tokenizer));
	assert_int_equal(strspn(first, "0123456789abcdef"), 32);
	tokenizer_destroy(tokenizer);
	expect_fingerprint(&vocabulary, first, true);
	flag.no_space_prefix = true;
	expect_fingerprint(&flag, first, false);
	unknown.unknown_key = BOS + 1;
	expect_fingerprint(&unknown, first, false);
	/* How it is talked to says nothing about tokens. */
	talks.chat_template = "[INST]";
	expect_fingerprint(&talks, first, true);
	vocabulary.pieces = other;
	memcpy(other, few, sizeof few);
	other[AB].score = -2.5f;
	expect_fingerprint(&vocabulary, first, false);
	memcpy(other, few, sizeof few);
	other[AB].type = PIECE_USER_DEFINED;
	expect_fingerprint(&vocabulary, first, false);
	memcpy(other, few, sizeof few);
	other[AB].text = "ac";
	expect_fingerprint(&vocabulary, first, false);
}

static void expect_refusal(struct pieces *vocabulary, const char *said)
{
	struct gguf *gguf;
	struct tokenizer *tokenizer;
	struct pith_error err;
	assert_int_equal(gguf_open(&gguf, pieces_write(vocabulary, "bad.gguf"), NULL), PITH_OK);
	assert_int_equal(tokenizer_create(&tokenizer, gguf, &err), PITH_BAD_FILE);
	assert_null(tokenizer);
	if (strstr(err.message, said) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.message, said);
	gguf_close(gguf);
}

static void test_refusals(void **state)
{
	(void)state;
	struct piece other[N_PIECES];
	struct pieces whole = {.pieces = few, .n = N_PIECES}, bad = whole;
	bad.no_scores = true;
	expect_refusal(&bad, "tokenizer.ggml.scores");
	bad = whole;
	bad.n_scores = N_PIECES - 1;
	expect_refusal(&bad, "11 tokens but 10 scores");
	bad = whole;
	bad.no_types = true;
	expect_refusal(&bad, "tokenizer.ggml.token_type");
	memcpy(other, few, sizeof few);
	bad = whole;
	bad.pieces = other;
	other[A].score = NAN;
	expect_refusal(&bad, "Token 4 of the vocabulary");
	static const char *const no_bytes[] = {"", "A", "<0x4>", "<0x4g>", "<0x4a>", "<0x411>", "<0y41>", "<0x41)"};
	for (size_t i = 0; i < sizeof no_bytes / sizeof *no_bytes; i++) {
		other[A] = (struct piece){no_bytes[i], 0, PIECE_BYTE};
		expect_refusal(&bad, "Token 4 of the vocabulary");
	}
}

/* --- talking ------------------------------------------------------------------------------------------------- */

/* The turn around "the" as text, special tokens by name. */
static void expect_turn(const struct tokenizer *tokenizer, const char *expected)
{
	const struct chat_format *format = chat_format_find(tokenizer);
	struct token_list turn = {0};
	struct buffer text = {0};
	assert_non_null(format);
	assert_int_equal(chat_format_begin(format, tokenizer, "the", 3, &turn, NULL), PITH_OK);
	assert_int_equal(chat_format_end(format, tokenizer, &turn, NULL), PITH_OK);
	for (size_t i = 0; i < turn.n; i++) {
		bool control = tokenizer_is_control(tokenizer, turn.ids[i]);
		const char *name = turn.ids[i] == tokenizer_bos(tokenizer)   ? "{BOS}"
		                   : turn.ids[i] == tokenizer_eos(tokenizer) ? "{EOS}"
		                                                             : "{token}";
		assert_true(control ? buffer_append_string(&text, name)
		                    : tokenizer_decode(tokenizer, &turn.ids[i], 1, false, &text));
	}
	assert_string_equal(text.data, expected);
	buffer_free(&text);
	token_list_free(&turn);
}

static void test_chat_formats(void **state)
{
	(void)state;
	static const struct {
		const char *template, *turn; /* NULL: no format */
	} cases[] = {
		{"{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}",
	         "{BOS} [INST] the [/INST]"},
		{"{% if user %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n",
	         "{BOS} <|user|>\nthe{EOS} \n<|assistant|>\n"},
		{"{{ '<|user|>\n' + message['content'] + '</s>' }}", "{BOS} <|user|>\nthe{EOS} \n<|assistant|>\n"},
		/* The same words, and another end of the turn: no format that is known. */
		{"{{ '<|user|>\n' + message['content'] + '\n' }}{{ '<|assistant|>' + eos_token }}", NULL},
		{"{{ message['content'] }}", NULL},
		{"", NULL},
		{NULL, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pieces vocabulary = {.with_bytes = true, .chat_template = cases[i].template};
		struct tokenizer *tokenizer = open_few(&vocabulary);
		if (cases[i].turn == NULL)
			assert_null(chat_format_find(tokenizer));
		else
			expect_turn(tokenizer, cases[i].turn);
		tokenizer_destroy(tokenizer);
	}
	/* Mistral from v0.3 on has tokens for the marks; words behind them have the space that words have. */
	struct piece other[N_PIECES + 2];
	memcpy(other, few, sizeof few);
	other[N_PIECES] = (struct piece){"[INST]", 0, PIECE_CONTROL};
	other[N_PIECES + 1] = (struct piece){"[/INST]", 0, PIECE_CONTROL};
	struct pieces vocabulary = {.pieces = other, .n = N_PIECES + 2, .with_bytes = true, .chat_template = cases[0].template};
	struct tokenizer *tokenizer = open_few(&vocabulary);
	expect_turn(tokenizer, "{BOS}{token} the{token}");
	tokenizer_destroy(tokenizer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_encodings),    cmocka_unit_test(test_any_bytes_come_back),
		cmocka_unit_test(test_megabytes),           cmocka_unit_test(test_foreign_space),
		cmocka_unit_test(test_where_a_text_begins), cmocka_unit_test(test_space_alone),
		cmocka_unit_test(test_order_of_joining),    cmocka_unit_test(test_tokens_across_words),
		cmocka_unit_test(test_unknown_characters),  cmocka_unit_test(test_verbatim_pieces),
		cmocka_unit_test(test_long_pieces),         cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_refusals),            cmocka_unit_test(test_chat_formats),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
