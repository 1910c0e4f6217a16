/* SPDX-License-Identifier: MIT */
/*
 * What an interpreter has in memory of one thread's stack, laid out by hand after a version's
 * offsets.  Addresses are true ones; whatever was not laid out cannot be read through it.
 */
#ifndef GD_BUILDERS_PYTHON_H
#define GD_BUILDERS_PYTHON_H

#include <cpython_frames.h>

struct gd_python {
	struct gd_cpython cpython;
	uint64_t tstate;
	uint64_t innermost; /* frame */
	uint64_t reads;
	size_t used;
	unsigned char memory[65536] __attribute__((aligned(16)));
};

/* A thread without frames.  ret_python must stay where it is. */
void gd_python_init(struct gd_python *ret_python, const struct gd_cpython_offsets *offsets,
		    struct gd_cpython_types types);

/* The offsets of a version that has a row of its own (up to 3.12). */
struct gd_cpython_offsets gd_python_offsets(uint16_t version);

/* Objects; addresses. */
uint64_t gd_python_add_ascii(struct gd_python *python, const char *text);
uint64_t gd_python_add_str(struct gd_python *python, const uint32_t *chars, size_t count,
			   uint32_t kind);
uint64_t gd_python_add_bytes(struct gd_python *python, const void *bytes, size_t size_bytes);
uint64_t gd_python_add_code(struct gd_python *python, uint64_t file, uint64_t name,
			    int32_t first_line, uint64_t table);

/* A frame inside the one that was innermost, at that instruction; its address. */
uint64_t gd_python_call(struct gd_python *python, uint64_t code, int32_t instr_bytes);

/* A function whose lines all are first_line. */
uint64_t gd_python_add_function(struct gd_python *python, const char *file, const char *name,
				int32_t first_line);

/* Fields, to be changed. */
void gd_python_put(struct gd_python *python, uint64_t address, uint64_t value, size_t size_bytes);

#endif
