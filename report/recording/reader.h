/* SPDX-License-Identifier: MIT */
/*
 * One file of a recording, checked.  It is hostile input: whatever is returned lies inside the
 * file.
 */
#ifndef GD_READER_H
#define GD_READER_H

#include <base/diag.h>
#include <gildiag/image.h>
#include <stddef.h>

struct gd_file {
	unsigned char *bytes;
	size_t size_bytes;
	const struct gd_file_header *header;
	struct gd_section sections[GD_SECTION_COUNT]; /* by kind; zero where absent */
	uint64_t since_ns; /* CLOCK_MONOTONIC from which on it tells; 0: all (see since.h) */
};

/*
 * Reads and checks the file name in folder.  0 and a file to be closed by gd_file_close(), or
 * -errno and a sentence that names path: -EPROTO truncated or damaged, -EMEDIUMTYPE no recording,
 * -EPROTONOSUPPORT another version or machine, -EPERM somebody else's.
 */
int gd_file_open(int folder, const char *name, const char *path, struct gd_file *ret_file,
		 struct gd_diag *diag);

/* The same for bytes in memory, which are borrowed. */
int gd_file_check(const void *bytes, size_t size_bytes, const char *path, struct gd_file *ret_file,
		  struct gd_diag *diag);

void gd_file_close(struct gd_file *file);

/* Entries of a section, 0 where it is absent. */
uint32_t gd_file_count(const struct gd_file *file, uint32_t kind);

/*
 * Copies entry index of a section to ret_entry of size_bytes: what the file has less is zero, what
 * it has more is left out.
 */
void gd_file_entry(const struct gd_file *file, uint32_t kind, uint32_t index, void *ret_entry,
		   size_t size_bytes);

#endif
