/* SPDX-License-Identifier: MIT */
/* The last part of a long recording: the sampler keeps some earlier copies of its files. */
#ifndef GD_WINDOW_H
#define GD_WINDOW_H

#include "reader.h"

struct gd_window {
	unsigned long copy; /* number of the earlier copies that are taken away; 0: none */
	uint64_t since_ns;  /* CLOCK_MONOTONIC; 0: all of it */
};

/*
 * The shortest window of the recording in folder that has the last last_s seconds in it; all of the
 * recording where no copy is that old.
 */
struct gd_window gd_window_find(int folder, double last_s);

/*
 * Opens the file name in folder as gd_file_open() does, without what is older than the window.
 */
int gd_window_open(int folder, const char *name, const char *path, const struct gd_window *window,
		   struct gd_file *ret_file, struct gd_diag *diag);

#endif
