/* SPDX-License-Identifier: MIT */
/* From a frame to its names. */
#ifndef GD_CPYTHON_NAMES_H
#define GD_CPYTHON_NAMES_H

#include "cpython_frames.h"

#define GD_CPYTHON_FILE_BYTES 256
#define GD_CPYTHON_NAME_BYTES 128

struct gd_cpython_names {
	char file[GD_CPYTHON_FILE_BYTES]; /* UTF-8; of a longer path the end */
	char function[GD_CPYTHON_NAME_BYTES];
	int32_t line;       /* 0: the instruction belongs to no line */
	int32_t first_line; /* of the function */
};

/* False where something read was not what it should be.  Bounded stack: 2 KiB. */
bool gd_cpython_name(const struct gd_cpython *python, const struct gd_cpython_frame *frame,
		     struct gd_cpython_names *ret_names);

/*
 * What tells one code object from another at the same address: code objects die and addresses are
 * used again.
 */
struct gd_cpython_code_identity {
	uint64_t filename, name, linetable;
	int32_t first_line;
};
bool gd_cpython_identify(const struct gd_cpython *python, uint64_t code,
			 struct gd_cpython_code_identity *ret_identity);

/*
 * Is this the file of a library (the interpreter's own, or an installed package), not of the
 * program? For choosing the line that is shown to a user; no verdict may rest on it.
 */
bool gd_cpython_is_library(const char *file);

#endif
