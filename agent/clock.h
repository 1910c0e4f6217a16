/* SPDX-License-Identifier: MIT */
/*
 * The agent's clocks.  Ticks are the TSC where it is invariant and the kernel trusts it, else
 * nanoseconds of CLOCK_MONOTONIC; which, is in the recording.
 */
#ifndef GD_CLOCK_H
#define GD_CLOCK_H

#include "arch_x86_64.h"
#include "hooks.h"
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

extern bool gd_clock_is_tsc GD_INTERNAL;

/* Ticks per microsecond, a rough value until the process is 10 ms old.  Never used for sums. */
extern uint64_t gd_clock_ticks_per_us GD_INTERNAL;

static inline uint64_t gd_clock_read_ns(clockid_t clock)
{
	struct timespec now = { 0, 0 };

	if (clock == CLOCK_MONOTONIC && gd_real.clock_gettime)
		gd_real.clock_gettime(clock, &now); /* vDSO: no system call */
	else
		gd_syscall(SYS_clock_gettime, clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* Out of line: where the TSC is used, its callers stay short. */
uint64_t gd_clock_monotonic_ns(void);

/* Context: anywhere; 10 ns with the TSC, 25 ns without. */
static inline uint64_t gd_ticks(void)
{
	if (__builtin_expect(gd_clock_is_tsc, 1))
		return gd_arch_tsc();
	return gd_clock_monotonic_ns();
}

/* Chooses the clock.  Context: constructor. */
void gd_clock_init(void);

/* Sharpens gd_clock_ticks_per_us from two readings of both clocks. */
void gd_clock_learn(uint64_t ticks, uint64_t ns);

#endif
