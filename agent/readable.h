/* SPDX-License-Identifier: MIT */
/*
 * Looking at what the target hands to the kernel.  A pointer that leads nowhere is an error to the
 * kernel, EFAULT; we would die of it.
 */
#ifndef GD_READABLE_H
#define GD_READABLE_H

#include "arena.h"
#include "clock.h"
#include <sys/uio.h>

/*
 * False where a part of it is not mapped; at most a page long.  What shares a page with our own
 * frame is there, as the caller's variables mostly do; for the rest the kernel is asked, and where
 * it may not be, the pointer is trusted.  Context: anywhere.
 */
static inline bool gd_can_read(const void *pointer, size_t size_bytes)
{
	uintptr_t first = (uintptr_t)pointer, last = first + size_bytes - 1;
	uintptr_t page = (uintptr_t)__builtin_frame_address(0) / GD_PAGE_BYTES;
	struct iovec remote[2] = { { (void *)first, 1 }, { (void *)last, 1 } };
	char bytes[2];
	struct iovec local = { bytes, sizeof(bytes) };
	long n;

	if (!gd_arch_may_point(pointer))
		return false;
	if ((first / GD_PAGE_BYTES == page && last / GD_PAGE_BYTES == page) || !gd_process ||
	    gd_process->flags & GD_FLAG_SECCOMP)
		return true;
	n = gd_syscall(SYS_process_vm_readv, gd_process->pid, &local, 1, remote, 2, 0);
	return n != -14 /* EFAULT */ && n != 1;
}

#endif
