/* SPDX-License-Identifier: MIT */
/* Names of system calls that block, x86-64.  A rare one is named by its number. */
#include "words.h"
#include <stdio.h>
#include <sys/syscall.h>

#define NAME(name)                                                                                 \
	{                                                                                          \
		SYS_##name, #name                                                                  \
	}

/* clang-format off */
static const struct {
	uint64_t number;
	const char *name;
} calls[] = {
	NAME(accept),
	NAME(accept4),
	NAME(clock_nanosleep),
	NAME(close),
	NAME(connect),
	NAME(epoll_pwait),
	NAME(epoll_wait),
	NAME(execve),
	NAME(fdatasync),
	NAME(flock),
	NAME(fsync),
	NAME(futex),
	NAME(io_getevents),
	NAME(ioctl),
	NAME(madvise),
	NAME(mmap),
	NAME(mprotect),
	NAME(msync),
	NAME(munmap),
	NAME(nanosleep),
	NAME(open),
	NAME(openat),
	NAME(pause),
	NAME(poll),
	NAME(ppoll),
	NAME(pread64),
	NAME(pselect6),
	NAME(pwrite64),
	NAME(read),
	NAME(readv),
	NAME(recvfrom),
	NAME(recvmsg),
	NAME(rt_sigsuspend),
	NAME(rt_sigtimedwait),
	NAME(select),
	NAME(semop),
	NAME(semtimedop),
	NAME(sendfile),
	NAME(sendmsg),
	NAME(sendto),
	NAME(splice),
	NAME(vfork),
	NAME(wait4),
	NAME(waitid),
	NAME(write),
	NAME(writev),
};
/* clang-format on */

const char *gd_words_system_call(uint64_t number)
{
	static char other[40];

	if (number == ~0ull)
		return "a page fault";
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].number == number)
			return calls[i].name;
	snprintf(other, sizeof(other), "system call %llu", (unsigned long long)number);
	return other;
}
