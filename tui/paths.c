#define _GNU_SOURCE
#include "paths.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Builds a path; NULL when memory is out. */
__attribute__((format(printf, 1, 2))) static char *path_format(const char *format, ...)
{
	char *path = NULL;
	va_list arguments;
	va_start(arguments, format);
	if (vasprintf(&path, format, arguments) < 0)
		path = NULL;
	va_end(arguments);
	return path;
}

/* path itself when it can be read, else it is freed and NULL returned. */
static char *if_readable(char *path)
{
	if (path != NULL && access(path, R_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* Looks from the folder of the running program. */
static char *near_executable(const char *relative)
{
	static const char *const steps[] = {"", "../../", "../../../", "../share/pith/"};
	char executable[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
	if (length <= 0)
		return NULL;
	executable[length] = '\0';
	char *slash = strrchr(executable, '/');
	if (slash == NULL)
		return NULL;
	*slash = '\0';
	char *found = NULL;
	for (size_t i = 0; found == NULL && i < sizeof steps / sizeof *steps; i++)
		found = if_readable(path_format("%s/%s%s", executable, steps[i], relative));
	return found;
}

char *paths_shipped(const char *relative)
{
	char *path = near_executable(relative);
	if (path == NULL)
		path = if_readable(path_format("%s/%s", PITH_SOURCE_DIR, relative));
	if (path == NULL)
		path = if_readable(path_format("%s/%s", PITH_DATA_DIR, relative));
	if (path == NULL)
		return NULL;
	char *shortest = realpath(path, NULL);
	if (shortest == NULL)
		return path;
	free(path);
	return shortest;
}

char *paths_user(const char *variable, const char *fallback, const char *relative)
{
	/* The specification asks that relative values be ignored. */
	const char *folder = getenv(variable);
	if (folder != NULL && folder[0] == '/')
		return path_format("%s/pith/%s", folder, relative);
	const char *home = getenv("HOME");
	if (home == NULL || home[0] != '/')
		return NULL;
	return path_format("%s/%s/pith/%s", home, fallback, relative);
}

char *paths_user_config(const char *relative)
{
	return paths_user("XDG_CONFIG_HOME", ".config", relative);
}

char *paths_user_state(const char *relative)
{
	return paths_user("XDG_STATE_HOME", ".local/state", relative);
}

bool paths_make_parents(const char *path)
{
	char *copy = strdup(path);
	if (copy == NULL)
		return false;
	bool made = true;
	for (char *slash = strchr(copy + 1, '/'); made && slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		made = mkdir(copy, 0700) == 0 || errno == EEXIST;
		*slash = '/';
	}
	free(copy);
	return made;
}

char *paths_beside(const char *base, const char *relative)
{
	const char *slash = strrchr(base, '/');
	if (relative[0] == '/' || slash == NULL)
		return path_format("%s", relative);
	return path_format("%.*s/%s", (int)(slash - base), base, relative);
}
