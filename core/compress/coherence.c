#include "compress/coherence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/protected.h"
#include "text/sentences.h"
#include "text/unicode.h"

/* A word of the chain. */
struct link {
	double odds;   /* z: log-odds of its place in the order */
	double tie;    /* e^(coherence h) to the next one; 1: none */
	double left;   /* log-odds of being kept by all before it, its own included */
	double chance; /* p(x = 1) */
};

/* --- ties ----------------------------------------------------------------------------------------------------- */

static const double full = 1, half = 0.5;

/* Signs behind which a phrase is over, though the sentence is not. */
static bool is_phrase_sign(int32_t code)
{
	return code == ',' || code == ';' || code == ':' || code == ')' || code == ']' || code == 0x2013 || code == 0x2014 ||
	       code == 0x3001 || code == 0xff0c || code == 0xff1b || code == 0xff1a || code == 0xff09;
}

static int32_t last_character(const char *text, size_t begin, size_t end)
{
	int32_t code = 0;
	size_t at = end - 1;
	while (at > begin && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	unicode_next(text + at, end - at, &code);
	return code;
}

/* How much of a tie there is between a word and the one behind it in the same sentence. */
static double share_of_tie(const char *text, const struct pith_word *word, const struct pith_word *next)
{
	bool ends = is_phrase_sign(last_character(text, word->begin, word->end)) || text[next->begin] == '(' ||
	            memchr(text + word->end, '\n', next->begin - word->end) != NULL;
	return ends ? half : full;
}

static void tie(struct link *links, const struct pith_word *words, size_t n, const char *text, size_t length, double coherence)
{
	size_t sentence = 0; /* end of the one that the word stands in */
	for (size_t w = 0; w + 1 < n; w++) {
		while (sentence < words[w].end)
			sentence = sentence_end(text, length, sentence);
		bool same = words[w + 1].begin < sentence;
		links[w].tie = same ? exp(coherence * share_of_tie(text, &words[w], &words[w + 1])) : 1;
	}
	links[n - 1].tie = 1;
}

/* --- the chain -------------------------------------------------------------------------------------------------- */

/* What a neighbour with these log-odds of being kept adds to a word's. */
static double message(double odds, double tie)
{
	double e = exp(odds);
	return log((1 + tie * e) / (tie + e));
}

/* Sets the chances of all words at this t, forwards and backwards; returns how many tokens are expected to stay. */
static double pass(struct link *links, const struct pith_word *words, size_t n, double t)
{
	double expected = 0, from_right = 0;
	for (size_t w = 0; w < n; w++)
		links[w].left = links[w].odds - t + (w > 0 ? message(links[w - 1].left, links[w - 1].tie) : 0);
	for (size_t w = n; w-- > 0;) {
		links[w].chance = 1 / (1 + exp(-(links[w].left + from_right)));
		expected += links[w].chance * words[w].n_tokens;
		if (w > 0)
			from_right = message(links[w].odds - t + from_right, links[w - 1].tie);
	}
	return expected;
}

/* Finds t. */
static void meet(struct link *links, const struct pith_word *words, size_t n, size_t budget, double coherence)
{
	enum { ROUNDS = 40 };
	double most = log(2 * (double)n) + 2 * coherence + 1, low = -most, high = most;
	for (int round = 0; round < ROUNDS; round++) {
		double t = (low + high) / 2, over = pass(links, words, n, t) - (double)budget;
		if (fabs(over) < 0.25)
			break;
		*(over > 0 ? &low : &high) = t;
	}
}

/* --- the order -------------------------------------------------------------------------------------------------- */

struct wish {
	size_t word;
	int rank;
	double chance;
};

static int compare_wishes(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;
	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	if (x->chance != y->chance)
		return x->chance > y->chance ? -1 : 1;
	return x->word < y->word ? -1 : 1;
}

bool coherence_sort(size_t *order, const struct pith_word *words, size_t n, const char *text, size_t length, size_t budget,
                    double coherence)
{
	if (n == 0 || !(coherence > 0))
		return true;
	struct link *links = malloc(n * sizeof *links);
	struct wish *wishes = malloc(n * sizeof *wishes);
	bool done = links != NULL && wishes != NULL;
	if (done) {
		for (size_t i = 0; i < n; i++)
			links[order[i]].odds = log(((double)(n - i) - 0.5) / ((double)i + 0.5));
		tie(links, words, n, text, length, coherence);
		meet(links, words, n, budget, coherence);
		for (size_t w = 0; w < n; w++)
			wishes[w] = (struct wish){w, protected_rank(&words[w]), links[w].chance};
		qsort(wishes, n, sizeof *wishes, compare_wishes);
		for (size_t i = 0; i < n; i++)
			order[i] = wishes[i].word;
	}
	free(links);
	free(wishes);
	return done;
}
