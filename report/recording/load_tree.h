/* SPDX-License-Identifier: MIT */
/* What the files of a session say only together. */
#ifndef GD_LOAD_TREE_H
#define GD_LOAD_TREE_H

#include "load.h"
#include "window.h"

/*
 * Reads the sampler's own file of a session, if it is there: the picture of all processes at once,
 * and short records, as far as they are in the window.  0 or -ENOMEM; a file that is damaged or
 * absent leaves the session without.
 */
int gd_load_tree(int folder, const struct gd_window *window, struct gd_session_model *session);

/*
 * A pipe between two followed processes is no wait for the outside: moves what was waited there to
 * waits for another thread.  0 or -ENOMEM.
 */
int gd_load_join_pipes(struct gd_session_model *session);

/* The same of the eBPF probe, which looked at all processes at once, where there is no agent. */
int gd_load_probed_picture(const struct gd_file *file, uint64_t looks,
			   struct gd_session_model *session);

#endif
