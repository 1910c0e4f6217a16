/* SPDX-License-Identifier: MIT */
#include "python_stacks.h"
#include "follow.h"
#include <runtime/cpython_names.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX (1u << 20)
#define FRAMES_MAX     16384
#define TARGETS_MAX    2048

/* 1 + the number of a new row, and of its twin: two tables in step; 0: no room in one of them. */
static uint32_t add_pair(struct gd_rows *rows, const void *row, size_t row_bytes,
			 struct gd_rows *twins, const void *twin, size_t twin_bytes, size_t limit)
{
	void *new_row = gd_rows_add(rows, row_bytes, limit);
	void *new_twin = new_row ? gd_rows_add(twins, twin_bytes, limit) : NULL;

	if (new_row && !new_twin)
		rows->count--;
	if (!new_twin)
		return 0;
	memcpy(new_row, row, row_bytes);
	memcpy(new_twin, twin, twin_bytes);
	return (uint32_t)rows->count;
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* Where a text stands from now on; 0: no room. */
static uint32_t add_text(struct gd_python_stacks *stacks, const char *text)
{
	size_t bytes = strlen(text) + 1;
	uint32_t first = (uint32_t)stacks->texts.count;

	for (size_t i = 0; i < bytes; i++) {
		char *byte = gd_rows_add(&stacks->texts, 1, TEXT_BYTES_MAX);

		if (!byte)
			return 0;
		*byte = text[i];
	}
	return first;
}

/* A frame of the same code has the same texts. */
static bool add_texts(struct gd_python_stacks *stacks, uint64_t code,
		      const struct gd_cpython_names *names, struct gd_frame *frame)
{
	const struct gd_python_code *codes = stacks->codes.rows;
	const struct gd_frame *frames = stacks->frames.rows;
	const char *texts = stacks->texts.rows;

	for (size_t i = stacks->frames.count; i-- > 0;) {
		if (codes[i].frame.code != code ||
		    strcmp(texts + frames[i].file, names->file) != 0 ||
		    strcmp(texts + frames[i].function, names->function) != 0)
			continue;
		frame->file = frames[i].file;
		frame->function = frames[i].function;
		return true;
	}
	frame->file = add_text(stacks, names->file);
	frame->function = add_text(stacks, names->function);
	return frame->file && frame->function;
}

uint32_t gd_python_stacks_check(const struct gd_interpreter *interpreter, uint64_t code)
{
	struct gd_cpython_code_identity now;

	return gd_cpython_identify(&interpreter->python, code, &now)
		       ? gd_python_check(now.filename, now.name, now.linetable,
					 (uint32_t)now.first_line)
		       : 0;
}

/* 1 + the row of a frame that was named before; 0: there is none. */
static uint32_t find_frame(const struct gd_python_stacks *stacks, const struct gd_python_code *code)
{
	const struct gd_python_code *codes = stacks->codes.rows;

	for (size_t i = stacks->codes.count; i-- > 0;)
		if (codes[i].image == code->image && codes[i].check == code->check &&
		    codes[i].frame.code == code->frame.code &&
		    codes[i].frame.instr_bytes == code->frame.instr_bytes)
			return (uint32_t)i + 1;
	return 0;
}

/* 1 + the row of a frame that is named now; 0: it has no name, or no room. */
static uint32_t add_frame(struct gd_python_stacks *stacks, const struct gd_interpreter *interpreter,
			  const struct gd_python_code *code)
{
	struct gd_cpython_names names;
	struct gd_frame frame;

	/* Asked afterwards: what was named is what is the same now. */
	if (!gd_cpython_name(&interpreter->python, &code->frame, &names) ||
	    gd_python_stacks_check(interpreter, code->frame.code) != code->check)
		return 0;
	frame = (struct gd_frame){ .line = names.line, .first_line = names.first_line };
	if (!add_texts(stacks, code->frame.code, &names, &frame))
		return 0;
	return add_pair(&stacks->frames, &frame, sizeof(frame), &stacks->codes, code, sizeof(*code),
			FRAMES_MAX);
}

static const struct gd_python_target *find_target(const struct gd_python_stacks *stacks,
						  uint32_t image)
{
	const struct gd_python_target *targets = stacks->targets.rows;

	for (size_t i = stacks->targets.count; i-- > 0;)
		if (targets[i].image == image)
			return &targets[i];
	return NULL;
}

const struct gd_interpreter *gd_python_stacks_interpreter(const struct gd_python_stacks *stacks,
							  uint32_t image)
{
	const struct gd_python_target *target = find_target(stacks, image);

	return target ? target->interpreter : NULL;
}

/* When a forked process has ended, whom it was forked from may have the same code still. */
static uint32_t name_frame(struct gd_python_stacks *stacks, const struct gd_python_target *target,
			   const struct gd_python_code *code)
{
	uint32_t row = find_frame(stacks, code);

	if (!row)
		row = add_frame(stacks, target->interpreter, code);
	if (!row && target->twin)
		row = add_frame(stacks, target->twin, code);
	return row;
}

/* 1 + the row of an equal one; 0: there is none. */
static uint32_t find_equal(const struct gd_python_stacks *stacks, const struct gd_stack *stack)
{
	const struct gd_stack *rows = stacks->stacks.rows;

	for (size_t i = 0; i < stacks->stacks.count; i++)
		if (memcmp(&rows[i], stack, sizeof(*stack)) == 0)
			return (uint32_t)i + 1;
	return 0;
}

uint32_t gd_python_stacks_add(struct gd_python_stacks *stacks, uint32_t image, uint64_t key,
			      const struct gd_python_stack *from)
{
	const struct gd_python_target *target = find_target(stacks, image);
	struct gd_stack stack = { .count = from->count, .is_cut = from->is_cut };
	uint32_t equal;

	for (uint32_t i = 0; target && i < from->count && i < GD_STACK_DEPTH; i++) {
		struct gd_python_code code = { { from->codes[i], from->instrs[i] },
					       image,
					       from->checks[i] };
		uint32_t named = name_frame(stacks, target, &code);

		if (!named)
			return 0;
		stack.frames[i] = named - 1;
	}
	if (!target)
		return 0;
	equal = key ? 0 : find_equal(stacks, &stack);
	return equal ? equal
		     : add_pair(&stacks->stacks, &stack, sizeof(stack), &stacks->keys, &key,
				sizeof(key), GD_PYTHON_STACKS);
}

void gd_python_stacks_note(struct gd_python_stacks *stacks, uint32_t image, uint64_t key)
{
	struct gd_python_stack stack;

	if (!stacks->attached)
		return;
	if (bpf_map_lookup_elem(bpf_map__fd(stacks->attached->skeleton->maps.gd_python_stacks),
				&key, &stack) != 0 ||
	    !gd_python_stacks_add(stacks, image, key, &stack))
		stacks->lost++;
}

uint32_t gd_python_stacks_find(const struct gd_python_stacks *stacks, uint64_t key)
{
	const uint64_t *keys = stacks->keys.rows;

	for (size_t i = 0; i < stacks->keys.count; i++)
		if (keys[i] == key)
			return (uint32_t)i + 1;
	return 0;
}

/* ---- Beginning ------------------------------------------------------------------------------- */

/* So many bytes have all these fields; 0: more than the kernel's programs read. */
static uint32_t bytes_of(const uint16_t *fields, size_t count, uint32_t limit)
{
	uint32_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		if (fields[i] != GD_OFFSET_NONE && fields[i] + sizeof(uint64_t) > bytes)
			bytes = fields[i] + (uint32_t)sizeof(uint64_t);
	bytes = (bytes + 7) / 8 * 8;
	return bytes <= limit ? bytes : 0;
}

static uint32_t frame_bytes(const struct gd_cpython_offsets *offsets)
{
	const uint16_t fields[] = { offsets->frame_code, offsets->frame_back, offsets->frame_instr,
				    offsets->frame_owner };

	return bytes_of(fields, sizeof(fields) / sizeof(fields[0]), GD_PYTHON_FRAME_BYTES);
}

static uint32_t code_bytes(const struct gd_cpython_offsets *offsets)
{
	const uint16_t fields[] = { offsets->object_type, offsets->code_filename,
				    offsets->code_name, offsets->code_linetable,
				    offsets->code_firstlineno };

	return bytes_of(fields, sizeof(fields) / sizeof(fields[0]), GD_PYTHON_CODE_BYTES);
}

void gd_python_stacks_begin(struct gd_attached *attached, const struct gd_interpreter *interpreter,
			    int32_t pid, uint32_t image, struct gd_python_stacks *stacks)
{
	const struct gd_cpython_offsets *offsets = &interpreter->python.offsets;
	size_t at = stacks->layouts;
	struct gd_python_target *target;

	/* Thread-local bytecode (free-threaded 3.14) is not followed in the kernel. */
	if (at == GD_PYTHONS)
		stacks->lost++;
	if (at == GD_PYTHONS || !interpreter->has_stacks || !frame_bytes(offsets) ||
	    !code_bytes(offsets) || offsets->frame_tlbc_index != GD_OFFSET_NONE)
		return;
	target = gd_rows_add(&stacks->targets, sizeof(*target), TARGETS_MAX);
	if (!target)
		return;
	*target = (struct gd_python_target){ interpreter, NULL, image };
	if (!at)
		add_text(stacks, ""); /* 0 is no text */
	stacks->attached = attached;
	attached->skeleton->bss->gd_pythons[at] =
		(struct gd_python_layout){ .offsets = *offsets,
					   .threads = interpreter->threads.head,
					   .code_type = interpreter->python.types.code,
					   .frame_bytes = frame_bytes(offsets),
					   .code_bytes = code_bytes(offsets),
					   .tstate_next = interpreter->threads.next };
	stacks->layouts++;
	gd_follow_layout(attached, pid, (uint32_t)at + 1);
}

void gd_python_stacks_fork(uint32_t twin, uint32_t image, const struct gd_interpreter *interpreter,
			   struct gd_python_stacks *stacks)
{
	const struct gd_python_target *from = find_target(stacks, twin);
	const struct gd_interpreter *first;
	struct gd_python_target *target;

	if (!from)
		return;
	/* Of a child of a child that of the first one: it has what both have. */
	first = from->twin ? from->twin : from->interpreter;
	target = gd_rows_add(&stacks->targets, sizeof(*target), TARGETS_MAX);
	if (target)
		*target = (struct gd_python_target){ interpreter, first, image };
}

void gd_python_stacks_free(struct gd_python_stacks *stacks)
{
	free(stacks->texts.rows);
	free(stacks->frames.rows);
	free(stacks->stacks.rows);
	free(stacks->keys.rows);
	free(stacks->codes.rows);
	free(stacks->targets.rows);
	*stacks = (struct gd_python_stacks){ .lost = 0 };
}
