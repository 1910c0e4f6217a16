/* SPDX-License-Identifier: MIT */
/* Which of the threads that seem to compute are on a CPU. */
#ifndef GD_ON_CPU_H
#define GD_ON_CPU_H

#include "joint.h"

/* When that is asked. */
struct gd_on_cpu_when {
	uint64_t now_ns;    /* CLOCK_MONOTONIC of this scan */
	uint64_t now_ticks; /* of the target's clock */
	double ticks_per_ns;
	uint64_t random; /* state of the dice */
};

/*
 * A gd_joint_ask_fn; target->when says when that is; arg is not used.
 *
 * What others may read of a running thread lags by up to a tick, so the answer for one thread at
 * one instant is a guess, and the guesses are right on average:
 *
 * - One that has computed for 40 ms and more: as long as the process's CPU clock moves and it ran
 *   for all of its last window of 40 ms, it is on a CPU; else its state is read, and one that is
 *   runnable is on a CPU with the probability that the window shows.
 * - One that has begun since: with the probability that its own books show for computing of this
 *   kind.  They know how long it was off the CPU after each wait.
 */
void gd_on_cpu_ask(struct gd_target *target, const uint32_t *slots, size_t count,
		   enum gd_on_cpu *ret_answers, void *arg);

#endif
