/*
 * Metrics of texts, and runs over data sets.
 */
#ifndef PITH_EVALUATE_H
#define PITH_EVALUATE_H

#include "pith/compress.h"
#include "pith/expand.h"
#include "pith/refine.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Text metrics: pure functions, NUL-terminated UTF-8, each in [0, 1]. NaN never comes out. A failed allocation gives 0.
 * Bytes that are not UTF-8 count as characters of their own. The values are those of the packages named, to rounding;
 * where the package raises (rouge: a text without a sentence), the score is 0.
 */

/* ROUGE-L F as the rouge-score package computes it: lower case, [a-z0-9]+ words, no stemmer, LCS of the word sequences. */
double pith_rouge_l(const char *reference, const char *candidate);

/*
 * ROUGE-L F as 500xCompressor computed it (the `rouge` package, exclusive): union LCS over sentences split at '.', sets of
 * words, case kept. Not 1 but 1 / (1 + 5e-9) for equal texts, by the package's own guard against dividing by zero.
 */
double pith_rouge_l_set(const char *reference, const char *candidate);

/* Sentence BLEU as sacrebleu: 13a tokens, exponential smoothing, effective order; 1.0 is a perfect match. */
double pith_bleu(const char *reference, const char *candidate);

/*
 * SQuAD exact match (0 or 1) and F1 after its normalisation; the best of n_answers. Where nothing is left of one of the
 * two texts, F1 is 1 if nothing is left of the other either, else 0 (SQuAD 2.0). No answers: as one empty answer.
 */
double pith_squad_em(const char *const *answers, size_t n_answers, const char *candidate);
double pith_squad_f1(const char *const *answers, size_t n_answers, const char *candidate);

/* 1 when an answer stands in the candidate's first line, both normalised as above, else 0: what LLMLingua's papers call EM. */
double pith_squad_sub_em(const char *const *answers, size_t n_answers, const char *candidate);

/*
 * Share of the reference's leading bytes that the candidate repeats exactly, in whole characters: it may end within a word, and
 * what the candidate goes on with is not looked at. Both empty: 1.
 */
double pith_matched_prefix(const char *reference, const char *candidate);

/* A word of a comparison of two texts, for marking losses. */
enum pith_diff_kind { PITH_SAME, PITH_LOST, PITH_ADDED, PITH_CHANGED };
struct pith_diff_word {
	enum pith_diff_kind kind;
	uint32_t begin, end;             /* bytes in the reference; begin == end when ADDED */
	uint32_t other_begin, other_end; /* bytes in the candidate; empty when LOST */
};
/*
 * Word alignment of reference and candidate (longest common subsequence); runs
 * of lost words against added words of the same place are paired as CHANGED,
 * one by one, the rest of the longer run stays LOST or ADDED. A word is what
 * stands between white space, which no span includes; a wide character
 * (Chinese, Japanese, Korean, emoji) is a word of its own. An empty span stands
 * behind the word before it. The texts may hold any bytes. *out is an array of
 * *n entries, freed with free().
 */
enum pith_status pith_diff_words(struct pith_diff_word **out, size_t *n, const char *reference, size_t reference_length,
                                 const char *candidate, size_t candidate_length, struct pith_error *err);

/* Sentences of a text: bytes [begin, end) of each, trailing white space included, no gaps. Freed with free(). */
struct pith_sentence {
	uint32_t begin, end;
};
enum pith_status pith_sentences(struct pith_sentence **out, size_t *n, const char *text, size_t length, struct pith_error *err);

/*
 * A data-set run. Each line goes through the public calls in compress.h and
 * expand.h. A line that is malformed, lacks a field or does not fit the model
 * ends the run with a sentence that names file and line. control->progress
 * counts lines; control->text is not called.
 *
 * A soft method regenerates the text from its memory rows. An extractive one
 * has nothing to regenerate: its compressed text itself is scored against the
 * original. White space at both ends of a text does not count.
 */
struct pith_evaluate_options {
	const char *data_path;                /* JSONL: {"text"} for regenerate, {"context","question","answers"} for answer */
	struct pith_compress_options compress; /* method and target */
	size_t limit;                         /* 0: every line */
	size_t max_length_tokens;             /* regenerate: cut texts to this many tokens of the model; 0: whole */
	int refine_steps;                     /* soft: refine each text's rows by up to so many steps; 0: not */
};

/* A mean over lines and its 95 % interval: a percentile bootstrap over the lines (Efron 1979), the same at every call. */
struct pith_mean {
	double mean, low, high;
};

/* After an error or a cancel the scores are the means over the n lines that were done until then. */
struct pith_regenerate_scores {
	size_t n;
	struct pith_mean rouge_l, rouge_l_set, bleu, exact, matched_prefix; /* over the n texts; exact: byte for byte the same */
	double cr, delta_cr; /* delta_cr as in pith_compressed_info */
	double refine_steps; /* steps that refining a text took, mean */
	double seconds;
};
enum pith_status pith_evaluate_regenerate(struct pith_regenerate_scores *out, struct pith_model *model,
                                          const struct pith_evaluate_options *options, const struct pith_control *control,
                                          struct pith_error *err);

/*
 * How much of the texts each memory token carries: they are regenerated as they are, and once without each memory token.
 * Every text must have as many memory tokens as the first; a soft method and at least two tokens are asked for. Freed with
 * pith_memory_scores_free(), also after an error.
 */
struct pith_memory_scores {
	size_t n, n_tokens;
	struct pith_mean rouge_l;  /* with all memory tokens */
	struct pith_mean *lost;    /* (n_tokens): of ROUGE-L, when that one is missing */
	double evenness;           /* entropy of the shares that they have of what is lost, by that of equal shares: 1 is even */
	double seconds;
};
enum pith_status pith_evaluate_memory(struct pith_memory_scores *out, struct pith_model *model,
                                      const struct pith_evaluate_options *options, const struct pith_control *control,
                                      struct pith_error *err);
void pith_memory_scores_free(struct pith_memory_scores *scores);

struct pith_answer_scores {
	size_t n;
	struct pith_mean f1, em;           /* from the compressed form */
	struct pith_mean f1_full, em_full; /* from the full text */
	struct pith_mean retained;         /* f1 / f1_full; 0 when f1_full is 0 */
	double cr, delta_cr, abs_delta_cr; /* abs: mean of what |delta_cr| is for each line */
	double refine_steps;               /* steps that refining a text took, mean */
	double extractive;                 /* abstractive methods: share of the chunks that are kept extractively */
	double seconds;
};
enum pith_status pith_evaluate_answer(struct pith_answer_scores *out, struct pith_model *model,
                                      const struct pith_evaluate_options *options, const struct pith_control *control,
                                      struct pith_error *err);

/*
 * Methods beside each other: one data set, several targets (a method at a rate each), the same measures for all. The lines
 * are {"context","question","answers"}, or {"text"}, or {"text","target"} (a summary, a title): what needs the others is left
 * out. The first line tells.
 */
enum pith_measure {
	PITH_MEASURE_CR,
	PITH_MEASURE_DELTA_CR,
	PITH_MEASURE_ABS_DELTA_CR,
	PITH_MEASURE_OVER_BUDGET,
	PITH_MEASURE_F1,
	PITH_MEASURE_EM,
	PITH_MEASURE_SUB_EM,
	PITH_MEASURE_KEPT,
	PITH_MEASURE_FIDELITY,
	PITH_MEASURE_ANSWER_ROUGE_L,
	PITH_MEASURE_ROUGE_L,
	PITH_MEASURE_SIMILARITY,
	PITH_MEASURE_TARGET_WORDS,
	PITH_MEASURE_LOST_NUMBERS,
	PITH_MEASURE_LOST_NEGATIONS,
	PITH_MEASURE_LOST_NAMES,
	PITH_MEASURE_SECONDS,
	PITH_MEASURE_BREAK_EVEN,
	PITH_N_MEASURES
};
struct pith_measure_info {
	const char *name;    /* "delta_cr" */
	const char *title;   /* of a table's column */
	const char *summary; /* one line */
	int n_decimals;
	enum { PITH_NEEDS_TEXTS, PITH_NEEDS_QUESTIONS, PITH_NEEDS_TARGETS } needs; /* of the lines */
};
const struct pith_measure_info *pith_measures(void); /* PITH_N_MEASURES rows */

struct pith_compare_options {
	const char *data_path;
	const struct pith_compress_options *targets; /* (n_targets) */
	size_t n_targets;
	size_t limit; /* 0: every line */
	const struct pith_method
		*against; /* its values are taken from those of the other methods at the same target; NULL: none are */
};

struct pith_compare_row {
	const struct pith_compress_options *target; /* borrowed from the options; NULL: the full text */
	struct pith_mean values[PITH_N_MEASURES];
	bool has[PITH_N_MEASURES];
	/* Less the values of the method against; intervals of the difference, lines drawn together. */
	struct pith_mean differences[PITH_N_MEASURES];
	bool has_difference[PITH_N_MEASURES];
	struct pith_error failure; /* why this target could not be measured; code PITH_OK: it was */
};
struct pith_compare_report {
	size_t n;        /* lines that were measured */
	size_t n_left_out; /* lines without a text, and texts that do not fit the model's context as they stand; ... */
	struct pith_error left_out; /* ... why the first of them was */
	bool asks;       /* the lines have questions */
	struct pith_compare_row *rows; /* the full text, then one row per target */
	size_t n_rows;
};
/*
 * A target that fails on a line is given up with its sentence, the others go on; a line whose text is empty or does not fit
 * the model as it stands is left out and counted; one that is malformed ends the run. Freed with pith_compare_report_free(), also
 * after an error or a cancel: then the means are over the lines done.
 */
enum pith_status pith_compare(struct pith_compare_report *out, struct pith_model *model,
                              const struct pith_compare_options *options, const struct pith_control *control,
                              struct pith_error *err);
void pith_compare_report_free(struct pith_compare_report *report);

#ifdef __cplusplus
}
#endif
#endif
