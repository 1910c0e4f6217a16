/* SPDX-License-Identifier: MIT */
/* Several processes as one: what the verdict of a tree speaks of. */
#ifndef GD_MERGE_H
#define GD_MERGE_H

#include <model.h>

/*
 * One process made of all of a session: their threads, locks and samples, with the picture of the
 * whole tree.  main is the one whose name, runtime and machine it gets.  0 or -ENOMEM.
 */
int gd_merge(const struct gd_session_model *session, const struct gd_process_model *main,
	     struct gd_process_model *ret_merged);

#endif
