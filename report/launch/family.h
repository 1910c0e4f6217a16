/* SPDX-License-Identifier: MIT */
/* Who descends from a process. */
#ifndef GD_LAUNCH_FAMILY_H
#define GD_LAUNCH_FAMILY_H

#include <stddef.h>
#include <sys/types.h>

#define GD_FAMILY_MAX 256

struct gd_family {
	pid_t pids[GD_FAMILY_MAX]; /* parents before their children */
	size_t count;
};

/* pid, and all that descend from it now; of a larger family the first ones. */
void gd_family_find(pid_t pid, struct gd_family *ret_family);

#endif
