#include "styled_text.h"

#include <stdlib.h>
#include <string.h>

void styled_text_clear(struct styled_text *styled)
{
	styled->length = 0;
	styled->n_runs = 0;
	if (styled->text != NULL)
		styled->text[0] = '\0';
}

void styled_text_free(struct styled_text *styled)
{
	free(styled->text);
	free(styled->runs);
	*styled = (struct styled_text){0};
}

static bool reserve(struct styled_text *styled, size_t length)
{
	size_t needed = styled->length + length + 1;
	if (needed > styled->capacity) {
		size_t capacity = needed + needed / 2 + 64;
		char *text = realloc(styled->text, capacity);
		if (text == NULL)
			return false;
		styled->text = text;
		styled->capacity = capacity;
	}
	if (styled->n_runs == styled->runs_capacity) {
		size_t capacity = styled->runs_capacity * 2 + 16;
		struct style_run *runs = realloc(styled->runs, capacity * sizeof *runs);
		if (runs == NULL)
			return false;
		styled->runs = runs;
		styled->runs_capacity = capacity;
	}
	return true;
}

static bool append(struct styled_text *styled, struct style_run run, const char *bytes, size_t length)
{
	if (length == 0)
		return true;
	if (!reserve(styled, length))
		return false;
	run.begin = styled->length;
	struct style_run *last = styled->n_runs == 0 ? NULL : &styled->runs[styled->n_runs - 1];
	/* A run that simply goes on needs no new entry. */
	bool continues = last != NULL && !last->literal && !run.literal && last->role == run.role &&
	                 last->source + (run.begin - last->begin) == run.source;
	if (!continues)
		styled->runs[styled->n_runs++] = run;
	memcpy(styled->text + styled->length, bytes, length);
	styled->length += length;
	styled->text[styled->length] = '\0';
	return true;
}

bool styled_text_append(struct styled_text *styled, enum role role, const char *document, size_t begin, size_t end)
{
	return append(styled, (struct style_run){.source = begin, .role = role}, document + begin, end - begin);
}

bool styled_text_mark(struct styled_text *styled, enum role role, const char *bytes, size_t length, size_t source)
{
	return append(styled, (struct style_run){.source = source, .role = role, .literal = true}, bytes, length);
}

size_t styled_text_run_at(const struct styled_text *styled, size_t offset)
{
	size_t low = 0, high = styled->n_runs;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (styled->runs[middle].begin <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

size_t styled_text_source(const struct styled_text *styled, size_t offset)
{
	if (styled->n_runs == 0)
		return 0;
	const struct style_run *run = &styled->runs[styled_text_run_at(styled, offset)];
	return run->literal ? run->source : run->source + (offset - run->begin);
}

size_t styled_text_find(const struct styled_text *styled, size_t source)
{
	size_t low = 0, high = styled->n_runs; /* the answer is in the last run whose source is below, or at the next one */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (styled->runs[middle].source < source)
			low = middle + 1;
		else
			high = middle;
	}
	size_t next = low < styled->n_runs ? styled->runs[low].begin : styled->length;
	if (low == 0)
		return next;
	const struct style_run *run = &styled->runs[low - 1];
	if (run->literal)
		return next;
	size_t offset = run->begin + (source - run->source);
	return offset < next ? offset : next;
}
