/*
 * Signs that a model which was asked to shorten a text did something else. Found by rules, without a model; they are meant to
 * catch plain cases, and each says in its comment what that is.
 */
#ifndef TEXT_SIGNATURES_H
#define TEXT_SIGNATURES_H

#include <stdbool.h>
#include <stddef.h>

/* The text ends in the same one to sixteen words again and again: four times, and at least twelve words. */
bool sign_loop(const char *text, size_t length);

/*
 * The rewrite left the text: most of its letters belong to another script, or fewer than three in ten of its words of four
 * letters and more begin as one of the text does (five letters are compared; for Chinese and Japanese, single characters).
 * A rewrite of fewer than four such words has left a text of more when none of them is the text's.
 */
bool sign_drift(const char *text, size_t length, const char *rewrite, size_t rewrite_length);

/*
 * The text asks something, and the rewrite answers: it asks nothing itself, and begins as answers and refusals do ("Yes, ...",
 * "The answer is ...", "I cannot ..."), as the text does not, or has none of the words of the text's last question.
 */
bool sign_answer(const char *text, size_t length, const char *rewrite, size_t rewrite_length);

#endif
