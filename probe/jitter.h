/* SPDX-License-Identifier: MIT */
/* When to look next: no rhythm of the target's can hide from it. */
#ifndef GD_JITTER_H
#define GD_JITTER_H

#include <stdint.h>

/* Another number each time (Marsaglia's xorshift); *random is never 0. */
static inline uint64_t gd_jitter_draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* A period, and up to half of it more or less. */
static inline uint64_t gd_jitter_period(uint64_t *random, uint64_t period_ns)
{
	return period_ns / 2 + gd_jitter_draw(random) % period_ns;
}

#endif
