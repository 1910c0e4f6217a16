/* SPDX-License-Identifier: MIT */
/*
 * Uprobes on libc's condition functions, in one process and no other.  By a multi-link where the
 * kernel has one that sees all threads of a process (Linux 6.6, right since 6.11; it needs no right
 * to be made, so that a process that is born later can be watched), else by perf.
 */
#ifndef GD_GIL_LINKS_H
#define GD_GIL_LINKS_H

#include "attach.h"
#include <gil.skel.h>
#include <gil_shared.h>

/* Where they stand: in the libc that a process and what it forks have mapped. */
struct gd_gil_site {
	int libc;              /* descriptor; -1: none */
	uint64_t start, inode; /* in the process that it was found in */
	uint64_t offsets[GD_COND_FUNCTIONS];
};

/* On one process. */
struct gd_gil_links {
	struct bpf_link *perf[GD_COND_FUNCTIONS];
	int multi; /* descriptor; -1: none */
};

/* -ENOTSUP: there a probe would cost too much.  To be forgotten. */
int gd_gil_site_find(int32_t pid, struct gd_gil_site *ret_site);
void gd_gil_site_forget(struct gd_gil_site *site);

/* Before its skeleton is loaded: is it for multi-links? */
void gd_gil_links_prepare(struct gil_bpf *skeleton, bool is_multi);

/*
 * Afterwards: does a multi-link on a process see all of its threads?  Tried on this one; ret_beacon
 * stays open as long as the skeleton: to close it takes a while.
 */
bool gd_gil_links_see_threads(const struct gil_bpf *skeleton, int *ret_beacon);

/*
 * On pid, while it is that image (0: it has no number yet; see struct gd_gil_watched).  0 and ret_links,
 * to be destroyed; or -errno.
 */
int gd_gil_links_make(const struct gil_bpf *skeleton, const struct gd_gil_site *site, bool is_multi,
		      int32_t pid, uint32_t image, struct gd_gil_links *ret_links);
void gd_gil_links_destroy(struct gd_gil_links *links);

/* Closes a multi-link; -1: there is none.  In a thread: the kernel takes 50 ms for it. */
void gd_gil_links_close(int fd);

/*
 * Waits until all of them are closed, at the end: a thread that the process's exit kills meanwhile
 * would leave its breakpoints in the target (uprobe_unregister() of Linux gives up at a pending SIGKILL).
 */
void gd_gil_links_wait(void);

#endif
