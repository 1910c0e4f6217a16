/* SPDX-License-Identifier: MIT */
/*
 * Locks that somebody waited for: one row each, by address.  A semaphore may serve as a lock (given
 * back by the thread that acquired it) or as a signal (posted by another): both are counted, the
 * analysis tells them apart.
 */
#ifndef GD_LOCK_H
#define GD_LOCK_H

#include "thread.h"

/*
 * A waiter arrives at the lock at key; NULL: the table is full (counted).  Pairs with
 * gd_lock_leave().  Context: any thread, also in a signal handler; takes no lock.
 */
struct gd_lock *gd_lock_arrive(uintptr_t key, uint16_t cause);

/* It leaves after waited ticks.  row may be NULL. */
void gd_lock_leave(struct gd_lock *row, uint64_t waited, bool timed_out);

/* The row of key if somebody ever waited for it, else NULL. */
struct gd_lock *gd_lock_find(uintptr_t key);

/* Maps the index.  Context: constructor; later a filter may forbid it. */
void gd_lock_init(void);

/* After a fork: the index points into the parent's image. */
void gd_lock_reset(void);

/* Semaphores that this thread acquired last. */
static inline void gd_lock_hold(struct gd_local *self, uintptr_t key)
{
	self->held[self->held_next++ % GD_HELD_MAX] = key;
}

/* Gives one back; false: this thread did not acquire it, or too long ago. */
static inline bool gd_lock_give(struct gd_local *self, uintptr_t key)
{
	for (uint32_t i = 0; i < GD_HELD_MAX; i++) {
		uintptr_t *held = &self->held[(self->held_next - 1 - i) % GD_HELD_MAX];

		if (*held == key) {
			*held = 0;
			return true;
		}
	}
	return false;
}

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
