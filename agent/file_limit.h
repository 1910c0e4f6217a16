/* SPDX-License-Identifier: MIT */
/*
 * A file that would grow beyond RLIMIT_FSIZE costs its process a signal that kills.  Between these
 * two calls it does not: the limit is then an error like any other.
 */
#ifndef GD_FILE_LIMIT_H
#define GD_FILE_LIMIT_H

#include "clock.h"
#include <signal.h>

#define GD_SIGXFSZ_BIT (1ull << (SIGXFSZ - 1))

/* Returns the mask of blocked signals for gd_file_limit_end().  Context: anywhere. */
static inline uint64_t gd_file_limit_begin(void)
{
	uint64_t signal = GD_SIGXFSZ_BIT, before = 0;

	gd_syscall(SYS_rt_sigprocmask, SIG_BLOCK, &signal, &before, sizeof(before));
	return before;
}

/* err is what the growing returned. */
static inline void gd_file_limit_end(uint64_t before, long err)
{
	uint64_t signal = GD_SIGXFSZ_BIT;
	struct timespec now = { 0, 0 };

	if (err == -27 && !(before & signal)) /* EFBIG: take the signal that came with it */
		gd_syscall(SYS_rt_sigtimedwait, &signal, NULL, &now, sizeof(signal));
	gd_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
}

#endif
