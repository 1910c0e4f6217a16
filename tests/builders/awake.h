/* SPDX-License-Identifier: MIT */
/*
 * The agent, awake in the test's own process: everything but its constructor, so without a session
 * and without a sampler.  Its wrappers stand before libc's functions here as in a target.
 */
#ifndef GD_BUILDERS_AWAKE_H
#define GD_BUILDERS_AWAKE_H

#include <stdint.h>

/* cmocka's set-up: a fresh image, in which the calling thread is the only one. */
int gd_awake(void **state);

/*
 * The same with a clock that the test winds: ticks are nanoseconds of gd_awake_ns.  A microsecond
 * is called a second, so that what the CPU clock really counts meanwhile does not matter.
 */
int gd_awake_with_clock(void **state);

extern uint64_t gd_awake_ns;

#define GD_AWAKE_S(s) ((uint64_t)((s)*1e9))

/*
 * The span since the CPU clock was last read begins now, and cpu_s of it will have been spent on
 * the CPU.
 */
void gd_awake_begin_span(double cpu_s);

#endif
