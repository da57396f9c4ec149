#define _XOPEN_SOURCE 700
#include "pith/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"

struct pith_output_file {
	FILE *stream;
	size_t position;
	char *path;      /* as it was given, for sentences */
	char *place;     /* path behind its symbolic links */
	char *temporary; /* NULL: written to as it stands */
};

/* The folder that path stands in, "." for a bare name; with the slash at its end. NULL: no memory. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? strdup("./") : strndup(path, (size_t)(slash - path) + 1);
}

/* Where the symbolic link at path leads to, one step; NULL with errno, which is EINVAL or ENOENT where there is no link. */
static char *follow_once(const char *path)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof target - 1);
	if (length < 0)
		return NULL;
	target[length] = '\0';
	if (target[0] == '/')
		return strdup(target);
	char *folder = folder_of(path);
	char *next = folder == NULL ? NULL : realloc(folder, strlen(folder) + (size_t)length + 1);
	if (next == NULL)
		free(folder);
	else
		strcat(next, target);
	return next;
}

/* The path behind all symbolic links, of which the last may lead to a file that is not there yet. NULL with errno. */
static char *behind_links(const char *path)
{
	char real[PATH_MAX];
	if (realpath(path, real) != NULL)
		return strdup(real);
	if (errno != ENOENT)
		return NULL;
	/* Links in a circle are another error of realpath(): this ends. */
	char *next = follow_once(path);
	if (next == NULL)
		return errno == ENOENT || errno == EINVAL ? strdup(path) : NULL;
	char *place = behind_links(next);
	free(next);
	return place;
}

/* Is this what standard output leads to? Then a new file in its place would be one that nobody reads. */
static bool is_standard_output(const struct stat *info)
{
	struct stat own;
	return fstat(STDOUT_FILENO, &own) == 0 && own.st_dev == info->st_dev && own.st_ino == info->st_ino;
}

/* The descriptor of a new file beside the place, with the mode of the old one (NULL: there is none); -1 with errno. */
static int open_temporary(struct pith_output_file *file, const struct stat *old)
{
	file->place = behind_links(file->path);
	size_t size = file->place == NULL ? 0 : strlen(file->place) + 32;
	char *temporary = file->place == NULL ? NULL : malloc(size);
	if (temporary == NULL)
		return -1;
	snprintf(temporary, size, "%s.tmp-%ld", file->place, (long)getpid());
	/* Nobody reads in between what the old file keeps to itself. */
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
	mode_t mode = old == NULL ? 0666 : S_IRUSR | S_IWUSR;
	int descriptor = open(temporary, flags, mode);
	/* Left behind by a process of the same number, or laid there by somebody: it is never written into. */
	if (descriptor < 0 && errno == EEXIST && unlink(temporary) == 0)
		descriptor = open(temporary, flags, mode);
	if (descriptor < 0) {
		free(temporary);
		return -1;
	}
	file->temporary = temporary;
	if (old != NULL && fchmod(descriptor, old->st_mode & 07777) != 0) {
		close(descriptor);
		return -1;
	}
	return descriptor;
}

static int open_descriptor(struct pith_output_file *file)
{
	struct stat old;
	if (stat(file->path, &old) != 0)
		return errno == ENOENT ? open_temporary(file, NULL) : -1;
	if (S_ISREG(old.st_mode))
		return is_standard_output(&old) ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0) : open_temporary(file, &old);
	return open(file->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
}

static enum pith_status cannot_write(const struct pith_output_file *file, struct pith_error *err)
{
	return fail(err, PITH_IO, "Cannot write %s: %s.", file->path, strerror(errno));
}

enum pith_status pith_output_file_create(struct pith_output_file **out, const char *path, struct pith_error *err)
{
	*out = NULL;
	struct pith_output_file *file = calloc(1, sizeof *file);
	if (file != NULL)
		file->path = strdup(path);
	if (file == NULL || file->path == NULL) {
		pith_output_file_abandon(file);
		return fail_memory(err, "writing a file");
	}
	int descriptor = open_descriptor(file);
	if (descriptor >= 0)
		file->stream = fdopen(descriptor, "wb");
	if (file->stream == NULL) {
		enum pith_status status = errno == ENOMEM ? fail_memory(err, "writing a file") : cannot_write(file, err);
		if (descriptor >= 0)
			close(descriptor);
		pith_output_file_abandon(file);
		return status;
	}
	*out = file;
	return PITH_OK;
}

enum pith_status pith_output_file_write(struct pith_output_file *file, const void *data, size_t size, struct pith_error *err)
{
	if (size > 0 && fwrite(data, 1, size, file->stream) != size)
		return cannot_write(file, err);
	file->position += size;
	return PITH_OK;
}

size_t pith_output_file_position(const struct pith_output_file *file)
{
	return file->position;
}

/* A new name is on disk when its folder is. Not every file system can say so, and the file itself is: no failure. */
static void synchronise_folder(const char *path)
{
	char *folder = folder_of(path);
	int descriptor = folder == NULL ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (descriptor >= 0) {
		fsync(descriptor);
		close(descriptor);
	}
	free(folder);
}

/* Everything on disk, the stream closed; pipes and devices have no disk to wait for. */
static bool finish_stream(struct pith_output_file *file)
{
	bool written = fflush(file->stream) == 0 && (file->temporary == NULL || fsync(fileno(file->stream)) == 0);
	int reason = errno;
	bool closed = fclose(file->stream) == 0;
	file->stream = NULL;
	if (!written)
		errno = reason;
	return written && closed;
}

enum pith_status pith_output_file_commit(struct pith_output_file *file, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	if (!finish_stream(file) || (file->temporary != NULL && rename(file->temporary, file->place) != 0))
		status = cannot_write(file, err);
	if (status == PITH_OK && file->temporary != NULL) {
		synchronise_folder(file->place);
		free(file->temporary);
		file->temporary = NULL; /* nothing left to remove */
	}
	pith_output_file_abandon(file);
	return status;
}

void pith_output_file_abandon(struct pith_output_file *file)
{
	if (file == NULL)
		return;
	if (file->stream != NULL)
		fclose(file->stream);
	if (file->temporary != NULL)
		unlink(file->temporary);
	free(file->path);
	free(file->place);
	free(file->temporary);
	free(file);
}
