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

static inline __attribute__((always_inline)) struct gd_span gd_wait_fd_begin_in(int fd)
{
	return gd_span_begin(gd_wait_fd_in(fd), (uint64_t)fd + 1, 1);
}

static inline __attribute__((always_inline)) struct gd_span gd_wait_fd_begin_out(int fd)
{
	return gd_span_begin(gd_wait_fd_out(fd), (uint64_t)fd + 1, 1);
}

/* n is what the call returned. */
static inline void gd_wait_fd_end_in(const struct gd_span *span, int fd, ssize_t n)
{
	gd_span_end(span);
	if (n >= 0 && span->cause != GD_CAUSE_FILE)
		gd_fd_got(fd);
}

static inline void gd_wait_fd_end_out(const struct gd_span *span, int fd, ssize_t n)
{
	gd_span_end(span);
	if (n >= 0 && span->cause != GD_CAUSE_FILE)
		gd_fd_sent(fd);
}

#endif
