/* What a command is asked to compress to: method, rate or tokens, pins. */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include <jansson.h>

#include "cli/cli.h"
#include "pith/compress.h"

struct target {
	struct pith_compress_options options;
	struct pith_pin *pins; /* options.pins */
};

/*
 * From the arguments, else from the settings. A method of the settings must
 * give text when text_only says so: then selfinfo stands in for a soft one.
 */
enum pith_status target_begin(struct target *target, struct cli *cli, bool text_only);
/* The method of this name, or the sentence that lists them all. */
enum pith_status target_method(const struct pith_method **method, const char *name, struct pith_error *err);
/* Finds the texts of --pin in the document; one that is not there gets a warning. */
enum pith_status target_find_pins(struct target *target, struct cli *cli, const struct pith_document *document);
/* --refine N, refused for a method without memory rows; *n_steps 0: not given. */
enum pith_status target_refine_steps(const struct target *target, struct cli *cli, int *n_steps);
void target_end(struct target *target);

/* {"method","original_tokens","compressed_tokens","target_cr","cr","delta_cr"}, the head of every result; NULL: no memory. */
json_t *target_json(const struct pith_compressed_info *info);

/* "500x: 96 -> 16 tokens, CR 0.167 (6.0x), delta CR +0.000, 545 -> 32768 bytes" on stderr, and the note if there is one. */
void target_say(struct cli *cli, const struct pith_compressed_info *info);

#endif
