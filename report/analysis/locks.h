/* SPDX-License-Identifier: MIT */
/* Locks by what they cost. */
#ifndef GD_LOCKS_H
#define GD_LOCKS_H

#include <model.h>

struct gd_locks {
	const struct gd_lock_model **list; /* the one that cost most first */
	size_t count;
};

/*
 * Ranks them by the wait that they caused times the waiters: every waiter's time counts, so a hold
 * of 10 ms that a hundred wait for costs a second.  0 or -ENOMEM; memory from pool.
 */
int gd_locks_rank(const struct gd_process_model *process, struct gd_pool *pool,
		  struct gd_locks *ret_locks);

/*
 * Who is most to blame, the program's own lines before a library's; NULL: nobody whose place is
 * known.  holders: worst first.
 */
const struct gd_holder_model *gd_locks_holder(const struct gd_holder_model *holders, size_t count);

#endif
