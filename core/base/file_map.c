#define _POSIX_C_SOURCE 200809L
#include "base/file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum pith_status file_map_open(struct file_map *map, const char *path, struct pith_error *err)
{
	*map = (struct file_map){0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(err, PITH_IO, "Cannot open %s: %s.", path, strerror(errno));
	struct stat info;
	enum pith_status status = PITH_OK;
	if (fstat(fd, &info) != 0) {
		status = fail(err, PITH_IO, "Cannot read %s: %s.", path, strerror(errno));
	} else if (!S_ISREG(info.st_mode)) {
		status = fail(err, PITH_IO, "Cannot read %s: it is not a regular file.", path);
	} else if (info.st_size > 0) {
		void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED) {
			status = fail(err, PITH_IO, "Cannot map %s: %s.", path, strerror(errno));
		} else {
			map->data = data;
			map->size = (size_t)info.st_size;
		}
	}
	close(fd);
	return status;
}

void file_map_close(struct file_map *map)
{
	if (map->data != NULL)
		munmap((void *)map->data, map->size);
	*map = (struct file_map){0};
}

struct atomic_file {
	FILE *stream;
	size_t position;
	char *path, *temporary;
};

enum pith_status atomic_file_create(struct atomic_file **out, const char *path, struct pith_error *err)
{
	*out = NULL;
	struct atomic_file *file = calloc(1, sizeof *file);
	size_t size = strlen(path) + 32;
	if (file != NULL) {
		file->path = strdup(path);
		file->temporary = malloc(size);
	}
	if (file == NULL || file->path == NULL || file->temporary == NULL) {
		atomic_file_abandon(file);
		return fail_memory(err, "writing a file");
	}
	snprintf(file->temporary, size, "%s.tmp-%ld", path, (long)getpid());
	file->stream = fopen(file->temporary, "wbe");
	if (file->stream == NULL) {
		enum pith_status status = fail(err, PITH_IO, "Cannot write %s: %s.", path, strerror(errno));
		atomic_file_abandon(file);
		return status;
	}
	*out = file;
	return PITH_OK;
}

enum pith_status atomic_file_write(struct atomic_file *file, const void *data, size_t size, struct pith_error *err)
{
	if (size > 0 && fwrite(data, 1, size, file->stream) != size)
		return fail(err, PITH_IO, "Cannot write %s: %s.", file->path, strerror(errno));
	file->position += size;
	return PITH_OK;
}

size_t atomic_file_position(const struct atomic_file *file)
{
	return file->position;
}

enum pith_status atomic_file_commit(struct atomic_file *file, struct pith_error *err)
{
	bool written = fflush(file->stream) == 0 && fsync(fileno(file->stream)) == 0;
	written = fclose(file->stream) == 0 && written;
	file->stream = NULL;
	enum pith_status status = PITH_OK;
	if (!written || rename(file->temporary, file->path) != 0)
		status = fail(err, PITH_IO, "Cannot write %s: %s.", file->path, strerror(errno));
	if (status == PITH_OK) {
		free(file->temporary);
		file->temporary = NULL; /* nothing left to remove */
	}
	atomic_file_abandon(file);
	return status;
}

void atomic_file_abandon(struct atomic_file *file)
{
	if (file == NULL)
		return;
	if (file->stream != NULL)
		fclose(file->stream);
	if (file->temporary != NULL)
		unlink(file->temporary);
	free(file->path);
	free(file->temporary);
	free(file);
}
