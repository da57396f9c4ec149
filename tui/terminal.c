#define _GNU_SOURCE
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "crash_stack.h"
#include "fault.h"
#include "paths.h"

/* Frames, mouse, paste off; keys, colours, cursor and screen as they were. One constant: a crash handler can write it. */
static const char restore[] = "\033[?2026l\033[?1006l\033[?1002l\033[?2004l\033[?1l\033>\033[0m\033[?25h\033[?1049l";

static const int end_signals[] = {SIGTERM, SIGHUP, SIGINT};
static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
static const int other_signals[] = {SIGWINCH, SIGTSTP, SIGCONT, SIGPIPE};

enum { N_END = 3, N_CRASH = 5, N_OTHER = 4 };

static int terminal_fd = -1;
static struct termios before;
static int wake_fd = -1;
static int stderr_before = -1;
static volatile sig_atomic_t got_resize, got_continue, got_suspend, got_end;
static struct crash_stack crash_stack;
static struct sigaction end_before[N_END], crash_before[N_CRASH], other_before[N_OTHER];

static void wake(void)
{
	int error = errno;
	const uint64_t one = 1;
	ssize_t n = write(wake_fd, &one, sizeof one);
	(void)n;
	errno = error;
}

/* Any thread may run this (BLAS starts some before main); it only leaves a note. */
static void on_signal(int number)
{
	if (number == SIGWINCH)
		got_resize = 1;
	else if (number == SIGCONT)
		got_continue = 1;
	else if (number == SIGTSTP)
		got_suspend = 1;
	else if (number != SIGPIPE)
		got_end = number;
	wake();
}

static void on_crash(int number)
{
	ssize_t n = write(terminal_fd, restore, sizeof restore - 1);
	(void)n;
	tcsetattr(terminal_fd, TCSANOW, &before);
	raise(number); /* SA_RESETHAND put the default back: the core dump and the exit status are as ever */
}

static void install(const int *numbers, struct sigaction *old, int n, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
	sigemptyset(&action.sa_mask);
	for (int i = 0; i < n; i++)
		sigaction(numbers[i], &action, &old[i]);
}

static void uninstall(const int *numbers, const struct sigaction *old, int n)
{
	for (int i = 0; i < n; i++)
		sigaction(numbers[i], &old[i], NULL);
}

/* What libraries print would tear the screen: it goes to the log, or nowhere when that cannot be opened. */
static void redirect_stderr(void)
{
	char *path = paths_user_state("log");
	int fd = -1;
	if (path != NULL && paths_make_parents(path))
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	free(path);
	stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
}

bool terminal_is_there(void)
{
	const char *name = getenv("TERM");
	if (name == NULL || name[0] == '\0' || strcmp(name, "dumb") == 0 || !isatty(STDOUT_FILENO))
		return false;
	int descriptor = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (descriptor < 0)
		return isatty(STDIN_FILENO);
	close(descriptor);
	return true;
}

enum pith_status terminal_open(int fd, struct pith_error *err)
{
	if (tcgetattr(fd, &before) != 0)
		return fault(err, PITH_IO, "This is no terminal: %s.", strerror(errno));
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0)
		return fault(err, PITH_IO, "The terminal cannot be watched: %s.", strerror(errno));
	terminal_fd = fd;
	got_resize = got_continue = got_suspend = got_end = 0;
	redirect_stderr();
	install(end_signals, end_before, N_END, on_signal, SA_RESTART);
	install(other_signals, other_before, N_OTHER, on_signal, SA_RESTART);
	crash_stack_use(&crash_stack);
	install(crash_signals, crash_before, N_CRASH, on_crash, SA_RESETHAND | SA_ONSTACK);
	return PITH_OK;
}

void terminal_close(void)
{
	if (terminal_fd < 0)
		return;
	terminal_modes_off();
	tcsetattr(terminal_fd, TCSADRAIN, &before);
	uninstall(end_signals, end_before, N_END);
	uninstall(other_signals, other_before, N_OTHER);
	uninstall(crash_signals, crash_before, N_CRASH);
	crash_stack_leave(&crash_stack);
	if (stderr_before >= 0) {
		dup2(stderr_before, STDERR_FILENO);
		close(stderr_before);
		stderr_before = -1;
	}
	close(wake_fd);
	wake_fd = -1;
	terminal_fd = -1;
}

void terminal_write(const char *sequence)
{
	size_t length = strlen(sequence);
	while (length > 0) {
		ssize_t n = write(terminal_fd, sequence, length);
		if (n < 0 && errno != EINTR)
			return; /* the terminal is gone; SIGHUP tells the rest */
		if (n > 0) {
			sequence += n;
			length -= (size_t)n;
		}
	}
}

void terminal_modes(bool mouse)
{
	/* 1002: motion while a button is down; 1006: columns beyond 223. */
	terminal_write(mouse ? "\033[?2004h\033[?1002h\033[?1006h" : "\033[?2004h\033[?1006l\033[?1002l");
}

void terminal_modes_off(void)
{
	terminal_write("\033[?2026l\033[?1006l\033[?1002l\033[?2004l");
}

void terminal_ask_synchronized(void)
{
	const char *name = getenv("TERM");
	/* The Linux console would print the question. */
	if (name != NULL && strncmp(name, "linux", 5) != 0 && strcmp(name, "dumb") != 0)
		terminal_write("\033[?2026$p");
}

int terminal_descriptor(void)
{
	return wake_fd;
}

/* Only a note that was seen is taken away: a signal that comes in between leaves one for the next look. */
static bool take(volatile sig_atomic_t *note)
{
	bool left = *note != 0;
	if (left)
		*note = 0;
	return left;
}

struct terminal_news terminal_news(void)
{
	uint64_t count;
	ssize_t n = read(wake_fd, &count, sizeof count);
	(void)n;
	return (struct terminal_news){take(&got_resize), take(&got_continue), take(&got_suspend), got_end};
}

void terminal_stop(void)
{
	terminal_modes_off();
	struct sigaction standard = {.sa_handler = SIG_DFL}, ours;
	sigemptyset(&standard.sa_mask);
	sigaction(SIGTSTP, &standard, &ours);
	kill(0, SIGTSTP); /* the whole job, as Ctrl-Z would; returns when it goes on */
	sigaction(SIGTSTP, &ours, NULL);
}

bool terminal_size(int *rows, int *cols)
{
	struct winsize size;
	if (ioctl(terminal_fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
		return false;
	*rows = size.ws_row;
	*cols = size.ws_col;
	return true;
}
