/* SPDX-License-Identifier: MIT */
/* For how long threads waited, by Python stack: rows of the recording. */
#ifndef GD_PYTHON_SAMPLES_H
#define GD_PYTHON_SAMPLES_H

#include "python_stacks.h"

/*
 * Adds rows, struct gd_probed_sample, at most limit: of all blocks that have ended, and of those
 * that are open at now_ns.  tasks: struct gd_task, all that are followed.  Threads that blocked
 * before the probe came are walked here.  Returns what was lost so far.
 */
uint64_t gd_python_samples_gather(struct gd_python_stacks *stacks, const struct gd_rows *tasks,
				  uint64_t now_ns, size_t limit, struct gd_rows *samples);

#endif
