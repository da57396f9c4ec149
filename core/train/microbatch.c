#include "train/microbatch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/memory_layout.h"
#include "train/sample.h"
#include "train/teacher.h"

enum { MOST_SPANS = 3, TRIES = 200, MOST_QUESTIONS = 8 };

/* --- growing arrays ----------------------------------------------------------------------------------- */

static bool grow(void **array, size_t n, size_t element)
{
	void *grown = realloc(*array, n * element);
	if (grown == NULL)
		return false;
	*array = grown;
	return true;
}

bool pack_reserve(struct pack *pack, size_t n_tokens)
{
	struct batch *b = &pack->batch;
	if (b->n_tokens + n_tokens > pack->token_capacity) {
		size_t capacity = 2 * (b->n_tokens + n_tokens);
		if (!grow((void **)&b->ids, capacity, sizeof *b->ids) ||
		    !grow((void **)&b->positions, capacity, sizeof *b->positions))
			return false;
		pack->token_capacity = capacity;
	}
	if (b->n_sequences + 1 > pack->sequence_capacity) {
		size_t capacity = 2 * (b->n_sequences + 1);
		if (!grow((void **)&b->sequences, capacity, sizeof *b->sequences))
			return false;
		pack->sequence_capacity = capacity;
	}
	return true;
}

static void pack_free(struct pack *pack)
{
	free(pack->batch.ids);
	free(pack->batch.positions);
	free(pack->batch.sequences);
	*pack = (struct pack){0};
}

void microbatch_clear(struct microbatch *m)
{
	struct pack *packs[] = {&m->encoder[0], &m->encoder[1], &m->reader, &m->teacher};
	for (size_t i = 0; i < 4; i++) {
		packs[i]->batch.n_tokens = 0;
		packs[i]->batch.n_sequences = 0;
		packs[i]->batch.n_kv_rows = 0;
	}
	m->n_links = 0;
	m->n_given = 0;
}

void microbatch_free(struct microbatch *m)
{
	pack_free(&m->encoder[0]);
	pack_free(&m->encoder[1]);
	pack_free(&m->reader);
	pack_free(&m->teacher);
	free(m->targets);
	free(m->weights);
	free(m->objectives);
	free(m->teacher_rows);
	free(m->links);
	*m = (struct microbatch){0};
}

/* --- packing one sample ------------------------------------------------------------------------------- */

/* An encoder's sequence: BOS, document, k memory tokens; positions as in model/memory_layout.h. */
static bool add_encoder_sequence(struct pack *pack, const struct microbatch_builder *builder, const int32_t *ids, size_t n,
                                 size_t k)
{
	size_t total = 1 + n + k;
	if (!pack_reserve(pack, total))
		return false;
	struct batch *b = &pack->batch;
	b->sequences[b->n_sequences++] =
		(struct sequence){.first = b->n_tokens, .n = total, .kv_first = b->n_kv_rows, .n_past = 0};
	b->n_kv_rows += total;
	b->ids[b->n_tokens] = tokenizer_bos(builder->tokenizer);
	memcpy(b->ids + b->n_tokens + 1, ids, n * sizeof *ids);
	memory_encoder_input(b->ids + b->n_tokens, b->positions + b->n_tokens, builder->memory_slots, n, k);
	b->n_tokens += total;
	return true;
}

static bool add_link(struct microbatch *m, const struct memory_link *link)
{
	if (m->n_links == m->link_capacity) {
		size_t capacity = 2 * (m->n_links + 8);
		if (!grow((void **)&m->links, capacity, sizeof *m->links))
			return false;
		m->link_capacity = capacity;
	}
	m->links[m->n_links++] = *link;
	return true;
}

/* Memory tokens for n document tokens: log-uniform between the two ratios. */
static size_t draw_k(struct random_state *random, size_t n, const struct sampling *sampling)
{
	double low = log(sampling->k_ratio_min), high = log(sampling->k_ratio_max);
	double k = (double)n * exp(low + (high - low) * random_uniform(random));
	size_t rounded = k < 1 ? 1 : (size_t)lround(k);
	return rounded > sampling->n_memory ? sampling->n_memory : rounded;
}

/* Encodes the document as one span, or sometimes as several, as long documents will be. *n_rows: memory rows. */
static bool add_spans(struct microbatch *m, struct microbatch_builder *builder, const struct sample *sample,
                      enum pith_purpose purpose, bool may_split, const struct sampling *sampling, size_t *n_rows,
                      size_t *longest)
{
	size_t n = sample->document.n;
	size_t k = draw_k(&builder->random, n, sampling);
	size_t n_spans = 1;
	if (may_split && random_below(&builder->random, 4) == 0)
		n_spans = 1 + random_below(&builder->random, MOST_SPANS);
	n_spans = n_spans > k ? k : n_spans;
	*n_rows = 0;
	*longest = 0;
	for (size_t s = 0; s < n_spans; s++) {
		size_t begin = memory_text_begin(n, k, n_spans, s), end = memory_text_begin(n, k, n_spans, s + 1);
		size_t span_k = memory_span_begin(k, n_spans, s + 1) - memory_span_begin(k, n_spans, s);
		struct memory_link link = {
			.reader_sequence = m->reader.batch.n_sequences, /* the one that is added next */
			.encoder_sequence = m->encoder[purpose].batch.n_sequences,
			.purpose = purpose,
			.k = span_k,
			.offset = *n_rows,
		};
		if (!add_encoder_sequence(&m->encoder[purpose], builder, sample->document.ids + begin, end - begin, span_k) ||
		    !add_link(m, &link))
			return false;
		*n_rows += span_k;
		*longest = end - begin > *longest ? end - begin : *longest;
	}
	return true;
}

static bool reserve_rows(struct microbatch *m, size_t n)
{
	if (n <= m->row_capacity)
		return true;
	size_t capacity = 2 * n;
	if (!grow((void **)&m->targets, capacity, sizeof *m->targets) ||
	    !grow((void **)&m->weights, capacity, sizeof *m->weights) ||
	    !grow((void **)&m->objectives, capacity, sizeof *m->objectives) ||
	    !grow((void **)&m->teacher_rows, capacity, sizeof *m->teacher_rows))
		return false;
	m->row_capacity = capacity;
	return true;
}

/* What stands before a reader's tokens. */
struct reader_past {
	size_t n_rows;           /* memory rows, or those of a sequence that has read the document or the memory tokens */
	const size_t *sequence;  /* that one; NULL: memory rows */
	size_t n_given;          /* memory tokens that this sequence reads itself, as its first tokens */
	int32_t position;        /* of the reader's first token behind them */
};

/* The reader's sequence begins with memory tokens, at the positions that they had in the encoders. */
static void add_given(struct microbatch *m, size_t first_link)
{
	struct batch *b = &m->reader.batch;
	for (size_t l = first_link; l < m->n_links; l++) {
		const struct memory_link *link = &m->links[l];
		const struct batch *from = &m->encoder[link->purpose].batch;
		const struct sequence *s = &from->sequences[link->encoder_sequence];
		for (size_t j = 0; j < link->k; j++) {
			size_t row = b->n_tokens++;
			b->ids[row] = -1 - (int32_t)m->n_given++;
			b->positions[row] = from->positions[s->first + s->n - link->k + j];
			m->targets[row] = -1;
			m->weights[row] = 0;
			m->objectives[row] = PITH_OBJECTIVE_LM;
			m->teacher_rows[row] = -1;
		}
	}
}

/* first_link: of the memory tokens that it reads itself, if it does. */
static bool add_reader_sequence(struct microbatch *m, const struct sample *sample, const struct pith_task *task,
                                const struct reader_past *past, size_t first_link)
{
	size_t n = sample->reader.n, total = past->n_given + n;
	struct batch *b = &m->reader.batch;
	if (!pack_reserve(&m->reader, total) || !reserve_rows(m, b->n_tokens + total))
		return false;
	struct sequence *s = &b->sequences[b->n_sequences++];
	*s = (struct sequence){.first = b->n_tokens, .n = total, .kv_first = b->n_kv_rows, .n_past = past->n_rows};
	if (past->sequence != NULL) {
		s->n_shared = past->n_rows;
		s->shared_with = *past->sequence;
	}
	b->n_kv_rows += past->n_rows + total;
	if (past->n_given > 0)
		add_given(m, first_link);
	/* A document that is only read; its last token foretells what stands behind it, and that is learned. */
	size_t n_skipped =
		task->skip_document && past->sequence == NULL && sample->document_end > 0 ? sample->document_end - 1 : 0;
	float loss_weight = task->loss_weight > 0 ? (float)task->loss_weight : 1.0f;
	for (size_t i = 0; i < n; i++) {
		size_t row = b->n_tokens++;
		b->ids[row] = sample->reader.ids[i];
		b->positions[row] = past->position + (int32_t)i;
		m->targets[row] = i < n_skipped ? -1 : sample->targets.ids[i];
		m->weights[row] = i >= sample->first_answer ? loss_weight : 1.0f;
		m->teacher_rows[row] = -1;
		/* Text around a question is plain language modelling, and reported as that. */
		m->objectives[row] = (uint8_t)(i >= sample->first_answer ? task->objective : PITH_OBJECTIVE_LM);
	}
	return true;
}

/* The first tokens of the newest reader sequence count more. */
static void weigh_opening(struct microbatch *m, const struct microbatch_builder *builder, size_t n_given)
{
	const struct batch *b = &m->reader.batch;
	const struct sequence *s = &b->sequences[b->n_sequences - 1];
	for (size_t i = 0; i < builder->opening_tokens && n_given + i < s->n; i++) {
		double left = 1 - (double)i / (double)builder->opening_tokens;
		m->weights[s->first + n_given + i] *= (float)(1 + (builder->opening_weight - 1) * left);
	}
}

/* Has the model positions for all of it? A question may be as long as its file likes. */
static bool fits(const struct sample *sample, bool asks_memory, size_t n_positions)
{
	size_t document = 1 + sample->document.n, reader = sample->reader.n;
	size_t needed = asks_memory ? document + reader : document > reader ? document : reader;
	return needed <= n_positions;
}

/* The questions about one document. */
struct questions {
	const struct task_data *data;
	struct sample *sample;
	size_t first_link, n_links; /* of the first question; 0 of them: its sequence is shared instead */
	struct reader_past past;    /* of the others */
	double noise;
	size_t teacher;             /* its sequence that has read the document */
};

/* A malformed line may be left out: what is wrong with it is kept to be told. */
static enum pith_status forgive(struct microbatch_builder *builder, enum pith_status status, bool *made, struct pith_error *err)
{
	if (status != PITH_BAD_FILE || !builder->skip_malformed)
		return status;
	if (err != NULL) {
		builder->skipped = *err;
		*err = (struct pith_error){0};
	}
	*made = false;
	return PITH_OK;
}

/* Asks the question of another line about the same document. *asked false: it has none. */
static enum pith_status add_question(struct microbatch *m, struct microbatch_builder *builder, const struct questions *q,
                                     size_t line, bool *asked, struct pith_error *err)
{
	enum pith_status status =
		forgive(builder, sample_make_further(q->sample, builder, q->data, line, q->noise, asked, err), asked, err);
	size_t before = (size_t)q->past.position;
	if (m->distillation > 0 && before < 1 + q->sample->document.n) /* the teacher has read all spans as one text */
		before = 1 + q->sample->document.n;
	*asked = *asked && before + q->sample->reader.n <= builder->n_positions;
	if (status != PITH_OK || !*asked)
		return status;
	for (size_t l = 0; l < q->n_links; l++) {
		struct memory_link link = m->links[q->first_link + l];
		link.reader_sequence = m->reader.batch.n_sequences;
		if (!add_link(m, &link))
			return fail_memory(err, "a micro-batch");
	}
	if (!add_reader_sequence(m, q->sample, &q->data->task, &q->past, q->first_link))
		return fail_memory(err, "a micro-batch");
	if (m->distillation > 0 && objective_has_memory(q->data->task.objective) &&
	    !teacher_add(m, builder->tokenizer, q->sample, &q->teacher))
		return fail_memory(err, "a micro-batch");
	return PITH_OK;
}

/* One reading of the document, several questions. Lines of one context stand together: those behind the first are asked, then
 * those before. */
static enum pith_status add_further_questions(struct microbatch *m, struct microbatch_builder *builder,
                                              const struct questions *q, size_t line, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	size_t n_asked = 1;
	for (size_t i = 1; status == PITH_OK && n_asked < MOST_QUESTIONS; i++, n_asked++) {
		bool asked;
		status = add_question(m, builder, q, line + i, &asked, err);
		if (!asked)
			break;
	}
	for (size_t i = 1; status == PITH_OK && n_asked < MOST_QUESTIONS && i <= line; i++, n_asked++) {
		bool asked;
		status = add_question(m, builder, q, line - i, &asked, err);
		if (!asked)
			break;
	}
	return status;
}

enum pith_status microbatch_add(struct microbatch *m, struct microbatch_builder *builder, size_t task, size_t line,
                                const struct sampling *sampling, bool *added, struct pith_error *err)
{
	const struct task_data *data = &builder->tasks[task];
	struct sample sample = {0};
	enum pith_objective objective = data->task.objective;
	bool memory = objective_has_memory(objective);
	enum pith_status status = forgive(builder, sample_make(&sample, builder, data, line, sampling, added, err), added, err);
	*added = *added && fits(&sample, objective == PITH_OBJECTIVE_ANSWER, builder->n_positions);
	if (status == PITH_OK && *added) {
		size_t n_rows = 0, longest = 0, first_link = m->n_links;
		bool answer = objective == PITH_OBJECTIVE_ANSWER;
		struct sampling own = *sampling;
		if (data->task.k_ratio_min > 0)
			own.k_ratio_min = data->task.k_ratio_min;
		if (data->task.k_ratio_max > 0)
			own.k_ratio_max = data->task.k_ratio_max;
		if (memory && !add_spans(m, builder, &sample, objective_purpose(objective), answer, &own, &n_rows, &longest))
			status = fail_memory(err, "a micro-batch");
		/* A text comes back at its own positions, BOS at 0; a question stands behind them. */
		struct reader_past past = {.n_rows = n_rows, .position = answer ? memory_question_position(longest) : 0};
		bool given = builder->memory == PITH_MEMORY_EMBEDDINGS && n_rows > 0;
		if (given)
			past = (struct reader_past){.n_given = n_rows, .position = past.position};
		size_t first = m->reader.batch.n_sequences;
		if (status == PITH_OK && !add_reader_sequence(m, &sample, &data->task, &past, first_link))
			status = fail_memory(err, "a micro-batch");
		if (status == PITH_OK && objective == PITH_OBJECTIVE_REGENERATE)
			weigh_opening(m, builder, past.n_given);
		struct questions questions = {data, &sample, first_link, given ? 0 : m->n_links - first_link, past,
		                              sampling->question_noise, m->teacher.batch.n_sequences};
		m->distillation = sampling->distillation;
		if (status == PITH_OK && answer && m->distillation > 0 && !teacher_add(m, builder->tokenizer, &sample, NULL))
			status = fail_memory(err, "a micro-batch");
		if (given)
			questions.past = (struct reader_past){.n_rows = n_rows, .sequence = &first, .position = past.position};
		if (objective == PITH_OBJECTIVE_ANSWER_FULL)
			questions.past = (struct reader_past){
				.n_rows = sample.document_end, .sequence = &first, .position = (int32_t)sample.document_end};
		/* Sentences that were found for one question are not shared. */
		bool shared = objective == PITH_OBJECTIVE_ANSWER_FULL && sampling->evidence_most == 0;
		if (status == PITH_OK && (answer || shared))
			status = add_further_questions(m, builder, &questions, line, err);
	}
	sample_free(&sample);
	return status;
}

bool microbatch_add_tokens(struct microbatch *m, const int32_t *ids, size_t n, const size_t *shared_with, size_t n_past)
{
	struct batch *b = &m->reader.batch;
	if (!pack_reserve(&m->reader, n) || !reserve_rows(m, b->n_tokens + n))
		return false;
	struct sequence *s = &b->sequences[b->n_sequences++];
	*s = (struct sequence){.first = b->n_tokens, .n = n, .kv_first = b->n_kv_rows, .n_past = n_past};
	if (shared_with != NULL) {
		s->n_shared = n_past;
		s->shared_with = *shared_with;
	}
	b->n_kv_rows += n_past + n;
	for (size_t i = 0; i < n; i++) {
		size_t row = b->n_tokens++;
		b->ids[row] = ids[i];
		b->positions[row] = (int32_t)(n_past + i);
		m->targets[row] = -1;
		m->weights[row] = 0;
		m->objectives[row] = PITH_OBJECTIVE_REWRITE;
		m->teacher_rows[row] = -1;
	}
	return true;
}

/* What a teacher reads does not count: with and without it the samples are the same. */
static size_t total_tokens(const struct microbatch *m)
{
	return m->encoder[0].batch.n_tokens + m->encoder[1].batch.n_tokens + m->reader.batch.n_tokens;
}

/* A task by its share of tokens: tasks whose samples are long are drawn more rarely. */
static size_t draw_task(struct microbatch_builder *builder, const struct sampling *sampling)
{
	double shares[64], sum = 0;
	for (size_t i = 0; i < builder->n_tasks; i++) {
		const struct task_data *data = &builder->tasks[i];
		bool cut = objective_has_memory(data->task.objective) && !data->has_questions;
		double longest = cut && sampling->length < data->task.max_tokens ? sampling->length : data->task.max_tokens;
		double length = objective_has_memory(data->task.objective) ? 1.6 * longest : longest;
		sum += shares[i] = data->task.weight / length;
	}
	double choice = random_uniform(&builder->random) * sum;
	size_t task = 0;
	while (task + 1 < builder->n_tasks && choice >= shares[task])
		choice -= shares[task++];
	return task;
}

void microbatch_normalise(struct microbatch *m)
{
	double sum = 0;
	size_t n = m->reader.batch.n_tokens;
	for (size_t i = 0; i < n; i++)
		if (m->targets[i] >= 0)
			sum += (double)m->weights[i];
	for (size_t i = 0; sum > 0 && i < n; i++)
		m->weights[i] = (float)((double)m->weights[i] / sum);
}

enum pith_status microbatch_build(struct microbatch *m, struct microbatch_builder *builder, const struct sampling *sampling,
                                  struct pith_error *err)
{
	int failures = 0;
	while (total_tokens(m) < sampling->n_tokens) {
		size_t task = draw_task(builder, sampling);
		size_t line = random_below(&builder->random, jsonl_n_lines(builder->tasks[task].file));
		bool added;
		enum pith_status status = microbatch_add(m, builder, task, line, sampling, &added, err);
		if (status != PITH_OK)
			return status;
		if (!added && ++failures > TRIES)
			return fail(err, PITH_BAD_FILE, "%s: hardly any line suits the objective %s within %d tokens.",
			            builder->tasks[task].task.path, pith_objective_name(builder->tasks[task].task.objective),
			            builder->tasks[task].task.max_tokens);
		if (added)
			failures = 0;
	}
	microbatch_normalise(m);
	return PITH_OK;
}
