/* SPDX-License-Identifier: MIT */
/*
 * Waits on one descriptor: the cause comes from its role and from what was sent before.
 */
#ifndef GD_WAIT_FD_H
#define GD_WAIT_FD_H

#include "fd.h"
#include "span.h"

/* What a read or a receive on fd would wait for. */
uint16_t gd_wait_fd_in(int fd);

/* What a write or a send on fd would wait for. */
uint16_t gd_wait_fd_out(int fd);

/* What stands in the slot: which pipe, for who is at its other end; else which descriptor. */
static inline uint64_t gd_wait_fd_object(uint16_t cause, int fd)
{
	return cause == GD_CAUSE_PIPE ? gd_fd_pipe_inode(fd) : (uint64_t)fd + 1;
}

static inline __attribute__((always_inline)) struct gd_span gd_wait_fd_begin_in(int fd)
{
	uint16_t cause = gd_wait_fd_in(fd);

	return gd_span_begin(cause, gd_wait_fd_object(cause, fd), 1);
}

static inline __attribute__((always_inline)) struct gd_span gd_wait_fd_begin_out(int fd)
{
	uint16_t cause = gd_wait_fd_out(fd);

	return gd_span_begin(cause, gd_wait_fd_object(cause, fd), 1);
}

/* Ends the span; n is what the call returned. */
static inline void gd_wait_fd_end(const struct gd_span *span, int fd, ssize_t n)
{
	uint64_t waited = gd_span_end(span);

	if (span->cause == GD_CAUSE_PIPE)
		gd_fd_pipe_waited(fd, waited, n);
	if (span->self && n > 0 &&
	    (span->cause == GD_CAUSE_PIPE || span->cause == GD_CAUSE_INTERNAL))
		span->self->slot->pipe_bytes += (uint64_t)n;
}

static inline void gd_wait_fd_end_in(const struct gd_span *span, int fd, ssize_t n)
{
	gd_wait_fd_end(span, fd, n);
	if (n >= 0 && span->cause != GD_CAUSE_FILE)
		gd_fd_got(fd);
}

static inline void gd_wait_fd_end_out(const struct gd_span *span, int fd, ssize_t n)
{
	gd_wait_fd_end(span, fd, n);
	if (n >= 0 && span->cause != GD_CAUSE_FILE)
		gd_fd_sent(fd);
}

#endif
