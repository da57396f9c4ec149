#define _GNU_SOURCE
#include "training/training_log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "fault.h"

/* A report is a few hundred bytes; what has no line feed in so many is something else. */
enum { BLOCK_BYTES = 1 << 16, FIRST_CAPACITY = 256, SPEED_POINTS = 10 };

/* The numbers of a line that are there once. */
static const struct {
	const char *name;
	size_t offset;
} numbers[] = {
	{"tokens", offsetof(struct training_point, tokens)},
	{"loss", offsetof(struct training_point, loss)},
	{"length", offsetof(struct training_point, length)},
	{"learning_rate", offsetof(struct training_point, learning_rate)},
	{"tokens_per_second", offsetof(struct training_point, tokens_per_second)},
};

/* Those that are there for each objective: the name goes on with the objective's. */
static const struct {
	const char *prefix;
	size_t offset;
} objective_numbers[] = {
	{"loss_", offsetof(struct training_point, objective_loss)},
	{"eval_loss_", offsetof(struct training_point, eval_loss)},
	{"eval_accuracy_", offsetof(struct training_point, eval_accuracy)},
};

enum pith_status training_log_open(struct training_log *log, const char *path, struct pith_error *err)
{
	*log = (struct training_log){.path = strdup(path)};
	return log->path == NULL ? fault_memory(err) : PITH_OK;
}

static void forget(struct training_log *log)
{
	free(log->last_line);
	log->last_line = NULL;
	log->last_length = 0;
	log->offset = 0;
	log->n = log->n_lines = 0;
}

void training_log_close(struct training_log *log)
{
	forget(log);
	free(log->points);
	free(log->path);
	*log = (struct training_log){0};
}

static double *number_at(struct training_point *point, size_t offset)
{
	return (double *)(void *)((char *)point + offset);
}

/* A number that may be missing; false: there is something else in its place. */
static bool read_number(const json_t *object, const char *name, double *value)
{
	const json_t *member = json_object_get(object, name);
	*value = json_is_number(member) ? json_number_value(member) : NAN;
	return member == NULL || json_is_null(member) || json_is_number(member);
}

/* A whole number from 0 on that fits an int, as the core's steps do; -1: something else. */
static long read_step(const json_t *object, const char *name)
{
	const json_t *member = json_object_get(object, name);
	json_int_t value = json_is_integer(member) ? json_integer_value(member) : -1;
	return value >= 0 && value <= 0x7fffffff ? (long)value : -1;
}

/* The name of what cannot be read in object, in name; "": everything can. */
static void read_point(struct training_point *point, const json_t *object, char *name, size_t size)
{
	point->step = read_step(object, "step");
	point->n_steps = json_object_get(object, "n_steps") == NULL ? 0 : read_step(object, "n_steps");
	snprintf(name, size, "%s", point->step < 0 ? "step" : point->n_steps < 0 ? "n_steps" : "");
	for (size_t i = 0; name[0] == '\0' && i < sizeof numbers / sizeof *numbers; i++)
		if (!read_number(object, numbers[i].name, number_at(point, numbers[i].offset)))
			snprintf(name, size, "%s", numbers[i].name);
	for (size_t i = 0; i < sizeof objective_numbers / sizeof *objective_numbers; i++) {
		for (int o = 0; name[0] == '\0' && o < PITH_N_OBJECTIVES; o++) {
			char member[64];
			snprintf(member, sizeof member, "%s%s", objective_numbers[i].prefix,
			         pith_objective_name((enum pith_objective)o));
			if (!read_number(object, member, number_at(point, objective_numbers[i].offset) + o))
				snprintf(name, size, "%s", member);
		}
	}
}

static enum pith_status add_point(struct training_log *log, const struct training_point *point, struct pith_error *err)
{
	while (log->n > 0 && log->points[log->n - 1].step >= point->step)
		log->n--;
	if (log->n == log->capacity) {
		size_t capacity = log->capacity == 0 ? FIRST_CAPACITY : 2 * log->capacity;
		struct training_point *points = reallocarray(log->points, capacity, sizeof *points);
		if (points == NULL)
			return fault_memory(err);
		log->points = points;
		log->capacity = capacity;
	}
	log->points[log->n++] = *point;
	return PITH_OK;
}

static bool is_blank(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (strchr(" \t\r\n", line[i]) == NULL || line[i] == '\0')
			return false;
	return true;
}

static enum pith_status no_report(const struct training_log *log, struct pith_error *err)
{
	return fault(err, PITH_BAD_FILE,
	             "%s:%zu: This is not a report of a training run: a JSON object with a \"step\" is wanted.", log->path,
	             log->n_lines + 1);
}

static enum pith_status take_line(struct training_log *log, const char *line, size_t length, struct pith_error *err)
{
	if (is_blank(line, length))
		return PITH_OK;
	struct training_point point;
	char name[64];
	json_error_t where;
	json_t *object = json_loadb(line, length, 0, &where);
	if (!json_is_object(object) || json_object_get(object, "step") == NULL) {
		json_decref(object);
		return no_report(log, err);
	}
	read_point(&point, object, name, sizeof name);
	json_decref(object);
	if (name[0] != '\0')
		return fault(err, PITH_BAD_FILE, "%s:%zu: \"%s\" is not %s.", log->path, log->n_lines + 1, name,
		             strstr(name, "step") != NULL ? "a number of steps" : "a number");
	return add_point(log, &point, err);
}

/* Is the file still the one that was read up to offset? */
static bool goes_on(const struct training_log *log, int fd, long long size)
{
	if (size < log->offset)
		return false;
	char *line = malloc(log->last_length + 1);
	bool same = line != NULL &&
	            pread(fd, line, log->last_length, log->offset - (long long)log->last_length) == (ssize_t)log->last_length &&
	            memcmp(line, log->last_line, log->last_length) == 0;
	free(line);
	return same;
}

/* Takes the whole lines of a block; returns PITH_OK with the bytes of them in *used. */
static enum pith_status take_lines(struct training_log *log, const char *block, size_t length, size_t *used,
                                   struct pith_error *err)
{
	const char *end;
	for (*used = 0; (end = memchr(block + *used, '\n', length - *used)) != NULL;) {
		size_t n = (size_t)(end - (block + *used)) + 1;
		enum pith_status status = take_line(log, block + *used, n, err);
		char *copy = status == PITH_OK ? malloc(n) : NULL;
		if (status == PITH_OK && copy == NULL)
			status = fault_memory(err);
		if (status != PITH_OK)
			return status;
		memcpy(copy, block + *used, n);
		free(log->last_line);
		log->last_line = copy;
		log->last_length = n;
		log->offset += (long long)n;
		log->n_lines++;
		*used += n;
	}
	return PITH_OK;
}

/* A line without its end: in the making, or no report at all. */
static enum pith_status take_rest(struct training_log *log, const char *rest, size_t length, bool final, struct pith_error *err)
{
	if (length == 0 || is_blank(rest, length))
		return PITH_OK;
	if (rest[0] != '{')
		return no_report(log, err);
	if (!final)
		return PITH_OK;
	/* The end of a file that is being written may be half a line; where there is nothing else, it has to be whole. */
	struct pith_error ignored;
	enum pith_status status = take_line(log, rest, length, log->n > 0 ? &ignored : err);
	return log->n > 0 && status == PITH_BAD_FILE ? PITH_OK : status;
}

static enum pith_status read_rest(struct training_log *log, int fd, bool final, struct pith_error *err)
{
	char *block = malloc(BLOCK_BYTES);
	if (block == NULL)
		return fault_memory(err);
	enum pith_status status = PITH_OK;
	for (bool more = true; status == PITH_OK && more;) {
		ssize_t n = pread(fd, block, BLOCK_BYTES, log->offset);
		size_t used = 0;
		if (n < 0) {
			status = fault(err, PITH_IO, "%s cannot be read: %s.", log->path, strerror(errno));
			break;
		}
		status = take_lines(log, block, (size_t)n, &used, err);
		more = n == BLOCK_BYTES;
		if (status == PITH_OK && more && used == 0)
			status = no_report(log, err);
		else if (status == PITH_OK && !more)
			status = take_rest(log, block + used, (size_t)n - used, final, err);
	}
	free(block);
	return status;
}

enum pith_status training_log_read(struct training_log *log, bool final, struct pith_error *err)
{
	struct stat info;
	/* Not to wait for somebody who opens the other end of a pipe. */
	int fd = open(log->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &info) != 0) {
		enum pith_status status = fault(err, PITH_IO, "%s cannot be opened: %s.", log->path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return status;
	}
	enum pith_status status = PITH_OK;
	if (!S_ISREG(info.st_mode))
		status = fault(err, PITH_BAD_FILE, "%s is not a file that can be followed.", log->path);
	if (status == PITH_OK && log->offset > 0 && !goes_on(log, fd, info.st_size))
		forget(log);
	if (status == PITH_OK)
		status = read_rest(log, fd, final, err);
	log->modified = info.st_mtime;
	close(fd);
	return status;
}

/* Seconds of one step, over the last reports; NaN: not known. */
static double step_seconds(const struct training_log *log)
{
	double seconds = 0, steps = 0;
	for (size_t i = log->n; i-- > 1 && i + SPEED_POINTS >= log->n;) {
		const struct training_point *a = &log->points[i - 1], *b = &log->points[i];
		double took = (b->tokens - a->tokens) / b->tokens_per_second;
		if (!(took > 0) || isinf(took))
			continue;
		seconds += took;
		steps += (double)(b->step - a->step);
	}
	if (steps > 0)
		return seconds / steps;
	const struct training_point *last = &log->points[log->n - 1];
	double took = last->step > 0 ? last->tokens / (double)last->step / last->tokens_per_second : NAN;
	return isfinite(took) ? took : NAN;
}

/* The newest of a held-out value. */
static double newest(const struct training_log *log, size_t offset, int objective)
{
	for (size_t i = log->n; i-- > 0;) {
		double value = number_at(&log->points[i], offset)[objective];
		if (!isnan(value))
			return value;
	}
	return NAN;
}

bool training_log_state(const struct training_log *log, struct pith_train_report *report)
{
	if (log->n == 0)
		return false;
	const struct training_point *last = &log->points[log->n - 1];
	*report = (struct pith_train_report){
		.step = (int)last->step,
		.n_steps = (int)last->n_steps,
		.loss = last->loss,
		.length = last->length,
		.learning_rate = last->learning_rate,
		.gradient_norm = NAN,
		.tokens_per_second = last->tokens_per_second,
		.seconds_left = NAN,
		.tokens = last->tokens > 0 && last->tokens < 1e18 ? (uint64_t)last->tokens : 0,
	};
	if (last->n_steps > 0)
		report->seconds_left = last->n_steps > last->step ? (double)(last->n_steps - last->step) * step_seconds(log) : 0;
	for (int i = 0; i < PITH_N_OBJECTIVES; i++) {
		report->objective_loss[i] = last->objective_loss[i];
		report->eval_loss[i] = newest(log, offsetof(struct training_point, eval_loss), i);
		report->eval_accuracy[i] = newest(log, offsetof(struct training_point, eval_accuracy), i);
	}
	return true;
}
