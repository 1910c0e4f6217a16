/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells an ordinary user of a process and its threads.
 */
#ifndef GD_KERNEL_H
#define GD_KERNEL_H

#include "target.h"

/* Run delay, faults, names and the process's own figures; a part of the threads at each call. */
void gd_kernel_note_totals(struct gd_target *target);

/* Which files are mapped where; what was unmapped since stays. */
void gd_kernel_note_modules(struct gd_target *target);

#endif
