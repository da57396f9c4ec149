#define _POSIX_C_SOURCE 200809L
#include "cli/same_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

/* The folder that path stands in. */
static bool stat_folder(const char *path, struct stat *info)
{
	char *folder = strdup(path);
	if (folder == NULL)
		return false;
	folder[name_of(path) - path] = '\0';
	bool there = stat(folder[0] == '\0' ? "." : folder, info) == 0;
	free(folder);
	return there;
}

bool same_file(const char *path, const char *other)
{
	struct stat one, two;
	bool is_there = stat(path, &one) == 0, other_is_there = stat(other, &two) == 0;
	if (is_there != other_is_there)
		return false;
	bool possible = is_there ? S_ISREG(one.st_mode) : strcmp(name_of(path), name_of(other)) == 0 &&
	                                                          stat_folder(path, &one) && stat_folder(other, &two);
	return possible && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}
