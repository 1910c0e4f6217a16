/* SPDX-License-Identifier: MIT */
/* The part of shared.h that is about Python stacks. */
#ifndef GD_BPF_PYTHON_SHARED_H
#define GD_BPF_PYTHON_SHARED_H

#include <gildiag/recording.h>
#include <runtime/cpython_offsets.h>

/* Of a thread of an interpreter whose stacks are walked: python.h. */
struct gd_task_python {
	uint32_t layout; /* 1 + index in gd_pythons; 0: none */
	uint32_t
		is_copy; /* its process was born of one that ran already: a fork, or a program of it */
	uint64_t tstate;        /* its thread state, where it was last found; 0: not yet */
	uint64_t stack;         /* key in gd_python_stacks, of the block that is open; 0: none */
	uint64_t window_ns;     /* blocks are counted since then */
	uint32_t window_blocks; /* so many came */
	uint32_t thinned;       /* of 2^thinned blocks one is walked */
	uint32_t searches;      /* for the thread state, in vain */
	uint32_t gil;           /* GD_AT_GIL_* */
};

#define GD_AT_GIL_NOT   0
#define GD_AT_GIL_WAITS 1
#define GD_AT_GIL_HOLDS 2 /* and was seen to take it */

#define GD_PRESENT_MAX 16 /* processes that ran already whose interpreters are looked at */

/* Interpreters whose stacks are walked: theirs, and of programs that are executed later. */
#define GD_PYTHONS 1024

/* An interpreter whose stacks are walked.  Writer: the loader, before a thread refers to it. */
struct gd_python_layout {
	struct gd_cpython_offsets offsets;
	uint64_t threads;     /* address of the pointer to the first thread state */
	uint64_t code_type;   /* &PyCode_Type */
	uint32_t frame_bytes; /* that are read of a frame, */
	uint32_t code_bytes;  /* and of a code object */
	uint16_t tstate_next;
	uint16_t padding;
	uint32_t padding1;
};

#define GD_PYTHON_STACKS      4096 /* distinct ones that have room */
#define GD_PYTHON_WAITS       8192
#define GD_PYTHON_FRAME_BYTES 128 /* at most; no field that is wanted lies deeper */
#define GD_PYTHON_CODE_BYTES  256

/* As struct gd_cpython_frame; innermost first. */
struct gd_python_stack {
	uint32_t count;
	uint32_t is_cut; /* there were more */
	uint64_t codes[GD_STACK_DEPTH];
	int32_t instrs[GD_STACK_DEPTH];
	uint32_t checks[GD_STACK_DEPTH]; /* gd_python_check() of the code objects */
};

/*
 * Tells a code object from a later one at its address: names are read when it may be gone.  Of its
 * filename, name and line table (addresses), and its first line.
 */
static inline uint32_t gd_python_check(uint64_t filename, uint64_t name, uint64_t linetable,
				       uint32_t first_line)
{
	uint64_t hash = (filename ^ first_line) * 0x9e3779b97f4a7c15ull;

	hash = (hash ^ hash >> 31 ^ name) * 0x9e3779b97f4a7c15ull;
	hash = (hash ^ hash >> 31 ^ linetable) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(hash >> 32);
}

struct gd_python_wait_key {
	uint64_t stack;
	uint32_t image;
	uint32_t cause; /* GD_CAUSE_* */
};

struct gd_python_wait_sums {
	uint64_t waited_ns; /* of those that were not walked, too */
	uint64_t samples;   /* that were */
};

#endif
