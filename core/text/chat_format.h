/*
 * Chat formats: what models that were taught to talk expect around a user's turn. They are known by their special tokens, those
 * that have none by what the file's chat template says. A model with neither has no chat format, and nothing can be asked of it
 * in words but what it was trained for.
 */
#ifndef TEXT_CHAT_FORMAT_H
#define TEXT_CHAT_FORMAT_H

#include "text/tokenizer.h"

struct chat_format;

/* The format of this vocabulary; NULL: none. */
const struct chat_format *chat_format_find(const struct tokenizer *tokenizer);

/* Appends what stands before the words of the user's only turn, and the first of these words. */
enum pith_status chat_format_begin(const struct chat_format *format, const struct tokenizer *tokenizer, const char *words,
                                   size_t length, struct token_list *out, struct pith_error *err);
/* Appends what stands behind the words, up to where the model begins to speak. */
enum pith_status chat_format_end(const struct chat_format *format, const struct tokenizer *tokenizer, struct token_list *out,
                                 struct pith_error *err);
/* What stands between that and the model's first word: " " or "". */
const char *chat_format_reply_gap(const struct chat_format *format);

#endif
