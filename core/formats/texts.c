#define _POSIX_C_SOURCE 200809L
#include "pith/texts.h"

#include <stdlib.h>
#include <string.h>

#include "formats/jsonl.h"

struct pith_texts {
	char *path;
	struct jsonl *file;
	struct jsonl_record *record; /* of the text that was given last */
	size_t line;
};

enum pith_status pith_texts_open(struct pith_texts **out, const char *path, struct pith_error *err)
{
	*out = NULL;
	struct pith_texts *texts = calloc(1, sizeof *texts);
	if (texts != NULL)
		texts->path = strdup(path);
	enum pith_status status =
		texts == NULL || texts->path == NULL ? fail_memory(err, "a data set") : jsonl_open(&texts->file, path, err);
	if (status != PITH_OK) {
		pith_texts_close(texts);
		return status;
	}
	*out = texts;
	return PITH_OK;
}

enum pith_status pith_texts_next(struct pith_texts *texts, const char **text, size_t *length, struct pith_error *err)
{
	*text = NULL;
	*length = 0;
	jsonl_record_free(texts->record);
	texts->record = NULL;
	if (texts->line == jsonl_n_lines(texts->file))
		return PITH_OK;
	size_t line = texts->line++;
	enum pith_status status = jsonl_read(&texts->record, texts->file, line, err);
	if (status != PITH_OK)
		return status;
	*text = jsonl_string(texts->record, "text", length);
	if (*text == NULL)
		*text = jsonl_string(texts->record, "context", length);
	if (*text == NULL)
		return fail(err, PITH_BAD_FILE, "%s, line %zu: there is no \"text\" and no \"context\".", texts->path,
		            jsonl_line_number(texts->file, line));
	return PITH_OK;
}

void pith_texts_close(struct pith_texts *texts)
{
	if (texts == NULL)
		return;
	jsonl_record_free(texts->record);
	jsonl_close(texts->file);
	free(texts->path);
	free(texts);
}
