#include "text/length_prompt.h"

#include <stdio.h>
#include <string.h>

enum pith_status length_prompt(const struct tokenizer *tokenizer, const char *text, size_t length, size_t n_tokens,
                                struct token_list *out, struct pith_error *err)
{
	char condition[48];
	snprintf(condition, sizeof condition, "\nIn %zu tokens:", n_tokens);
	if (!token_list_append(out, tokenizer_bos(tokenizer)))
		return fail_memory(err, "a prompt");
	enum pith_status status = tokenizer_encode(tokenizer, text, length, out, err);
	return status == PITH_OK ? tokenizer_encode(tokenizer, condition, strlen(condition), out, err) : status;
}
