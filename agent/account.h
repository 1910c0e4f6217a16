/* SPDX-License-Identifier: MIT */
/*
 * Accounting: every tick of a thread goes to exactly one cause.  A transition costs one clock
 * reading and a few stores; the thread's CPU clock is read at a transition when 200 us have passed
 * since its last reading, and settles what the wall clock cannot tell: which part of a wait was
 * spent on the CPU, which part of computing was not.
 */
#ifndef GD_ACCOUNT_H
#define GD_ACCOUNT_H

#include "clock.h"
#include "site.h"
#include "thread.h"

#define GD_FLUSH_US 200
#define GD_BRIEF_US 20
#define GD_NAP_US   200

#define GD_COMPILER_BARRIER() __asm__ volatile("" ::: "memory")

/*
 * A thread that holds a GIL has just waited for something else: here is where it kept others
 * waiting, not where it lets go.  In gil_books.c.
 */
void gd_gil_look_back(struct gd_local *self, uint64_t now);

/* Settles the span since the last reading of the CPU clock.  Context: the thread itself. */
void gd_account_flush(struct gd_local *self, uint64_t now);

/* What the thread computes as, when it does not wait. */
static inline uint16_t gd_account_computing(const struct gd_local *self)
{
	return self->slot->gil ? GD_CAUSE_CPU_GIL : GD_CAUSE_CPU_FREE;
}

/* The end of a transition at which the CPU clock is due. */
void gd_account_enter_flushing(struct gd_local *self, uint64_t now);

/*
 * The thread does something else from now on.  Context: the thread itself; a signal handler's
 * wrapped calls see is_busy and stay out.  What need not be stored is not: the atomic operation of
 * the lock that follows waits for every store.
 */
static inline void gd_account_enter(struct gd_local *self, uint16_t cause, uint64_t now)
{
	struct gd_thread *slot = self->slot;
	uint16_t before = slot->cause;
	uint64_t since = slot->since;
	uint32_t seq = slot->seq;

	self->is_busy = true;
	GD_COMPILER_BARRIER();
	slot->ticks[before] += now - since;
	/* x86 keeps stores in order: the compiler alone must not mix them. */
	slot->seq = seq + 1;
	GD_COMPILER_BARRIER();
	slot->cause_prev = before;
	slot->since_prev = since;
	slot->cause = cause;
	slot->since = now;
	GD_COMPILER_BARRIER();
	slot->seq = seq + 2;
	GD_COMPILER_BARRIER();
	if (__builtin_expect(now - self->flushed > GD_FLUSH_US * gd_clock_ticks_per_us, 0))
		gd_account_enter_flushing(self, now);
	else
		self->is_busy = false;
}

/*
 * Begins a wait for object; false: do not book it (part of another wait, or a signal handler that
 * hit our own code).
 */
static inline bool gd_account_begin(struct gd_local *self, uint16_t cause, uint64_t object,
				    uint32_t outside, struct gd_here here)
{
	struct gd_thread *slot = self->slot;

	if (self->is_busy) {
		gd_arena_lose(GD_LOST_NESTED);
		return false;
	}
	/* Stacks grow down: an open wait below us was left by a longjmp. */
	if (self->in_wait && here.frame <= self->wait_frame)
		return false;
	self->in_wait = true;
	self->wait_frame = here.frame;
	self->returns_to = here.returns_to;
	self->wait_began = gd_ticks();
	slot->object = object;
	slot->outside = outside;
	slot->count[cause]++;
	gd_account_enter(self, cause, self->wait_began);
	return true;
}

/*
 * Ends it; cause may differ from the one it began with, when its end showed what it was for.
 * Returns its length in ticks.
 */
static inline uint64_t gd_account_end(struct gd_local *self, uint16_t cause)
{
	struct gd_thread *slot = self->slot;
	uint64_t now = gd_ticks();
	uint64_t waited = now - self->wait_began;
	uint64_t due;

	if (!self->in_wait)
		return 0; /* a signal handler forked: this is the child, its books are new */
	if (cause != slot->cause) {
		slot->count[slot->cause]--;
		slot->count[cause]++;
		slot->cause = cause;
	}
	if (cause == GD_CAUSE_SLEEP && waited < GD_NAP_US * gd_clock_ticks_per_us)
		slot->yields++; /* asleep for the timer's own slack: a way to ask again at once */
	if (waited < GD_BRIEF_US * gd_clock_ticks_per_us)
		self->brief[cause] += waited;
	else if (slot->gil)
		slot->holding_gil += waited;
	gd_account_enter(self, gd_account_computing(self), now);
	slot->object = 0;
	self->in_wait = false;
	due = gd_site_due(self, waited);
	if (__builtin_expect(due != 0, 0))
		gd_site_sample(self, cause, due);
	if (slot->gil && waited >= GD_BRIEF_US * gd_clock_ticks_per_us)
		gd_gil_look_back(self, now);
	return waited;
}

#endif
