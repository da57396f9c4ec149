#include "train/teacher.h"

#include <string.h>

bool teacher_add(struct microbatch *m, const struct tokenizer *tokenizer, const struct sample *sample, const size_t *first)
{
	struct batch *b = &m->teacher.batch;
	size_t n_text = 1 + sample->document.n, n_past = first == NULL ? 0 : n_text, n = n_text - n_past + sample->reader.n;
	if (!pack_reserve(&m->teacher, n))
		return false;
	struct sequence *s = &b->sequences[b->n_sequences++];
	*s = (struct sequence){.first = b->n_tokens, .n = n, .kv_first = b->n_kv_rows, .n_past = n_past};
	if (first != NULL) {
		s->n_shared = n_past;
		s->shared_with = *first;
	}
	b->n_kv_rows += n_past + n;
	for (size_t position = n_past; position < n_past + n; position++) {
		int32_t id = position == 0 ? tokenizer_bos(tokenizer)
		             : position < n_text ? sample->document.ids[position - 1]
		                                 : sample->reader.ids[position - n_text];
		b->ids[b->n_tokens] = id;
		b->positions[b->n_tokens++] = (int32_t)position;
	}
	/* It is asked where the reader has to say the answer. Both end with the same tokens. */
	const struct sequence *reader = &m->reader.batch.sequences[m->reader.batch.n_sequences - 1];
	size_t n_answer = sample->reader.n - sample->first_answer;
	for (size_t i = 1; i <= n_answer; i++)
		m->teacher_rows[reader->first + reader->n - i] = (int32_t)(s->first + s->n - i);
	return true;
}

void teacher_free(struct teacher *teacher)
{
	trace_free(&teacher->trace);
	scratch_free(&teacher->hidden);
	scratch_free(&teacher->found);
	scratch_free(&teacher->soft);
	scratch_free(&teacher->logits);
}

static enum pith_status reserve(struct teacher *teacher, const struct hyperparams *h, size_t n_tokens, struct pith_error *err)
{
	size_t n = n_tokens * SOFT_TARGETS;
	enum pith_status status = scratch_reserve(&teacher->hidden, n_tokens * h->n_embd, "the teacher", err);
	if (status == PITH_OK)
		status = scratch_reserve(&teacher->found, 2 * n, "the teacher", err);
	if (status == PITH_OK)
		status = scratch_reserve(&teacher->soft, 2 * n, "the teacher", err);
	if (status == PITH_OK)
		status = scratch_reserve(&teacher->logits, LOSS_CHUNK * h->n_vocab, "the teacher", err);
	return status;
}

enum pith_status teacher_run(struct teacher *teacher, const struct transformer *t, const struct microbatch *m,
                             enum precision precision, struct pith_error *err)
{
	size_t n = m->reader.batch.n_tokens, n_embd = t->h.n_embd, n_asked = 0;
	enum pith_status status = PITH_OK;
	if (teacher->trace.layers == NULL)
		status = trace_init(&teacher->trace, t, err);
	if (status == PITH_OK)
		status = trace_reserve_rows(&teacher->trace, t, &m->teacher.batch, err);
	if (status == PITH_OK)
		status = trace_forward(&teacher->trace, t, NULL, &m->teacher.batch, precision, false, err);
	if (status == PITH_OK)
		status = reserve(teacher, &t->h, n, err);
	if (status != PITH_OK)
		return status;
	for (size_t i = 0; i < n; i++)
		if (m->teacher_rows[i] >= 0)
			memcpy(teacher->hidden.data + n_asked++ * n_embd,
			       teacher->trace.hidden.data + (size_t)m->teacher_rows[i] * n_embd, n_embd * sizeof(float));
	float *found = teacher->found.data, *soft = teacher->soft.data;
	int32_t *found_ids = (int32_t *)(void *)(found + n * SOFT_TARGETS), *ids = (int32_t *)(void *)(soft + n * SOFT_TARGETS);
	soft_targets_find(precision, found_ids, found, teacher->hidden.data, &t->weights.output, n_asked, teacher->logits.data);
	for (size_t i = 0, asked = 0; i < n; i++) {
		ids[i * SOFT_TARGETS] = -1;
		if (m->teacher_rows[i] < 0)
			continue;
		memcpy(ids + i * SOFT_TARGETS, found_ids + asked * SOFT_TARGETS, SOFT_TARGETS * sizeof *ids);
		memcpy(soft + i * SOFT_TARGETS, found + asked++ * SOFT_TARGETS, SOFT_TARGETS * sizeof *soft);
	}
	teacher->targets = (struct soft_targets){ids, soft, (float)m->distillation};
	return PITH_OK;
}
