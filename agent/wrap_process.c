/* SPDX-License-Identifier: MIT */
/*
 * Children, exec and the end.  A vfork child runs on its parent's memory: until its exec succeeds
 * nothing of ours is written.  An exec hands the session on, also to a program whose caller built
 * the environment itself.
 */
#include "foreign.h"
#include "lifecycle.h"
#include "session.h"
#include "span.h"
#include "text.h"
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

/* ---- exec ------------------------------------------------------------------------------------ */

#define ENV_SESSION "GILDIAG_SESSION="
#define ENV_MAX     65536 /* strings; a longer environment is passed on as it is */

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The agent and nothing else. */
static bool is_our_preload(const char *entry)
{
	return begins_with(entry, "LD_PRELOAD=") && strstr(entry, "libgildiag-agent") &&
	       !strpbrk(entry, ": ");
}

/* What the environment of a successor becomes. */
struct handover {
	size_t count;   /* pointers that a changed copy has at most; 0: pass it on as it is */
	bool stays_out; /* without the agent: it would be fatal there */
};

/*
 * Only where the agent itself is passed on: an environment without it was meant to be clean.  A
 * seccomp filter outlives an exec, and what the agent does when it wakes may be fatal under it.
 */
static struct handover plan(int folder, const char *path, char *const *envp)
{
	bool has_agent = false, has_session = false;
	struct handover handover = { 0, false };
	size_t n = 0;

	if (!gd_arch_may_point(envp) || !gd_process || !gd_session_variable[0])
		return handover;
	for (; envp[n]; n++) {
		if (n == ENV_MAX)
			return handover;
		has_session |= begins_with(envp[n], ENV_SESSION);
		has_agent |=
			begins_with(envp[n], "LD_PRELOAD=") && strstr(envp[n], "libgildiag-agent");
	}
	if (!has_agent)
		return handover;
	handover.stays_out =
		gd_process->flags & GD_FLAG_SECCOMP || (path && gd_foreign_is(folder, path));
	if (handover.stays_out || !has_session)
		handover.count = n + 2;
	return handover;
}

/* A name that is looked for in PATH is not looked at. */
static const char *as_path(const char *file)
{
	return gd_arch_may_point(file) && strchr(file, '/') ? file : NULL;
}

static char *const *change(char **room, const struct handover *handover, char *const *envp)
{
	size_t n = 0;

	for (size_t i = 0; i + 2 < handover->count; i++)
		if (!handover->stays_out || !is_our_preload(envp[i]))
			room[n++] = envp[i];
	if (!handover->stays_out)
		room[n++] = gd_session_variable;
	else
		gd_arena_lose(GD_LOST_CHILDREN);
	room[n] = NULL;
	return room;
}

/* On the caller's stack, as libc does it: a vfork child may not allocate. */
#define HAND_OVER(handover, envp)                                                                  \
	((handover).count                                                                          \
		 ? change(__builtin_alloca((handover).count * sizeof(char *)), &handover, envp)    \
		 : (envp))

GD_EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	struct handover handover = plan(AT_FDCWD, path, envp);
	int ret;

	gd_lifecycle_exec();
	ret = GD_REAL(execve)(path, argv, HAND_OVER(handover, envp));
	gd_lifecycle_exec_failed();
	return ret;
}

GD_EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

GD_EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	struct handover handover = plan(AT_FDCWD, as_path(file), envp);
	int ret;

	gd_lifecycle_exec();
	ret = GD_REAL_OR_ENOSYS(execvpe, file, argv, HAND_OVER(handover, envp));
	gd_lifecycle_exec_failed();
	return ret;
}

GD_EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

GD_EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	struct handover handover = plan(fd, NULL, envp);
	int ret;

	gd_lifecycle_exec();
	ret = GD_REAL(fexecve)(fd, argv, HAND_OVER(handover, envp));
	gd_lifecycle_exec_failed();
	return ret;
}

GD_EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
	struct handover handover = plan(fd, path, envp);
	int ret;

	gd_lifecycle_exec();
	ret = GD_REAL_OR_ENOSYS(execveat, fd, path, argv, HAND_OVER(handover, envp), flags);
	gd_lifecycle_exec_failed();
	return ret;
}

/* How many arguments follow in rest, the final NULL included; the first one may not be NULL. */
static size_t count_args(va_list *rest)
{
	size_t n = 1;

	while (va_arg(*rest, char *))
		n++;
	return n;
}

static char **collect(char **argv, const char *first, size_t count, va_list *rest)
{
	argv[0] = (char *)first;
	for (size_t i = 1; i <= count; i++)
		argv[i] = va_arg(*rest, char *);
	return argv;
}

#define COLLECT(argv, first)                                                                       \
	do {                                                                                       \
		va_list rest_;                                                                     \
		size_t count_;                                                                     \
		va_start(rest_, first);                                                            \
		count_ = count_args(&rest_);                                                       \
		va_end(rest_);                                                                     \
		va_start(rest_, first);                                                            \
		(argv) = collect(__builtin_alloca((count_ + 1) * sizeof(char *)), first, count_,   \
				 &rest_);                                                          \
		va_end(rest_);                                                                     \
	} while (0)

GD_EXPORT int execl(const char *path, const char *arg, ...)
{
	char **argv;

	COLLECT(argv, arg);
	return execv(path, argv);
}

GD_EXPORT int execlp(const char *file, const char *arg, ...)
{
	char **argv;

	COLLECT(argv, arg);
	return execvp(file, argv);
}

GD_EXPORT int execle(const char *path, const char *arg, ...)
{
	char *const *envp;
	char **argv;
	va_list rest;

	COLLECT(argv, arg);
	va_start(rest, arg);
	count_args(&rest);
	envp = va_arg(rest, char *const *);
	va_end(rest);
	return execve(path, argv, envp);
}

/* ---- spawn ----------------------------------------------------------------------------------- */

GD_EXPORT int posix_spawn(pid_t *restrict pid, const char *restrict path,
			  const posix_spawn_file_actions_t *restrict actions,
			  const posix_spawnattr_t *restrict attr, char *const argv[restrict],
			  char *const envp[restrict])
{
	struct handover handover = plan(AT_FDCWD, path, envp);

	return GD_REAL(posix_spawn)(pid, path, actions, attr, argv,
				    (char **)HAND_OVER(handover, envp));
}

GD_EXPORT int posix_spawnp(pid_t *restrict pid, const char *restrict file,
			   const posix_spawn_file_actions_t *restrict actions,
			   const posix_spawnattr_t *restrict attr, char *const argv[restrict],
			   char *const envp[restrict])
{
	struct handover handover = plan(AT_FDCWD, as_path(file), envp);

	return GD_REAL(posix_spawnp)(pid, file, actions, attr, argv,
				     (char **)HAND_OVER(handover, envp));
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
