/* SPDX-License-Identifier: MIT */
/*
 * Sockets: receive, send, accept, connect.
 */
#include "wait_fd.h"
#include <errno.h>

GD_EXPORT ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL(recv)(fd, buf, n, flags);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL_OR_ENOSYS(__recv_chk, fd, buf, n, size, flags);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t recvfrom(int fd, void *restrict buf, size_t n, int flags, __SOCKADDR_ARG addr,
			   socklen_t *restrict addr_len)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL(recvfrom)(fd, buf, n, flags, addr, addr_len);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags,
				 __SOCKADDR_ARG addr, socklen_t *addr_len)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL_OR_ENOSYS(__recvfrom_chk, fd, buf, n, size, flags, addr, addr_len);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	ssize_t ret = GD_REAL(recvmsg)(fd, msg, flags);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT int recvmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags,
		       struct timespec *timeout)
{
	struct gd_span span = gd_wait_fd_begin_in(fd);
	int ret = GD_REAL_OR_ENOSYS(recvmmsg, fd, msgs, count, flags, timeout);

	gd_wait_fd_end_in(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	ssize_t ret = GD_REAL(send)(fd, buf, n, flags);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t sendto(int fd, const void *buf, size_t n, int flags, __CONST_SOCKADDR_ARG addr,
			 socklen_t addr_len)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	ssize_t ret = GD_REAL(sendto)(fd, buf, n, flags, addr, addr_len);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

GD_EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	ssize_t ret = GD_REAL(sendmsg)(fd, msg, flags);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

GD_EXPORT int sendmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags)
{
	struct gd_span span = gd_wait_fd_begin_out(fd);
	int ret = GD_REAL_OR_ENOSYS(sendmmsg, fd, msgs, count, flags);

	gd_wait_fd_end_out(&span, fd, ret);
	return ret;
}

GD_EXPORT int accept(int fd, __SOCKADDR_ARG addr, socklen_t *restrict addr_len)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_ACCEPT, (uint64_t)fd + 1, 0);
	int ret = GD_REAL(accept)(fd, addr, addr_len);

	gd_span_end(&span);
	if (ret >= 0)
		gd_fd_set_role(ret, GD_ROLE_ACCEPTED);
	return ret;
}

GD_EXPORT int accept4(int fd, __SOCKADDR_ARG addr, socklen_t *restrict addr_len, int flags)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_ACCEPT, (uint64_t)fd + 1, 0);
	int ret = GD_REAL(accept4)(fd, addr, addr_len, flags);

	gd_span_end(&span);
	if (ret >= 0)
		gd_fd_set_role(ret, GD_ROLE_ACCEPTED);
	return ret;
}

GD_EXPORT int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t addr_len)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_CONNECT, (uint64_t)fd + 1, 1);
	int ret = GD_REAL(connect)(fd, addr, addr_len);
	bool in_progress = ret < 0 && (errno == EINPROGRESS || errno == EALREADY);

	gd_span_end(&span);
	if (ret == 0 || in_progress)
		gd_fd_set_role(fd, GD_ROLE_CLIENT);
	if (in_progress)
		gd_fd_sent(fd); /* the handshake is the answer that is outstanding */
	return ret;
}

GD_EXPORT int getsockopt(int fd, int level, int option, void *restrict value,
			 socklen_t *restrict len)
{
	int ret = GD_REAL(getsockopt)(fd, level, option, value, len);

	/* How one asks whether a connect in progress has succeeded. */
	if (ret == 0 && level == SOL_SOCKET && option == SO_ERROR)
		gd_fd_got(fd);
	return ret;
}

GD_EXPORT int listen(int fd, int backlog)
{
	int ret = GD_REAL(listen)(fd, backlog);

	if (ret == 0)
		gd_fd_set_role(fd, GD_ROLE_LISTENER);
	return ret;
}
