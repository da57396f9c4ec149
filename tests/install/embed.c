/*
 * A whole program on the library, as README shows it: what is left of a text at a quarter of its tokens, and what comes back from
 * four memory tokens. It is C and C++, and built here with nothing but what `pkg-config pith` says.
 */
#include <stdio.h>
#include <string.h>

#include "pith/compress.h"
#include "pith/expand.h"

static const char TEXT[] =
	"We report on three seasons of measurements at Lake Arvesk, a glacial lake that has doubled its area since 1994. Water level, "
	"temperature and the position of the ice front were recorded every ten minutes by four solar-powered stations.";

static enum pith_status shorten(struct pith_document *document, struct pith_error *err)
{
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	struct pith_compressed *words = NULL;
	size_t length;
	enum pith_status status = pith_compress(&words, document, &options, NULL, err);
	if (status == PITH_OK)
		printf("%zu tokens: %s\n", pith_compressed_info(words)->compressed_tokens, pith_compressed_text(words, &length));
	pith_compressed_destroy(words);
	return status;
}

static enum pith_status regenerate(struct pith_model *model, struct pith_document *document, struct pith_error *err)
{
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	options.method = pith_method_find("500x");
	options.n_tokens = 4;
	struct pith_compressed *memory = NULL;
	struct pith_generated text;
	memset(&text, 0, sizeof text);
	enum pith_status status = pith_compress(&memory, document, &options, NULL, err);
	if (status == PITH_OK)
		status = pith_regenerate(&text, model, memory, 0, NULL, err);
	if (status == PITH_OK)
		printf("from %zu: %s\n", pith_compressed_info(memory)->compressed_tokens, text.text);
	pith_generated_free(&text);
	pith_compressed_destroy(memory);
	return status;
}

int main(int argc, char **argv)
{
	struct pith_error err;
	struct pith_model *model = NULL;
	struct pith_document *document = NULL;
	if (argc != 2) {
		fprintf(stderr, "usage: embed MODEL.gguf\n");
		return 2;
	}
	enum pith_status status = pith_model_open(&model, argv[1], NULL, NULL, &err);
	if (status == PITH_OK)
		status = pith_document_create(&document, model, TEXT, strlen(TEXT), &err);
	if (status == PITH_OK)
		status = shorten(document, &err);
	if (status == PITH_OK)
		status = regenerate(model, document, &err);
	if (status != PITH_OK)
		fprintf(stderr, "embed: %s\n", err.message);
	pith_document_destroy(document);
	pith_model_close(model);
	return status == PITH_OK ? 0 : 1;
}
