/* SPDX-License-Identifier: MIT */
/*
 * A program of named cases: `PROGRAM list` names them, `PROGRAM CASE` runs one.  What a case prints
 * must be the same whenever it runs: the tests compare it with and without gildiag.
 */
#ifndef CASES_H
#define CASES_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct case_row {
	const char *name;
	void (*run)(void);
};

/* What must hold in this program with or without gildiag. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("%s:%d: not %s (errno %d)\n", __FILE__, __LINE__, #condition,       \
			       errno);                                                             \
			fflush(stdout);                                                            \
			_exit(99);                                                                 \
		}                                                                                  \
	} while (0)

static inline int run_case(const struct case_row *rows, int argc, char **argv)
{
	for (; rows->name; rows++) {
		if (argc == 2 && strcmp(argv[1], "list") == 0) {
			puts(rows->name);
		} else if (argc >= 2 && strcmp(argv[1], rows->name) == 0) {
			rows->run();
			return 0;
		}
	}
	return argc == 2 && strcmp(argv[1], "list") == 0 ? 0 : 98;
}

/* The state letter of a thread of this process, '?' when it is gone. */
static inline char state_of(int tid)
{
	char path[64], text[512];
	const char *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return '?';
	text[n] = 0;
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : '?';
}

/* Returns when the thread blocks: how the cases know that it has come where they want it. */
static inline void wait_until_asleep(int tid)
{
	char state;

	while ((state = state_of(tid)) != 'S' && state != '?')
		sched_yield();
}

static inline int own_tid(void)
{
	return (int)syscall(SYS_gettid);
}

#endif
