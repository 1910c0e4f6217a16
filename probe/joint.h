/* SPDX-License-Identifier: MIT */
/*
 * The joint picture: what all threads of a process did at one instant.
 */
#ifndef GD_JOINT_H
#define GD_JOINT_H

#include "picture.h"
#include "target.h"

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
 * changed more than once since is taken for what it does now and *ret_missed is set.
 */
bool gd_joint_cause_at(const struct gd_thread *slot, uint64_t instant, uint16_t *ret_cause,
		       bool *ret_missed);

/*
 * Who is followed: asked for threads that wait at a pipe, or for a child.  Injected as well.
 */
struct gd_joint_world {
	gd_joint_ask_fn *ask;
	bool (*is_pipe_followed)(void *arg, const struct gd_target *target, uint64_t inode);
	bool (*has_followed_child)(void *arg, const struct gd_target *target);
	void *arg;
};

/* Takes the picture of a process at instant (ticks of its clock). */
void gd_picture_take(struct gd_target *target, uint64_t instant, const struct gd_joint_world *world,
		     struct gd_picture *ret_picture);

#endif
