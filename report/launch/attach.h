/* SPDX-License-Identifier: MIT */
/* Watching a process that runs already: by the eBPF probe alone. */
#ifndef GD_LAUNCH_ATTACH_H
#define GD_LAUNCH_ATTACH_H

#include "folder.h"
#include "parts.h"
#include <sys/types.h>

/*
 * Has the probe follow pid, its threads and all that it starts, for seconds (0: without end), until
 * it ends, or until we are interrupted.  0, or -errno and a sentence.
 */
int gd_attach(pid_t pid, double seconds, const struct gd_parts *parts,
	      const struct gd_folder *folder, struct gd_diag *diag);

#endif
