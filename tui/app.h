/* The workbench: the program without a subcommand. */
#ifndef APP_H
#define APP_H

#include "settings.h"

/*
 * Runs until the user leaves; returns the exit code. model_path NULL: there is
 * no model, which is said on the screen; document_path NULL: start empty, "-":
 * read standard input first. A sentence goes to stderr when no screen could be
 * opened.
 */
int workbench_run(const struct settings *settings, const char *model_path, const char *document_path);

#endif
