/* SPDX-License-Identifier: MIT */
/*
 * Locks that somebody waited for: one row each, by address.  A semaphore may serve as a lock (given
 * back by the thread that acquired it) or as a signal (posted by another): both are counted, the
 * analysis tells them apart.
 */
#ifndef GD_LOCK_H
#define GD_LOCK_H

#include "thread.h"

#define GD_LOCK_UNKNOWN UINT64_MAX

/*
 * A waiter arrives at the lock at key at time now; NULL: the table is full (counted).  Pairs with
 * gd_lock_leave().  Context: any thread, also in a signal handler; takes no lock.
 */
struct gd_lock *gd_lock_arrive(uintptr_t key, uint16_t cause, uint64_t now);

/* How a wait ends. */
enum gd_lock_end {
	GD_LOCK_OBTAINED,
	GD_LOCK_TIMED_OUT,
	GD_LOCK_INTERRUPTED, /* by a signal, a cancellation, a jump */
	GD_LOCK_NOT_WAITED,  /* it was the one that the others waited for */
};

/* It leaves, having arrived then.  row may be NULL. */
void gd_lock_leave(struct gd_lock *row, uint64_t arrived, uint64_t now, enum gd_lock_end end);

/* The thread's open wait for a lock, if any, will not return: it ended now. */
void gd_lock_abandon(struct gd_local *self, uint64_t now);

/* Somebody has given up waiting for a semaphore: its holder, if it has one, is to learn of it. */
extern bool gd_lock_gave_up;

/* The row of that kind of lock at key if somebody ever waited for it, else NULL. */
struct gd_lock *gd_lock_find(uintptr_t key, uint16_t cause);

/* Maps the index.  Context: constructor; later a filter may forbid it. */
void gd_lock_init(void);

/* After a fork: the index points into the parent's image. */
void gd_lock_reset(void);

/* What all that wait for it now have waited so far, and how many they are. */
uint64_t gd_lock_accrued(struct gd_lock *row, uint64_t now, uint64_t *ret_count);

/*
 * This thread has acquired the lock at key.  The last one has a fixed place: between two atomic
 * operations every step that depends on the one before is felt.
 */
static inline void gd_lock_hold(struct gd_local *self, uintptr_t key, uint64_t now,
				uint64_t accrued, uintptr_t returns_to)
{
	if (__builtin_expect(self->held_last.key != 0, 0))
		self->held[self->held_next++ % GD_HELD_MAX] = self->held_last;
	self->held_last = (struct gd_held){ key, now, accrued, returns_to };
}

/* Gives it back; false: this thread did not acquire it, or too many others since. */
static inline bool gd_lock_give(struct gd_local *self, uintptr_t key, struct gd_held *ret_held)
{
	if (__builtin_expect(self->held_last.key == key, 1)) {
		*ret_held = self->held_last;
		self->held_last.key = 0;
		return true;
	}
	for (uint32_t i = 0; i < GD_HELD_MAX; i++) {
		struct gd_held *held = &self->held[(self->held_next - 1 - i) % GD_HELD_MAX];

		if (held->key != key)
			continue;
		*ret_held = *held;
		held->key = 0;
		self->held_next -= i == 0;
		return true;
	}
	return false;
}

/*
 * A release while others wait, or have given up waiting, in two steps: what only the moment knows is
 * read before the real call, the rest is booked after it, so that nobody waits longer for our sake.
 * Where it is a wake-up by a thread that does not hold it, whoever is woken blames the site, for
 * the wait that it ended; so the site is noted before.
 */
struct gd_release {
	struct gd_lock *row; /* NULL: nothing to book */
	struct gd_held held; /* key 0: this thread had not acquired it, or long ago */
	uint64_t now;
	uint64_t accrued;
	uint64_t waiters;
	uint64_t given_up;
};

struct gd_release gd_lock_release(struct gd_local *self, uintptr_t key, uint16_t cause,
				  uintptr_t returns_to);
void gd_lock_released(struct gd_local *self, const struct gd_release *release,
		      uintptr_t returns_to);

/* A row of holders, see recording.h: count entries, and the holds beside them. */
struct gd_lock_holders {
	struct gd_lock_holder *list;
	uint64_t *holds;
	unsigned int count;
};

/* Adds blame, for a hold of that length, to the site's entry. */
void gd_lock_blame(const struct gd_lock_holders *holders, uint64_t site, uint64_t blame,
		   uint64_t hold);

/*
 * CPython 3.13 and later park a waiter on a semaphore in its own stack; what it waits for stands in
 * the word before (struct wait_entry, Python/parking_lot.c).  gd_lock_park() returns that key, or
 * the semaphore's own address where it is no such thing; gd_lock_parked() finds it from the
 * semaphore alone, for the thread that wakes the waiter.
 */
uintptr_t gd_lock_park(uintptr_t sem, uintptr_t frame);
uintptr_t gd_lock_parked(uintptr_t sem);
extern bool gd_lock_parks; /* the runtime has a parking lot */

#endif
