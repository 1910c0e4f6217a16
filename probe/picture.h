/* SPDX-License-Identifier: MIT */
/*
 * What one process, or all of them, did at an instant: a cell of the recording's histogram.  Whoever
 * looks, at slots or at the scheduler, counts threads here.
 */
#ifndef GD_PICTURE_H
#define GD_PICTURE_H

#include <gildiag/image.h>
#include <stdbool.h>

/* What a thread that seems to compute really does. */
enum gd_on_cpu { GD_ON_CPU, GD_STARVED, GD_BLOCKED, GD_BLOCKED_DISK, GD_STOPPED };

/* What a process did at an instant, or several of them together; sums that the key caps. */
struct gd_picture {
	struct gd_joint_key key;
	uint32_t computing, starved, unseen, gil_wait, outside, sleeping, locked, gil_computing;
	uint32_t parked; /* in a cause that is idle by itself */
	uint32_t outside_processes, computing_processes;
	bool has_unlike_files, has_unlike_loops; /* something outside that is none of these */
	bool is_starting, is_steady; /* some process that did something was in that phase */
};

/* A thread that seems to compute.  is_first_gil: the GIL that it holds is the process's first. */
void gd_picture_add_computing(struct gd_picture *picture, enum gd_on_cpu answer, bool holds_gil,
			      bool is_first_gil);

/* What a cause counts as: GD_CLASS_*. */
uint8_t gd_picture_class(uint16_t cause);

/* A thread that waits.  operations: that are outstanding outside, at least one if there is any. */
void gd_picture_add_waiting(struct gd_picture *picture, uint16_t cause, uint8_t class,
			    uint32_t operations, bool holds_first_gil);

/* All threads of a process are added. */
void gd_picture_end(struct gd_picture *picture, bool is_steady);

/* Adds one process's picture to that of all. */
void gd_picture_merge(struct gd_picture *tree, const struct gd_picture *one);

/*
 * Adds a picture that stands for weight_ns to a histogram: section and cells of an image.
 */
void gd_picture_store(struct gd_picture *picture, uint64_t weight_ns, struct gd_section *section,
		      struct gd_joint *cells);

#endif
