/* SPDX-License-Identifier: MIT */
/*
 * CPython's global interpreter lock, recognised by its calls alone ("Rule S"): take_gil signals
 * gil->switch_cond with gil->mutex and gil->switch_mutex held, drop_gil signals gil->cond.  The
 * structure around the first signal is what tells (3.7 to 3.15, Python/ceval_gil.c):
 *
 *   struct _gil_runtime_state from cond c on x86-64 glibc:
 *     interval c-32, last_holder c-24, locked c-16, mutex c+48, switch_cond c+88,
 *     switch_mutex c+136
 */
#ifndef GD_GIL_H
#define GD_GIL_H

#include "thread.h"

#define GD_GIL_MUTEX        48
#define GD_GIL_SWITCH_COND  88
#define GD_GIL_SWITCH_MUTEX 136

struct gd_gil_known {
	uintptr_t cond; /* 0: none, or its interpreter ended */
	struct gd_gil *row;
	struct gd_lock_queue queue; /* of those who wait now; changed by who owns the GIL's mutex */
	uint32_t number;            /* as a thread's slot->gil */
};

extern struct gd_gil_known gd_gils[GD_GIL_CAPACITY] GD_INTERNAL;
extern uint32_t gd_gil_count GD_INTERNAL;

/* The one whose condition, switch condition and so on lies offset bytes below address, or NULL. */
static inline struct gd_gil_known *gd_gil_at(uintptr_t address, uintptr_t offset)
{
	uint32_t count = __atomic_load_n(&gd_gil_count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < count; i++)
		if (gd_gils[i].cond && address - offset == gd_gils[i].cond)
			return &gd_gils[i];
	return NULL;
}

/* True for the two mutexes of the first GIL: their wrappers let them through untouched. */
static inline bool gd_gil_owns_mutex(const void *mutex)
{
	uintptr_t distance = (uintptr_t)mutex - gd_gils[0].cond;

	return distance == GD_GIL_MUTEX || distance == GD_GIL_SWITCH_MUTEX;
}

/* False for nearly all that are none of those two; for who wants to know with one comparison. */
static inline bool gd_gil_may_own_mutex(const void *mutex)
{
	return (uintptr_t)mutex - gd_gils[0].cond - GD_GIL_MUTEX <=
	       GD_GIL_SWITCH_MUTEX - GD_GIL_MUTEX;
}

/* Of those two, the one that guards the GIL itself. */
static inline bool gd_gil_mutex_is(const void *mutex)
{
	return (uintptr_t)mutex - gd_gils[0].cond == GD_GIL_MUTEX;
}

/*
 * The GIL's mutex is free again: samples the wait that has just ended, or ends the handing over to
 * a waiter and blames the hold for what others waited.
 */
void gd_gil_settle(struct gd_local *self);

/*
 * A condition that is no known GIL's is about to be signalled: is it a switch condition?
 * Returns the GIL that was just taken, or NULL.
 */
struct gd_gil_known *gd_gil_inspect(uintptr_t cond);

/* A condition is born or dies at this address: forget what was known of it. */
void gd_gil_forget(uintptr_t cond);

/* After a fork: same GILs, fresh rows. */
void gd_gil_reset(void);

/* The four events.  Context: the thread itself; take and drop own the GIL's mutex. */
void gd_gil_take(struct gd_gil_known *gil);
void gd_gil_drop(struct gd_gil_known *gil);
void gd_gil_wait(struct gd_gil_known *gil);
bool gd_gil_yield_begin(struct gd_gil_known *gil);
void gd_gil_yield_end(struct gd_gil_known *gil, bool begun);

#endif
