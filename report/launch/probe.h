/* SPDX-License-Identifier: MIT */
/* The eBPF probe as a child of ours: one per session. */
#ifndef GD_LAUNCH_PROBE_H
#define GD_LAUNCH_PROBE_H

#include "family.h"
#include "parts.h"
#include <stdbool.h>
#include <sys/types.h>

enum gd_probe_wish {
	GD_PROBE_AUTO, /* where it is built and the rights are there; silently without it */
	GD_PROBE_ON,   /* or not at all */
	GD_PROBE_OFF,
};

struct gd_probe {
	pid_t pid;   /* 0: there is none */
	int control; /* socket for orders; the sampler has it too */
};

/* "auto", "on" or "off"; NULL is auto.  False: none of them. */
bool gd_probe_parse(const char *text, enum gd_probe_wish *ret_wish, struct gd_diag *diag);

/*
 * Starts it for the recording in folder, and for present, processes that run already (NULL: none),
 * and waits until it is attached.  0, or -errno and a sentence: what it needs and how to get that.
 */
int gd_probe_start(const struct gd_parts *parts, const char *folder,
		   const struct gd_family *present, struct gd_probe *ret_probe,
		   struct gd_diag *diag);

/* Has it follow pid and all that it starts from now on.  0, or -errno and a sentence. */
int gd_probe_follow(const struct gd_probe *probe, pid_t pid, struct gd_diag *diag);

/*
 * Lets it write what it has and waits for that; the sampler must have ended before.  Then it detaches,
 * for which the kernel takes 40 ms and more: pid, not 0, is to be given to gd_probe_reap().
 */
void gd_probe_end(struct gd_probe *probe);

/* Waits for the end of a probe's process; pid 0: there is none. */
void gd_probe_reap(pid_t pid);

#endif
