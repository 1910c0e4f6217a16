/* SPDX-License-Identifier: MIT */
/* Signals that reach us and are meant for the target. */
#ifndef GD_PASS_ON_H
#define GD_PASS_ON_H

#include <sys/types.h>

/*
 * Starts a witness: a child that stays in our process group and does nothing but tell whether a
 * signal came to the whole group, and so to the target too, or to us alone.  Where there can be
 * none, every signal that a process sent is passed on.  Before the target is forked.
 */
void gd_pass_on_begin(void);

/*
 * From now on signals that were sent to us alone go to target; what the terminal sends goes to the
 * whole group and so reached it already.  With all signals blocked, right after the fork.
 */
void gd_pass_on_to(pid_t target);

/* The target is gone; the witness ends. */
void gd_pass_on_end(void);

#endif
