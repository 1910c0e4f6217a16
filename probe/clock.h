/* SPDX-License-Identifier: MIT */
/* The sampler's clocks. */
#ifndef GD_PROBE_CLOCK_H
#define GD_PROBE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of any clock, 0 where it cannot be read (the thread or process is gone). */
static inline uint64_t gd_clock_ns(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) != 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* The CPU clock of another process (MAKE_PROCESS_CPUCLOCK in the kernel). */
static inline clockid_t gd_clock_of_process(int32_t pid)
{
	return (clockid_t)((~(uint32_t)pid << 3) | 2);
}

#endif
