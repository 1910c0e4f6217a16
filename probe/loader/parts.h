/* SPDX-License-Identifier: MIT */
/* A file of a recording, from rows in memory. */
#ifndef GD_PARTS_H
#define GD_PARTS_H

#include <gildiag/recording.h>
#include <stddef.h>

/* A section. */
struct gd_part {
	uint32_t kind, entry_size;
	const void *rows;
	size_t count;
};

#define GD_PARTS_MAX 16

/*
 * Writes header->section_count parts, at most GD_PARTS_MAX, as GD_SESSION_PROBE in the folder,
 * as gd_replace_file() does.  0 or -errno.
 */
int gd_parts_write(int folder, const struct gd_file_header *header, const struct gd_part *parts);

#endif
