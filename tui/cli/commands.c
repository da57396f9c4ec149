#include "cli/commands.h"

#include <string.h>

#include "nearest.h"

#define BIT(option) (UINT32_C(1) << (option))

/* The options that say how and how far to compress. */
#define TARGET                                                                                                                   \
	(BIT(OPTION_METHOD) | BIT(OPTION_CR) | BIT(OPTION_TOKENS) | BIT(OPTION_COMPAT) | BIT(OPTION_SERVER) |                    \
	 BIT(OPTION_SERVER_MODEL))

static const struct option_row options[OPTION_N] = {
	[OPTION_HELP] = {'h', "help", NULL, "show help, of a command if one is named", NULL, NULL},
	[OPTION_VERSION] = {'V', "version", NULL, "show the version", NULL, NULL},
	[OPTION_CONFIG] = {0, "config", "FILE", "read this configuration file too", NULL, NULL},
	[OPTION_SET] = {0, "set", "KEY=VALUE", "override one setting (`pith config` lists them)", NULL, NULL},
	[OPTION_MODEL] = {0, "model", "FILE", "use this GGUF model", "model", NULL},
	[OPTION_THREADS] = {0, "threads", "N", "threads of the model; 0: one per core", "threads", NULL},
	[OPTION_THEME] = {0, "theme", "NAME|FILE", "colours of the workbench", "theme", NULL},
	[OPTION_NO_COLOR] = {0, "no-color", NULL, "no colours", "color", "never"},
	[OPTION_NO_MOUSE] = {0, "no-mouse", NULL, "leave the mouse to the terminal", "mouse", "false"},
	[OPTION_ASCII] = {0, "ascii", NULL, "draw with ASCII only", "unicode", "ascii"},
	[OPTION_METHOD] = {'m', "method", "METHOD", "compress with this method", "method", NULL},
	[OPTION_CR] = {0, "cr", "R", "target rate: the share that is kept (0.25, 25%, 4x)", NULL, NULL},
	[OPTION_TOKENS] = {0, "tokens", "T", "target length in tokens, in place of --cr", NULL, NULL},
	[OPTION_COMPAT] = {0, "compat", NULL, "repeat the faults that the method was published with", "compat", "true"},
	[OPTION_SERVER] = {0, "server", "URL", "OpenAI-compatible server that rewrites (vanilla)", "server", NULL},
	[OPTION_SERVER_MODEL] = {0, "server-model", "NAME", "which model of the server", "server_model", NULL},
	[OPTION_OUTPUT] = {'o', "output", "OUT", "write the result to this file", NULL, NULL},
	[OPTION_PIN] = {0, "pin", "TEXT", "words that must survive; may come again", NULL, NULL},
	[OPTION_QUESTION] = {'q', "question", "QUESTION", "the question", NULL, NULL},
	[OPTION_MAX_TOKENS] = {0, "max-tokens", "N", "generate at most this many tokens", NULL, NULL},
	[OPTION_DATA] = {0, "data", "FILE.jsonl", "the data set, one JSON object a line", NULL, NULL},
	[OPTION_LENGTH] = {0, "length", "N", "cut each text to N tokens; pairs: leave out longer ones", NULL, NULL},
	[OPTION_LIMIT] = {0, "limit", "L", "stop after L lines", NULL, NULL},
	[OPTION_REFINE] = {0, "refine", "N", "improve rows of 500x by up to N steps, until the text is right", NULL, NULL},
	[OPTION_METHODS] = {0, "methods", "LIST", "only these methods, parted by commas", NULL, NULL},
	[OPTION_AGAINST] = {0, "against", "METHOD", "also what the others have more or less than this one", NULL, NULL},
	[OPTION_RATES] = {0, "rates", "LIST", "rates, parted by commas", NULL, NULL},
	[OPTION_FORMAT] = {0, "format", "FORMAT", "markdown, csv or json", NULL, NULL},
	[OPTION_WATCH] = {0, "watch", "LOG", "draw the curves of a run, and go on with it", NULL, NULL},
	[OPTION_PLOT] = {0, "plot", "LOG", "print the loss curves as a picture (SVG)", NULL, NULL},
	[OPTION_JSON] = {0, "json", NULL, "print one line of JSON", NULL, NULL},
};

static const struct command commands[] = {
	{.name = "compress",
	 .arguments = "FILE|-",
	 .n_arguments = 1,
	 .options = TARGET | BIT(OPTION_OUTPUT) | BIT(OPTION_PIN) | BIT(OPTION_REFINE) | BIT(OPTION_JSON),
	 .run = cmd_compress,
	 .summary = "compress a document",
	 .details = "An extractive or abstractive method prints the text, or writes it to OUT. A soft\n"
		    "method makes memory rows, which go to the safetensors file OUT.\n"
		    "Without -m the method of the settings is used; if that is a soft one and no OUT\n"
		    "is given, selfinfo. --refine changes the rows of 500x by gradient until\n"
		    "the text comes back word for word, and says whether it does.\n"},
	{.name = "regenerate",
	 .arguments = "SOFT",
	 .n_arguments = 1,
	 .options = BIT(OPTION_MAX_TOKENS) | BIT(OPTION_JSON),
	 .run = cmd_regenerate,
	 .summary = "the text back from a soft prompt",
	 .details = "SOFT is a file that pith compress wrote with a soft method and this model. The\n"
		    "text is printed while it comes.\n"},
	{.name = "ask",
	 .arguments = "FILE|-|SOFT",
	 .n_arguments = 1,
	 .options = TARGET | BIT(OPTION_PIN) | BIT(OPTION_QUESTION) | BIT(OPTION_MAX_TOKENS) | BIT(OPTION_JSON),
	 .run = cmd_ask,
	 .summary = "answers from the full and the compressed text",
	 .details = "-q is needed. A soft prompt in place of a document has only the compressed answer.\n"},
	{.name = "eval regenerate",
	 .arguments = "",
	 .options = TARGET | BIT(OPTION_DATA) | BIT(OPTION_LENGTH) | BIT(OPTION_LIMIT) | BIT(OPTION_REFINE) | BIT(OPTION_JSON),
	 .run = cmd_eval_regenerate,
	 .summary = "measure how much of many texts survives",
	 .details = "--data is needed: lines with a \"text\".\n"},
	{.name = "eval answer",
	 .arguments = "",
	 .options = TARGET | BIT(OPTION_DATA) | BIT(OPTION_LIMIT) | BIT(OPTION_REFINE) | BIT(OPTION_JSON),
	 .run = cmd_eval_answer,
	 .summary = "measure answers from full and compressed texts",
	 .details = "--data is needed: lines with a \"context\", a \"question\", and \"answers\".\n"},
	{.name = "eval memory",
	 .arguments = "",
	 .options = TARGET | BIT(OPTION_DATA) | BIT(OPTION_LENGTH) | BIT(OPTION_LIMIT) | BIT(OPTION_JSON),
	 .run = cmd_eval_memory,
	 .summary = "measure what each memory token carries",
	 .details = "--data is needed: lines with a \"text\". Each text is regenerated with all memory\n"
		    "tokens of a soft method and once without each of them. Use --tokens: all texts\n"
		    "must have as many.\n"},
	{.name = "bench models",
	 .arguments = "LIST",
	 .n_arguments = 1,
	 .options = BIT(OPTION_DATA) | BIT(OPTION_RATES) | BIT(OPTION_LIMIT) | BIT(OPTION_JSON),
	 .run = cmd_bench_models,
	 .summary = "rank models as writers of short texts",
	 .details = "LIST names them, parted by commas: FILE.gguf, or NAME=URL for the model NAME of an\n"
		    "OpenAI-compatible server. Each rewrites the contexts of --data (lines with a\n"
		    "\"context\", a \"question\", and \"answers\") at each rate; the model of --model counts\n"
		    "tokens and answers. Ranked by the F1 that is kept, then by |delta CR|; what was kept\n"
		    "extractively, because a rewrite could not be used, is told.\n"},
	{.name = "eval all",
	 .arguments = "",
	 .options = BIT(OPTION_DATA) | BIT(OPTION_METHODS) | BIT(OPTION_AGAINST) | BIT(OPTION_RATES) | BIT(OPTION_LIMIT) |
	            BIT(OPTION_FORMAT) | BIT(OPTION_OUTPUT) | BIT(OPTION_JSON),
	 .run = cmd_eval_all,
	 .summary = "measure all methods side by side",
	 .details = "--data is needed: a file of lines with a \"text\", or with a \"context\", a\n"
		    "\"question\", and \"answers\", or a folder of such files. One table: budgets kept,\n"
		    "answers, what the text still tells, seconds, and after how many questions\n"
		    "compressing has paid, with intervals. What a method cannot do is said below it.\n"
		    "--against adds the differences to one method, at the same rate on the same lines.\n"},
	{.name = "pairs",
	 .arguments = "",
	 .options = BIT(OPTION_METHOD) | BIT(OPTION_DATA) | BIT(OPTION_RATES) | BIT(OPTION_LIMIT) | BIT(OPTION_LENGTH) |
	            BIT(OPTION_OUTPUT),
	 .run = cmd_pairs,
	 .summary = "pairs of texts and their compressed forms",
	 .details = "--data is needed: lines with a \"text\" or a \"context\". Writes lines with a \"text\" and a\n"
		    "\"target\", its compressed form, at rates spread evenly over --rates LOW,HIGH\n"
		    "(.1,.7 without it). --length leaves longer texts out. For pith train sft.\n"},
	{.name = "inspect",
	 .arguments = "FILE",
	 .n_arguments = 1,
	 .options = BIT(OPTION_JSON),
	 .run = cmd_inspect,
	 .summary = "what a model or soft-prompt file holds",
	 .details = "Prints the metadata and the tensors of the file; loads nothing.\n"},
	{.name = "tokens",
	 .arguments = "FILE|-",
	 .n_arguments = 1,
	 .options = BIT(OPTION_JSON),
	 .run = cmd_tokens,
	 .summary = "the tokens of a document",
	 .details = "Prints a line per token: its id, the bytes that it covers (from-to), its text.\n"},
	{.name = "train",
	 .arguments = "--watch|--plot LOG",
	 .options = BIT(OPTION_WATCH) | BIT(OPTION_PLOT) | BIT(OPTION_JSON),
	 .run = cmd_train,
	 .summary = "the curves of a training run",
	 .details = "LOG is what a recipe calls log (not one of train keep or train grpo, which have other\n"
		    "figures). On a terminal --watch draws training and held-out\n"
		    "losses, learning rate and speed while the log grows (? lists the keys); elsewhere,\n"
		    "or with --json, it prints the last state once.\n"},
	{.name = "train base",
	 .arguments = "RECIPE.yaml",
	 .n_arguments = 1,
	 .options = BIT(OPTION_JSON),
	 .run = cmd_train_base,
	 .summary = "train a base model",
	 .details = "Goes on from the recipe's checkpoint if there is one. Ctrl-C writes a checkpoint\n"
		    "and leaves; a second Ctrl-C leaves at once.\n"},
	{.name = "train regenerate",
	 .arguments = "RECIPE.yaml",
	 .n_arguments = 1,
	 .options = BIT(OPTION_JSON),
	 .run = cmd_train_regenerate,
	 .summary = "train an adapter that gives texts back",
	 .details = "The base stays as it is. Goes on from the recipe's checkpoint if there is one.\n"},
	{.name = "train answer",
	 .arguments = "RECIPE.yaml",
	 .n_arguments = 1,
	 .options = BIT(OPTION_JSON),
	 .run = cmd_train_answer,
	 .summary = "train an adapter that answers from memory tokens",
	 .details = "The base stays as it is. Goes on from the recipe's checkpoint if there is one.\n"},
	{.name = "train read",
	 .arguments = "RECIPE.yaml",
	 .n_arguments = 1,
	 .options = BIT(OPTION_JSON),
	 .run = cmd_train_read,
	 .summary = "train an adapter that answers from a text",
	 .details = "For answers from the full text, and from whatever text a method leaves or brings\n"
		    "back. The base stays as it is. Goes on from the recipe's checkpoint if there is one.\n"},
	{.name = "train keep",
	 .arguments = "RECIPE.yaml",
	 .n_arguments = 1,
	 .options = BIT(OPTION_JSON),
	 .run = cmd_train_keep,
	 .summary = "train the head of llmlingua2",
	 .details = "The base stays as it is. Texts and their short forms (titles, summaries, questions\n"
		    "with answers) say which words are worth keeping. Ctrl-C leaves without saving.\n"},
	{.name = "train sft",
	 .arguments = "RECIPE.yaml",
	 .n_arguments = 1,
	 .options = BIT(OPTION_JSON),
	 .run = cmd_train_sft,
	 .summary = "train an adapter that rewrites texts shorter",
	 .details = "From pairs of a text and a shorter one, told how many tokens that has, and,\n"
		    "where the recipe has tasks for it, of words that are worth keeping. The base\n"
		    "stays as it is. Goes on from the recipe's checkpoint if there is one.\n"},
	{.name = "train grpo",
	 .arguments = "RECIPE.yaml",
	 .n_arguments = 1,
	 .options = BIT(OPTION_JSON),
	 .run = cmd_train_grpo,
	 .summary = "improve that of train sft by reinforcement",
	 .details = "From an adapter of pith train sft: of several rewrites of a text those that are\n"
		    "better become more likely. Ctrl-C saves what stands.\n"},
	{.name = "train tokenizer",
	 .arguments = "RECIPE.yaml",
	 .n_arguments = 1,
	 .options = BIT(OPTION_JSON),
	 .run = cmd_train_tokenizer,
	 .summary = "train a vocabulary",
	 .details = "Byte-level BPE on JSONL files, written as a GGUF file without weights.\n"},
	{.name = "config",
	 .arguments = "",
	 .options = BIT(OPTION_JSON),
	 .run = cmd_config,
	 .summary = "the settings in force, and where each comes from",
	 .details = "The output can stand in a configuration file.\n"},
	{.name = "help", .arguments = "[COMMAND]", .run = cmd_help, .summary = "show help", .details = ""},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

const struct option_row *command_options(void)
{
	return options;
}

const struct command *commands_table(size_t *n)
{
	*n = N_COMMANDS;
	return commands;
}

/* Is word the first word of a name of two? */
static bool begins_with_word(const char *name, const char *word)
{
	size_t length = strlen(word);
	return strncmp(name, word, length) == 0 && name[length] == ' ';
}

const struct command *command_find(char *const *words, size_t n_words, size_t *n_used)
{
	const struct command *found = NULL;
	*n_used = 0;
	for (size_t i = 0; n_words > 0 && i < N_COMMANDS; i++) {
		const char *name = commands[i].name;
		if (strcmp(name, words[0]) == 0) {
			*n_used = 1;
			found = &commands[i];
		}
		if (!begins_with_word(name, words[0]))
			continue;
		*n_used = 1;
		if (n_words > 1 && strcmp(name + strlen(words[0]) + 1, words[1]) == 0) {
			*n_used = 2;
			return &commands[i];
		}
	}
	/* pith train NONSENSE: a word of the group was meant. */
	return found != NULL && n_words > 1 && command_is_group(found) ? NULL : found;
}

bool command_is_group(const struct command *command)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (begins_with_word(commands[i].name, command->name))
			return true;
	return false;
}

bool command_takes(const struct command *command, enum option_id option)
{
	uint32_t workbench = BIT(OPTION_METHOD) | BIT(OPTION_CR) | BIT(OPTION_SERVER) | BIT(OPTION_SERVER_MODEL);
	return option < OPTION_N_GENERAL || ((command != NULL ? command->options : workbench) & BIT(option)) != 0;
}

const char *command_nearest(const char *word)
{
	const char *names[N_COMMANDS];
	for (size_t i = 0; i < N_COMMANDS; i++)
		names[i] = commands[i].name;
	return nearest_word(word, names, N_COMMANDS);
}

static void print_option(FILE *out, const struct option_row *row)
{
	char left[64];
	char letter[5] = "    ";
	if (row->letter != 0)
		snprintf(letter, sizeof letter, "-%c, ", row->letter);
	snprintf(left, sizeof left, "%s--%s%s%s", letter, row->name, row->argument != NULL ? " " : "",
		 row->argument != NULL ? row->argument : "");
	fprintf(out, "  %-24s %s\n", left, row->help);
}

static void program_help(FILE *out)
{
	fputs("pith shows what survives when a prompt is compressed.\n"
	      "\n"
	      "  pith [OPTION]... [FILE|-]      open the workbench\n"
	      "  pith COMMAND [OPTION]...       do one thing without it\n"
	      "\n"
	      "Examples:\n"
	      "  pith report.txt\n"
	      "  pith compress -m selfinfo --cr 4x report.txt\n"
	      "  pith compress -m 500x --tokens 16 -o report.soft report.txt\n"
	      "  pith regenerate report.soft\n"
	      "  pith ask -q \"Who paid for it?\" --cr 0.25 report.txt\n"
	      "\n"
	      "Commands (pith COMMAND --help says more):\n",
	      out);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		char left[64];
		snprintf(left, sizeof left, "%s %s", commands[i].name, commands[i].arguments);
		fprintf(out, "  %-29s %s\n", left, commands[i].summary);
	}
	fputs("\nOptions of the workbench and of every command:\n", out);
	for (int option = 0; option < OPTION_N_GENERAL; option++)
		print_option(out, &options[option]);
	fputs("The workbench also takes", out);
	for (int option = OPTION_N_GENERAL; option < OPTION_N; option++)
		if (command_takes(NULL, (enum option_id)option))
			fprintf(out, " --%s", options[option].name);
	fputs(".\n", out);
}

void command_help(FILE *out, const struct command *command)
{
	if (command == NULL) {
		program_help(out);
		return;
	}
	fprintf(out, "pith %s: %s\n\n  pith %s%s%s%s\n", command->name, command->summary, command->name,
		command->options != 0 ? " [OPTION]..." : "", command->arguments[0] != '\0' ? " " : "", command->arguments);
	if (command->details[0] != '\0')
		fprintf(out, "\n%s", command->details);
	if (command->options != 0)
		fputs("\nOptions:\n", out);
	for (int option = OPTION_N_GENERAL; option < OPTION_N; option++)
		if ((command->options & BIT(option)) != 0)
			print_option(out, &options[option]);
	if (command_is_group(command)) {
		fputc('\n', out);
		command_help_group(out, command->name);
	}
	fputs("\nOptions of every command are listed by pith --help.\n", out);
}

void command_help_group(FILE *out, const char *word)
{
	fprintf(out, "pith %s has these commands (pith %s COMMAND --help says more):\n\n", word, word);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (!begins_with_word(commands[i].name, word))
			continue;
		char left[64];
		snprintf(left, sizeof left, "pith %s %s", commands[i].name, commands[i].arguments);
		fprintf(out, "  %-33s %s\n", left, commands[i].summary);
	}
}
