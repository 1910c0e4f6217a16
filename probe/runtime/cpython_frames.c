/* SPDX-License-Identifier: MIT */
/*
 * The walk.  Each frame's code must be a code object and its instruction lie within it: a wrong
 * offset, a torn read or a frame that is half pushed fails there.
 */
#include "cpython_frames.h"

#define CHAIN_MAX    4096      /* frames that are looked at, the interpreter's own included */
#define BYTECODE_MAX 0x1000000 /* bytes of one function */

/*
 * From 3.12 on the chain holds frames of the interpreter itself (Include/internal/pycore_frame.h).
 */
#define OWNER_OF_INTERPRETER 3

static bool read_first_frame(const struct gd_cpython *python, uint64_t tstate, uint64_t *ret_frame)
{
	const struct gd_cpython_offsets *o = &python->offsets;

	if (!gd_memory_read_u64(&python->memory, tstate + o->tstate_frame, ret_frame))
		return false;
	return o->cframe_frame == GD_OFFSET_NONE || !*ret_frame ||
	       gd_memory_read_u64(&python->memory, *ret_frame + o->cframe_frame, ret_frame);
}

static bool is_code(const struct gd_cpython *python, uint64_t code)
{
	uint64_t type;

	return gd_memory_read_u64(&python->memory, code + python->offsets.object_type, &type) &&
	       (!python->types.code || type == python->types.code);
}

/* Where the thread's bytecode begins: free-threaded builds from 3.14 on have a copy per thread. */
static bool read_bytecode(const struct gd_cpython *python, uint64_t frame, uint64_t code,
			  uint64_t *ret_start)
{
	const struct gd_cpython_offsets *o = &python->offsets;
	uint64_t array, size, entry;
	int32_t index;

	*ret_start = code + o->code_adaptive;
	if (o->frame_tlbc_index == GD_OFFSET_NONE)
		return true;
	if (!gd_memory_read(&python->memory, frame + o->frame_tlbc_index, &index, sizeof(index)) ||
	    !gd_memory_read_u64(&python->memory, code + o->code_tlbc, &array))
		return false;
	if (index <= 0 || !array)
		return true;
	/* struct _PyCodeArray: size, then the entries. */
	if (!gd_memory_read_u64(&python->memory, array, &size) || (uint64_t)index >= size ||
	    !gd_memory_read_u64(&python->memory, array + 8 + 8 * (uint64_t)index, &entry))
		return false;
	if (entry)
		*ret_start = entry;
	return true;
}

static bool read_instr(const struct gd_cpython *python, uint64_t frame, uint64_t code,
		       int32_t *ret_bytes)
{
	const struct gd_cpython_offsets *o = &python->offsets;
	uint64_t pointer, start;
	int64_t bytes;
	int32_t index;

	if (o->frame_instr_unit) {
		if (!gd_memory_read(&python->memory, frame + o->frame_instr, &index, sizeof(index)))
			return false;
		bytes = (int64_t)index * o->frame_instr_unit;
	} else {
		if (!gd_memory_read_u64(&python->memory, frame + o->frame_instr, &pointer) ||
		    !read_bytecode(python, frame, code, &start))
			return false;
		bytes = (int64_t)(pointer - start);
	}
	*ret_bytes = (int32_t)bytes;
	return bytes >= -2 && bytes < BYTECODE_MAX;
}

int gd_cpython_walk(const struct gd_cpython *python, uint64_t tstate,
		    struct gd_cpython_frame *frames, int max)
{
	const struct gd_cpython_offsets *o = &python->offsets;
	uint64_t frame, mark = 0;
	int count = 0;

	if (!tstate || !read_first_frame(python, tstate, &frame))
		return -1;
	for (int i = 0; frame && count < max; i++) {
		uint64_t code, back;
		uint8_t owner = 0;

		if (frame == mark || i == CHAIN_MAX)
			return -1; /* a circle */
		if ((i & (i - 1)) == 0)
			mark = frame; /* at 1, 2, 4, ...: some day it lies within the circle */
		if (!gd_memory_read_u64(&python->memory, frame + o->frame_back, &back))
			return -1;
		if (o->frame_owner != GD_OFFSET_NONE &&
		    !gd_memory_read(&python->memory, frame + o->frame_owner, &owner, sizeof(owner)))
			return -1;
		if (o->version < 0x030c || owner < OWNER_OF_INTERPRETER) {
			if (!gd_memory_read_u64(&python->memory, frame + o->frame_code, &code))
				return -1;
			if (o->version >= 0x030d)
				code &= ~(uint64_t)7; /* a tagged reference (_PyStackRef) */
			if (!is_code(python, code) ||
			    !read_instr(python, frame, code, &frames[count].instr_bytes))
				return -1;
			frames[count++].code = code;
		}
		frame = back;
	}
	return count;
}
