/* SPDX-License-Identifier: MIT */
/*
 * From the current thread to its Python frames, as gd_cpython_walk() does it elsewhere: what is read
 * is a guess until the code objects turn out to be some.
 */
#ifndef GD_BPF_PYTHON_WALK_H
#define GD_BPF_PYTHON_WALK_H

#include "tables.h"

#define CHAIN_MAX    96 /* frames that are looked at, the interpreter's own included */
#define THREADS_MAX  64 /* thread states that are looked at, the youngest first */
#define BYTECODE_MAX 0x1000000

/* From 3.12 on the chain holds frames of the interpreter itself. */
#define OWNER_OF_INTERPRETER 3

struct gd_python_layout gd_pythons[GD_PYTHONS];

/* number: of struct gd_task_python. */
static __always_inline const struct gd_python_layout *layout_of(__u32 number)
{
	return &gd_pythons[(number - 1) & (GD_PYTHONS - 1)];
}

struct scratch {
	struct gd_python_stack stack;
	/* What is looked at. */
	__u64 frame[GD_PYTHON_FRAME_BYTES / sizeof(__u64)];
	__u64 code[GD_PYTHON_CODE_BYTES / sizeof(__u64)];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} gd_python_scratch SEC(".maps");

/* This CPU's; NULL never, but the verifier wants to see it asked. */
static __always_inline struct scratch *own_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&gd_python_scratch, &zero);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static __always_inline __u64 read_word(__u64 address)
{
	__u64 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (void *)address);
	return word; /* where it cannot be read 0, which is nothing that is looked for */
}

/* A field of what was read; the offset is the loader's.  words: a power of two of them. */
static __always_inline __u64 field(const __u64 *words, __u32 count, __u32 offset)
{
	return words[offset / sizeof(__u64) & (count - 1)] >> offset % sizeof(__u64) * 8;
}

static __always_inline __u64 of_frame(const struct scratch *scratch, __u32 offset)
{
	return field(scratch->frame, sizeof(scratch->frame) / sizeof(__u64), offset);
}

static __always_inline __u64 of_code(const struct scratch *scratch, __u32 offset)
{
	return field(scratch->code, sizeof(scratch->code) / sizeof(__u64), offset);
}

/* ---- The thread state ------------------------------------------------------------------------ */

/* It names its thread by what pthread_self() returns: on x86-64 the thread pointer. */
static __always_inline _Bool is_of(const struct gd_python_layout *layout, __u64 tstate,
				   __u64 thread)
{
	return tstate && read_word(tstate + layout->offsets.tstate_thread_id) == thread;
}

/* Global, with numbers only, as gd_python_walk(): the verifier looks at it once, not for each caller. */
__noinline __u64 gd_python_search(__u32 number, __u64 thread)
{
	const struct gd_python_layout *layout = layout_of(number);
	__u64 tstate = read_word(layout->threads);

	for (int i = 0; i < THREADS_MAX && tstate; i++) {
		if (is_of(layout, tstate, thread))
			return tstate;
		tstate = read_word(tstate + layout->tstate_next);
	}
	return 0;
}

/* ---- The walk -------------------------------------------------------------------------------- */

static __always_inline __u64 first_frame(const struct gd_cpython_offsets *o, __u64 tstate)
{
	__u64 frame = read_word(tstate + o->tstate_frame);

	return o->cframe_frame == GD_OFFSET_NONE || !frame ? frame
							   : read_word(frame + o->cframe_frame);
}

/* Reads the code object to scratch, if it is one. */
static __always_inline _Bool read_code(const struct gd_python_layout *layout,
				       struct scratch *scratch, __u64 code)
{
	__u32 bytes = layout->code_bytes;

	return code && bytes && bytes <= sizeof(scratch->code) &&
	       bpf_probe_read_user(scratch->code, bytes, (void *)code) == 0 &&
	       of_code(scratch, layout->offsets.object_type) == layout->code_type;
}

static __always_inline __u64 mix(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

/* Adds the frame in scratch; false: it is none, and so is the stack. */
static __always_inline _Bool add_frame(const struct gd_python_layout *layout,
				       struct scratch *scratch, __u64 *hash)
{
	const struct gd_cpython_offsets *o = &layout->offsets;
	__u64 code = of_frame(scratch, o->frame_code);
	__u32 at = scratch->stack.count, check;
	__s64 instr;

	if (o->version >= 0x030d)
		code &= ~7ull; /* a tagged reference (_PyStackRef) */
	if (!read_code(layout, scratch, code))
		return 0;
	if (o->frame_instr_unit)
		instr = (__s64)(__s32)of_frame(scratch, o->frame_instr) * o->frame_instr_unit;
	else
		instr = (__s64)(of_frame(scratch, o->frame_instr) - code - o->code_adaptive);
	if (instr < -2 || instr >= BYTECODE_MAX || at >= GD_STACK_DEPTH)
		return 0;
	check = gd_python_check(of_code(scratch, o->code_filename), of_code(scratch, o->code_name),
				of_code(scratch, o->code_linetable),
				(__u32)of_code(scratch, o->code_firstlineno));
	scratch->stack.codes[at] = code;
	scratch->stack.instrs[at] = (__s32)instr;
	scratch->stack.checks[at] = check;
	scratch->stack.count = at + 1;
	*hash = mix(mix(*hash, code ^ (__u64)check << 32), (__u64)instr);
	return 1;
}

static __always_inline _Bool is_interpreters_own(const struct gd_cpython_offsets *o,
						 const struct scratch *scratch)
{
	return o->version >= 0x030c &&
	       (__u8)of_frame(scratch, o->frame_owner) >= OWNER_OF_INTERPRETER;
}

/* The hash of the image's frames, which are left in this CPU's scratch; 0: no stack. */
__noinline __u64 gd_python_walk(__u32 number, __u32 image, __u64 tstate)
{
	const struct gd_python_layout *layout = layout_of(number);
	__u64 frame = first_frame(&layout->offsets, tstate), hash = image;
	struct scratch *scratch = own_scratch();
	__u32 bytes = layout->frame_bytes;

	if (!scratch || !bytes || bytes > sizeof(scratch->frame))
		return 0;
	scratch->stack.count = 0;
	scratch->stack.is_cut = 0;
	for (int i = 0; i < CHAIN_MAX && frame; i++) {
		if (bpf_probe_read_user(scratch->frame, bytes, (void *)frame))
			return 0;
		frame = of_frame(scratch, layout->offsets.frame_back);
		if (is_interpreters_own(&layout->offsets, scratch))
			continue;
		if (!add_frame(layout, scratch, &hash))
			return 0;
		if (scratch->stack.count == GD_STACK_DEPTH)
			break;
	}
	scratch->stack.is_cut = frame != 0;
	return scratch->stack.count ? hash | 1 : 0;
}

#endif
