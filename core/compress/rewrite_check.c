#define _GNU_SOURCE
#include "compress/rewrite_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text/facts.h"
#include "text/signatures.h"

enum { SHORT_INPUT_TOKENS = 64 };

/* --- facts -------------------------------------------------------------------------------------------------- */

/* Without memory to count, as if all were lost: a text has fewer facts than bytes. */
static size_t at_most(size_t n, size_t most)
{
	return n < most ? n : most;
}

struct rewrite_facts rewrite_facts_lost(const char *text, size_t length, const char *other, size_t other_length)
{
	return (struct rewrite_facts){
		.numbers = at_most(lost_numbers(text, length, other, other_length), length),
		.negations = lost_negations(text, length, other, other_length),
		.names = at_most(lost_names(text, length, other, other_length), length),
	};
}

static size_t without_pins(const struct rewrite_facts *facts)
{
	return facts->numbers + facts->negations + facts->names;
}

bool rewrite_facts_any(const struct rewrite_facts *facts)
{
	return without_pins(facts) + facts->pins > 0;
}

bool rewrite_loses_less(const struct rewrite_facts *a, const struct rewrite_facts *b)
{
	return a->pins != b->pins ? a->pins < b->pins : without_pins(a) < without_pins(b);
}

bool rewrite_holds(const struct buffer *text, const char *bytes, size_t length)
{
	return length == 0 || (text->length > 0 && memmem(text->data, text->length, bytes, length) != NULL);
}

/* --- faults ------------------------------------------------------------------------------------------------- */

enum rewrite_fault rewrite_fault_of(const char *text, size_t length, const struct buffer *rewrite, bool looped, bool over_budget,
                                    bool checks_facts)
{
	if (rewrite->length == 0)
		return REWRITE_EMPTY;
	if (looped || (sign_loop(rewrite->data, rewrite->length) && !sign_loop(text, length)))
		return REWRITE_LOOP;
	if (over_budget)
		return REWRITE_OVER_BUDGET;
	if (checks_facts && sign_answer(text, length, rewrite->data, rewrite->length))
		return REWRITE_ANSWER;
	if (checks_facts && sign_drift(text, length, rewrite->data, rewrite->length))
		return REWRITE_DRIFT;
	return REWRITE_FINE;
}

/* --- counts ------------------------------------------------------------------------------------------------- */

void rewrite_tally_facts(struct rewrite_tally *tally, const struct rewrite_facts *facts)
{
	tally->lost.numbers += facts->numbers;
	tally->lost.negations += facts->negations;
	tally->lost.names += facts->names;
}

void rewrite_tally_replaced(struct rewrite_tally *tally, enum rewrite_fault fault, bool in_words)
{
	tally->n_in_words += in_words;
	tally->in_words[fault] += in_words;
	tally->n_extractive += !in_words;
	tally->faults[fault] += !in_words;
}

void rewrite_tally_signs(struct rewrite_tally *tally, const char *text, size_t length, size_t n_tokens,
                         const struct buffer *rewrite, size_t cost, size_t budget)
{
	if (rewrite->length == 0)
		return;
	tally->signs[SIGN_DRIFT] += sign_drift(text, length, rewrite->data, rewrite->length);
	tally->signs[SIGN_ANSWER] += sign_answer(text, length, rewrite->data, rewrite->length);
	tally->signs[SIGN_OVER_COMPRESSION] += 2 * cost < budget;
	if (n_tokens < SHORT_INPUT_TOKENS) {
		struct rewrite_facts lost = rewrite_facts_lost(text, length, rewrite->data, rewrite->length);
		tally->signs[SIGN_SHORT_INPUT] += rewrite_facts_any(&lost);
	}
}

/* --- the note ----------------------------------------------------------------------------------------------- */

/* Appends to note as far as it has room. */
__attribute__((format(printf, 3, 4))) static void add(char *note, size_t size, const char *format, ...)
{
	size_t used = strlen(note);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(note + used, size - used, format, arguments);
	va_end(arguments);
}

/* "name n, name n" of those that are not 0. */
static void add_counts(char *note, size_t size, const char *const *names, const size_t *counts, size_t n)
{
	const char *gap = "";
	for (size_t i = 0; i < n; i++) {
		if (counts[i] == 0 || names[i] == NULL)
			continue;
		add(note, size, "%s%s %zu", gap, names[i], counts[i]);
		gap = ", ";
	}
}

static size_t sum(const size_t *counts, size_t n)
{
	size_t all = 0;
	for (size_t i = 0; i < n; i++)
		all += counts[i];
	return all;
}

void rewrite_tally_note(const struct rewrite_tally *tally, size_t n_chunks, size_t n_pins_lost, char *note, size_t size)
{
	static const char *const faults[N_REWRITE_FAULTS] = {
		[REWRITE_UNASKED] = "no rewrite wanted",
		[REWRITE_TOO_SHORT] = "budget too small to write in", [REWRITE_EMPTY] = "no text came",
		[REWRITE_LOOP] = "repeated itself",                  [REWRITE_OVER_BUDGET] = "too long twice",
		[REWRITE_ANSWER] = "answered a question",            [REWRITE_DRIFT] = "left the text",
		[REWRITE_FACTS] = "lost facts",                      [REWRITE_SAYS_LESS] = "said less than these words"};
	static const char *const signs[N_REWRITE_SIGNS] = {
		[SIGN_DRIFT] = "drift", [SIGN_OVER_COMPRESSION] = "over-compression",
		[SIGN_ANSWER] = "answer instead of compression", [SIGN_SHORT_INPUT] = "loss on short inputs"};
	static const char *const kinds[] = {"numbers", "negations", "names"};
	const size_t lost[] = {tally->lost.numbers, tally->lost.negations, tally->lost.names};
	note[0] = '\0';
	if (tally->n_in_words > 0) {
		add(note, size, "%zu of %zu chunk%s written in words of the text alone (", tally->n_in_words, n_chunks,
		    n_chunks == 1 ? " is" : "s are");
		add_counts(note, size, faults, tally->in_words, N_REWRITE_FAULTS);
		add(note, size, ").");
	}
	if (tally->n_extractive > 0) {
		add(note, size, "%s%zu of %zu chunk%s kept extractively (", note[0] == '\0' ? "" : " ", tally->n_extractive, n_chunks,
		    n_chunks == 1 ? " is" : "s are");
		add_counts(note, size, faults, tally->faults, N_REWRITE_FAULTS);
		add(note, size, ").");
	}
	if (n_pins_lost > 0)
		add(note, size, "%s%zu pin%s not in the text.", note[0] == '\0' ? "" : " ", n_pins_lost,
		    n_pins_lost == 1 ? " is" : "s are");
	if (sum(lost, sizeof lost / sizeof lost[0]) > 0) {
		add(note, size, "%sThe rewrites lack: ", note[0] == '\0' ? "" : " ");
		add_counts(note, size, kinds, lost, sizeof lost / sizeof lost[0]);
		add(note, size, ".");
	}
	if (sum(tally->signs, N_REWRITE_SIGNS) > 0) {
		add(note, size, "%sSigns seen in rewrites: ", note[0] == '\0' ? "" : " ");
		add_counts(note, size, signs, tally->signs, N_REWRITE_SIGNS);
		add(note, size, ".");
	}
}
