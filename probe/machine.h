/* SPDX-License-Identifier: MIT */
/* CPUs and quota of a target. */
#ifndef GD_MACHINE_H
#define GD_MACHINE_H

#include "target.h"

/* Fills the facts about the machine: CPUs, quota.  Once per target. */
void gd_machine_note(struct gd_target *target);

/* How long the quota has kept the target's cgroup off the CPU since it was first looked at. */
void gd_machine_note_throttling(struct gd_target *target);

#endif
