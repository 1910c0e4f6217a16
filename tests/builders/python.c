/* SPDX-License-Identifier: MIT */
/*
 * Fields stand where the offsets say; what the offsets do not say (the bits of a string's state,
 * where its text begins) is told here a second time, after CPython's headers.
 */
#include "python.h"
#include <stdlib.h>
#include <string.h>

#define TSTATE_BYTES 512
#define FRAME_BYTES  128
#define CODE_BYTES   256

static bool read_laid_out(void *arg, uint64_t address, void *buf, size_t size_bytes)
{
	struct gd_python *python = arg;
	uint64_t at = address - (uint64_t)(uintptr_t)python->memory;

	python->reads++;
	if (at > python->used || size_bytes > python->used - at)
		return false;
	memcpy(buf, python->memory + at, size_bytes);
	return true;
}

/* What is not a field is no pointer, no count and no type. */
static uint64_t add(struct gd_python *python, size_t size_bytes)
{
	uint64_t address = (uint64_t)(uintptr_t)python->memory + python->used;

	size_bytes = (size_bytes + 15) / 16 * 16;
	if (size_bytes > sizeof(python->memory) - python->used)
		abort();
	memset(python->memory + python->used, 0xdb, size_bytes);
	python->used += size_bytes;
	return address;
}

void gd_python_put(struct gd_python *python, uint64_t address, uint64_t value, size_t size_bytes)
{
	uint64_t at = address - (uint64_t)(uintptr_t)python->memory;

	if (at > python->used || size_bytes > python->used - at)
		abort();
	memcpy(python->memory + at, &value, size_bytes);
}

static void set_innermost(struct gd_python *python, uint64_t frame)
{
	const struct gd_cpython_offsets *o = &python->cpython.offsets;
	uint64_t at = python->tstate + o->tstate_frame;

	if (o->cframe_frame != GD_OFFSET_NONE)
		at = python->tstate + TSTATE_BYTES + o->cframe_frame;
	gd_python_put(python, at, frame, 8);
	python->innermost = frame;
}

void gd_python_init(struct gd_python *ret_python, const struct gd_cpython_offsets *offsets,
		    struct gd_cpython_types types)
{
	ret_python->cpython.offsets = *offsets;
	ret_python->cpython.types = types;
	ret_python->cpython.memory = (struct gd_memory){ read_laid_out, ret_python };
	ret_python->used = 0;
	ret_python->reads = 0;
	ret_python->tstate = add(ret_python, TSTATE_BYTES);
	if (offsets->cframe_frame != GD_OFFSET_NONE)
		gd_python_put(ret_python, ret_python->tstate + offsets->tstate_frame,
			      add(ret_python, 64), 8);
	set_innermost(ret_python, 0);
}

struct gd_cpython_offsets gd_python_offsets(uint16_t version)
{
	struct gd_cpython_offsets offsets;

	if (!gd_cpython_offsets_find(version, NULL, 0, &offsets))
		abort();
	return offsets;
}

/* ---- Objects --------------------------------------------------------------------------------- */

static uint64_t add_str(struct gd_python *python, size_t header_bytes, uint32_t state,
			const void *text, size_t count, size_t text_bytes)
{
	const struct gd_cpython_offsets *o = &python->cpython.offsets;
	uint64_t address = add(python, header_bytes + text_bytes);

	gd_python_put(python, address + o->object_type, python->cpython.types.unicode, 8);
	gd_python_put(python, address + o->str_length, count, 8);
	gd_python_put(python, address + o->str_state, state, 4);
	memcpy((void *)(uintptr_t)(address + header_bytes), text, text_bytes);
	return address;
}

/* state, from its lowest bit: 2 interned, 3 kind, 1 compact, 1 ascii. */
uint64_t gd_python_add_ascii(struct gd_python *python, const char *text)
{
	return add_str(python, python->cpython.offsets.str_ascii, 1 << 2 | 1 << 5 | 1 << 6, text,
		       strlen(text), strlen(text) + 1);
}

uint64_t gd_python_add_str(struct gd_python *python, const uint32_t *chars, size_t count,
			   uint32_t kind)
{
	const struct gd_cpython_offsets *o = &python->cpython.offsets;
	unsigned char text[4 * 1024];

	for (size_t i = 0; i < count && (i + 1) * kind <= sizeof(text); i++)
		memcpy(text + i * kind, &chars[i], kind);
	/* PyCompactUnicodeObject: utf8_length, utf8, and before 3.12 wstr_length. */
	return add_str(python, o->str_ascii + (o->version < 0x030c ? 24u : 16u), kind << 2 | 1 << 5,
		       text, count, count * kind);
}

uint64_t gd_python_add_bytes(struct gd_python *python, const void *bytes, size_t size_bytes)
{
	const struct gd_cpython_offsets *o = &python->cpython.offsets;
	uint64_t address = add(python, o->bytes_data + size_bytes);

	gd_python_put(python, address + o->object_type, python->cpython.types.bytes, 8);
	gd_python_put(python, address + o->bytes_size, size_bytes, 8);
	memcpy((void *)(uintptr_t)(address + o->bytes_data), bytes, size_bytes);
	return address;
}

uint64_t gd_python_add_code(struct gd_python *python, uint64_t file, uint64_t name,
			    int32_t first_line, uint64_t table)
{
	const struct gd_cpython_offsets *o = &python->cpython.offsets;
	uint64_t address = add(python, CODE_BYTES);

	gd_python_put(python, address + o->object_type, python->cpython.types.code, 8);
	gd_python_put(python, address + o->code_filename, file, 8);
	gd_python_put(python, address + o->code_name, name, 8);
	gd_python_put(python, address + o->code_firstlineno, (uint32_t)first_line, 4);
	gd_python_put(python, address + o->code_linetable, table, 8);
	return address;
}

uint64_t gd_python_call(struct gd_python *python, uint64_t code, int32_t instr_bytes)
{
	const struct gd_cpython_offsets *o = &python->cpython.offsets;
	uint64_t frame = add(python, FRAME_BYTES);

	gd_python_put(python, frame + o->frame_code, code, 8);
	gd_python_put(python, frame + o->frame_back, python->innermost, 8);
	if (o->frame_owner != GD_OFFSET_NONE)
		gd_python_put(python, frame + o->frame_owner, 0, 1);
	if (o->frame_instr_unit)
		gd_python_put(python, frame + o->frame_instr,
			      (uint32_t)(instr_bytes / o->frame_instr_unit), 4);
	else
		gd_python_put(python, frame + o->frame_instr,
			      code + o->code_adaptive + (uint64_t)(int64_t)instr_bytes, 8);
	set_innermost(python, frame);
	return frame;
}

uint64_t gd_python_add_function(struct gd_python *python, const char *file, const char *name,
				int32_t first_line)
{
	/* One entry each: a step of bytes, a step of no lines; or one of no columns (PEP 657). */
	static const uint8_t pairs[] = { 250, 0 };
	static const uint8_t locations[] = { 0x80 | 13 << 3 | 7, 0 };
	bool is_new = python->cpython.offsets.lines == GD_LINES_LOCATIONS;
	uint64_t table = gd_python_add_bytes(python, is_new ? locations : pairs, 2);
	uint64_t file_str = gd_python_add_ascii(python, file);

	return gd_python_add_code(python, file_str, gd_python_add_ascii(python, name), first_line,
				  table);
}
