/* SPDX-License-Identifier: MIT */
/* From a thread state to its frames. */
#ifndef GD_CPYTHON_FRAMES_H
#define GD_CPYTHON_FRAMES_H

#include "cpython_offsets.h"

/*
 * Exported objects of the interpreter that prove a pointer to be what we take it for; 0: not known.
 */
struct gd_cpython_types {
	uint64_t code;    /* &PyCode_Type */
	uint64_t unicode; /* &PyUnicode_Type */
	uint64_t bytes;   /* &PyBytes_Type */
};

struct gd_cpython {
	struct gd_cpython_offsets offsets;
	struct gd_cpython_types types;
	struct gd_memory memory;
};

/* A frame: which code, and how far into it. */
struct gd_cpython_frame {
	uint64_t code;
	int32_t instr_bytes; /* offset of the instruction in the bytecode */
};

/*
 * The frames of tstate, innermost first, at most max.  The thread must not run meanwhile, or be
 * the caller.  Returns their number; negative where something read was not what it should be: then
 * no frame counts.  Exact where the thread is inside a C call.
 */
int gd_cpython_walk(const struct gd_cpython *python, uint64_t tstate,
		    struct gd_cpython_frame *frames, int max);

#endif
