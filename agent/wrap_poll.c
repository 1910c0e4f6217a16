/* SPDX-License-Identifier: MIT */
/*
 * poll, select, epoll_wait.  A call that cannot wait (timeout zero) is computing and passes
 * through.
 */
#include "wait_poll.h"
#include <errno.h>

#define LOOK_AT_MOST 64 /* descriptors of a large set: the rest is taken to be like them */

static void count_polled(struct gd_fd_set *set, const struct pollfd *fds, nfds_t count)
{
	nfds_t looked_at = count < LOOK_AT_MOST ? count : LOOK_AT_MOST;

	if (!count || !gd_can_read(fds, looked_at * sizeof(*fds)))
		return;
	for (nfds_t i = 0; i < looked_at; i++)
		if (fds[i].fd >= 0)
			gd_fd_count(set, fds[i].fd);
}

/* As much as the kernel reads of it. */
static bool can_read_set(const fd_set *set, int count)
{
	return !set || count <= 0 || gd_can_read(set, ((size_t)count + 63) / 64 * 8);
}

static void count_selected(struct gd_fd_set *set, int count, const fd_set *in, const fd_set *out)
{
	int looked_at = 0;

	if (count > FD_SETSIZE)
		count = FD_SETSIZE;
	if (!can_read_set(in, count) || !can_read_set(out, count))
		return;
	for (int fd = 0; fd < count && looked_at < LOOK_AT_MOST; fd++)
		if ((in && FD_ISSET(fd, in)) || (out && FD_ISSET(fd, out))) {
			gd_fd_count(set, fd);
			looked_at++;
		}
}

static struct gd_poll begin_poll(const struct pollfd *fds, nfds_t count, enum gd_timeout timeout,
				 struct gd_here here)
{
	struct gd_fd_set set = { 0 };

	if (timeout == GD_TIMEOUT_ZERO || !gd_process)
		return (struct gd_poll){ .span = gd_span_none() };
	count_polled(&set, fds, count);
	return gd_wait_poll_begin(&set, timeout, count > 1, here);
}

GD_EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct gd_poll wait = begin_poll(fds, count, gd_timeout_of_ms(timeout_ms), GD_HERE());
	int ret = GD_REAL(poll)(fds, count, timeout_ms);

	gd_wait_poll_end(&wait, ret);
	return ret;
}

GD_EXPORT int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size)
{
	struct gd_poll wait = begin_poll(fds, count, gd_timeout_of_ms(timeout_ms), GD_HERE());
	int ret = GD_REAL_OR_ENOSYS(__poll_chk, fds, count, timeout_ms, size);

	gd_wait_poll_end(&wait, ret);
	return ret;
}

GD_EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		    const sigset_t *mask)
{
	struct gd_poll wait = begin_poll(fds, count, gd_timeout_of_spec(timeout), GD_HERE());
	int ret = GD_REAL_OR_ENOSYS(ppoll, fds, count, timeout, mask);

	gd_wait_poll_end(&wait, ret);
	return ret;
}

GD_EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
			  const sigset_t *mask, size_t size)
{
	struct gd_poll wait = begin_poll(fds, count, gd_timeout_of_spec(timeout), GD_HERE());
	int ret = GD_REAL_OR_ENOSYS(__ppoll_chk, fds, count, timeout, mask, size);

	gd_wait_poll_end(&wait, ret);
	return ret;
}

/* ---- select ---------------------------------------------------------------------------------- */

static struct gd_poll begin_select(int count, const fd_set *in, const fd_set *out,
				   enum gd_timeout timeout, struct gd_here here)
{
	struct gd_fd_set set = { 0 };
	uint32_t members;

	if (timeout == GD_TIMEOUT_ZERO || !gd_process)
		return (struct gd_poll){ .span = gd_span_none() };
	count_selected(&set, count, in, out);
	members = set.servers + set.clients + set.own + set.timers + set.children + set.pipes +
		  set.terminals + set.others;
	return gd_wait_poll_begin(&set, timeout, members > 1, here);
}

GD_EXPORT int select(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
		     struct timeval *restrict timeout)
{
	enum gd_timeout kind = !timeout                                        ? GD_TIMEOUT_NONE
			       : timeout->tv_sec == 0 && timeout->tv_usec == 0 ? GD_TIMEOUT_ZERO
									       : GD_TIMEOUT_SOME;
	struct gd_poll wait = begin_select(count, in, out, kind, GD_HERE());
	struct gd_local *self = kind == GD_TIMEOUT_ZERO && count == 0 ? gd_thread_get() : NULL;
	int ret = GD_REAL(select)(count, in, out, except, timeout);

	if (self)
		self->slot->yields++; /* time.sleep(0) up to Python 3.10 */
	gd_wait_poll_end(&wait, ret);
	return ret;
}

GD_EXPORT int pselect(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
		      const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
	struct gd_poll wait = begin_select(count, in, out, gd_timeout_of_spec(timeout), GD_HERE());
	int ret = GD_REAL(pselect)(count, in, out, except, timeout, mask);

	gd_wait_poll_end(&wait, ret);
	return ret;
}

/* ---- epoll ----------------------------------------------------------------------------------- */

GD_EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	int ret;

	if (op == EPOLL_CTL_DEL && gd_process && !gd_thread_is_vfork_child())
		gd_fd_epoll_remove(epfd, fd);
	ret = GD_REAL(epoll_ctl)(epfd, op, fd, event);
	if (ret == 0 && op == EPOLL_CTL_ADD && gd_process && !gd_thread_is_vfork_child())
		gd_fd_epoll_add(epfd, fd);
	return ret;
}

static struct gd_poll begin_epoll(int epfd, enum gd_timeout timeout, struct gd_here here)
{
	struct gd_fd_set set = { 0 };

	if (timeout == GD_TIMEOUT_ZERO || !gd_process)
		return (struct gd_poll){ .span = gd_span_none() };
	gd_fd_epoll_count(&set, epfd);
	return gd_wait_poll_begin(&set, timeout, true, here);
}

GD_EXPORT int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	struct gd_poll wait = begin_epoll(epfd, gd_timeout_of_ms(timeout_ms), GD_HERE());
	int ret = GD_REAL(epoll_wait)(epfd, events, max, timeout_ms);

	gd_wait_poll_end(&wait, ret);
	return ret;
}

GD_EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int max, int timeout_ms,
			  const sigset_t *mask)
{
	struct gd_poll wait = begin_epoll(epfd, gd_timeout_of_ms(timeout_ms), GD_HERE());
	int ret = GD_REAL_OR_ENOSYS(epoll_pwait, epfd, events, max, timeout_ms, mask);

	gd_wait_poll_end(&wait, ret);
	return ret;
}

GD_EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int max,
			   const struct timespec *timeout, const sigset_t *mask)
{
	struct gd_poll wait = begin_epoll(epfd, gd_timeout_of_spec(timeout), GD_HERE());
	int ret = GD_REAL_OR_ENOSYS(epoll_pwait2, epfd, events, max, timeout, mask);

	gd_wait_poll_end(&wait, ret);
	return ret;
}
