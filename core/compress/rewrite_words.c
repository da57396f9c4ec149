#include "compress/rewrite_words.h"

#include <math.h>
#include <stdlib.h>

#include "compress/select_words.h"
#include "compress/words.h"
#include "text/facts.h"
#include "text/stems.h"

static const float worth_again = 0.5f; /* of a word that was said before */

/* --- opening ------------------------------------------------------------------------------------------------ */

/* The pins that fall into the chunk, seen from its begin; freed with free(). NULL: none, or no memory when *n is not 0. */
static struct pith_pin *pins_of(const struct pith_compress_options *options, size_t begin, size_t length, size_t *n)
{
	*n = 0;
	if (options->n_pins == 0)
		return NULL;
	struct pith_pin *pins = malloc(options->n_pins * sizeof *pins);
	size_t end = begin + length;
	for (size_t i = 0; i < options->n_pins; i++) {
		struct pith_pin pin = options->pins[i];
		if (pin.begin >= end || pin.end <= begin)
			continue;
		if (pins != NULL)
			pins[*n] = (struct pith_pin){pin.begin > begin ? pin.begin - begin : 0,
			                             (pin.end < end ? pin.end : end) - begin};
		(*n)++;
	}
	return pins;
}

/* Sets says_new: each stem of the chunk is new once. */
static enum pith_status find_new(struct rewrite_words *words, struct pith_error *err)
{
	const struct pith_document *document = words->document;
	struct stem_set said;
	char stem[STEM_SIZE];
	words->says_new = calloc(words->n + 1, sizeof *words->says_new);
	if (words->says_new == NULL || !stem_set_read(&said, document->text, document->length))
		return fail_memory(err, "the words of a chunk");
	for (size_t w = 0; w < words->n; w++)
		for (size_t at = words->words[w].begin; next_stem(document->text, words->words[w].end, &at, stem);)
			words->says_new[w] |= stem_set_mark(&said, stem);
	stem_set_free(&said);
	return PITH_OK;
}

static void discount(struct rewrite_words *words, const struct pith_compress_options *options)
{
	const char *text = words->document->text;
	for (size_t w = 0; w < words->n; w++) {
		struct pith_word *word = &words->words[w];
		char stem[STEM_SIZE];
		size_t at = word->begin;
		if (words->says_new[w] || !next_stem(text, word->end, &at, stem))
			continue;
		word->score *= worth_again;
		/* Each "not" says no to something else. */
		word->must_keep &= word->pinned ||
		                   (options->keep_negations && word_is_negation(text + word->begin, word->end - word->begin));
		word->is_name = false;
	}
}

/* What the rewriting adapter has learned to say of each token, and the head where there is one; *own NULL: it has not. */
static enum pith_status score_by_adapter(float **own, struct pith_document *document, const struct pith_control *control,
                                         struct pith_error *err)
{
	const struct pith_model *model = document->model;
	const struct adapter *adapter = model->adapters[PITH_MEMORY_ROWS][PITH_REWRITE];
	const float *others = NULL;
	*own = NULL;
	if (adapter == NULL || !adapter->keeps_words || 1 + 2 * document->n_tokens > model->transformer.h.n_context)
		return PITH_OK;
	enum pith_status status = adapter_keep_scores(own, document, adapter, control, err);
	if (status == PITH_OK && model->keep_head != NULL)
		status = document_keep_scores(document, &others, control, err);
	if (status == PITH_OK && others != NULL)
		keep_scores_agree(*own, others, document->n_tokens);
	return status;
}

/* Splits the words, each with what it is worth: to the rewriting adapter if it has learned that, else to the head, else by surprise. */
static enum pith_status score_words(struct rewrite_words *words, const struct pith_compress_options *options,
                                    const struct pith_control *control, struct pith_error *err)
{
	struct pith_document *document = words->document;
	const float *scores = NULL;
	float *own = NULL;
	enum pith_status status = score_by_adapter(&own, document, control, err);
	if (status == PITH_OK && own == NULL && document->model->keep_head != NULL)
		status = document_keep_scores(document, &scores, control, err);
	else if (status == PITH_OK && own == NULL)
		status = pith_document_scores(document, &scores, control, err);
	if (status == PITH_OK)
		status = words_split(&words->words, &words->n, document, own != NULL ? own : scores, options, err);
	free(own);
	return status;
}

enum pith_status rewrite_words_open(struct rewrite_words *words, struct pith_model *model, const char *text, size_t length,
                                    size_t begin, const struct pith_compress_options *options, const struct pith_control *control,
                                    struct pith_error *err)
{
	*words = (struct rewrite_words){.coherence = options->coherence};
	struct pith_compress_options own = *options;
	struct pith_pin *pins = pins_of(options, begin, length, &own.n_pins);
	own.pins = pins;
	if (own.n_pins > 0 && pins == NULL)
		return fail_memory(err, "the pins");
	enum pith_status status = pith_document_create(&words->document, model, text, length, err);
	if (status == PITH_OK)
		status = score_words(words, &own, control, err);
	if (status == PITH_OK)
		status = find_new(words, err);
	if (status == PITH_OK)
		discount(words, &own);
	free(pins);
	return status;
}

void rewrite_words_close(struct rewrite_words *words)
{
	pith_document_destroy(words->document);
	free(words->words);
	free(words->says_new);
	*words = (struct rewrite_words){0};
}

/* --- using them --------------------------------------------------------------------------------------------- */

enum pith_status rewrite_words_choose(struct rewrite_words *words, size_t budget, struct buffer *text, struct pith_error *err)
{
	struct pith_compressed *chosen = calloc(1, sizeof *chosen);
	if (chosen == NULL)
		return fail_memory(err, "the words of a chunk");
	chosen->info.budget_tokens = budget;
	enum pith_status status = select_words(chosen, words->document, words->words, words->n, words->coherence, err);
	buffer_clear(text);
	if (status == PITH_OK && !buffer_append(text, chosen->text, chosen->text_length))
		status = fail_memory(err, "the words of a chunk");
	pith_compressed_destroy(chosen);
	return status;
}

/* Gumbel's trick for two outcomes: log-odds and logistic noise. */
static float disturb(float score, double temperature, struct random_state *random)
{
	static const double least = 1e-6;
	double chance = fmin(fmax((double)score, least), 1 - least);
	double u = fmin(fmax(random_uniform(random), least), 1 - least);
	double z = log(chance / (1 - chance)) + temperature * log(u / (1 - u));
	return (float)(1 / (1 + exp(-z)));
}

enum pith_status rewrite_words_draw(struct rewrite_words *words, size_t budget, double temperature, struct random_state *random,
                                    struct buffer *text, struct pith_error *err)
{
	float *scores = malloc((words->n + 1) * sizeof *scores);
	if (scores == NULL)
		return fail_memory(err, "the words of a chunk");
	for (size_t w = 0; w < words->n; w++) {
		scores[w] = words->words[w].score;
		words->words[w].score = disturb(scores[w], temperature, random);
	}
	enum pith_status status = rewrite_words_choose(words, budget, text, err);
	for (size_t w = 0; w < words->n; w++)
		words->words[w].score = scores[w];
	free(scores);
	return status;
}

void rewrite_words_hold(struct rewrite_words *words)
{
	for (size_t w = 0; w < words->n; w++) {
		words->words[w].must_keep = words->words[w].kept;
		words->words[w].is_name = false; /* a name's protection has limits */
	}
}

enum pith_status rewrite_words_told(double *share, const struct rewrite_words *words, const struct buffer *text,
                                    struct pith_error *err)
{
	struct stem_set told;
	char stem[STEM_SIZE];
	double found = 0, all = 0;
	if (!stem_set_read(&told, text->length == 0 ? "" : text->data, text->length))
		return fail_memory(err, "the words of a rewrite");
	for (size_t w = 0; w < words->n; w++) {
		if (!words->says_new[w])
			continue;
		bool whole = true;
		for (size_t at = words->words[w].begin; next_stem(words->document->text, words->words[w].end, &at, stem);)
			whole &= stem_set_find(&told, stem);
		all += (double)words->words[w].score;
		found += whole ? (double)words->words[w].score : 0;
	}
	stem_set_free(&told);
	*share = all > 0 ? found / all : 0;
	return PITH_OK;
}
