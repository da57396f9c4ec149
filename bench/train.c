/*
 * Speed and losses of training, through the code that `pith train base` runs:
 * run_open(), step_run() and optimizer_step(), on batches that stand in a file
 * so that another trainer can do the same (bench/train.sh does, with PyTorch).
 *
 * Usage: bench_train batches MODEL.gguf TEXT.jsonl BATCHES STEPS [SEQUENCES TOKENS]
 *        bench_train run MODEL.gguf TEXT.jsonl BATCHES STEPS THREADS [bf16|f32]
 *
 * run prints "step NUMBER LOSS SECONDS" for every step and then numbers by
 * name, one per line. TEXT.jsonl is what a recipe's task needs; run reads its
 * first line alone.
 */
#define _DEFAULT_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/aligned.h"
#include "base/clock.h"
#include "kernels/matmul_bf16.h"
#include "train/run.h"
#include "train_batches.h"
#include "train_clock.h"

enum { WARM_UP = 3, PRODUCT_SIZE = 1024, PRODUCT_ROUNDS = 16, MOST_THREADS = 256 };

/* Plain AdamW at one rate: no clipping, no schedule, nothing that only one of two trainers has. */
static const struct batches_header settings = {
	.n_micro = 2,
	.n_sequences = 8,
	.n_tokens = 320,
	.learning_rate = 3e-4f,
	.beta1 = 0.9f,
	.beta2 = 0.95f,
	.weight_decay = 0.1f,
};

/* One thread's part of a step. */
struct share {
	struct step_losses losses;
	struct pith_error error;
	double busy; /* seconds in step_run() */
	double parts[N_CLOCK_PARTS];
};

struct measurement {
	struct run run;
	struct batches batches;
	size_t n_steps;
	struct share *shares;      /* (n_threads) */
	double *step_seconds;      /* (n_steps) */
	double optimizer, waiting; /* thread seconds after the warm-up, like those of shares */
};

static void run_microbatches(void *user, size_t begin, size_t end, int thread)
{
	struct measurement *m = user;
	struct share *share = &m->shares[thread];
	struct step_worker *worker = &m->run.workers[thread];
	for (; begin < end; begin++) {
		struct step_losses losses;
		double start = clock_seconds();
		run_use_slot(&m->run, worker, (int)begin % m->run.n_slots);
		if (batches_fill(&m->batches, (size_t)m->run.state.step, begin, &worker->microbatch, &share->error) == PITH_OK &&
		    step_run(worker, true, &losses, &share->error) == PITH_OK)
			step_losses_add(&share->losses, &losses);
		share->busy += clock_seconds() - start;
	}
	clock_collect(share->parts);
}

/* What pith_train_run() does in a step; *loss is the mean of the step's tokens. */
static enum pith_status train_step(struct measurement *m, double *loss, struct pith_error *err)
{
	struct run *run = &m->run;
	struct step_losses sum = {0};
	int n_micro = m->batches.header.n_micro;
	double start = clock_seconds(), busy = 0;
	for (int t = 0; t < run->n_threads; t++) {
		m->shares[t].losses = (struct step_losses){0};
		busy -= m->shares[t].busy;
	}
	thread_pool_run(run->pool, (size_t)n_micro, 1, run_microbatches, m);
	double trained = clock_seconds();
	for (int t = 0; t < run->n_threads; t++) {
		if (m->shares[t].error.code != PITH_OK)
			return fail(err, m->shares[t].error.code, "%s", m->shares[t].error.message);
		step_losses_add(&sum, &m->shares[t].losses);
		busy += m->shares[t].busy;
	}
	double norm;
	enum pith_status status =
		optimizer_step(run->arrays, run->n_arrays, run->recipe, run->state.step, n_micro, run->pool, &norm, err);
	if (status != PITH_OK)
		return status;
	double end = clock_seconds();
	m->step_seconds[run->state.step] = end - start;
	m->waiting += (trained - start) * run->n_threads - busy;
	m->optimizer += (end - trained) * run->n_threads;
	*loss = sum.loss[PITH_OBJECTIVE_LM] / sum.n_tokens[PITH_OBJECTIVE_LM];
	run->state.step++;
	return PITH_OK;
}

/* The first steps reserve memory: their time does not count. */
static void forget_times(struct measurement *m)
{
	m->optimizer = m->waiting = 0;
	for (int t = 0; t < m->run.n_threads; t++) {
		m->shares[t].busy = 0;
		memset(m->shares[t].parts, 0, sizeof m->shares[t].parts);
	}
}

static enum pith_status train(struct measurement *m, struct pith_error *err)
{
	m->shares = calloc((size_t)m->run.n_threads, sizeof *m->shares);
	m->step_seconds = calloc(m->n_steps, sizeof *m->step_seconds);
	if (m->shares == NULL || m->step_seconds == NULL)
		return fail_memory(err, "the measurement");
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < m->n_steps; i++) {
		double loss = 0;
		if (i == WARM_UP)
			forget_times(m);
		status = train_step(m, &loss, err);
		if (status == PITH_OK) {
			printf("step %zu %.6f %.6f\n", i + 1, loss, m->step_seconds[i]);
			fflush(stdout);
		}
	}
	return status;
}

/* --- numbers ---------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Sorts values. */
static double median(double *values, size_t n)
{
	qsort(values, n, sizeof *values, compare);
	return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/*
 * What the model asks for, forward and backward, not what an implementation
 * does: 6 for each multiplied weight (the seven projections of a layer, and the
 * output table; looking up an embedding is no product), and causal attention,
 * where query i meets i keys: 4 q_dim for each pair forward (q k, p v), twice
 * that backward, (n_tokens + 1) / 2 pairs a token.
 */
static double operations_per_token(const struct hyperparams *h, size_t n_tokens)
{
	double q_dim = (double)hyperparams_q_dim(h), kv_dim = (double)hyperparams_kv_dim(h), n_embd = (double)h->n_embd;
	double layer = n_embd * (2 * q_dim + 2 * kv_dim + 3 * (double)h->n_ff);
	double weights = (double)h->n_layers * layer + (double)h->n_vocab * n_embd;
	double attention = (double)h->n_layers * 12 * q_dim * ((double)n_tokens + 1) / 2;
	return 6 * weights + attention;
}

static void tell(struct measurement *m)
{
	const struct batches_header *h = &m->batches.header;
	size_t skipped = m->n_steps > WARM_UP ? WARM_UP : 0;
	double tokens = (double)h->n_micro * (double)h->n_sequences * (double)h->n_tokens;
	double rate = tokens / median(m->step_seconds + skipped, m->n_steps - skipped);
	double operations = operations_per_token(&m->run.parameters->h, (size_t)h->n_tokens);
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	printf("tokens_per_second %.1f\noperations_per_token %.0f\ngflops %.2f\n", rate, operations, rate * operations * 1e-9);
	printf("peak_memory_mib %.1f\n", (double)usage.ru_maxrss / 1024);
	double parts[N_CLOCK_PARTS] = {0}, busy = 0, timed = 0;
	for (int t = 0; t < m->run.n_threads; t++) {
		busy += m->shares[t].busy;
		for (int i = 0; i < N_CLOCK_PARTS; i++)
			parts[i] += m->shares[t].parts[i];
	}
	double total = busy + m->optimizer + m->waiting;
	for (int i = 0; i < N_CLOCK_PARTS; i++) {
		printf("share_%s %.4f\n", clock_part_names[i], parts[i] / total);
		timed += parts[i];
	}
	printf("share_elementwise %.4f\nshare_optimizer %.4f\nshare_waiting %.4f\n", (busy - timed) / total, m->optimizer / total,
	       m->waiting / total);
}

static void run_product(void *user, size_t begin, size_t end, int thread)
{
	float *all = user;
	const size_t n = PRODUCT_SIZE, size = n * n;
	(void)thread;
	for (; begin < end; begin++) {
		float *a = all + 3 * size * begin;
		matmul_bf16_nt(n, n, n, a, n, a + size, n, 0, a + 2 * size, n);
	}
}

/* What a large bf16 product reaches on all threads at once: the bound that the trainer is held against. */
static enum pith_status tell_product(struct thread_pool *pool, struct pith_error *err)
{
	size_t n_threads = (size_t)thread_pool_size(pool), n = 3 * n_threads * PRODUCT_SIZE * PRODUCT_SIZE;
	float *all = aligned_floats(n);
	double rates[PRODUCT_ROUNDS];
	if (all == NULL)
		return fail_memory(err, "the products");
	for (size_t i = 0; i < n; i++)
		all[i] = (float)(i % 17) - 8;
	for (int round = -1; round < PRODUCT_ROUNDS; round++) {
		double start = clock_seconds();
		thread_pool_run(pool, n_threads, 1, run_product, all);
		if (round >= 0)
			rates[round] = 2e-9 * pow(PRODUCT_SIZE, 3) * (double)n_threads / (clock_seconds() - start);
	}
	printf("product_gflops %.1f\n", median(rates, PRODUCT_ROUNDS));
	free(all);
	return PITH_OK;
}

/* --- commands --------------------------------------------------------------------------------------------- */

static enum pith_status measure(char **arguments, int n_arguments, struct pith_error *err)
{
	struct measurement m = {.n_steps = (size_t)strtoul(arguments[3], NULL, 10)};
	enum pith_status status = batches_read(&m.batches, arguments[2], err);
	const struct batches_header *h = &m.batches.header;
	if (status == PITH_OK && (m.n_steps < 1 || m.n_steps > (size_t)h->n_steps))
		status = fail(err, PITH_BAD_ARGUMENT, "%s holds batches for 1 to %d steps.", arguments[2], h->n_steps);
	struct pith_task task = {.objective = PITH_OBJECTIVE_LM, .path = arguments[1], .weight = 1, .max_tokens = h->n_tokens};
	struct pith_recipe recipe;
	pith_recipe_init(&recipe);
	recipe.base_path = arguments[0];
	recipe.tasks = &task;
	recipe.n_tasks = 1;
	recipe.n_accumulate = h->n_micro;
	recipe.batch_tokens = h->n_sequences * h->n_tokens;
	recipe.learning_rate = (double)h->learning_rate;
	recipe.beta1 = (double)h->beta1;
	recipe.beta2 = (double)h->beta2;
	recipe.weight_decay = (double)h->weight_decay;
	recipe.warmup_steps = recipe.decay_steps = 0;
	recipe.clip_norm = 0;
	recipe.bf16 = n_arguments < 6 || strcmp(arguments[5], "f32") != 0;
	recipe.n_threads = atoi(arguments[4]);
	if (status == PITH_OK && (recipe.n_threads < 0 || recipe.n_threads > MOST_THREADS))
		status = fail(err, PITH_BAD_ARGUMENT, "%s is no number of threads.", arguments[4]);
	if (status == PITH_OK) {
		status = run_open(&m.run, &recipe, err);
		if (status == PITH_OK)
			status = train(&m, err);
		if (status == PITH_OK) {
			tell(&m);
			status = tell_product(m.run.pool, err);
		}
		run_close(&m.run);
	}
	free(m.shares);
	free(m.step_seconds);
	batches_free(&m.batches);
	return status;
}

static enum pith_status make_batches(char **arguments, int n_arguments, struct pith_error *err)
{
	struct batches_header header = settings;
	struct batches batches;
	header.n_steps = (int32_t)strtol(arguments[3], NULL, 10);
	if (n_arguments == 6) {
		header.n_sequences = (int32_t)strtol(arguments[4], NULL, 10);
		header.n_tokens = (int32_t)strtol(arguments[5], NULL, 10);
	}
	enum pith_status status = batches_make(&batches, &header, arguments[0], arguments[1], err);
	if (status == PITH_OK)
		status = batches_write(&batches, arguments[2], err);
	batches_free(&batches);
	return status;
}

int main(int argc, char **argv)
{
	struct pith_error err = {0};
	enum pith_status status;
	if ((argc == 6 || argc == 8) && strcmp(argv[1], "batches") == 0) {
		status = make_batches(argv + 2, argc - 2, &err);
	} else if ((argc == 7 || argc == 8) && strcmp(argv[1], "run") == 0) {
		status = measure(argv + 2, argc - 2, &err);
	} else {
		fprintf(stderr, "Usage: bench_train batches MODEL.gguf TEXT.jsonl BATCHES STEPS [SEQUENCES TOKENS]\n"
				"       bench_train run MODEL.gguf TEXT.jsonl BATCHES STEPS THREADS [bf16|f32]\n");
		return 2;
	}
	if (status != PITH_OK)
		fprintf(stderr, "bench_train: %s\n", err.message);
	return status == PITH_OK ? 0 : 1;
}
