/* SPDX-License-Identifier: MIT */
/*
 * Copies a memfd image to a file: the header, the section table with packed offsets, and of each
 * section the part in use.  Agent (exit path) and sampler share it; raw system calls come from the
 * includer, so nothing here is traced and nothing touches errno.
 */
#ifndef GILDIAG_IMAGE_H
#define GILDIAG_IMAGE_H

#include "recording.h"
#include <stddef.h>

#define GD_IMAGE_BYTES    (64ull << 20)
#define GD_IMAGE_SECTIONS GD_SECTION_SHORTS /* those behind it are not the agent's */
#define GD_PAGE_BYTES     4096ull
#define GD_CACHE_LINE     64ull

#define GD_JOINT_CAPACITY  1024
#define GD_GIL_CAPACITY    16
#define GD_THREAD_CAPACITY 16384
#define GD_LOCK_CAPACITY   65536
#define GD_ENDED_CAPACITY  1024
#define GD_STRING_CAPACITY (2u << 20)
#define GD_FRAME_CAPACITY  16384
#define GD_STACK_CAPACITY  4096
#define GD_SAMPLE_CAPACITY 8192
#define GD_MODULE_CAPACITY 512
#define GD_PIPE_CAPACITY   4096
#define GD_SHORT_CAPACITY  16384

/* Writes all of size bytes at offset; 0 or a negative errno.  Context: of the includer. */
typedef int gd_image_write_fn(void *to, const void *from, size_t size_bytes, uint64_t offset);

static inline uint64_t gd_image_align(uint64_t offset)
{
	return (offset + GD_PAGE_BYTES - 1) & ~(GD_PAGE_BYTES - 1);
}

/* The section table inside an image or a file. */
static inline struct gd_section *gd_image_sections(void *image)
{
	return (struct gd_section *)((char *)image + sizeof(struct gd_file_header));
}

/* The entries of the section at index (0-based, kinds in order from 1) of a memfd image. */
static inline void *gd_image_entries(void *image, uint32_t kind)
{
	return (char *)image + gd_image_sections(image)[kind - 1].offset;
}

/*
 * Lays out an empty, zeroed image of GD_IMAGE_BYTES.  Touches only its first page.
 * Context: constructor or a fork's child; one thread.
 */
static inline void gd_image_init(void *image)
{
	static const struct {
		uint32_t entry_size;
		uint32_t capacity;
	} plan[GD_IMAGE_SECTIONS] = {
		{ sizeof(struct gd_process), 1 },
		{ sizeof(struct gd_joint), GD_JOINT_CAPACITY },
		{ sizeof(struct gd_gil), GD_GIL_CAPACITY },
		{ sizeof(struct gd_thread), GD_THREAD_CAPACITY },
		{ sizeof(struct gd_lock), GD_LOCK_CAPACITY },
		{ sizeof(struct gd_ended), GD_ENDED_CAPACITY },
		{ 1, GD_STRING_CAPACITY },
		{ sizeof(struct gd_frame), GD_FRAME_CAPACITY },
		{ sizeof(struct gd_stack), GD_STACK_CAPACITY },
		{ sizeof(struct gd_sample), GD_SAMPLE_CAPACITY },
		{ sizeof(struct gd_module), GD_MODULE_CAPACITY },
		{ sizeof(struct gd_pipe), GD_PIPE_CAPACITY },
		{ sizeof(struct gd_short), GD_SHORT_CAPACITY },
	};
	struct gd_file_header *header = (struct gd_file_header *)image;
	struct gd_section *sections = gd_image_sections(image);
	uint64_t offset = (sizeof(*header) + sizeof(plan) / sizeof(plan[0]) * sizeof(*sections) +
			   GD_CACHE_LINE - 1) &
			  ~(GD_CACHE_LINE - 1ull);

	__builtin_memcpy(header->magic, GD_MAGIC, sizeof(GD_MAGIC));
	header->abi_major = GD_ABI_MAJOR;
	header->abi_minor = GD_ABI_MINOR;
	header->header_size = sizeof(*header);
	header->section_count = GD_IMAGE_SECTIONS;
	header->arch = GD_ARCH_X86_64;
	header->state = GD_STATE_OPEN;
	for (uint32_t i = 0; i < GD_IMAGE_SECTIONS; i++) {
		sections[i].kind = i + 1;
		sections[i].entry_size = plan[i].entry_size;
		sections[i].capacity = plan[i].capacity;
		sections[i].offset = offset;
		offset += (uint64_t)plan[i].entry_size * plan[i].capacity;
		offset = i == 0 ? offset : gd_image_align(offset);
	}
	sections[GD_SECTION_PROCESS - 1].used = 1;
}

/*
 * What of a row of stacks is worth writing: none is deeper than the deepest.  Programs have tens of
 * frames, the table room for more.
 */
static inline uint32_t gd_image_stack_bytes(const struct gd_stack *rows, uint32_t used)
{
	uint32_t deepest = 0, bytes;

	for (uint32_t i = 0; i < used; i++)
		if (rows[i].count > deepest)
			deepest = rows[i].count;
	if (deepest > GD_STACK_DEPTH)
		deepest = GD_STACK_DEPTH; /* damaged */
	bytes = (uint32_t) __builtin_offsetof(struct gd_stack, frames) +
		deepest * (uint32_t)sizeof(rows->frames[0]);
	bytes = (bytes + 7u) & ~7u;
	return bytes < sizeof(*rows) ? bytes : (uint32_t)sizeof(*rows);
}

/* Writes the beginnings of rows; few at a time, for we may be on a small stack. */
static inline int gd_image_write_stacks(const struct gd_stack *rows, uint32_t used,
					uint32_t row_bytes, uint64_t offset,
					gd_image_write_fn *write, void *to)
{
	char buf[8 * sizeof(*rows)];
	int err = 0;

	for (uint32_t i = 0; i < used && !err;) {
		uint32_t bytes = 0;

		for (; i < used && bytes + row_bytes <= sizeof(buf); i++, bytes += row_bytes)
			__builtin_memcpy(buf + bytes, &rows[i], row_bytes);
		err = write(to, buf, bytes, offset);
		offset += bytes;
	}
	return err;
}

/*
 * Writes image as a file.  state and copied_ns go into the copy's header, not into the image.
 * Returns 0 or what write returned.
 */
static inline int gd_image_write(void *image, uint32_t state, uint64_t copied_ns,
				 gd_image_write_fn *write, void *to)
{
	struct gd_file_header header = *(struct gd_file_header *)image;
	struct gd_section packed[GD_IMAGE_SECTIONS];
	const struct gd_section *sections = gd_image_sections(image);
	uint64_t offset = sizeof(header) + sizeof(packed);
	int err = 0;

	header.state = state;
	header.copied_ns = copied_ns;
	for (uint32_t i = 0; i < GD_IMAGE_SECTIONS && !err; i++) {
		uint64_t bytes, from;

		/* The image is shared with a target that may be broken or hostile: read once,
		 * bound it. */
		packed[i] = sections[i];
		from = packed[i].offset;
		packed[i].used = __atomic_load_n(&sections[i].used, __ATOMIC_ACQUIRE);
		if (packed[i].used > packed[i].capacity)
			packed[i].used = packed[i].capacity;
		packed[i].offset = offset;
		bytes = (uint64_t)packed[i].entry_size * packed[i].used;
		if (from > GD_IMAGE_BYTES || bytes > GD_IMAGE_BYTES - from)
			return -22; /* EINVAL: not an image of ours */
		if (i + 1 == GD_SECTION_STACKS && from % 8 == 0 &&
		    packed[i].entry_size == sizeof(struct gd_stack)) {
			const struct gd_stack *rows =
				(const struct gd_stack *)(const void *)((char *)image + from);

			packed[i].entry_size = gd_image_stack_bytes(rows, packed[i].used);
			bytes = (uint64_t)packed[i].entry_size * packed[i].used;
			err = gd_image_write_stacks(rows, packed[i].used, packed[i].entry_size,
						    offset, write, to);
		} else {
			err = write(to, (char *)image + from, bytes, offset);
		}
		offset += bytes;
	}
	if (!err)
		err = write(to, packed, sizeof(packed), sizeof(header));
	if (!err)
		err = write(to, &header, sizeof(header), 0); /* last: a torn file has no magic */
	return err;
}

#endif
