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
};

static inline __attribute__((always_inline)) struct gd_span
gd_span_begin(uint16_t cause, uint64_t object, uint32_t outside)
{
	struct gd_span span = {.self = gd_thread_get(), .lock = NULL, .cause = cause};

	if (span.self && !gd_account_begin(span.self, cause, object, outside,
					   (uintptr_t)__builtin_frame_address(0)))
		span.self = NULL;
	return span;
}

/* A span that books nothing, for calls that cannot block. */
static inline struct gd_span gd_span_none(void)
{
	return (struct gd_span){.self = NULL, .lock = NULL, .cause = 0};
}

static inline void gd_span_end(const struct gd_span *span)
{
	if (span->self)
		gd_account_end(span->self, span->cause);
}

/* A wait for something that other threads must do. */
static inline __attribute__((always_inline)) struct gd_span gd_span_begin_lock(uint16_t cause,
									       uintptr_t key)
{
	struct gd_span span = gd_span_begin(cause, key, 0);

	if (span.self)
		span.lock = gd_lock_arrive(key, cause);
	return span;
}

static inline void gd_span_end_lock(const struct gd_span *span, bool timed_out)
{
	if (span->self && span->self->in_wait)
		gd_lock_leave(span->lock, gd_account_end(span->self, span->cause), timed_out);
}

#endif
