/* SPDX-License-Identifier: MIT */
/* Sums of a lock's row, to which any thread may add at any time. */
#ifndef GD_LOCK_SUMS_H
#define GD_LOCK_SUMS_H

#include "lock.h"

static inline void raise_to(uint64_t *max, uint64_t value)
{
	uint64_t seen = __atomic_load_n(max, __ATOMIC_RELAXED);

	while (value > seen && !__atomic_compare_exchange_n(max, &seen, value, true,
							    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static inline void add_to(uint64_t *sum, uint64_t value)
{
	__atomic_fetch_add(sum, value, __ATOMIC_RELAXED);
}

static inline void gd_lock_blame_site(struct gd_lock *row, uint64_t site, uint64_t blame,
				      uint64_t hold)
{
	struct gd_lock_holders holders = { row->holders, row->holder_hold, GD_LOCK_HOLDERS };

	gd_lock_blame(&holders, site, blame, hold);
}

#endif
