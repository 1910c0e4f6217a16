/* SPDX-License-Identifier: MIT */
/* Which processes are followed, and whether the caller may ask for them. */
#ifndef GD_FOLLOW_H
#define GD_FOLLOW_H

#include "attach.h"

/*
 * Follows pid, its threads and all that it starts from now on.  owner: the uid that it must belong
 * to, wholly; ~0: anybody.  0 and the number of the program that it runs, or -errno and a sentence.
 */
int gd_follow(const struct gd_attached *attached, int32_t pid, uint32_t owner, uint32_t *ret_image,
	      struct gd_diag *diag);

/* May who asks for it, owner, look into pid, which pidfd is?  0, or -errno and a sentence. */
int gd_follow_check(int pidfd, int32_t pid, uint32_t owner, struct gd_diag *diag);

/* The program of a thread that is followed, by a descriptor of it; 0: it is not. */
uint32_t gd_follow_image(const struct gd_attached *attached, int pidfd);

/*
 * Stores a value of a thread's in a map; flags: BPF_ANY, BPF_NOEXIST.  0 or -errno.  The kernel's own
 * lock may be taken on this CPU at that moment: it is tried again.
 */
int gd_follow_write(int map, int pidfd, const void *value, uint64_t flags);

/* Is pid the process that is followed as that image? */
bool gd_follow_is(const struct gd_attached *attached, int32_t pid, uint32_t image);

/* The agent's slots in pid are found this way from now on.  0, or -errno: it is not followed. */
int gd_follow_slots(const struct gd_attached *attached, int32_t pid, uint64_t tls_offset);

/* The Python stacks of pid are walked by gd_pythons[layout - 1] from now on.  As above. */
int gd_follow_layout(const struct gd_attached *attached, int32_t pid, uint32_t layout);

#endif
