/* SPDX-License-Identifier: MIT */
/* The probe's file of a recording. */
#ifndef GD_PROBE_FILE_H
#define GD_PROBE_FILE_H

#include "attach.h"
#include "books.h"
#include "holds.h"
#include "looks.h"
#include "pinned.h"
#include "present.h"
#include <stdbool.h>

/* Where all that is known is. */
struct gd_probe_sources {
	const struct gd_attached *attached;
	struct gd_books *books;
	const struct gd_presents *presents;
	struct gd_python_stacks *stacks;
	const struct gd_looks *looks;
	const struct gd_holds *holds;
	const struct gd_pins *pins;
	uint64_t attached_ns;
};

/*
 * Writes all that is known now as GD_SESSION_PROBE in the folder, whole or not at all, and sums up
 * in the books what is small.  is_over: no more will come.  0 or -errno.
 */
int gd_probe_file_write(int folder, const struct gd_probe_sources *sources, bool is_over);

#endif
