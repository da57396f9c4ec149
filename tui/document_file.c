#define _POSIX_C_SOURCE 200809L
#include "document_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "pith/characters.h"

enum { SNIFFED_BYTES = 8192, READ_BYTES = 1 << 16, WAIT_MILLISECONDS = 50 };

bool document_file_is_keyboard(const char *path)
{
	return strcmp(path, "-") == 0 && isatty(STDIN_FILENO);
}

bool document_file_is_binary(const char *text, size_t length)
{
	size_t n = length < SNIFFED_BYTES ? length : SNIFFED_BYTES;
	size_t n_control = 0;
	if (length > 0 && memchr(text, 0, length) != NULL)
		return true;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		/* Tab to carriage return and escape come up in honest text. */
		if ((c < 0x20 && !(c >= '\t' && c <= '\r') && c != 0x1b) || c == 0x7f)
			n_control++;
	}
	return n_control > 4 && n_control * 50 > n;
}

/* Waits until descriptor has something to read, or its end; false: cancelled before. A read itself could wait for ever. */
static bool wait_for_input(int descriptor, const atomic_bool *cancel)
{
	struct pollfd input = {.fd = descriptor, .events = POLLIN};
	int n = 0;
	while (n == 0 || (n < 0 && errno == EINTR)) {
		if (cancel != NULL && atomic_load(cancel))
			return false;
		n = poll(&input, 1, WAIT_MILLISECONDS);
	}
	return true; /* an error, too: reading says which */
}

/* Appends all that descriptor gives to file. */
static enum pith_status read_all(struct document_file *file, int descriptor, const char *name, const atomic_bool *cancel,
				 struct pith_error *err)
{
	size_t capacity = 0;
	for (;;) {
		if (capacity - file->length < READ_BYTES + 1) {
			capacity = capacity == 0 ? 2 * READ_BYTES : capacity * 2;
			char *text = realloc(file->text, capacity);
			if (text == NULL)
				return fault_memory(err);
			file->text = text;
		}
		if (!wait_for_input(descriptor, cancel))
			return fault(err, PITH_CANCELLED, "Reading %s was cancelled.", name);
		ssize_t n = read(descriptor, file->text + file->length, READ_BYTES);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return fault(err, PITH_IO, "%s cannot be read: %s.", name, strerror(errno));
		if (n == 0)
			break;
		if (n > 0)
			file->length += (size_t)n;
		if (file->length > DOCUMENT_FILE_MAX_BYTES)
			return fault(err, PITH_TOO_LONG, "%s is larger than %d MiB, the most that a document may have.", name,
				     DOCUMENT_FILE_MAX_BYTES >> 20);
	}
	file->text[file->length] = '\0';
	return PITH_OK;
}

static enum pith_status refuse_folder(const char *name, struct pith_error *err)
{
	return fault(err, PITH_IO, "%s is a folder, not a document.", name);
}

static enum pith_status refuse_open(const char *name, struct pith_error *err)
{
	return fault(err, PITH_IO, "%s cannot be opened: %s.", name, strerror(errno));
}

enum pith_status document_file_check(const char *path, struct pith_error *err)
{
	struct stat facts;
	if (strcmp(path, "-") == 0)
		return PITH_OK;
	if (stat(path, &facts) != 0 || access(path, R_OK) != 0)
		return refuse_open(path, err);
	return S_ISDIR(facts.st_mode) ? refuse_folder(path, err) : PITH_OK;
}

enum pith_status document_file_read(struct document_file *out, const char *path, const atomic_bool *cancel,
				    struct pith_error *err)
{
	*out = (struct document_file){0};
	bool standard_input = strcmp(path, "-") == 0;
	const char *name = standard_input ? "Standard input" : path;
	/* O_NONBLOCK, or opening a named pipe would wait for its writer, whether cancelled or not. */
	int descriptor = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (descriptor < 0)
		return refuse_open(name, err);
	struct stat facts;
	enum pith_status status;
	if (fstat(descriptor, &facts) == 0 && S_ISDIR(facts.st_mode))
		status = refuse_folder(name, err);
	else
		status = read_all(out, descriptor, name, cancel, err);
	if (!standard_input)
		close(descriptor);
	if (status == PITH_OK && out->length == 0)
		status = fault(err, PITH_BAD_FILE, "%s is empty: there is nothing to compress.", name);
	if (status == PITH_OK && strspn(out->text, " \t\r\n\v\f") == out->length)
		status = fault(err, PITH_BAD_FILE, "%s holds only white space: there is nothing to compress.", name);
	if (status == PITH_OK && document_file_is_binary(out->text, out->length))
		status = fault(err, PITH_BAD_FILE, "%s is not a text: it holds binary data.", name);
	if (status != PITH_OK) {
		document_file_free(out);
		return status;
	}
	out->invalid_utf8 = !pith_is_utf8(out->text, out->length);
	return PITH_OK;
}

void document_file_free(struct document_file *file)
{
	free(file->text);
	*file = (struct document_file){0};
}
