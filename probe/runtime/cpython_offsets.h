/* SPDX-License-Identifier: MIT */
/*
 * Where CPython keeps what a stack walk needs, x86-64, default builds and free-threaded ones.
 * Offsets are data: the walker knows no version but through this struct.
 */
#ifndef GD_CPYTHON_OFFSETS_H
#define GD_CPYTHON_OFFSETS_H

#include "memory.h"

#define GD_OFFSET_NONE 0xffffu

/* How a code object maps instructions to lines. */
#define GD_LINES_LNOTAB    1 /* up to 3.9: co_lnotab (Objects/lnotab_notes.txt) */
#define GD_LINES_PEP626    2 /* 3.10: co_linetable, pairs */
#define GD_LINES_LOCATIONS 3 /* 3.11 and later: location table (PEP 657) */

struct gd_cpython_offsets {
	uint16_t version; /* 0x030b for 3.11 */
	uint16_t is_free_threaded;
	uint16_t lines; /* GD_LINES_* */
	/* PyThreadState: the frame, or from 3.11 to 3.12 the cframe and the frame in it. */
	uint16_t tstate_frame;
	uint16_t cframe_frame;
	uint16_t tstate_thread_id;
	/* The frame: PyFrameObject up to 3.10, _PyInterpreterFrame since. */
	uint16_t frame_code;
	uint16_t frame_back;
	uint16_t frame_instr;      /* 4-byte index up to 3.10, pointer since */
	uint16_t frame_instr_unit; /* bytes per step of the index */
	uint16_t frame_owner;
	uint16_t frame_tlbc_index; /* free-threaded 3.14: which thread-local bytecode */
	/* PyCodeObject. */
	uint16_t code_filename;
	uint16_t code_name; /* co_qualname where there is one */
	uint16_t code_firstlineno;
	uint16_t code_linetable;
	uint16_t code_adaptive; /* start of the bytecode */
	uint16_t code_tlbc;
	/* PyUnicodeObject, PyBytesObject, PyObject. */
	uint16_t str_length;
	uint16_t str_state;
	uint16_t str_ascii; /* size of PyASCIIObject: where its text stands */
	uint16_t bytes_size;
	uint16_t bytes_data;
	uint16_t object_type;
};

/*
 * The offsets of version (0x030b for 3.11).  From 3.13 on they are read from _PyRuntime, which
 * begins with _Py_DebugOffsets (Include/internal/pycore_debug_offsets.h), and checked: every offset
 * within a structure of sane size.  False: not known, there will be no frames.
 */
bool gd_cpython_offsets_find(uint16_t version, const struct gd_memory *memory, uint64_t runtime,
			     struct gd_cpython_offsets *ret_offsets);

#endif
