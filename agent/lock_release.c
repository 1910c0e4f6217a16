/* SPDX-License-Identifier: MIT */
/* Releases that others waited for: the hold that ends, and whom their waits are blamed on. */
#include "clock.h"
#include "lock_sums.h"
#include "site.h"
#include <gildiag/hold_point.h>

/* Who lets others go without having acquired it; a mutex has a holder always, seen or not. */
static bool is_signal(const struct gd_lock *row, const struct gd_held *held)
{
	return !held->key && row->cause != GD_CAUSE_MUTEX && row->cause != GD_CAUSE_RWLOCK;
}

struct gd_release gd_lock_release(struct gd_local *self, uintptr_t key, uint16_t cause,
				  uintptr_t returns_to)
{
	struct gd_lock *row = gd_lock_find(key, cause);
	struct gd_release release = { .row = row };

	if (!gd_lock_give(self, key, &release.held))
		release.held.key = 0;
	if (!row)
		return release;
	release.now = gd_ticks();
	release.accrued = gd_lock_accrued(row, release.now, &release.waiters);
	if (__atomic_load_n(&row->given_up, __ATOMIC_RELAXED))
		release.given_up = __atomic_exchange_n(&row->given_up, 0, __ATOMIC_RELAXED);
	if (row->cause == GD_CAUSE_SEM || row->cause == GD_CAUSE_COND)
		__atomic_store_n(&row->waker,
				 is_signal(row, &release.held) && release.waiters
					 ? gd_site_here(self, returns_to)
					 : 0,
				 __ATOMIC_RELAXED);
	if (!release.waiters && (!release.given_up || is_signal(row, &release.held)))
		release.row = NULL;
	return release;
}

/* What others waited during this hold: those that came meanwhile, and all of it for the others. */
static uint64_t blame_of_hold(const struct gd_release *release, uint64_t hold)
{
	uint64_t waited = release->accrued + release->given_up;
	uint64_t all = hold * release->waiters;

	if (release->held.accrued == GD_LOCK_UNKNOWN)
		return (release->accrued < all ? release->accrued : all) + release->given_up;
	return waited > release->held.accrued ? waited - release->held.accrued : 0;
}

/* The last to arrive at a barrier ends all the waits at once; others are blamed by who they wake. */
static void book_signal(struct gd_local *self, const struct gd_release *release,
			uintptr_t returns_to)
{
	struct gd_lock *row = release->row;

	add_to(&row->posted, 1);
	if (row->cause == GD_CAUSE_BARRIER)
		gd_lock_blame_site(row, gd_site_here(self, returns_to), release->accrued, 0);
}

void GD_HOLD_POINT(const struct gd_hold_told *told);

#define DEFINE_POINT(name) GD_ARCH_PROBE_POINT(name)
DEFINE_POINT(GD_HOLD_POINT);

static void tell_hold(const struct gd_release *release)
{
	struct gd_hold_told told = { .key = release->row->key,
				     .cause = release->row->cause,
				     .is_tsc = gd_clock_is_tsc,
				     .taken = release->held.taken,
				     .released = release->now,
				     .told = gd_ticks() };

	GD_HOLD_POINT(&told);
}

void gd_lock_released(struct gd_local *self, const struct gd_release *release, uintptr_t returns_to)
{
	struct gd_lock *row = release->row;
	uint64_t hold;

	if (!row)
		return;
	self->slot->wakes++;
	if (is_signal(row, &release->held)) {
		book_signal(self, release, returns_to);
		return;
	}
	add_to(&row->released, 1);
	if (!release->held.key) {
		add_to(&row->unbounded, 1);
		gd_lock_blame_site(row, gd_site_here(self, returns_to),
				   release->accrued + release->given_up, 0);
		return;
	}
	hold = release->now - release->held.taken;
	add_to(&row->hold, hold);
	raise_to(&row->hold_max, hold);
	gd_lock_blame_site(row, gd_site_here(self, release->held.returns_to),
			   blame_of_hold(release, hold), hold);
	tell_hold(release);
}
