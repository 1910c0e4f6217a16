/* SPDX-License-Identifier: MIT */
/* Running a command with the agent, everything passed through. */
#ifndef GD_LAUNCH_H
#define GD_LAUNCH_H

#include "folder.h"
#include "parts.h"
#include "probe.h"
#include <stdbool.h>

struct gd_launched {
	int wait_status; /* as waitpid gives it */
	int exec_errno;  /* not 0: it could not be started */
	pid_t probe;     /* which is detaching: for gd_probe_reap(), at the very end; 0: none */
};

/*
 * Runs argv (NULL at its end) and waits for it.  With parts and folder the agent is preloaded, a
 * sampler watches, and the eBPF probe as wished; with NULL it runs unwatched.  Signals that are
 * sent to us alone are passed on, the terminal's reach the target by itself.  0, or -errno and a
 * sentence.  After gd_invoker_begin() the probe alone is root; the caller is so no longer either.
 */
int gd_launch(char *const *argv, const struct gd_parts *parts, struct gd_folder *folder,
	      enum gd_probe_wish wish, struct gd_launched *ret_launched, struct gd_diag *diag);

#endif
