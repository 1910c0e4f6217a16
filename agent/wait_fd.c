/* SPDX-License-Identifier: MIT */
/*
 * From role and direction to cause: two small tables.
 */
#include "wait_fd.h"

uint16_t gd_wait_fd_in(int fd)
{
	static const uint8_t causes[GD_ROLE_COUNT] = {
		[GD_ROLE_UNKNOWN] = GD_CAUSE_OTHER,  [GD_ROLE_FILE] = GD_CAUSE_FILE,
		[GD_ROLE_TTY] = GD_CAUSE_TTY,        [GD_ROLE_PIPE] = GD_CAUSE_PIPE,
		[GD_ROLE_OWN] = GD_CAUSE_INTERNAL,   [GD_ROLE_TIMER] = GD_CAUSE_LOOP_TIMER,
		[GD_ROLE_EPOLL] = GD_CAUSE_OTHER,    [GD_ROLE_CHILD] = GD_CAUSE_CHILD,
		[GD_ROLE_SIGNAL] = GD_CAUSE_SIGNAL,  [GD_ROLE_LISTENER] = GD_CAUSE_ACCEPT,
		[GD_ROLE_ACCEPTED] = GD_CAUSE_SERVE, [GD_ROLE_CLIENT] = GD_CAUSE_RECV,
		[GD_ROLE_SOCKET] = GD_CAUSE_SERVE,   [GD_ROLE_OTHER] = GD_CAUSE_OTHER,
	};
	enum gd_role role = gd_fd_role(fd);

	/* A datagram socket that has asked waits for the answer; one that has not, for clients. */
	if (role == GD_ROLE_SOCKET && gd_fd_is_outstanding(fd))
		return GD_CAUSE_RECV;
	return causes[role];
}

uint16_t gd_wait_fd_out(int fd)
{
	static const uint8_t causes[GD_ROLE_COUNT] = {
		[GD_ROLE_UNKNOWN] = GD_CAUSE_OTHER, [GD_ROLE_FILE] = GD_CAUSE_FILE,
		[GD_ROLE_TTY] = GD_CAUSE_OTHER,     [GD_ROLE_PIPE] = GD_CAUSE_PIPE,
		[GD_ROLE_OWN] = GD_CAUSE_INTERNAL,  [GD_ROLE_TIMER] = GD_CAUSE_OTHER,
		[GD_ROLE_EPOLL] = GD_CAUSE_OTHER,   [GD_ROLE_CHILD] = GD_CAUSE_OTHER,
		[GD_ROLE_SIGNAL] = GD_CAUSE_OTHER,  [GD_ROLE_LISTENER] = GD_CAUSE_SEND,
		[GD_ROLE_ACCEPTED] = GD_CAUSE_SEND, [GD_ROLE_CLIENT] = GD_CAUSE_SEND,
		[GD_ROLE_SOCKET] = GD_CAUSE_SEND,   [GD_ROLE_OTHER] = GD_CAUSE_OTHER,
	};

	return causes[gd_fd_role(fd)];
}
