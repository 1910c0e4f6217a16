/* SPDX-License-Identifier: MIT */
/*
 * The shape that most wrappers share: begin, the real call, end.  errno comes out as the real call
 * left it: nothing here makes a libc call that sets it.
 */
#ifndef GD_SPAN_H
#define GD_SPAN_H

#include "account.h"
#include "lock.h"

/* One wait.  self is NULL where it is not booked. */
struct gd_span {
	struct gd_local *self;
	struct gd_lock *lock;
	uint16_t cause;
	bool was_free; /* the lock looked free: if it took no time, it was */
};

static inline struct gd_span gd_span_begin_at(uint16_t cause, uint64_t object, uint32_t outside,
					      struct gd_here here)
{
	struct gd_span span = { .self = gd_thread_get(), .cause = cause };

	if (span.self && !gd_account_begin(span.self, cause, object, outside, here))
		span.self = NULL;
	return span;
}

/* From the wrapper itself, which is what the program called. */
static inline __attribute__((always_inline)) struct gd_span
gd_span_begin(uint16_t cause, uint64_t object, uint32_t outside)
{
	return gd_span_begin_at(cause, object, outside, GD_HERE());
}

/* A span that books nothing, for calls that cannot block. */
static inline struct gd_span gd_span_none(void)
{
	return (struct gd_span){ .self = NULL };
}

/* Returns its length in ticks; 0 where it was not booked. */
static inline uint64_t gd_span_end(const struct gd_span *span)
{
	return span->self ? gd_account_end(span->self, span->cause) : 0;
}

/* A wait for something that other threads must do. */
static inline struct gd_span gd_span_begin_lock_at(uint16_t cause, uintptr_t key,
						   struct gd_here here)
{
	struct gd_span span = gd_span_begin_at(cause, key, 0, here);

	if (!span.self)
		return span;
	if (span.self->wait_lock) /* left without a word: nobody comes back to that wait */
		gd_lock_abandon(span.self, span.self->wait_began);
	span.lock = gd_lock_arrive(key, cause, span.self->wait_began);
	span.self->wait_lock_began = span.self->wait_began;
	span.self->wait_lock = span.lock;
	if (span.lock && !span.lock->site)
		span.lock->site = gd_site_here(span.self, here.returns_to);
	return span;
}

static inline __attribute__((always_inline)) struct gd_span gd_span_begin_lock(uint16_t cause,
									       uintptr_t key)
{
	return gd_span_begin_lock_at(cause, key, GD_HERE());
}

static inline void gd_span_end_lock(const struct gd_span *span, enum gd_lock_end end)
{
	struct gd_local *self = span->self;
	uint64_t began, waited;

	if (!self || !self->in_wait)
		return;
	began = self->wait_began;
	self->wait_lock = NULL;
	waited = gd_account_end(self, span->cause);
	if (span->was_free && waited < GD_BRIEF_US * gd_clock_ticks_per_us)
		end = GD_LOCK_NOT_WAITED;
	gd_lock_leave(span->lock, began, began + waited, end);
}

/* The same where the wait ended with the lock in the caller's hands, if ret is 0. */
static inline void gd_span_end_acquired(const struct gd_span *span, uintptr_t key, int ret,
					bool timed_out)
{
	struct gd_local *self = span->self;
	uint64_t now, waiters;

	gd_span_end_lock(span, ret == 0    ? GD_LOCK_OBTAINED
			       : timed_out ? GD_LOCK_TIMED_OUT
					   : GD_LOCK_INTERRUPTED);
	if (!self || ret != 0)
		return;
	now = gd_ticks(); /* what the books took since the wait is nobody's hold */
	gd_lock_hold(self, key, now,
		     span->lock ? gd_lock_accrued(span->lock, now, &waiters) : GD_LOCK_UNKNOWN,
		     self->returns_to);
}

#endif
