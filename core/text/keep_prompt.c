#include "text/keep_prompt.h"

bool keep_prompt(const struct tokenizer *tokenizer, const struct pith_token *tokens, size_t n, struct token_list *out)
{
	bool room = token_list_append(out, tokenizer_bos(tokenizer));
	for (int copy = 0; copy < 2; copy++)
		for (size_t i = 0; room && i < n; i++)
			room = token_list_append(out, tokens[i].id);
	return room;
}

static enum pith_status verdict(int32_t *id, const struct tokenizer *tokenizer, const char *sign, struct pith_error *err)
{
	struct token_list ids = {0};
	enum pith_status status = tokenizer_encode_continued(tokenizer, sign, 1, &ids, err);
	if (status == PITH_OK && ids.n != 1)
		status = fail(err, PITH_UNSUPPORTED, "The vocabulary has no token for \"%s\", by which words are kept or dropped.", sign);
	if (status == PITH_OK)
		*id = ids.ids[0];
	token_list_free(&ids);
	return status;
}

enum pith_status keep_prompt_verdicts(const struct tokenizer *tokenizer, int32_t *kept, int32_t *dropped, struct pith_error *err)
{
	enum pith_status status = verdict(kept, tokenizer, "+", err);
	return status == PITH_OK ? verdict(dropped, tokenizer, "-", err) : status;
}
