/* SPDX-License-Identifier: MIT */
/*
 * What the programs that watch GILs and the process that loads them share.  Times are nanoseconds of
 * CLOCK_MONOTONIC.
 */
#ifndef GD_BPF_GIL_SHARED_H
#define GD_BPF_GIL_SHARED_H

#include "shared.h"

/* libc's functions that are watched: cookies. */
#define GD_COND_SIGNAL    0 /* pthread_cond_signal */
#define GD_COND_TIMEDWAIT 1
#define GD_COND_WAIT      2
#define GD_COND_FUNCTIONS 3

/* A cookie has the function, and whose link it is: links are closed late, and a process has many images. */
#define GD_COND_BITS 2

struct gd_gil_key {
	uint32_t image;
	uint32_t padding;
	uint64_t cond; /* address of gil->cond */
};

/* An image that is watched, by its number.  Who becomes another program has another one. */
struct gd_gil_watched {
	uint64_t cond;     /* of the main GIL; 0: not known */
	uint64_t since_ns; /* what it did before was not seen */
	uint32_t link; /* whose events count: its number, or 0 where links came before it had one */
	uint32_t is_program; /* it was executed a moment before, and had one thread */
};

/* At once: each slows down the others' takes and drops by 60 ns. */
#define GD_GIL_WATCHED_MAX 16

/* Writer: who owns the GIL's own mutex, so one thread at a time. */
struct gd_gil_row {
	uint64_t taken_ns; /* of the last take; 0: none was seen, or it was given back */
	uint64_t waiting;  /* threads that wait now, */
	uint64_t arrivals; /* and the sum of the times at which they came, modulo 2^64 */
	uint64_t accrued;  /* what those had waited when the last hold began */
	uint64_t takes, drops, waits;
	uint64_t hold_ns, wait_ns;
	uint64_t hold_long_ns; /* of holds of 100 us and longer */
	uint64_t hold_ns_max, wait_ns_max;
	uint32_t hold_hist[GD_HIST_STEPS];
	uint32_t wait_hist[GD_HIST_STEPS];
};

struct gd_gil_thread_key {
	uint32_t image;
	int32_t tid; /* in its own namespace */
};

#define GD_BPF_LOST_GILS        0 /* the table of GILs was full */
#define GD_BPF_LOST_GIL_THREADS 1 /* the table of threads was full */
#define GD_BPF_GIL_FAULT        2 /* what lies around a condition could not be read */
#define GD_BPF_GIL_TORN         3 /* a take by who held it: an event is missing */
#define GD_BPF_GIL_COUNT        4

#endif
