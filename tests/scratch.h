/*
 * Files for tests: a directory of its own for each test program, whole files
 * read and written in one call. A test that cannot have them fails.
 * The .c file that includes it defines _XOPEN_SOURCE 700 first.
 */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static char scratch_directory[256];

static inline int scratch_setup(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	snprintf(scratch_directory, sizeof scratch_directory, "%s/pith-test-XXXXXX", base == NULL ? "/tmp" : base);
	return mkdtemp(scratch_directory) == NULL ? -1 : 0;
}

static inline int scratch_teardown(void **state)
{
	(void)state;
	DIR *directory = opendir(scratch_directory);
	if (directory == NULL)
		return -1;
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	return rmdir(scratch_directory);
}

/* DIRECTORY/name in one of two static buffers, used in turn. */
static inline const char *scratch_path(const char *name)
{
	static char paths[2][512];
	static int turn;
	turn = !turn;
	snprintf(paths[turn], sizeof paths[turn], "%s/%s", scratch_directory, name);
	return paths[turn];
}

static inline const char *scratch_write(const char *name, const void *data, size_t size)
{
	const char *path = scratch_path(name);
	FILE *stream = fopen(path, "wb");
	assert_non_null(stream);
	assert_int_equal(size == 0 ? 0 : fwrite(data, 1, size, stream), size);
	assert_int_equal(fclose(stream), 0);
	return path;
}

/* The whole file, freed by the caller. */
static inline char *scratch_read(const char *path, size_t *size)
{
	struct stat info;
	assert_int_equal(stat(path, &info), 0);
	*size = (size_t)info.st_size;
	char *data = malloc(*size + 1);
	FILE *stream = fopen(path, "rb");
	assert_non_null(data);
	assert_non_null(stream);
	assert_int_equal(fread(data, 1, *size, stream), *size);
	data[*size] = '\0';
	fclose(stream);
	return data;
}

/* How many files the directory holds. */
static inline int scratch_count(void)
{
	int n = 0;
	DIR *directory = opendir(scratch_directory);
	assert_non_null(directory);
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
		n += entry->d_name[0] != '.';
	closedir(directory);
	return n;
}

#endif
