/* SPDX-License-Identifier: MIT */
/*
 * Holds of locks that others waited for, told by the agent: one uprobe on its file, in all processes
 * that have it, of which those that are followed are booked.
 */
#ifndef GD_HOLDS_H
#define GD_HOLDS_H

#include "attach.h"
#include "rows.h"
#include <hold.skel.h>

struct gd_holds {
	struct hold_bpf *skeleton; /* NULL: holds are not seen */
	struct bpf_link *perf;
	int multi; /* descriptor; -1: none */
	unsigned int cpus;
	uint64_t began_ns, began_ticks; /* by both clocks */
};

/*
 * Attaches the probe, by a multi-link or else by perf.  Before rights are given up.  0; or -errno:
 * holds come from the agent's own table alone.
 */
int gd_holds_attach(const struct gd_attached *attached, struct gd_holds *ret_holds);
void gd_holds_detach(struct gd_holds *holds);

/* Compares the clocks once more: the longer apart, the better is their rate known. */
void gd_holds_tune(struct gd_holds *holds);

/* Adds rows, struct gd_probed_hold, at most limit.  Returns how many holds' locks were lost so far. */
uint64_t gd_holds_gather(const struct gd_holds *holds, size_t limit, struct gd_rows *rows);

#endif
