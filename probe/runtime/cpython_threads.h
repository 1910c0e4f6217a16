/* SPDX-License-Identifier: MIT */
/* Where CPython keeps the list of its threads. */
#ifndef GD_CPYTHON_THREADS_H
#define GD_CPYTHON_THREADS_H

#include "cpython_offsets.h"

struct gd_cpython_threads {
	uint64_t head; /* address of the pointer to the first thread state, the youngest */
	uint16_t next; /* in a thread state: the pointer to the next one, 0: it is the last */
};

/*
 * Those of the main interpreter of offsets->version, whose _PyRuntime is at runtime.  False: not
 * known, or the first one is no thread's.
 */
bool gd_cpython_threads_find(const struct gd_cpython_offsets *offsets,
			     const struct gd_memory *memory, uint64_t runtime,
			     struct gd_cpython_threads *ret_threads);

/* The main interpreter, from 3.8 on; 0: not known. */
uint64_t gd_cpython_main_interpreter(uint16_t version, const struct gd_memory *memory,
				     uint64_t runtime);

/* The thread whose pthread_self() it is, by its number in its own PID namespace; -1: none. */
int32_t gd_cpython_tid(const struct gd_memory *memory, uint64_t pthread);

#endif
