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
 * Which of the threads that seem to compute are on a CPU: by the process's CPU clock since the last
 * instant (exact, and readable by everybody; the clocks of another process's threads are not) and,
 * where that fell short, by their state.  A gd_joint_ask_fn; arg points to a struct gd_kernel_ask.
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

#endif
