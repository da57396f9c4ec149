#define _GNU_SOURCE
#include "cli/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

/* "selfinfo, 500x". */
static void list_methods(char *out, size_t size)
{
	size_t n, used = 0;
	const struct pith_method *methods = pith_methods(&n);
	out[0] = '\0';
	for (size_t i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "", methods[i].name);
}

enum pith_status target_method(const struct pith_method **method, const char *name, struct pith_error *err)
{
	*method = pith_method_find(name);
	if (*method == NULL) {
		char list[160];
		list_methods(list, sizeof list);
		return fault(err, PITH_BAD_ARGUMENT, "There is no method \"%.60s\"; there are: %s.", name, list);
	}
	return PITH_OK;
}

static enum pith_status choose_method(struct target *target, struct cli *cli, bool text_only)
{
	const char *named = cli->arguments->value[OPTION_METHOD];
	enum pith_status status = target_method(&target->options.method, named != NULL ? named : cli->settings.method, &cli->err);
	if (status != PITH_OK)
		return status;
	if (named == NULL && text_only && target->options.method->family == PITH_SOFT)
		target->options.method = pith_method_find("selfinfo");
	return PITH_OK;
}

/* Only vanilla asks a server; one of the settings is for whenever it does. */
static enum pith_status check_server(const struct target *target, struct cli *cli)
{
	static const enum option_id options[] = {OPTION_SERVER, OPTION_SERVER_MODEL};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (cli->arguments->given[options[i]] && strcmp(target->options.method->name, "vanilla") != 0)
			return fault(&cli->err, PITH_BAD_ARGUMENT, "%s asks no server; --%s is for vanilla (-m vanilla).",
			             target->options.method->name, command_options()[options[i]].name);
	return PITH_OK;
}

enum pith_status target_begin(struct target *target, struct cli *cli, bool text_only)
{
	const struct arguments *arguments = cli->arguments;
	*target = (struct target){0};
	pith_compress_options_init(&target->options);
	target->options.rate = cli->settings.rate;
	target->options.compat = cli->settings.compat;
	settings_keep(&cli->settings, &target->options);
	target->options.server = cli->settings.server;
	target->options.server_model = cli->settings.server_model;
	target->options.server_seconds = cli->settings.server_timeout;
	enum pith_status status = choose_method(target, cli, text_only);
	if (status == PITH_OK)
		status = check_server(target, cli);
	if (status == PITH_OK && arguments->given[OPTION_CR])
		status = arguments_rate(arguments, &target->options.rate, &cli->err);
	if (status == PITH_OK && arguments->given[OPTION_TOKENS])
		status = arguments_count(arguments, OPTION_TOKENS, 1, &target->options.n_tokens, &cli->err);
	return status;
}

static bool is_alphanumeric(char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* Does a word go on over the edge before text[at]? */
static bool within_word(const char *text, size_t length, size_t at)
{
	return at > 0 && at < length && is_alphanumeric(text[at - 1]) && is_alphanumeric(text[at]);
}

/* Adds the places of pin in the text, those within words ("ice" in "twice") if they are wanted. */
static enum pith_status add_places(struct target *target, const char *text, size_t length, const char *pin, bool within,
                                   struct pith_error *err)
{
	size_t pin_length = strlen(pin);
	const char *place = text, *end = text + length;
	for (; (place = memmem(place, (size_t)(end - place), pin, pin_length)) != NULL; place += pin_length) {
		size_t n = target->options.n_pins, at = (size_t)(place - text);
		if (!within && (within_word(text, length, at) || within_word(text, length, at + pin_length)))
			continue;
		struct pith_pin *pins = realloc(target->pins, (n + 1) * sizeof *pins);
		if (pins == NULL)
			return fault_memory(err);
		target->pins = pins;
		pins[n] = (struct pith_pin){at, at + pin_length};
		target->options.pins = pins;
		target->options.n_pins = n + 1;
	}
	return PITH_OK;
}

/* Adds every place of pin in the text: as words of their own, and only where there are none as parts of others. */
static enum pith_status add_pins(struct target *target, struct cli *cli, const char *text, size_t length, const char *pin)
{
	size_t n_before = target->options.n_pins;
	enum pith_status status = add_places(target, text, length, pin, false, &cli->err);
	if (status == PITH_OK && target->options.n_pins == n_before)
		status = add_places(target, text, length, pin, true, &cli->err);
	if (status == PITH_OK && target->options.n_pins == n_before)
		cli_say(cli, "The document does not hold \"%.60s\", so it cannot be pinned.", pin);
	return status;
}

enum pith_status target_find_pins(struct target *target, struct cli *cli, const struct pith_document *document)
{
	const struct arguments *arguments = cli->arguments;
	if (arguments->n_pins > 0 && target->options.method->family == PITH_SOFT)
		return fault(&cli->err, PITH_BAD_ARGUMENT,
			     "%s squeezes the whole text and cannot pin words; --pin is for methods that make text.",
			     target->options.method->name);
	size_t length;
	const char *text = pith_document_text(document, &length);
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < arguments->n_pins; i++)
		status = add_pins(target, cli, text, length, arguments->pins[i]);
	return status;
}

enum pith_status target_refine_steps(const struct target *target, struct cli *cli, int *n_steps)
{
	size_t n = 0;
	*n_steps = 0;
	if (!cli->arguments->given[OPTION_REFINE])
		return PITH_OK;
	if (target->options.method->family != PITH_SOFT)
		return fault(&cli->err, PITH_BAD_ARGUMENT, "%s makes text, which has no memory rows to refine.",
			     target->options.method->name);
	if (target->options.method->memory != PITH_MEMORY_ROWS)
		return fault(&cli->err, PITH_BAD_ARGUMENT,
		             "Refining changes keys and values, and %s hands over embeddings: take 500x.",
		             target->options.method->name);
	enum pith_status status = arguments_count(cli->arguments, OPTION_REFINE, 1, &n, &cli->err);
	*n_steps = (int)n;
	return status;
}

void target_end(struct target *target)
{
	free(target->pins);
	*target = (struct target){0};
}

json_t *target_json(const struct pith_compressed_info *info)
{
	return json_pack("{s:s, s:I, s:I, s:f, s:f, s:f}", "method", info->method->name, "original_tokens",
			 (json_int_t)info->original_tokens, "compressed_tokens", (json_int_t)info->compressed_tokens, "target_cr",
			 info->target_cr, "cr", info->cr, "delta_cr", info->delta_cr);
}

void target_say(struct cli *cli, const struct pith_compressed_info *info)
{
	char factor[32] = ""; /* of nothing there is none */
	if (info->cr > 0)
		snprintf(factor, sizeof factor, " (%.1fx)", 1 / info->cr);
	cli_say(cli, "%s: %zu -> %zu token%s, CR %.3g%s, delta CR %+.3f, %zu -> %zu bytes.", info->method->name,
		info->original_tokens, info->compressed_tokens, info->compressed_tokens == 1 ? "" : "s", info->cr, factor,
		info->delta_cr, info->original_bytes, info->compressed_bytes);
	if (info->server_tokens_read > 0)
		cli_say(cli, "The server counted %zu tokens read and %zu written.", info->server_tokens_read,
			info->server_tokens_written);
	if (info->note != NULL && info->note[0] != '\0')
		cli_say(cli, "%s", info->note);
}
