/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells an ordinary user of a process and its threads.
 */
#ifndef GD_KERNEL_H
#define GD_KERNEL_H

#include "joint.h"

/* Fills the facts about the machine: CPUs, quota.  Once per target. */
void gd_kernel_note_machine(struct gd_target *target);

/*
 * Which of the threads that seem to compute are on a CPU.  What others may read of a running thread
 * lags by up to a tick, so: as long as the process's CPU clock moves and a thread ran for all of
 * its last 40 ms window, it is on a CPU; else its state is read, and one that is runnable but did
 * not run all the time was on a CPU with the probability that the window shows. A gd_joint_ask_fn;
 * target->ask says when that is; arg is not used.
 */
struct gd_kernel_ask {
	uint64_t now_ns; /* CLOCK_MONOTONIC of this scan */
	uint64_t now_ticks;
	uint64_t random; /* state of the dice */
};
void gd_kernel_ask(struct gd_target *target, const uint32_t *slots, size_t count,
		   enum gd_on_cpu *ret_answers, void *arg);

/* Run delay, faults, names and the process's own figures; a part of the threads at each call. */
void gd_kernel_note_totals(struct gd_target *target);

/* Which files are mapped where; what was unmapped since stays. */
void gd_kernel_note_modules(struct gd_target *target);

#endif
