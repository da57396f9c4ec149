/* The terminal is given back even when a stack has run out, that of the screen's thread or that of the jobs. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "terminal.h"
#include "unit.h"
#include "worker.h"

static unsigned overflow(unsigned depth)
{
	volatile char page[4096];
	page[0] = (char)depth;
	return depth == UINT_MAX ? 0 : overflow(depth + 1) + (unsigned char)page[0];
}

static enum pith_status run(struct job *job, struct worker *worker, const struct pith_control *control, struct pith_error *err)
{
	(void)job;
	(void)worker;
	(void)control;
	(void)err;
	return overflow(1) == 0 ? PITH_OK : PITH_IO;
}

/* The child: opens the terminal and crashes. What it returns stands for a way that should not have been gone. */
static int crash(const char *name, bool in_job)
{
	const struct rlimit small = {1 << 20, 1 << 20}, no_core = {0, 0};
	struct pith_error err = {0};
	setrlimit(RLIMIT_STACK, &small);
	setrlimit(RLIMIT_CORE, &no_core);
	setenv("XDG_STATE_HOME", "/nonexistent", 1); /* no log */
	int terminal = open(name, O_RDWR | O_NOCTTY);
	if (terminal < 0 || terminal_open(terminal, &err) != PITH_OK)
		return 2;
	if (!in_job)
		return overflow(1) == 0 ? 3 : 4;
	struct worker *worker;
	static struct job job = {.run = run};
	if (worker_create(&worker, &err) != PITH_OK)
		return 2;
	worker_submit(worker, &job);
	sleep(10);
	return 3;
}

static void assert_given_back(bool in_job)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	/* Open here, too, or what the child wrote would go with it. */
	int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(crash(ptsname(master), in_job));
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	char written[512] = "";
	assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
	ssize_t n = read(master, written, sizeof written - 1);
	assert_true(n > 0);
	assert_non_null(strstr(written, "\033[?1049l"));
	close(terminal);
	close(master);
}

static void screen_thread(void **state)
{
	(void)state;
	assert_given_back(false);
}

static void job_thread(void **state)
{
	(void)state;
	assert_given_back(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(screen_thread), cmocka_unit_test(job_thread)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
