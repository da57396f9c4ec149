/*
 * Published data that are no part of the repository: the folder PITH_TEST_DATA of the build. What wants them is run by
 * `PROGRAM published`, an entry of its own in CTest (tests/CMakeLists.txt): cmocka's skip() alone would count as passed.
 * The .c file that includes it defines _XOPEN_SOURCE 700 first.
 */
#ifndef TESTS_TEST_DATA_H
#define TESTS_TEST_DATA_H

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

static int test_data_n_missing;

/* What a test lacks, before it ends with skip(). */
static inline void test_data_lacks(const char *what)
{
	test_data_n_missing++;
	print_message("SKIPPED: %s is not there\n", what);
}

/* Is this file of TEST_DATA there? If not, it is said. */
static inline bool test_data_is_there(const char *path)
{
	bool is_there = TEST_DATA[0] != '\0' && access(path, R_OK) == 0;
	if (!is_there)
		test_data_lacks(TEST_DATA[0] == '\0' ? "a folder PITH_TEST_DATA" : path);
	return is_there;
}

static inline bool test_data_wanted(int argc, char **argv)
{
	return argc == 2 && strcmp(argv[1], "published") == 0;
}

/* For main(): what cmocka counted as failed, or what CTest takes for skipped. */
static inline int test_data_exit_status(int n_failed)
{
	return n_failed == 0 && test_data_n_missing > 0 ? 77 : n_failed;
}

#endif
