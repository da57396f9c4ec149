#include "train/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"
#include "kernels/kernels.h"
#include "train/muon.h"
#include "train/schedule.h"

enum { GRAIN = 4096 }; /* values of one piece of work: sums do not depend on the number of threads that share them */

enum pith_status trained_array_init(struct trained_array *array, float *values, size_t n, float **gradients, int n_gradients,
                                    int n_threads, struct pith_error *err)
{
	*array = (struct trained_array){
		.n = n, .values = values, .gradients = gradients, .n_gradients = n_gradients, .n_threads = n_threads};
	array->m = aligned_floats(n);
	array->v = aligned_floats(n);
	if (array->m == NULL || array->v == NULL) {
		trained_array_free(array);
		return fail_memory(err, "the optimiser");
	}
	return PITH_OK;
}

enum pith_status trained_array_add_matrix(struct trained_array *array, const struct matrix_range *range, struct pith_error *err)
{
	struct matrix_range *ranges = realloc(array->ranges, (array->n_ranges + 1) * sizeof *ranges);
	if (ranges == NULL)
		return fail_memory(err, "the optimiser");
	array->ranges = ranges;
	ranges[array->n_ranges++] = *range;
	size_t size = range->by_muon ? muon_scratch_size(range->n_rows, range->n_columns) : 0;
	if (size <= array->scratch_size)
		return PITH_OK;
	free(array->scratch);
	array->scratch_size = size;
	array->scratch = aligned_floats((size_t)array->n_threads * size);
	return array->scratch == NULL ? fail_memory(err, "the optimiser") : PITH_OK;
}

void trained_array_free(struct trained_array *array)
{
	free(array->m);
	free(array->v);
	free(array->ranges);
	free(array->scratch);
	*array = (struct trained_array){0};
}

struct sum_job {
	struct trained_array *array;
	double *squares; /* one per piece */
};

static void sum_gradients(void *user, size_t begin, size_t end, int thread)
{
	struct sum_job *job = user;
	struct trained_array *array = job->array;
	const struct kernels *kernels = kernels_get();
	(void)thread;
	for (; begin < end; begin += GRAIN) {
		size_t n = end - begin < GRAIN ? end - begin : GRAIN;
		float *sum = array->gradients[0] + begin;
		for (int i = 1; i < array->n_gradients; i++)
			kernels->add(sum, array->gradients[i] + begin, n);
		job->squares[begin / GRAIN] = (double)kernels->sum_squares(sum, n);
	}
}

struct update_job {
	struct trained_array *array;
	struct adamw_step step;
	float weight_decay;
};

/* Updates [begin, end), which may hold decaying and other values. */
static void update(void *user, size_t begin, size_t end, int thread)
{
	struct update_job *job = user;
	struct trained_array *array = job->array;
	(void)thread;
	size_t range = 0;
	while (begin < end) {
		while (range < array->n_ranges && array->ranges[range].end <= begin)
			range++;
		bool decays = range < array->n_ranges && array->ranges[range].begin <= begin;
		size_t stop = range == array->n_ranges ? end : decays ? array->ranges[range].end : array->ranges[range].begin;
		stop = stop < end ? stop : end;
		struct adamw_step step = job->step;
		step.weight_decay = decays ? job->weight_decay : 0.0f;
		if (!decays || !array->ranges[range].by_muon)
			kernels_get()->adamw(array->values + begin, array->m + begin, array->v + begin,
			                     array->gradients[0] + begin, &step, stop - begin);
		for (int i = 0; i < array->n_gradients; i++)
			memset(array->gradients[i] + begin, 0, (stop - begin) * sizeof(float));
		begin = stop;
	}
}

struct matrices_job {
	struct trained_array *array;
	struct muon_step step;
};

/* Ranges [begin, end) of the array's matrices. */
static void update_matrices(void *user, size_t begin, size_t end, int thread)
{
	struct matrices_job *job = user;
	struct trained_array *array = job->array;
	for (; begin < end; begin++) {
		const struct matrix_range *range = &array->ranges[begin];
		if (range->by_muon)
			muon_update(array->values + range->begin, array->m + range->begin, array->gradients[0] + range->begin,
			            range->n_rows, range->n_columns, &job->step,
			            array->scratch + (size_t)thread * array->scratch_size);
	}
}

/* Adds to *sum. */
static enum pith_status add_squares(double *sum, struct trained_array *array, struct thread_pool *pool, struct pith_error *err)
{
	size_t n_pieces = (array->n + GRAIN - 1) / GRAIN;
	double *squares = calloc(n_pieces, sizeof *squares);
	if (squares == NULL)
		return fail_memory(err, "the optimiser");
	struct sum_job job = {array, squares};
	thread_pool_run(pool, array->n, GRAIN, sum_gradients, &job);
	for (size_t i = 0; i < n_pieces; i++)
		*sum += squares[i];
	free(squares);
	return PITH_OK;
}

enum pith_status optimizer_step(struct trained_array *arrays, size_t n_arrays, const struct pith_recipe *recipe, int step,
                                int n_micro, struct thread_pool *pool, double *norm, struct pith_error *err)
{
	double squares = 0;
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < n_arrays; i++)
		status = add_squares(&squares, &arrays[i], pool, err);
	if (status != PITH_OK)
		return status;
	*norm = sqrt(squares) / n_micro;
	if (!isfinite(*norm))
		return fail(err, PITH_BAD_ARGUMENT, "The loss became infinite at step %d: the learning rate is too high.",
		            step + 1);
	double clip = recipe->clip_norm > 0 && *norm > recipe->clip_norm ? recipe->clip_norm / *norm : 1;
	struct update_job job = {
		.step = {
			.learning_rate = (float)schedule_learning_rate(recipe, step),
			.beta1 = (float)recipe->beta1,
			.beta2 = (float)recipe->beta2,
			.correction1 = (float)(1 / (1 - pow(recipe->beta1, step + 1))),
			.correction2 = (float)(1 / (1 - pow(recipe->beta2, step + 1))),
			.epsilon = 1e-8f,
			.gradient_scale = (float)(clip / n_micro),
		},
		.weight_decay = (float)recipe->weight_decay,
	};
	double rate = recipe->muon_learning_rate / recipe->learning_rate;
	struct matrices_job matrices = {
		.step = {
			.learning_rate = (float)rate * job.step.learning_rate,
			.weight_decay = job.weight_decay,
			.gradient_scale = job.step.gradient_scale,
			.precision = recipe->bf16 ? PRECISION_BF16 : PRECISION_F32,
		},
	};
	for (size_t i = 0; i < n_arrays; i++) {
		matrices.array = job.array = &arrays[i];
		if (arrays[i].scratch_size > 0)
			thread_pool_run(pool, arrays[i].n_ranges, 1, update_matrices, &matrices);
		thread_pool_run(pool, arrays[i].n, GRAIN, update, &job);
	}
	return PITH_OK;
}
