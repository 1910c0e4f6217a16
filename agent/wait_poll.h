/* SPDX-License-Identifier: MIT */
/*
 * Waits on many descriptors at once.  What such a wait is for follows from who is in the set, from
 * what is outstanding on it and from the timeout.
 */
#ifndef GD_WAIT_POLL_H
#define GD_WAIT_POLL_H

#include "fd.h"
#include "readable.h"
#include "span.h"

enum gd_timeout { GD_TIMEOUT_NONE, GD_TIMEOUT_ZERO, GD_TIMEOUT_SOME };

/* A poll that is about to begin. */
struct gd_poll {
	struct gd_span span;
	bool is_guess; /* quiet clients only: how it ends shows what it was for */
	int32_t pipe_fd_plus_1;
};

/*
 * Begins a wait on set.  is_loop: an epoll set or several descriptors, which event loops wait on;
 * a single socket is waited for because something is expected of it.
 */
struct gd_poll gd_wait_poll_begin(const struct gd_fd_set *set, enum gd_timeout timeout,
				  bool is_loop, struct gd_here here);

/* ready is what the call returned. */
void gd_wait_poll_end(const struct gd_poll *poll, int ready);

static inline enum gd_timeout gd_timeout_of_ms(int ms)
{
	return ms < 0 ? GD_TIMEOUT_NONE : ms == 0 ? GD_TIMEOUT_ZERO : GD_TIMEOUT_SOME;
}

/* NULL waits for ever in every call of this family. */
static inline enum gd_timeout gd_timeout_of_spec(const struct timespec *timeout)
{
	if (!timeout)
		return GD_TIMEOUT_NONE;
	if (!gd_can_read(timeout, sizeof(*timeout)))
		return GD_TIMEOUT_SOME;
	return timeout->tv_sec == 0 && timeout->tv_nsec == 0 ? GD_TIMEOUT_ZERO : GD_TIMEOUT_SOME;
}

#endif
