#define _POSIX_C_SOURCE 200809L
#include "base/file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum pith_status file_map_open(struct file_map *map, const char *path, struct pith_error *err)
{
	*map = (struct file_map){0};
	struct stat info;
	/* Before it is opened: a pipe would wait for its writer then, and lose it when it is closed again. */
	if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
		return fail(err, PITH_IO, "Cannot read %s: it is not a regular file.", path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(err, PITH_IO, "Cannot open %s: %s.", path, strerror(errno));
	enum pith_status status = PITH_OK;
	if (fstat(fd, &info) != 0) {
		status = fail(err, PITH_IO, "Cannot read %s: %s.", path, strerror(errno));
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
