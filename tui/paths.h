/*
 * Where things are: files that pith ships (themes/, models/, samples/,
 * config.yaml), and the user's own folders after the XDG base directory
 * specification. Every returned string is freed with free().
 */
#ifndef PATHS_H
#define PATHS_H

#include <stdbool.h>

/*
 * A shipped file or folder by its path below the root of the repository,
 * "models/pith-default.gguf": beside the executable, two and three folders
 * above it (build trees), in the source tree, in the installed data folder.
 * NULL: nowhere, or no memory.
 */
char *paths_shipped(const char *relative);

/* FOLDER/pith/relative, where FOLDER is the variable if it is an absolute path, else $HOME/fallback; NULL: no home, no memory. */
char *paths_user(const char *variable, const char *fallback, const char *relative);
char *paths_user_config(const char *relative); /* $XDG_CONFIG_HOME or ~/.config */
char *paths_user_state(const char *relative);  /* $XDG_STATE_HOME or ~/.local/state */

/* Makes the folders above path, mode 0700; false: errno says why. */
bool paths_make_parents(const char *path);

/* relative seen from the folder of the file base; an absolute path is only copied. NULL: no memory. */
char *paths_beside(const char *base, const char *relative);

#endif
