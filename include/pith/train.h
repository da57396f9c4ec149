/*
 * Training: a byte-level BPE vocabulary, a base model, adapters.
 *
 * The core does not know YAML: the program fills struct pith_recipe from a
 * recipe file. Everything a run needs to go on after a kill is in its
 * checkpoint; a resumed run continues the same loss curve.
 */
#ifndef PITH_TRAIN_H
#define PITH_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pith/control.h"
#include "pith/model.h"
#include "pith/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What one kind of sample teaches. */
enum pith_objective {
	PITH_OBJECTIVE_LM,          /* next token of a text */
	PITH_OBJECTIVE_REGENERATE,  /* the text back from its memory rows */
	PITH_OBJECTIVE_ANSWER_FULL, /* the answer to a question, full text in context */
	PITH_OBJECTIVE_ANSWER,      /* the answer to a question from memory rows */
	PITH_OBJECTIVE_REWRITE,     /* the text in fewer words, told how many tokens they are */
	PITH_OBJECTIVE_KEEP,        /* which words of the text a person kept who wrote its short form */
	PITH_N_OBJECTIVES
};
const char *pith_objective_name(enum pith_objective objective); /* "lm", "regenerate", "answer_full", "answer", "rewrite", "keep" */

/* One source of samples. */
struct pith_task {
	enum pith_objective objective;
	const char *path;  /* JSONL: "text" for lm and regenerate; "text" and "target" (or "title") for rewrite and keep;
	                      "context", "question", "answers" for the others, and for keep. A source without questions used for an
	                      answer objective makes cloze questions of itself */
	double weight;     /* share of the tokens of a batch */
	double loss_weight; /* of one trained token; 0 means 1. Answers are few tokens in a batch: give them more */
	bool skip_document; /* answer_full: the document is read, but its words are not learned; for small sets, which are soon
	                       known by heart */
	int max_tokens;    /* longest text; longer ones are cut (lm, regenerate, keep) or skipped (answers, rewrite) */
	double k_ratio_min, k_ratio_max; /* this task's own share of memory tokens from the first step on; 0: the recipe's */
};

/* Which parameters are trained. */
enum pith_trained { PITH_TRAIN_BASE, PITH_TRAIN_ADAPTER };

struct pith_recipe {
	enum pith_trained trained;

	/* A new base model (trained == PITH_TRAIN_BASE and base_path == NULL), or the base to start from. */
	const char *base_path;
	const char *tokenizer_path; /* GGUF with the vocabulary, for a new base */
	const char *model_name;     /* general.name of a new base */
	int n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ff, n_context;
	double rope_theta;

	/* Adapters. With PITH_TRAIN_BASE both purposes may be trained along; with PITH_TRAIN_ADAPTER exactly one is. */
	enum pith_memory memory;     /* what their memory tokens hand to the reader */
	bool memory_slots;           /* these stand at positions 1..k; else they are spread over the positions of their text */
	const char
		*adapter_path[PITH_N_PURPOSES]; /* by enum pith_purpose: start from this one, of lora_rank or less; NULL: new */
	int lora_rank;               /* 0: memory vectors only */
	bool reader;     /* memory tokens are read by a second LoRA of that rank, trained along; else by the frozen base */
	int span_tokens; /* longest text that one encoding, or an adapter for reading, reads; written into the adapter */
	/*
	 * About how many document tokens one memory token can hold; written into an adapter for regeneration, which then encodes
	 * the beginning of a longer text, as much of it as comes back best, in place of a little of all of it. 0: texts are
	 * encoded whole, however few memory tokens there are.
	 */
	int held_tokens;
	double lora_alpha;
	int max_memory_tokens;       /* k_max */

	const struct pith_task *tasks;
	size_t n_tasks;

	/* Memory tokens of a sample: k is drawn log-uniformly between length * k_ratio_min and length * k_ratio_max,
	 * within 1..k_max. */
	double k_ratio_max_start;  /* at the first step */
	double k_ratio_min_start;
	double k_ratio_max, k_ratio_min; /* at the curriculum's end */

	/*
	 * Share of the reader's tokens that are replaced by wrong ones while it learns to regenerate, a little less (of 0.12
	 * 0.10: where one run is, no other begins); the targets stay right. Without it the reader leans on its own last words,
	 * and one error in free running leads to the next.
	 */
	double reader_noise;
	/* Share of a question's tokens that are replaced by others while answers are learned: small sets are soon known by heart. */
	double question_noise;
	/*
	 * Share of the loss of an answer from memory tokens that asks for what the base says of it when it reads the text itself
	 * (its 20 likeliest tokens at each place), in place of the answer; 0: the answer alone.
	 */
	double distillation;
	/*
	 * Share of the answers that are exchanged for those of other texts, in their own text as well; words that questions share
	 * with their text are exchanged a fifth as often. What was learned by heart is wrong then: the text has to be read.
	 */
	double renamed;
	/*
	 * answer_full: a question is asked of the sentences that share words with it alone, of up to so many tokens (drawn anew
	 * from a half of it up; a sentence with the answer is among them if there is one); 0: of the whole text, once for all its
	 * questions. Held-out questions are asked so too, of the most. A reading adapter reads like that later, span_tokens where
	 * they are fewer.
	 */
	int evidence_tokens;
	/* Share of what each half of a layer adds that is dropped in training (Srivastava et al. 2014); 0: none. */
	double dropout;
	/* Share of the questions that texts make of themselves that are put like questions, in words that were changed; 0: plain
	 * clozes. */
	double cloze_noise;

	/*
	 * Regeneration: the first token counts opening_weight times, the ones behind it less and less, from token opening_tokens
	 * on once. Nothing stands before them that could lead to the next word, and free running needs them first. 0 tokens:
	 * none.
	 */
	int opening_tokens;
	double opening_weight;

	bool skip_malformed;    /* a line that is no JSON object is left out and told of (control->log); false: it ends the run */
	int batch_tokens;       /* tokens of one micro-batch */
	int n_accumulate;       /* micro-batches per step */
	int n_steps;
	int warmup_steps;
	int decay_steps;        /* the last decay_steps fall linearly towards min_learning_rate */
	double learning_rate, min_learning_rate;
	double muon_learning_rate; /* above 0: matrices of base and adapters are trained by Muon, its top rate; 0: AdamW for all */
	double beta1, beta2, weight_decay, clip_norm;
	int length_start;       /* length curriculum of texts for memory rows: this many tokens first, ... */
	double curriculum_loss; /* ... a fifth more whenever the running loss of regeneration falls below this; 0: by steps, ... */
	int curriculum_steps;   /* ... doubling evenly up to the tasks' max_tokens by this step */

	const char *eval_path;  /* JSONL "text": held-out texts; NULL: none */
	const char *eval_answer_path; /* JSONL with questions, for the answer objectives and keep; NULL: none */
	int eval_steps;         /* every so many steps */
	int eval_limit;         /* texts used */
	double eval_k_ratio;    /* memory tokens of a held-out text as a share of its length; (0, 1] */

	const char *checkpoint_path; /* state of the run, replaced atomically */
	int checkpoint_steps;
	const char *output_type;     /* of the base's matrices: "F32", "F16", "BF16", "Q8_0" */
	const char *adapter_type;    /* of the adapters' */
	bool bf16; /* products in bf16 with fp32 sums where the CPU can (AMX, AVX512_BF16); false: fp32, the reference */
	const char *output_path; /* the model (base) or the adapter (adapter) as GGUF; written at the end and at checkpoints */
	const char *output_adapter_path[PITH_N_PURPOSES]; /* PITH_TRAIN_BASE: adapters trained along */
	const char *log_path;        /* JSONL, one line per report; NULL: none */
	int report_steps;
	uint64_t seed;
	int n_threads;          /* 0: one per core */
};
void pith_recipe_init(struct pith_recipe *recipe); /* defaults */

/* What is told while a run goes on. */
struct pith_train_report {
	int step, n_steps;
	bool over;                            /* the run had finished before: nothing was left but to write its output */
	double loss;                          /* mean over the trained tokens since the last report, nats */
	double objective_loss[PITH_N_OBJECTIVES]; /* the same by objective; NaN: none seen */
	double eval_loss[PITH_N_OBJECTIVES];  /* newest evaluation; NaN: none yet */
	double eval_accuracy[PITH_N_OBJECTIVES]; /* share of tokens that were the most likely one; NaN: none yet */
	double length;                        /* longest text of memory rows now: the curriculum */
	double learning_rate, gradient_norm;
	double tokens_per_second, seconds_left;
	uint64_t tokens;                      /* read since the run began */
};
typedef void pith_train_report_fn(void *user, const struct pith_train_report *report);

/* Runs a recipe to its end, from its checkpoint if there is one. Cancelling writes a checkpoint first. */
enum pith_status pith_train_run(const struct pith_recipe *recipe, pith_train_report_fn *report, void *report_user,
                                const struct pith_control *control, struct pith_error *err);

/*
 * A keep head: which tokens of a text are worth keeping, for LLMLingua-2. Labels come from texts and their short forms: a
 * word is to be kept when its stem stands in the short form. The base stays as it is; the texts are read by it once.
 */
struct pith_keep_source {
	const char
		*path; /* JSONL: "text" with "target" or "title"; or "context", "question", "answers", a line for each question */
	int limit;         /* texts of it, spread evenly over the file; 0: all */
	double weight;     /* of its tokens in the loss */
};

struct pith_keep_recipe {
	const char *base_path;
	const struct pith_keep_source *sources;
	size_t n_sources;
	int window_tokens;        /* longest text that is read at once; longer ones are cut */
	int depth;                /* layers of the base whose hidden states the head reads; 0: all */
	int n_hidden;             /* width of the head */
	double least_hit_rate;    /* texts that hold less than this share of the stems of their short form are left out */
	double surprise_share;    /* of a label, below 0.5, is the token's rank by self-information in its text; the rest: is it
	                             kept? */
	double held_out;          /* share of the texts that is kept back for measuring */
	int n_epochs, batch_tokens;
	double learning_rate, weight_decay;
	const char *output_path;  /* GGUF; beside NAME.gguf it is found as NAME-keep.gguf */
	const char *log_path;     /* JSONL, one line per epoch; NULL: none */
	uint64_t seed;
	int n_threads;            /* 0: one per core */
};
void pith_keep_recipe_init(struct pith_keep_recipe *recipe); /* defaults */

struct pith_keep_report {
	int epoch, n_epochs;
	size_t n_texts, n_left_out;    /* used, held-out ones included; badly aligned */
	size_t n_tokens;
	double loss, held_out_loss;    /* mean over the tokens, nats */
	double f1;                     /* held-out, when as many tokens are kept as are labelled so */
	double auc;                    /* held-out: how often a token to be kept stands above one to be dropped */
};
typedef void pith_keep_report_fn(void *user, const struct pith_keep_report *report);

/* The head that is written is the one of the epoch with the lowest held-out loss. Cancelling saves nothing. */
enum pith_status pith_train_keep(const struct pith_keep_recipe *recipe, pith_keep_report_fn *report, void *report_user,
                                 const struct pith_control *control, struct pith_error *err);

/*
 * Rewriting, after `sft`: group relative policy optimisation (GRPO, arXiv 2402.03300) of the adapter with Cmprsr's rewards. For
 * each text several rewrites are drawn at a rate drawn anew; those that are better than the others of their group become more
 * likely. The base is the frozen reader that judges what is left.
 */
struct pith_grpo_recipe {
	const char *base_path;
	const char *adapter_path;  /* for rewriting: where it starts, and what it is kept near */
	const char *data_path;     /* JSONL: "text" and "target" (or "title"), what a person wrote about it */
	/*
	 * What is drawn are the words that stay, by an adapter that says which to keep, not rewrites. Data may then be questions
	 * ("context", "question", "answers"), too, and what stands beside the base takes part: the reading adapter judges, the
	 * head of llmlingua2 helps to choose.
	 */
	bool keep_words;
	int max_tokens;            /* longer texts are left out */
	double rate_min, rate_max; /* that rewrites are asked for */
	int n_inputs, n_rollouts;  /* of a step: texts, and rewrites of each (2 or more; fewer than 6 teach little) */
	int n_steps;
	double temperature;        /* of drawing */
	double kl;                 /* weight of the distance to where it started; 0: free */
	bool length_reward, quality_reward; /* which rewards count: both, or one, for comparison */
	bool two_sided;            /* the length reward also counts what is shorter than asked for */
	double learning_rate, clip_norm;
	const char *output_path;
	const char *adapter_type;  /* F32, F16, BF16 or Q8_0: what its values are written as */
	const char *log_path;      /* JSONL, one line per step; NULL: none */
	int save_steps;
	bool bf16;                 /* matrix products while learning: bf16 factors, fp32 sums; else fp32 */
	uint64_t seed;
	int n_threads;             /* 0: one per core */
};
void pith_grpo_recipe_init(struct pith_grpo_recipe *recipe); /* defaults */

/* Means over the rewrites of one step. */
struct pith_grpo_report {
	int step, n_steps;
	double reward_length, reward_quality; /* before they are normalised */
	double rate, delta_cr, over_budget;   /* achieved; less what was asked for; share that is over it */
	double hacked;                        /* share whose quality counted half */
	double kl;                            /* nats a token */
	double seconds;                       /* since the run began */
};
typedef void pith_grpo_report_fn(void *user, const struct pith_grpo_report *report);

/* Cancelling saves what stands. The seed decides all. */
enum pith_status pith_train_grpo(const struct pith_grpo_recipe *recipe, pith_grpo_report_fn *report, void *report_user,
                                 const struct pith_control *control, struct pith_error *err);

/* Trains a byte-level BPE vocabulary of n_vocab tokens on the "text" (or "context") of JSONL files and writes it as a
 * vocabulary-only GGUF. */
struct pith_tokenizer_recipe {
	const char *const *paths;
	size_t n_paths;
	size_t max_bytes_per_path; /* 0: everything */
	int n_vocab;
	const char *pre; /* split pattern by its GGUF name: "qwen2", "llama-bpe", "gpt-2" */
	const char *output_path;
};
enum pith_status pith_train_tokenizer(const struct pith_tokenizer_recipe *recipe, const struct pith_control *control,
                                      struct pith_error *err);

#ifdef __cplusplus
}
#endif
#endif
