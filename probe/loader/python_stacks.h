/* SPDX-License-Identifier: MIT */
/*
 * The Python stacks that the programs in the kernel walked in one process, by name.  What they hold
 * is addresses, and code objects die: names are read as soon as a stack is told of.
 */
#ifndef GD_PYTHON_STACKS_H
#define GD_PYTHON_STACKS_H

#include "attach.h"
#include "interpreter.h"
#include "rows.h"

struct gd_python_stacks {
	struct gd_attached *attached; /* NULL: none are walked */
	const struct gd_interpreter *interpreter;
	uint32_t image; /* that the process runs; 0: not followed yet */
	/* In the recording's own form. */
	struct gd_rows texts;  /* char */
	struct gd_rows frames; /* struct gd_frame */
	struct gd_rows stacks; /* struct gd_stack */
	/* What is known already. */
	struct gd_rows keys;  /* uint64_t: of the stacks in the kernel, in step with stacks */
	struct gd_rows codes; /* of the frames, in step with them */
	uint64_t lost;        /* stacks without names */
};

/* The process is followed from now on, as that image. */
void gd_python_stacks_begin(struct gd_attached *attached, const struct gd_interpreter *interpreter,
			    uint32_t image, struct gd_python_stacks *stacks);

/* A stack that was not seen before. */
void gd_python_stacks_note(struct gd_python_stacks *stacks, uint64_t key);

/*
 * Adds rows, struct gd_probed_sample, at most limit: of all blocks that have ended, and of those of
 * tasks that are open at now_ns; tasks is all that are followed.  Threads that blocked before the probe came
 * are walked here.  Returns what was lost so far.
 */
uint64_t gd_python_stacks_gather(struct gd_python_stacks *stacks, const struct gd_rows *tasks,
				 uint64_t now_ns, size_t limit, struct gd_rows *samples);

void gd_python_stacks_free(struct gd_python_stacks *stacks);

#endif
