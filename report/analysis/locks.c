/* SPDX-License-Identifier: MIT */
/* The recording's sums are over all waiters already; equal ones keep the order of their keys. */
#include "locks.h"
#include <errno.h>
#include <stdlib.h>

static int compare_costs(const void *a, const void *b)
{
	const struct gd_lock_model *x = *(const struct gd_lock_model *const *)a;
	const struct gd_lock_model *y = *(const struct gd_lock_model *const *)b;

	if (x->wait_s != y->wait_s)
		return x->wait_s < y->wait_s ? 1 : -1;
	if (x->waits != y->waits)
		return x->waits < y->waits ? 1 : -1;
	return (x->key > y->key) - (x->key < y->key);
}

int gd_locks_rank(const struct gd_process_model *process, struct gd_pool *pool,
		  struct gd_locks *ret_locks)
{
	ret_locks->count = process->lock_count;
	ret_locks->list = gd_pool_alloc(pool, process->lock_count, sizeof(*ret_locks->list));
	if (!ret_locks->list)
		return -ENOMEM;
	for (size_t i = 0; i < process->lock_count; i++)
		ret_locks->list[i] = &process->locks[i];
	qsort(ret_locks->list, ret_locks->count, sizeof(*ret_locks->list), compare_costs);
	return 0;
}

const struct gd_holder_model *gd_locks_holder(const struct gd_holder_model *holders, size_t count)
{
	const struct gd_holder_model *worst = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct gd_holder_model *holder = &holders[i];

		if (!holder->place)
			continue;
		if (!holder->place->is_library)
			return holder; /* they come worst first */
		worst = worst ? worst : holder;
	}
	return worst;
}
