/* SPDX-License-Identifier: MIT */
/* The stop-watch of the benchmarks' programs. */
#ifndef GD_BENCH_TIMING_H
#define GD_BENCH_TIMING_H

#include <time.h>

/* Nanoseconds of CLOCK_MONOTONIC, which no interposer stands before. */
static inline double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

#endif
