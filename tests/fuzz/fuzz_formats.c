#define _POSIX_C_SOURCE 200809L
/*
 * Damages small valid files with a seeded generator and reads what is left:
 * fuzz_formats [ROUNDS [SEED]]. Whatever the bytes, a reader must answer with a
 * status and, when it refuses, a sentence; everything that it hands out is read
 * to the last byte. The build puts this file's file_map_open() in place of the
 * core's (linker option --wrap): a block of exactly the file's size on the
 * heap, so that address sanitizer sees one byte too far.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file_map.h"
#include "base/random.h"
#include "formats/gguf.h"
#include "formats/jsonl.h"
#include "formats/safetensors.h"
#include "text/tokenizer.h"

/* The damaged file that every path names. */
static struct buffer image;

enum pith_status __wrap_file_map_open(struct file_map *map, const char *path, struct pith_error *err);
void __wrap_file_map_close(struct file_map *map);

enum pith_status __wrap_file_map_open(struct file_map *map, const char *path, struct pith_error *err)
{
	*map = (struct file_map){0};
	if (image.length == 0)
		return PITH_OK;
	uint8_t *data = malloc(image.length);
	if (data == NULL)
		return fail_memory(err, path);
	memcpy(data, image.data, image.length);
	map->data = data;
	map->size = image.length;
	return PITH_OK;
}

void __wrap_file_map_close(struct file_map *map)
{
	free((void *)map->data);
	*map = (struct file_map){0};
}

/* Everything read is added up here, so that no compiler leaves a read out. */
static volatile uint64_t total;

static void touch(const void *data, size_t size)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < size; i++)
		sum += ((const uint8_t *)data)[i];
	total += sum;
}

static void touch_tensor(const struct tensor *tensor)
{
	touch(tensor->name, strlen(tensor->name));
	if (tensor->data != NULL)
		touch(tensor->data, tensor->size);
	total += tensor_n_elements(tensor);
}

static void touch_array(const struct gguf_array *array)
{
	const uint8_t *cursor = array->data;
	const char *value;
	size_t length;
	while (gguf_array_next_string(array, &cursor, &value, &length))
		touch(value, length);
	int64_t integer;
	for (size_t i = 0; i < array->n && array->type != GGUF_STRING; i++)
		total += (uint64_t)gguf_array_i64(array, i, &integer);
}

static enum pith_status read_gguf(struct pith_error *err)
{
	struct gguf *gguf;
	enum pith_status status = gguf_open(&gguf, "fuzz.gguf", err);
	if (status != PITH_OK)
		return status;
	struct buffer text = {0};
	for (size_t i = 0; i < gguf_n_metadata(gguf); i++) {
		const char *key = gguf_metadata_key(gguf, i), *string;
		struct gguf_array array;
		uint64_t integer;
		double real;
		size_t length;
		if (!gguf_metadata_describe(gguf, i, &text))
			status = PITH_NO_MEMORY;
		if (gguf_find_string(gguf, key, &string, &length))
			touch(string, length);
		if (gguf_find_array(gguf, key, &array))
			touch_array(&array);
		total += (uint64_t)gguf_find_u64(gguf, key, &integer) + (uint64_t)gguf_find_f64(gguf, key, &real);
	}
	for (size_t i = 0; i < gguf_n_tensors(gguf); i++)
		touch_tensor(gguf_tensor(gguf, i));
	buffer_free(&text);
	gguf_close(gguf);
	return status;
}

/* A vocabulary that is read must cut any text and give it back. */
static enum pith_status read_vocabulary(struct pith_error *err)
{
	static const char text[] = "The memory <tool> of  1987\n\t\xe4\xbb\x8a\xff\xf0\x9f\x98\x80";
	struct gguf *gguf;
	struct tokenizer *tokenizer = NULL;
	struct pith_token *tokens = NULL;
	size_t n, length;
	enum pith_status status = gguf_open(&gguf, "fuzz.gguf", err);
	if (status != PITH_OK)
		return status;
	status = tokenizer_create(&tokenizer, gguf, err);
	gguf_close(gguf);
	if (status == PITH_OK)
		status = tokenizer_encode_spans(tokenizer, text, sizeof text - 1, &tokens, &n, err);
	for (size_t i = 0; status == PITH_OK && i < n; i++) {
		const char *bytes = tokenizer_bytes(tokenizer, tokens[i].id, &length);
		touch(bytes, length);
		touch(text + tokens[i].begin, tokens[i].end - tokens[i].begin);
	}
	for (int32_t id = 0; status == PITH_OK && id < tokenizer_n_vocab(tokenizer); id++) {
		const char *bytes = tokenizer_bytes(tokenizer, id, &length);
		touch(bytes, length);
	}
	free(tokens);
	tokenizer_destroy(tokenizer);
	return status;
}

static enum pith_status read_safetensors(struct pith_error *err)
{
	struct safetensors *file;
	enum pith_status status = safetensors_open(&file, "fuzz.safetensors", err);
	if (status != PITH_OK)
		return status;
	const char *key, *value;
	for (size_t i = 0; safetensors_metadata_at(file, i, &key, &value); i++)
		touch(value, strlen(value));
	for (size_t i = 0; i < safetensors_n_tensors(file); i++)
		touch_tensor(safetensors_find(file, safetensors_tensor(file, i)->name));
	safetensors_close(file);
	return PITH_OK;
}

/* The last refusal of a line, or PITH_OK. */
static enum pith_status read_jsonl(struct pith_error *err)
{
	struct jsonl *file;
	enum pith_status status = jsonl_open(&file, "fuzz.jsonl", err);
	if (status != PITH_OK)
		return status;
	for (size_t line = 0; line < jsonl_n_lines(file); line++) {
		struct jsonl_record *record;
		enum pith_status line_status = jsonl_read(&record, file, line, err);
		if (line_status != PITH_OK) {
			status = line_status;
			continue;
		}
		size_t length;
		const char *text = jsonl_string(record, "text", &length);
		if (text != NULL)
			touch(text, length + 1);
		for (size_t i = 0; i < jsonl_n_strings(record, "answers"); i++)
			touch(jsonl_string_at(record, "answers", i), 1);
		jsonl_record_free(record);
	}
	jsonl_close(file);
	return status;
}

static const struct format {
	const char *path; /* of a valid file, under TESTS_DIR */
	enum pith_status (*read)(struct pith_error *err);
} formats[] = {
	{TESTS_DIR "/core/formats/golden/readable.gguf", read_gguf},
	{TESTS_DIR "/core/formats/golden/writable.gguf", read_gguf},
	{TESTS_DIR "/core/formats/golden/writable.safetensors", read_safetensors},
	{TESTS_DIR "/core/text/golden_sentence_pieces.gguf", read_vocabulary},
	{TESTS_DIR "/fuzz/sample.jsonl", read_jsonl},
};
enum { N_FORMATS = sizeof formats / sizeof formats[0], MAX_MUTATIONS = 6 };

static bool load(const char *path, struct buffer *buffer)
{
	FILE *stream = fopen(path, "rb");
	char block[4096];
	size_t n = 0;
	bool done = stream != NULL;
	while (done && (n = fread(block, 1, sizeof block, stream)) > 0)
		done = buffer_append(buffer, block, n);
	if (stream != NULL)
		fclose(stream);
	return done && buffer->length > 0;
}

/* A number that readers stumble over: around zero, powers of two, the size of the file, the largest. */
static uint64_t interesting_number(struct random_state *random)
{
	static const uint64_t numbers[] = {0, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX, UINT64_MAX / 2};
	switch (random_below(random, 4)) {
	case 0: return numbers[random_below(random, sizeof numbers / sizeof numbers[0])] - random_below(random, 2);
	case 1: return (uint64_t)1 << random_below(random, 64);
	case 2: return image.length + random_below(random, 17) - 8;
	default: return random_below(random, 40);
	}
}

static void overwrite(struct random_state *random, size_t at)
{
	uint64_t value = interesting_number(random);
	size_t size = (size_t)1 << random_below(random, 4);
	for (size_t i = 0; i < size && at + i < image.length; i++)
		image.data[at + i] = (char)(value >> (8 * i));
}

/* Copies up to 64 bytes of the file to another place of it. */
static void splice(struct random_state *random, size_t at)
{
	size_t from = random_below(random, image.length), length = 1 + random_below(random, 64);
	if (length > image.length - from)
		length = image.length - from;
	if (length > image.length - at)
		length = image.length - at;
	memmove(image.data + at, image.data + from, length);
}

static void cut_out(struct random_state *random, size_t at)
{
	size_t length = 1 + random_below(random, 16);
	if (length > image.length - at)
		length = image.length - at;
	memmove(image.data + at, image.data + at + length, image.length - at - length);
	image.length -= length;
}

static void mutate(struct random_state *random)
{
	uint64_t n = 1 + random_below(random, MAX_MUTATIONS);
	for (uint64_t i = 0; i < n && image.length > 0; i++) {
		size_t at = random_below(random, image.length);
		switch (random_below(random, 8)) {
		case 0:
		case 1: image.data[at] ^= (char)(1 << random_below(random, 8)); break;
		case 2: image.data[at] = (char)random_below(random, 256); break;
		case 3:
		case 4: overwrite(random, at); break;
		case 5: splice(random, at); break;
		case 6: cut_out(random, at); break;
		case 7:
			if (random_below(random, 4) == 0)
				image.length = at;
			break;
		}
	}
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 4000;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	struct random_state random;
	random_seed(&random, seed);
	struct buffer originals[N_FORMATS] = {0};
	unsigned long n_read = 0, n_silent = 0;
	bool ready = true;
	for (size_t i = 0; i < N_FORMATS; i++)
		ready = load(formats[i].path, &originals[i]) && ready;
	for (unsigned long round = 0; round < rounds && ready; round++) {
		size_t which = round % N_FORMATS;
		buffer_clear(&image);
		ready = buffer_append(&image, originals[which].data, originals[which].length);
		/* The first round of each file leaves it whole: it must be read. */
		if (round >= N_FORMATS)
			mutate(&random);
		struct pith_error err = {0};
		enum pith_status status = formats[which].read(&err);
		n_read += status == PITH_OK;
		bool is_silent = status != PITH_OK && (err.code != status || err.message[0] == '\0');
		if (is_silent || (round < N_FORMATS && status != PITH_OK)) {
			fprintf(stderr, "round %lu: %s: %s\n", round, pith_status_name(status), err.message);
			n_silent++;
		}
	}
	for (size_t i = 0; i < N_FORMATS; i++)
		buffer_free(&originals[i]);
	buffer_free(&image);
	if (!ready)
		fprintf(stderr, "cannot load the valid files\n");
	printf("%lu rounds, %lu files read, %lu refused, %lu wrong (seed %lu)\n", rounds, n_read, rounds - n_read, n_silent,
	       seed);
	return ready && n_silent == 0 ? 0 : 1;
}
