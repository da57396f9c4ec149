/*
 * Where sentences end: by rules, in any script that has capitals or full stops
 * of its own; pith_sentences() of the public header is made of it.
 */
#ifndef TEXT_SENTENCES_H
#define TEXT_SENTENCES_H

#include <stddef.h>

/*
 * End of the sentence that starts at begin < length, white space after it
 * included; always > begin. Any bytes. Time is linear in what it returns.
 */
size_t sentence_end(const char *text, size_t length, size_t begin);

#endif
