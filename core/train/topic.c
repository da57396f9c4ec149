#include "train/topic.h"

#include <string.h>

void topic_free(struct topic *topic)
{
	for (size_t i = 0; i < TOPIC_MOST; i++)
		jsonl_record_free(topic->records[i]);
	*topic = (struct topic){0};
}

/* Adds the question of a record, which the topic owns from now on, if it has one with an answer; *same: it is of the same text. */
static void add_question(struct topic *topic, struct jsonl_record *record, bool *same)
{
	size_t length;
	const char *text = jsonl_string(record, "context", &length), *question = jsonl_string(record, "question", NULL);
	const char *answer = jsonl_n_strings(record, "answers") > 0 ? jsonl_string_at(record, "answers", 0) : NULL;
	*same = text != NULL && (topic->n == 0 || (length == topic->length && memcmp(text, topic->text, length) == 0));
	if (!*same || question == NULL || answer == NULL || answer[0] == '\0') {
		jsonl_record_free(record);
		return;
	}
	if (topic->n == 0) {
		topic->text = text;
		topic->length = length;
	}
	topic->records[topic->n] = record;
	topic->questions[topic->n] = question;
	topic->answers[topic->n++] = answer;
}

enum pith_status topic_read(struct topic *topic, const struct jsonl *file, size_t line, const char *question,
                            struct pith_error *err)
{
	struct jsonl_record *record;
	*topic = (struct topic){0};
	enum pith_status status = jsonl_read(&record, file, line, err);
	if (status != PITH_OK)
		return status;
	bool same = jsonl_string(record, "context", NULL) != NULL;
	if (!same) {
		const char *target = jsonl_string(record, "target", NULL);
		target = target != NULL ? target : jsonl_string(record, "title", NULL);
		topic->records[0] = record;
		topic->text = target != NULL && target[0] != '\0' ? jsonl_string(record, "text", &topic->length) : NULL;
		topic->questions[0] = question;
		topic->answers[0] = target;
		topic->n = topic->text != NULL;
		return PITH_OK;
	}
	add_question(topic, record, &same);
	for (line++; status == PITH_OK && same && topic->n > 0 && topic->n < TOPIC_MOST && line < jsonl_n_lines(file); line++) {
		status = jsonl_read(&record, file, line, err);
		if (status == PITH_OK)
			add_question(topic, record, &same);
	}
	return status;
}
