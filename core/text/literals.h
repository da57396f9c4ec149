/*
 * What is worth nothing in part: addresses (of pages, of people, of files) and code. Found by rules, on purpose narrow: "and/or" is
 * no path, "word(s)" no call.
 */
#ifndef TEXT_LITERALS_H
#define TEXT_LITERALS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Is the word, without punctuation around it, an address: scheme://..., www..., host.tld/..., name@host.tld, a DOI, a path (/a/b,
 * ./a, ~/a, a/b.ext), the name of a file with a common ending?
 */
bool word_is_address(const char *word, size_t length);

/*
 * Is the word one of a program: with _, ::, ->, == and the like inside, a call, a $VARIABLE, an --option, a <tag>, a \command?
 * camelCase counts, begun by a small letter. Signs alone are none.
 */
bool word_is_code(const char *word, size_t length);

/*
 * Finds the next code between backticks, `...` within a line or ``` fences on lines of their own, at *at or behind it: bytes
 * [*begin, *end) with the backticks; moves *at behind it. False: there is none. ``Quotes'' as TeX has them are none.
 */
bool quoted_code_next(const char *text, size_t length, size_t *at, size_t *begin, size_t *end);

#endif
