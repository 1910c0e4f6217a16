/* SPDX-License-Identifier: MIT */
/*
 * The rules, in order.  An answer that is outstanding decides; then servers, who wait for clients
 * whatever else they wait for; then what is left.
 */
#include "wait_poll.h"

static uint16_t cause_of(const struct gd_fd_set *set, enum gd_timeout timeout, bool is_loop,
			 bool quiet_was_io, bool *ret_is_guess)
{
	*ret_is_guess = false;
	if (set->outstanding || (set->clients && !is_loop))
		return GD_CAUSE_POLL;
	if (set->servers)
		return GD_CAUSE_SERVE;
	if (set->clients) {
		/* Kept open for later, or in the middle of a long answer?  With a timer of its own,
		 * as the last time; without one, there is nothing else that it could wait for. */
		*ret_is_guess = true;
		return timeout == GD_TIMEOUT_NONE || quiet_was_io ? GD_CAUSE_POLL
								  : GD_CAUSE_LOOP_TIMER;
	}
	if (set->pipes)
		return GD_CAUSE_PIPE;
	if (set->children)
		return GD_CAUSE_CHILD;
	if (set->terminals)
		return GD_CAUSE_TTY;
	if (set->timers)
		return GD_CAUSE_LOOP_TIMER;
	if (set->own)
		return timeout == GD_TIMEOUT_SOME ? GD_CAUSE_LOOP_TIMER : GD_CAUSE_INTERNAL;
	if (set->others)
		return GD_CAUSE_OTHER;
	return timeout == GD_TIMEOUT_SOME ? (is_loop ? GD_CAUSE_LOOP_TIMER : GD_CAUSE_SLEEP)
					  : GD_CAUSE_SIGNAL;
}

struct gd_poll gd_wait_poll_begin(const struct gd_fd_set *set, enum gd_timeout timeout,
				  bool is_loop, struct gd_here here)
{
	struct gd_poll poll = { .span = { .self = gd_thread_get() } };
	struct gd_local *self = poll.span.self;
	uint32_t outside = 0;

	if (!self)
		return poll;
	poll.span.cause = cause_of(set, timeout, is_loop, self->poll_was_io, &poll.is_guess);
	if (poll.span.cause == GD_CAUSE_POLL)
		outside = set->outstanding ? set->outstanding : 1;
	else if (poll.span.cause == GD_CAUSE_PIPE)
		outside = set->pipes;
	else if (poll.span.cause == GD_CAUSE_OTHER)
		outside = 1;
	if (!gd_account_begin(self, poll.span.cause,
			      poll.span.cause == GD_CAUSE_PIPE
				      ? gd_fd_pipe_inode(set->pipe_fd_plus_1 - 1)
				      : 0,
			      outside, here))
		poll.span.self = NULL;
	poll.pipe_fd_plus_1 = set->pipe_fd_plus_1;
	return poll;
}

void gd_wait_poll_end(const struct gd_poll *poll, int ready)
{
	struct gd_span span = poll->span;
	uint64_t waited;

	if (!span.self)
		return;
	if (poll->is_guess && ready >= 0) {
		span.self->poll_was_io = ready > 0;
		span.cause = ready > 0 ? GD_CAUSE_POLL : GD_CAUSE_LOOP_TIMER;
	}
	waited = gd_span_end(&span);
	if (span.cause == GD_CAUSE_PIPE)
		gd_fd_pipe_waited(poll->pipe_fd_plus_1 - 1, waited, 0);
}
