/* SPDX-License-Identifier: MIT */
/* Children, the end, and what changes what the agent may do. */
#include "lifecycle.h"
#include "session.h"
#include "span.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>

GD_ARCH_VFORK(gd_vfork_open, gd_real_vfork);

/* ---- Waiting for children -------------------------------------------------------------------- */

static inline __attribute__((always_inline)) struct gd_span begin_child(int options)
{
	return options & WNOHANG ? gd_span_none() : gd_span_begin(GD_CAUSE_CHILD, 0, 0);
}

/* ret is the child that ended, if it is positive. */
static inline void end_child(const struct gd_span *span, long ret)
{
	gd_span_end(span);
	if (ret > 0 && gd_process && !gd_thread_is_vfork_child())
		__atomic_fetch_add(&gd_process->children_reaped, 1, __ATOMIC_RELAXED);
}

GD_EXPORT pid_t wait(int *status)
{
	struct gd_span span = begin_child(0);
	pid_t ret = GD_REAL(wait)(status);

	end_child(&span, ret);
	return ret;
}

GD_EXPORT pid_t waitpid(pid_t pid, int *status, int options)
{
	struct gd_span span = begin_child(options);
	pid_t ret = GD_REAL(waitpid)(pid, status, options);

	end_child(&span, options & (WUNTRACED | WCONTINUED) ? 0 : ret);
	return ret;
}

GD_EXPORT int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	struct gd_span span = begin_child(options);
	int ret = GD_REAL(waitid)(type, id, info, options);

	end_child(&span, ret == 0 && !(options & (WNOHANG | WNOWAIT)));
	return ret;
}

GD_EXPORT pid_t wait3(int *status, int options, struct rusage *usage)
{
	struct gd_span span = begin_child(options);
	pid_t ret = GD_REAL(wait3)(status, options, usage);

	end_child(&span, options & (WUNTRACED | WCONTINUED) ? 0 : ret);
	return ret;
}

GD_EXPORT pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	struct gd_span span = begin_child(options);
	pid_t ret = GD_REAL(wait4)(pid, status, options, usage);

	end_child(&span, options & (WUNTRACED | WCONTINUED) ? 0 : ret);
	return ret;
}

/* ---- The end --------------------------------------------------------------------------------- */

GD_EXPORT void _exit(int status)
{
	gd_lifecycle_exit(status);
	if (GD_REAL(_exit))
		gd_real._exit(status);
	for (;;)
		gd_syscall(SYS_exit_group, status);
}

GD_EXPORT void _Exit(int status)
{
	_exit(status);
}

GD_EXPORT void quick_exit(int status)
{
	gd_lifecycle_note_quick_exit(status);
	if (GD_REAL(quick_exit))
		gd_real.quick_exit(status);
	for (;;)
		gd_syscall(SYS_exit_group, status);
}

/* ---- Filters and bare system calls ----------------------------------------------------------- */

/* What a call that changes what we may do has changed, to be taken back should it fail. */
struct restraint {
	bool is_filter; /* the first one */
	bool is_blind;
	struct gd_local *self;
};

/* From before the call on: afterwards a system call, or a clock, of ours may kill the process. */
static struct restraint restrain(bool is_filter, bool is_blind)
{
	struct restraint restraint = { false, is_blind, NULL };

	if (is_blind)
		restraint.self = gd_thread_go_blind();
	if (!gd_process || gd_thread_is_vfork_child())
		return restraint;
	restraint.is_filter = is_filter && !(__atomic_fetch_or(&gd_process->flags, GD_FLAG_SECCOMP,
							       __ATOMIC_RELAXED) &
					     GD_FLAG_SECCOMP);
	if (restraint.is_filter)
		gd_session_write_so_far();
	return restraint;
}

static void relax(const struct restraint *restraint)
{
	if (restraint->is_filter)
		__atomic_fetch_and(&gd_process->flags, ~GD_FLAG_SECCOMP, __ATOMIC_RELAXED);
	if (restraint->is_blind)
		gd_thread_see_again(restraint->self);
}

#define MODE_STRICT 1 /* of PR_SET_SECCOMP */

static struct restraint restrain_for_prctl(long option, long value)
{
	bool is_filter = option == PR_SET_SECCOMP;

	return restrain(is_filter, (is_filter && value == MODE_STRICT) ||
					   (option == PR_SET_TSC && value == PR_TSC_SIGSEGV));
}

GD_EXPORT int prctl(int option, ...)
{
	unsigned long arg[4];
	struct restraint restraint;
	va_list rest;
	int ret;

	va_start(rest, option);
	for (unsigned int i = 0; i < 4; i++)
		arg[i] = va_arg(rest, unsigned long);
	va_end(rest);
	restraint = restrain_for_prctl(option, (long)arg[0]);
	ret = GD_REAL(prctl)(option, arg[0], arg[1], arg[2], arg[3]);
	if (ret != 0)
		relax(&restraint);
	return ret;
}

#define FUTEX_CMD_MASK    (~(128 | 256)) /* without PRIVATE and CLOCK_REALTIME */
#define FUTEX_WAIT        0
#define FUTEX_WAIT_BITSET 9

#define SET_STRICT 0 /* of seccomp(2), which also answers questions */
#define SET_FILTER 1

static struct restraint restrain_for_syscall(long number, const long *arg)
{
	if (number == SYS_seccomp)
		return restrain(arg[0] == SET_STRICT || arg[0] == SET_FILTER, arg[0] == SET_STRICT);
	if (number == SYS_prctl)
		return restrain_for_prctl(arg[0], arg[1]);
	return (struct restraint){ false, false, NULL };
}

GD_EXPORT long syscall(long number, ...)
{
	long arg[6];
	struct gd_span span = gd_span_none();
	struct restraint restraint;
	va_list rest;
	long ret;

	va_start(rest, number);
	for (unsigned int i = 0; i < 6; i++)
		arg[i] = va_arg(rest, long);
	va_end(rest);
	restraint = restrain_for_syscall(number, arg);
	/* How Rust's and C++20's own locks wait. */
	if (number == SYS_futex && ((arg[1] & FUTEX_CMD_MASK) == FUTEX_WAIT ||
				    (arg[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET))
		span = gd_span_begin_lock(GD_CAUSE_FUTEX, (uintptr_t)arg[0]);
	ret = GD_REAL(syscall)(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	gd_span_end_lock(&span, ret < 0 && errno == ETIMEDOUT);
	if (ret < 0)
		relax(&restraint);
	return ret;
}
