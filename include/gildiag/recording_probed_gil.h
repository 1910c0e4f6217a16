/* SPDX-License-Identifier: MIT */
/*
 * GILs of a process that no agent is in, as the eBPF probe saw them from libc's functions.  A part
 * of recording.h, which is what to include.  Times are nanoseconds.  Writer: gildiag-probe.
 */
#ifndef GILDIAG_RECORDING_PROBED_GIL_H
#define GILDIAG_RECORDING_PROBED_GIL_H

#include "recording.h" /* what comes before, where this is included alone */

#define GD_PROBED_HOLDER_UNKNOWN (-1)

struct gd_probed_gil {
	uint32_t image;
	int32_t first_holder; /* thread that held it when the probe came; 0: none */
	uint64_t cond;        /* address of gil->cond */
	uint64_t takes, drops;
	uint64_t waits; /* takes that had to wait */
	uint64_t hold_ns, wait_ns;
	uint64_t hold_long_ns; /* of holds of 100 us and longer */
	uint64_t hold_ns_max, wait_ns_max;
	uint32_t hold_hist[GD_HIST_STEPS]; /* without holds whose beginning was not seen */
	uint32_t wait_hist[GD_HIST_STEPS];
};
GD_ASSERT_SIZE(gd_probed_gil, 80 + 8 * GD_HIST_STEPS);

/* What a thread did in a stretch of time: all of it, on the CPU, queued for one. */
struct gd_probed_part {
	uint64_t ns;
	uint64_t cpu_ns;
	uint64_t queued_ns;
};
GD_ASSERT_SIZE(gd_probed_part, 24);

/*
 * Where a thread stands.  Who never was seen at a GIL has no row: it held none, unless it is a
 * first_holder.
 */
#define GD_PROBED_GIL_NEW   0 /* it was not seen at a GIL yet */
#define GD_PROBED_GIL_FREE  1
#define GD_PROBED_GIL_HOLDS 2
#define GD_PROBED_GIL_WAITS 3

struct gd_probed_gil_thread {
	uint32_t image;
	int32_t tid;
	uint32_t state;           /* GD_PROBED_GIL_* */
	uint32_t has_waited;      /* it waits, and not only to let others pass */
	struct gd_probed_part at; /* its clocks when that state began: ns is CLOCK_MONOTONIC */
	uint64_t cond;            /* of the GIL that it holds or waits for */
	struct gd_probed_part hold, wait; /* that ended */
	uint64_t takes, drops;
	uint64_t waits;
	uint64_t forced;   /* drops after which it had to let another one pass */
	uint64_t blame_ns; /* that others waited while it held a GIL */
};
GD_ASSERT_SIZE(gd_probed_gil_thread, 136);

#endif
