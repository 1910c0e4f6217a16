/* SPDX-License-Identifier: MIT */
/*
 * The session's folder, the sampler, and the process's own file: how the image leaves the target.
 */
#ifndef GD_SESSION_H
#define GD_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#define GD_SESSION_PATH_BYTES 1024

/*
 * "GILDIAG_SESSION=" and the absolute path of the session's folder, for environments of
 * descendants; empty: there is no session, nothing is kept.
 */
extern char gd_session_variable[GD_SESSION_PATH_BYTES];

/*
 * Finds the session named in the environment or makes one, and gives memfd to its sampler, which it
 * starts if there is none.  Closes memfd.  Context: constructor.
 */
void gd_session_join(int memfd);

/* The same in a fork's child, where only the sampler that is there is asked. */
void gd_session_rejoin(int memfd);

/*
 * Writes this process's file if nobody else will.  Context: the exit path or before an exec, any
 * thread, also in a signal handler; never in a vfork child.
 */
void gd_session_write_own(void);

/* The same in good time before a filter that may forbid it; what comes after is missing. */
void gd_session_write_so_far(void);

#endif
