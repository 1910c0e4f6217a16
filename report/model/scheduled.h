/* SPDX-License-Identifier: MIT */
/* What the scheduler saw, by the eBPF probe: the nouns beside those of the agent. */
#ifndef GD_SCHEDULED_H
#define GD_SCHEDULED_H

#include <gildiag/recording.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A thread, or all threads of a program.  Off the CPU by cause: blocked until it was woken, then
 * queued (delay), or queued at once (preempted).  A cause is that of the agent's slot at that
 * moment; CPU_GIL and CPU_FREE: no wrapper stood there; GD_PROBED_NO_SLOT: no slot was known.
 */
struct gd_scheduled {
	double life_s, on_cpu_s;
	double end_s; /* CLOCK_MONOTONIC; of the last one */
	double blocked_s[GD_CAUSE_MAX];
	double delay_s[GD_CAUSE_MAX];
	double preempted_s[GD_CAUSE_MAX];
	double explained_s[GD_CAUSE_MAX]; /* where no wrapper stood: by system call */
	uint64_t explained_blocks[GD_CAUSE_MAX];
	uint64_t blocks[GD_CAUSE_MAX];
	uint64_t woken_by[GD_WOKEN_COUNT][GD_CAUSE_MAX];
	uint64_t switches;
	double gil_blame_s;  /* that others waited while it held a GIL; 0 where an agent was */
	uint64_t slots_read; /* switches at which the agent's slot was read */
};

struct gd_stack_model;

/* What threads were blocked for: a lock by who released it, or a system call without a wrapper. */
struct gd_block_model {
	uint32_t cause;  /* GD_CAUSE_*, or GD_PROBED_NO_SLOT */
	uint64_t object; /* a lock's key; without a wrapper: the system call, ~0: a page fault */
	int32_t waker;   /* thread of the same process; 0: somebody else */
	uint64_t blocks;
	double blocked_s, delay_s, blocked_max_s;
	const struct gd_stack_model *stack; /* native; NULL: none */
};

/* Holds of a lock that others waited for, and what the holders' threads did meanwhile. */
struct gd_hold_model {
	uint64_t holds; /* 0: none was seen */
	double hold_s;
	double split_s; /* of it: what is known of */
	double cpu_s, queued_s, blocked_s;
};

/* The probe itself. */
struct gd_probe_model {
	double attached_s; /* CLOCK_MONOTONIC */
	double cpu_s;
	bool is_complete;
	uint64_t lost[GD_PROBED_LOST_COUNT];
	uint64_t slots_none, slots_faulted, slots_wrong;
	uint64_t slots_pinned; /* of threads; 0: this kernel pins none */
	uint64_t dropped;      /* processes that took other credentials */
	uint64_t mended;       /* switches that the kernel did not show */
	bool sees_holds;
	/* Programs that did next to nothing and are not told apart: how many, on and off the CPU. */
	uint64_t small_processes;
	double small_cpu_s, small_off_s;
	/* Kinds of blocks that are little of the whole: in the threads' sums only. */
	uint64_t small_blocks;
	double small_blocks_s;
};

#endif
