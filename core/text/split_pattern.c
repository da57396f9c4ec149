/*
 * A pattern is one or more regular expressions applied in turn: each cuts the
 * fragments that the one before it left into its matches and what lies between
 * them, and sees nothing beyond its fragment. Under the first one lie the
 * maximal runs of valid UTF-8, because PCRE2 reads nothing else.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/split_pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pcre2.h>

#include "base/buffer.h"
#include "text/unicode.h"

enum { MAX_STAGES = 5 };

/* White space as Unicode defines it; PCRE2's own \s has U+180E too. */
#define SPACE "\\p{Z}\\t-\\r\\x{85}"

#define CONTRACTIONS "'s|'t|'re|'ve|'m|'ll|'d"
#define GPT2 CONTRACTIONS "| ?\\p{L}+| ?\\p{N}+| ?[^" SPACE "\\p{L}\\p{N}]+|[" SPACE "]+(?![^" SPACE "])|[" SPACE "]+"

/* Llama 3 and Qwen 2 differ only in what stands between: how many digits make a piece. */
#define LLAMA3_WORDS "(?i:" CONTRACTIONS ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define LLAMA3_REST \
	"| ?[^" SPACE "\\p{L}\\p{N}]+[\\r\\n]*|[" SPACE "]*[\\r\\n]+|[" SPACE "]+(?![^" SPACE "])|[" SPACE "]+"

struct pattern_row {
	const char *name;
	bool ignores_merges;
	const char *stages[MAX_STAGES]; /* NULL after the last */
};

static const struct pattern_row pattern_rows[] = {
	{"gpt-2", false, {GPT2}},
	{"phi-2", false, {GPT2}},
	{"mpt", false, {GPT2}},
	{"olmo", false, {GPT2}},
	{"llama-bpe", true, {LLAMA3_WORDS "\\p{N}{1,3}" LLAMA3_REST}},
	{"llama3", true, {LLAMA3_WORDS "\\p{N}{1,3}" LLAMA3_REST}},
	{"llama-v3", true, {LLAMA3_WORDS "\\p{N}{1,3}" LLAMA3_REST}},
	{"qwen2", false, {LLAMA3_WORDS "\\p{N}" LLAMA3_REST}},
	{"deepseek-r1-qwen", false, {LLAMA3_WORDS "\\p{N}" LLAMA3_REST}},
	{"starcoder", false, {"\\p{N}", GPT2}},
	{"refact", false, {"\\p{N}", GPT2}},
	{"command-r", false, {"\\p{N}", GPT2}},
	{"smollm", false, {"\\p{N}", GPT2}},
	{"codeshell", false, {"\\p{N}", GPT2}},
	{"deepseek-coder",
	 false,
	 {"[\\r\\n]", "[" SPACE "]?\\p{L}+", "[" SPACE "]?\\p{P}+",
	  "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+", "\\p{N}"}},
	{"falcon", false, {"[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"}},
};
enum { N_PATTERNS = sizeof pattern_rows / sizeof pattern_rows[0] };

struct split_pattern {
	bool ignores_merges;
	int n_stages;
	pcre2_code *codes[MAX_STAGES];
	pcre2_match_data *match;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;

	/* The walk: where the next call is expected, and the fragment that each level is in. */
	const char *text;
	size_t length, next;
	bool stray;                  /* the run is of bytes that are not UTF-8 */
	size_t ends[MAX_STAGES + 1]; /* of the run, then of each stage's fragment */
};

static enum pith_status fail_unknown(const char *name, struct pith_error *err)
{
	struct buffer known = {0};
	for (size_t i = 0; i < N_PATTERNS; i++)
		if (!buffer_printf(&known, "%s%s", i == 0 ? "" : ", ", pattern_rows[i].name))
			break;
	enum pith_status status = fail(err, PITH_UNSUPPORTED, "The split pattern \"%.60s\" is not known; known are %s.", name,
	                               known.data == NULL ? "others" : known.data);
	buffer_free(&known);
	return status;
}

static enum pith_status compile_stages(struct split_pattern *pattern, const struct pattern_row *row, struct pith_error *err)
{
	for (int i = 0; i < MAX_STAGES && row->stages[i] != NULL; i++) {
		int code;
		PCRE2_SIZE offset;
		pcre2_code *compiled =
			pcre2_compile((PCRE2_SPTR)row->stages[i], PCRE2_ZERO_TERMINATED, PCRE2_UTF, &code, &offset, NULL);
		if (compiled == NULL)
			return fail(err, PITH_UNSUPPORTED, "PCRE2 does not compile the split pattern \"%s\" (error %d at %zu).",
			            row->name, code, (size_t)offset);
		/* Without the JIT (a kernel that forbids it) the interpreter finds the same pieces, slower. */
		pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
		pattern->codes[i] = compiled;
		pattern->n_stages++;
	}
	return PITH_OK;
}

enum pith_status split_pattern_create(struct split_pattern **out, const char *name, struct pith_error *err)
{
	*out = NULL;
	const struct pattern_row *row = NULL;
	for (size_t i = 0; i < N_PATTERNS && row == NULL; i++)
		if (strcmp(pattern_rows[i].name, name) == 0)
			row = &pattern_rows[i];
	if (row == NULL)
		return fail_unknown(name, err);
	struct split_pattern *pattern = calloc(1, sizeof *pattern);
	if (pattern == NULL)
		return fail_memory(err, "a split pattern");
	pattern->ignores_merges = row->ignores_merges;
	pattern->match = pcre2_match_data_create(1, NULL);
	pattern->context = pcre2_match_context_create(NULL);
	pattern->stack = pcre2_jit_stack_create(32 * 1024, 1024 * 1024, NULL);
	enum pith_status status = PITH_OK;
	if (pattern->match == NULL || pattern->context == NULL || pattern->stack == NULL) {
		status = fail_memory(err, "a split pattern");
	} else {
		pcre2_jit_stack_assign(pattern->context, NULL, pattern->stack);
		/* The patterns need time linear in the length of a run; a run of a gigabyte is still one piece. */
		pcre2_set_match_limit(pattern->context, UINT32_MAX);
		status = compile_stages(pattern, row, err);
	}
	if (status != PITH_OK) {
		split_pattern_destroy(pattern);
		return status;
	}
	*out = pattern;
	return PITH_OK;
}

void split_pattern_destroy(struct split_pattern *pattern)
{
	if (pattern == NULL)
		return;
	for (int i = 0; i < pattern->n_stages; i++)
		pcre2_code_free(pattern->codes[i]);
	pcre2_match_data_free(pattern->match);
	pcre2_match_context_free(pattern->context);
	pcre2_jit_stack_free(pattern->stack);
	free(pattern);
}

bool split_pattern_ignores_merges(const struct split_pattern *pattern)
{
	return pattern->ignores_merges;
}

/* End of the run of valid UTF-8, or of bytes that are not, that starts at begin. */
static size_t run_end(const char *text, size_t length, size_t begin, bool *stray)
{
	size_t end = begin + unicode_valid_length(text + begin, length - begin);
	*stray = end == begin;
	while (*stray && end < length) {
		int32_t code;
		unicode_next(text + end, length - end, &code);
		if (code >= 0)
			break;
		end++;
	}
	return end;
}

/* End of the fragment of one stage that starts at begin, within valid UTF-8 up to limit. */
static size_t stage_end(struct split_pattern *pattern, int stage, const char *text, size_t begin, size_t limit)
{
	PCRE2_SPTR subject = (PCRE2_SPTR)text + begin;
	const pcre2_code *code = pattern->codes[stage];
	size_t length = limit - begin;
	int n = pcre2_match(code, subject, length, 0, PCRE2_NO_UTF_CHECK, pattern->match, pattern->context);
	if (n < 0 && n != PCRE2_ERROR_NOMATCH) /* the JIT's stack: the interpreter takes its own from the heap */
		n = pcre2_match(code, subject, length, 0, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, pattern->match, pattern->context);
	if (n < 0)
		return limit; /* nothing matches any more: the rest is one fragment */
	const PCRE2_SIZE *match = pcre2_get_ovector_pointer(pattern->match);
	return begin + (match[0] > 0 ? match[0] : match[1]);
}

size_t split_pattern_next(struct split_pattern *pattern, const char *text, size_t length, size_t begin)
{
	bool continues = begin > 0 && begin == pattern->next && text == pattern->text && length == pattern->length;
	if (!continues) {
		pattern->text = text;
		pattern->length = length;
		for (int i = 0; i <= pattern->n_stages; i++)
			pattern->ends[i] = begin;
	}
	if (begin >= length)
		return length;
	size_t *ends = pattern->ends;
	if (begin >= ends[0])
		ends[0] = run_end(text, length, begin, &pattern->stray);
	pattern->next = ends[0];
	for (int i = 0; i < pattern->n_stages; i++) {
		if (begin >= ends[i + 1])
			ends[i + 1] = pattern->stray ? ends[0] : stage_end(pattern, i, text, begin, ends[i]);
		pattern->next = ends[i + 1];
	}
	return pattern->next;
}
