/* SPDX-License-Identifier: MIT */
/*
 * The session as a whole: which processes belong together, what they did at one instant, and short
 * records of those that did too little for a file of their own.
 */
#ifndef GD_TREE_H
#define GD_TREE_H

#include "joint.h"

struct gd_tree {
	struct gd_target *targets; /* those that live, newest first */
	void *image;               /* an image of its own: JOINT, SHORTS, PIPES */
	struct gd_section *joint_section;
	struct gd_joint *joints;
	struct gd_section *short_section;
	struct gd_short *shorts;
	struct gd_section *pipe_section; /* pipes whose two ends were in followed processes */
	struct gd_pipe *shared;
	struct gd_process *facts;
	uint64_t planned_ns; /* the last instant */
	struct gd_tree_pipe *pipes;
	uint32_t files;         /* that were written of processes that ended */
	struct gd_target *kept; /* the largest that needs a short record only; none of it yet */
};

/* 0 or -ENOMEM. */
int gd_tree_open(struct gd_tree *ret_tree);
void gd_tree_close(struct gd_tree *tree);

/* Learns which pipes a target has, or all of them, since the last time. */
void gd_tree_note_pipes_of(struct gd_tree *tree, struct gd_target *target);
void gd_tree_note_pipes(struct gd_tree *tree);

/* It became a program that nobody follows: what its pipes lead to is outside now. */
void gd_tree_leave_pipes(struct gd_tree *tree, const struct gd_target *target);

/* For gd_joint_world: is the other end of that pipe, or a child, in a followed process? */
bool gd_tree_is_pipe_followed(void *tree, const struct gd_target *target, uint64_t inode);
bool gd_tree_has_child(void *tree, const struct gd_target *target);

/*
 * True for a process that computed next to nothing, waited for nobody outside and ran no
 * interpreter: shells, and what they call.
 */
bool gd_tree_is_short(const struct gd_target *target);

/*
 * Of target and tree->kept, the one that did more is kept while no file was written; returns the
 * other, which may be NULL.
 */
struct gd_target *gd_tree_keep_larger(struct gd_tree *tree, struct gd_target *target);

/* Adds its short record; false: the table is full, which is counted. */
bool gd_tree_add_short(struct gd_tree *tree, const struct gd_target *target);

#endif
