/* SPDX-License-Identifier: MIT */
/*
 * The joint picture: what all threads of a process did at one instant.
 */
#ifndef GD_JOINT_H
#define GD_JOINT_H

#include "target.h"

/* What a thread that seems to compute really does. */
enum gd_on_cpu { GD_ON_CPU, GD_STARVED, GD_BLOCKED, GD_BLOCKED_DISK, GD_STOPPED };

/* More computing threads than this are all taken to be on a CPU. */
#define GD_JOINT_ASKED_MAX 64

/*
 * Asked once per instant for all threads that seem to compute: count slots, an answer each.
 * Injected, so that the picture can be tested without threads.
 */
typedef void gd_joint_ask_fn(struct gd_target *target, const uint32_t *slots, size_t count,
			     enum gd_on_cpu *ret_answers, void *arg);

/*
 * What the thread in a slot did at instant (ticks).  False: it did not exist then.  A slot that
 * changed more than once since is taken for what it did just before the last change and *ret_missed
 * is set.
 */
bool gd_joint_cause_at(const struct gd_thread *slot, uint64_t instant, uint16_t *ret_cause,
		       bool *ret_missed);

/* Adds one instant, which stands for weight_ns, to the target's histogram. */
void gd_joint_add(struct gd_target *target, uint64_t instant, uint64_t weight_ns,
		  gd_joint_ask_fn *ask, void *arg);

#endif
