/*
 * An allocator that refuses on demand. The linker sends every call that the
 * core makes to these functions (--wrap, see tests/CMakeLists.txt), which
 * refuse one or all after a number of them, and count what is not freed.
 * jansson is told to use them, too. For one source file: it defines functions.
 */
#ifndef TESTS_FAULT_ALLOCATOR_H
#define TESTS_FAULT_ALLOCATOR_H

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static struct {
	bool armed;
	bool sticky;      /* refuse not one but all that follow */
	size_t left;      /* calls that succeed before the refusal */
	size_t n_refused;
	long n_live;      /* blocks that were handed out and not freed */
} allocator;

static inline void allocator_arm(size_t left, bool sticky)
{
	allocator.armed = true;
	allocator.sticky = sticky;
	allocator.left = left;
	allocator.n_refused = 0;
}

/* How many were refused since it was armed. */
static inline size_t allocator_disarm(void)
{
	allocator.armed = false;
	return allocator.n_refused;
}

static inline bool allocator_refuses(void)
{
	if (!allocator.armed)
		return false;
	if (allocator.left > 0) {
		allocator.left--;
		return false;
	}
	if (allocator.n_refused > 0 && !allocator.sticky)
		return false;
	allocator.n_refused++;
	errno = ENOMEM;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t size);
int __real_posix_memalign(void **block, size_t alignment, size_t size);
char *__real_strdup(const char *string);
char *__real_strndup(const char *string, size_t n);
void __real_free(void *block);
XXH3_state_t *__real_XXH3_createState(void);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t size);
int __wrap_posix_memalign(void **block, size_t alignment, size_t size);
char *__wrap_strdup(const char *string);
char *__wrap_strndup(const char *string, size_t n);
void __wrap_free(void *block);
XXH3_state_t *__wrap_XXH3_createState(void);

/* Counts a block that was handed out. */
static inline void *allocator_counted(void *block)
{
	allocator.n_live += block != NULL;
	return block;
}

void *__wrap_malloc(size_t size)
{
	return allocator_refuses() ? NULL : allocator_counted(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return allocator_refuses() ? NULL : allocator_counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *block, size_t size)
{
	if (allocator_refuses())
		return NULL;
	return block == NULL ? allocator_counted(__real_realloc(NULL, size)) : __real_realloc(block, size);
}

int __wrap_posix_memalign(void **block, size_t alignment, size_t size)
{
	if (allocator_refuses())
		return ENOMEM;
	int code = __real_posix_memalign(block, alignment, size);
	allocator.n_live += code == 0;
	return code;
}

char *__wrap_strdup(const char *string)
{
	return allocator_refuses() ? NULL : allocator_counted(__real_strdup(string));
}

char *__wrap_strndup(const char *string, size_t n)
{
	return allocator_refuses() ? NULL : allocator_counted(__real_strndup(string, n));
}

void __wrap_free(void *block)
{
	allocator.n_live -= block != NULL;
	__real_free(block);
}

/* Freed by the library itself, so not counted. */
XXH3_state_t *__wrap_XXH3_createState(void)
{
	return allocator_refuses() ? NULL : __real_XXH3_createState();
}

/* Before the first use of jansson. */
static inline void allocator_install(void)
{
	json_set_alloc_funcs(__wrap_malloc, __wrap_free);
}

#endif
