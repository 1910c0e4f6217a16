/* SPDX-License-Identifier: MIT */
/* What the probe may do: much while it attaches, next to nothing afterwards. */
#ifndef GD_RIGHTS_H
#define GD_RIGHTS_H

#include <stdint.h>

/*
 * Whose processes the caller may have followed: ~0 (anybody's) for root, else his uid.  Before any
 * right is given up.
 */
uint32_t gd_rights_owner(void);

/*
 * Becomes another user for good; capabilities stay until gd_rights_drop().  Groups are the caller's
 * to have set.  0 or -errno.
 */
int gd_rights_become(uint32_t uid);

/*
 * Gives up all capabilities and the way to new ones.  still_works is asked whether the tables can be
 * read without; where an older kernel refuses, CAP_BPF alone is kept.  0 or -errno.
 */
int gd_rights_drop(int (*still_works)(void *arg), void *arg);

#endif
