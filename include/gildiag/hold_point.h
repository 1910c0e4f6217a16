/* SPDX-License-Identifier: MIT */
/*
 * Where the eBPF probe finds the end of a hold: the agent calls a function that does nothing, after
 * the lock was given back, if others waited for it.  Nothing listens there unless a probe does.
 */
#ifndef GILDIAG_HOLD_POINT_H
#define GILDIAG_HOLD_POINT_H

#include "recording.h"

/* The agent exports it; it begins with a nop of one byte, on which a probe is cheap. */
#define GD_HOLD_POINT gildiag_hold_ended

/* What its only argument points to.  Times are ticks: of the TSC, or else nanoseconds. */
struct gd_hold_told {
	uint64_t key; /* of the lock, as in its row */
	uint32_t cause;
	uint32_t is_tsc;
	uint64_t taken, released;
	uint64_t told; /* now */
};
GD_ASSERT_SIZE(gd_hold_told, 40);

#endif
