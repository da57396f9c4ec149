/*
 * Rewriting by prompting: the vanilla compressor of Cmprsr (arXiv 2511.12281). Any instruct model does it, the local one or one
 * behind an OpenAI-compatible server; neither was trained for it.
 */
#include <stdlib.h>

#include "compress/document.h"
#include "compress/local_writer.h"
#include "compress/rewrite.h"
#include "model/generate.h"
#include "remote/chat_client.h"
#include "text/chat_format.h"

/* --- the local model ---------------------------------------------------------------------------------------- */

enum { LEAST_CHUNK = 64 };

static enum pith_status local_prompt(const struct pith_model *model, const struct rewrite_request *request,
				     struct token_list *out, struct pith_error *err)
{
	const struct chat_format *format = chat_format_find(model->tokenizer);
	struct buffer words = {0};
	enum pith_status status = rewrite_prompt(&words, request) ? PITH_OK : fail_memory(err, "the prompt");
	if (status == PITH_OK)
		status = chat_format_begin(format, model->tokenizer, words.data, words.length, out, err);
	if (status == PITH_OK)
		status = chat_format_end(format, model->tokenizer, out, err);
	buffer_free(&words);
	return status;
}

static enum pith_status write_locally(void *user, const struct rewrite_request *request, struct rewrite_answer *answer,
                                      const struct pith_control *control, struct pith_error *err)
{
	struct pith_model *model = user;
	struct token_list prompt = {0};
	enum pith_status status = local_prompt(model, request, &prompt, err);
	if (status == PITH_OK)
		status = local_writer_speak(model, NULL, &prompt, local_writer_limit(request->n_tokens), answer, control, err);
	token_list_free(&prompt);
	return status;
}

static enum pith_status rewrite_locally(struct pith_compressed *out, struct pith_document *document,
                                        const struct pith_compress_options *options, const struct pith_control *control,
                                        struct pith_error *err)
{
	struct pith_model *model = options->writer != NULL ? options->writer : document->model;
	struct rewriter rewriter = {.write = write_locally, .user = model, .chunk_tokens = REWRITE_CHUNK_TOKENS};
	if (chat_format_find(model->tokenizer) == NULL)
		return fail(err, PITH_UNSUPPORTED,
			    "%s has no chat format and cannot be asked to rewrite: use an instruct model, or name a server with "
			    "--server URL.",
			    model->info.name);
	const struct rewrite_request nothing = {.text = "", .n_tokens = REWRITE_CHUNK_TOKENS};
	struct token_list prompt = {0};
	enum pith_status status = local_prompt(model, &nothing, &prompt, err);
	/* A chunk, what it becomes and a quarter of that, and the words around it. */
	size_t context = model->transformer.h.n_context, around = prompt.n + local_writer_limit(0);
	size_t most = context > around ? (context - around) * 4 / 9 : 0;
	token_list_free(&prompt);
	if (status != PITH_OK)
		return status;
	if (most < LEAST_CHUNK)
		return fail(err, PITH_TOO_LONG, "The context of %s, %zu tokens, is too short for rewriting.", model->info.name,
			    context);
	if (most < rewriter.chunk_tokens)
		rewriter.chunk_tokens = most;
	return rewrite_document(out, document, options, &rewriter, control, err);
}

/* --- a server ----------------------------------------------------------------------------------------------- */

struct remote {
	struct chat_client *client;
	size_t prompt_tokens, answer_tokens; /* as the server counted */
};

static enum pith_status write_remotely(void *user, const struct rewrite_request *request, struct rewrite_answer *answer,
                                       const struct pith_control *control, struct pith_error *err)
{
	struct remote *remote = user;
	struct buffer prompt = {0};
	struct chat_reply reply = {0};
	if (!rewrite_prompt(&prompt, request)) {
		buffer_free(&prompt);
		return fail_memory(err, "the prompt");
	}
	/* The server's tokens may be shorter than the ones that are counted here. */
	enum pith_status status =
		chat_client_ask(remote->client, prompt.data, prompt.length, 2 * request->n_tokens + 64, &reply, control, err);
	remote->prompt_tokens += reply.prompt_tokens;
	remote->answer_tokens += reply.answer_tokens;
	if (status == PITH_OK && reply.text.length > 0 && !generated_append(&answer->text, reply.text.data, reply.text.length))
		status = fail_memory(err, "the rewrite");
	answer->cut = reply.cut;
	chat_reply_free(&reply);
	buffer_free(&prompt);
	return status;
}

static enum pith_status rewrite_remotely(struct pith_compressed *out, struct pith_document *document,
                                         const struct pith_compress_options *options, const struct pith_control *control,
                                         struct pith_error *err)
{
	struct chat_options chat;
	struct remote remote = {0};
	struct rewriter rewriter = {.write = write_remotely, .user = &remote, .chunk_tokens = REWRITE_CHUNK_TOKENS};
	chat_options_init(&chat);
	chat.url = options->server;
	chat.model = options->server_model;
	chat.key = getenv("PITH_API_KEY");
	if (options->server_seconds > 0)
		chat.idle_seconds = options->server_seconds;
	enum pith_status status = chat_client_create(&remote.client, &chat, err);
	if (status == PITH_OK)
		status = rewrite_document(out, document, options, &rewriter, control, err);
	out->info.server_tokens_read = remote.prompt_tokens;
	out->info.server_tokens_written = remote.answer_tokens;
	chat_client_destroy(remote.client);
	return status;
}

enum pith_status vanilla_compress(struct pith_compressed *out, struct pith_document *document,
                                  const struct pith_compress_options *options, const struct pith_control *control,
                                  struct pith_error *err)
{
	bool remote = options->server != NULL && options->server[0] != '\0';
	return remote ? rewrite_remotely(out, document, options, control, err)
	              : rewrite_locally(out, document, options, control, err);
}
