/* SPDX-License-Identifier: MIT */
/*
 * Who called sudo.  Under it only the eBPF probe is root: all else, the target above all, runs as
 * the invoking user, whose the recording is.  Without sudo nothing here does anything.
 */
#ifndef GD_INVOKER_H
#define GD_INVOKER_H

#include <base/diag.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * What is done next is done with the user's rights, what is made is his; root's can be had back for
 * the probe.  1 and a sentence that says whose: it is so now; 0: no sudo; or -errno and a sentence.
 */
int gd_invoker_begin(struct gd_diag *diag);

/* Root's rights are given up for good.  0, or -errno and a sentence. */
int gd_invoker_settle(struct gd_diag *diag);

/* Between the two: true, and whose rights the caller, a child for the probe, had; it is root now. */
bool gd_invoker_leave(uid_t *ret_user);

#endif
