/* SPDX-License-Identifier: MIT */
/*
 * Calls that make and unmake descriptors.  None of them is a wait; a vfork child's descriptors are
 * its own, so it changes nothing here.
 */
#include "fd.h"
#include "hooks.h"
#include "thread.h"
#include <errno.h>

GD_EXPORT int pipe(int ends[2])
{
	int ret = GD_REAL(pipe)(ends);

	if (ret == 0 && !gd_thread_is_vfork_child())
		gd_fd_pair(ends[0], ends[1]);
	return ret;
}

GD_EXPORT int pipe2(int ends[2], int flags)
{
	int ret = GD_REAL(pipe2)(ends, flags);

	if (ret == 0 && !gd_thread_is_vfork_child())
		gd_fd_pair(ends[0], ends[1]);
	return ret;
}

GD_EXPORT int socketpair(int domain, int type, int protocol, int ends[2])
{
	int ret = GD_REAL(socketpair)(domain, type, protocol, ends);

	if (ret == 0 && !gd_thread_is_vfork_child())
		gd_fd_pair(ends[0], ends[1]);
	return ret;
}

GD_EXPORT int dup(int fd)
{
	int ret = GD_REAL(dup)(fd);

	if (ret >= 0 && !gd_thread_is_vfork_child())
		gd_fd_copy(fd, ret);
	return ret;
}

GD_EXPORT int dup2(int fd, int to)
{
	int ret = GD_REAL(dup2)(fd, to);

	if (ret >= 0 && !gd_thread_is_vfork_child())
		gd_fd_copy(fd, to);
	return ret;
}

GD_EXPORT int dup3(int fd, int to, int flags)
{
	int ret = GD_REAL(dup3)(fd, to, flags);

	if (ret >= 0 && !gd_thread_is_vfork_child())
		gd_fd_copy(fd, to);
	return ret;
}

GD_EXPORT int close(int fd)
{
	/* Before the call: afterwards another thread may have the number already. */
	if (gd_process && !gd_thread_is_vfork_child())
		gd_fd_forget(fd);
	return GD_REAL(close)(fd);
}

GD_EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	/*
	 * Flags that do not close here and now: CLOSE_RANGE_UNSHARE (2), CLOSE_RANGE_CLOEXEC (4).
	 */
	if (gd_process && !flags && !gd_thread_is_vfork_child())
		gd_fd_forget_range(first, last);
	return GD_REAL_OR_ENOSYS(close_range, first, last, flags);
}

GD_EXPORT void closefrom(int first)
{
	if (gd_process && first >= 0 && !gd_thread_is_vfork_child())
		gd_fd_forget_range((unsigned int)first, ~0u);
	if (GD_REAL(closefrom))
		gd_real.closefrom(first);
}
