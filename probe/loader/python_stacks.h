/* SPDX-License-Identifier: MIT */
/*
 * The Python stacks that the programs in the kernel walked, by name.  What they hold is addresses,
 * and code objects die: names are read as soon as a stack is told of.
 */
#ifndef GD_PYTHON_STACKS_H
#define GD_PYTHON_STACKS_H

#include "attach.h"
#include "interpreter.h"
#include "rows.h"

/* A frame, and in which process. */
struct gd_python_code {
	struct gd_cpython_frame frame;
	uint32_t image;
	uint32_t check; /* gd_python_check() of it when it was named */
};

struct gd_python_target {
	const struct gd_interpreter *interpreter;
	const struct gd_interpreter *twin; /* of whom it was forked; NULL: of nobody */
	uint32_t image;
};

struct gd_python_stacks {
	struct gd_attached *attached; /* NULL: none are walked */
	size_t layouts;               /* that the kernel has */
	struct gd_rows targets;       /* struct gd_python_target: whose are walked */
	/* In the recording's own form. */
	struct gd_rows texts;  /* char */
	struct gd_rows frames; /* struct gd_frame */
	struct gd_rows stacks; /* struct gd_stack */
	/* What is known already. */
	struct gd_rows keys;  /* uint64_t: of the stacks in the kernel, in step with stacks */
	struct gd_rows codes; /* struct gd_python_code: of the frames, in step with them */
	uint64_t lost;        /* stacks without names */
};

/* pid is followed from now on, as that image. */
void gd_python_stacks_begin(struct gd_attached *attached, const struct gd_interpreter *interpreter,
			    int32_t pid, uint32_t image, struct gd_python_stacks *stacks);

/* image, which runs interpreter, was forked from twin, and is walked like that. */
void gd_python_stacks_fork(uint32_t twin, uint32_t image, const struct gd_interpreter *interpreter,
			   struct gd_python_stacks *stacks);

/* A stack of that image that was not seen before. */
void gd_python_stacks_note(struct gd_python_stacks *stacks, uint32_t image, uint64_t key);

/* What that image runs; NULL: its stacks are not walked. */
const struct gd_interpreter *gd_python_stacks_interpreter(const struct gd_python_stacks *stacks,
							  uint32_t image);

/*
 * 1 + the row of a stack; 0: not all of its frames have names any more, or no room.  key: the
 * kernel's; 0: it has none.
 */
uint32_t gd_python_stacks_add(struct gd_python_stacks *stacks, uint32_t image, uint64_t key,
			      const struct gd_python_stack *from);

/* The same of one that was added with that key; 0: none was. */
uint32_t gd_python_stacks_find(const struct gd_python_stacks *stacks, uint64_t key);

/* gd_python_check() of the code object that stands there now; 0: none that can be read. */
uint32_t gd_python_stacks_check(const struct gd_interpreter *interpreter, uint64_t code);

void gd_python_stacks_free(struct gd_python_stacks *stacks);

#endif
