/* SPDX-License-Identifier: MIT */
/* Who let others wait: a few sites per lock, those with the most blame. */
#include "lock_sums.h"

static void add_blame(const struct gd_lock_holders *holders, unsigned int i, uint64_t blame,
		      uint64_t times, uint64_t hold)
{
	add_to(&holders->list[i].blame, blame);
	add_to(&holders->list[i].times, times);
	add_to(&holders->holds[i], hold);
}

/*
 * The site's entry; the first ones to come find one.  count - 1, the one for all others: none, or
 * it is not known: whoever came next would take that entry over, with its blame.
 */
static unsigned int find_holder(const struct gd_lock_holders *holders, uint64_t site)
{
	unsigned int i = site ? 0 : holders->count - 1;

	for (; i < holders->count - 1; i++) {
		uint64_t seen = 0;

		if (__atomic_compare_exchange_n(&holders->list[i].site, &seen, site, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
		    seen == site)
			break;
	}
	return i;
}

/*
 * All entries are taken: the one with the least blame makes room if it has less than the new one
 * brings, and joins the others.  Who comes at the same moment may be added to the wrong one, once.
 */
static unsigned int displace(const struct gd_lock_holders *holders, uint64_t site, uint64_t blame)
{
	unsigned int others = holders->count - 1, least = 0;
	struct gd_lock_holder *entry;
	uint64_t seen;

	for (unsigned int i = 1; i < others; i++)
		if (holders->list[i].blame < holders->list[least].blame)
			least = i;
	entry = &holders->list[least];
	seen = __atomic_load_n(&entry->site, __ATOMIC_RELAXED);
	__atomic_store_n(&holders->list[others].site, GD_SITE_OTHERS, __ATOMIC_RELAXED);
	if (!site || entry->blame >= blame ||
	    !__atomic_compare_exchange_n(&entry->site, &seen, site, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		return others;
	add_blame(holders, others, __atomic_exchange_n(&entry->blame, 0, __ATOMIC_RELAXED),
		  __atomic_exchange_n(&entry->times, 0, __ATOMIC_RELAXED),
		  __atomic_exchange_n(&holders->holds[least], 0, __ATOMIC_RELAXED));
	return least;
}

void gd_lock_blame(const struct gd_lock_holders *holders, uint64_t site, uint64_t blame,
		   uint64_t hold)
{
	unsigned int i = find_holder(holders, site);

	if (i == holders->count - 1)
		i = displace(holders, site, blame);
	add_blame(holders, i, blame, 1, hold);
}
