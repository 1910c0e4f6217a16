/* SPDX-License-Identifier: MIT */
/* The CPython that a process runs, and reading its memory. */
#ifndef GD_INTERPRETER_H
#define GD_INTERPRETER_H

#include <runtime/cpython_frames.h>
#include <runtime/cpython_threads.h>

struct gd_interpreter {
	int fd;           /* the process's memory; -1: cannot be read, or there is no CPython */
	uint16_t version; /* 0x030b for 3.11; 0: not known */
	bool has_stacks;  /* python and threads are known */
	uint64_t start;   /* where its file begins: the program, or a library, */
	uint64_t inode;   /* and which file that is */
	uint64_t runtime; /* _PyRuntime; 0: not known */
	uint64_t gil;     /* condition of the main GIL; 0: not known */
	struct gd_memory memory;
	struct gd_cpython python;
	struct gd_cpython_threads threads;
};

/*
 * Looks for one in pid, which owner may look into (as gd_follow's).  Before rights are given up.  0,
 * also where there is none, or -errno.  ret_interpreter stays where it is: memory refers to it.
 */
int gd_interpreter_find(int32_t pid, uint32_t owner, struct gd_interpreter *ret_interpreter);

/*
 * Its file begins at start, in another process that has just begun: its GIL and its threads are there
 * later.
 */
void gd_interpreter_move(struct gd_interpreter *interpreter, uint64_t start);

/* Are its threads there by now?  Then its stacks can be walked. */
bool gd_interpreter_is_up(struct gd_interpreter *interpreter);

void gd_interpreter_forget(struct gd_interpreter *interpreter);

#endif
