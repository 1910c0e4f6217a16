/* SPDX-License-Identifier: MIT */
/*
 * exec and spawn.  A vfork child runs on its parent's memory: until its exec succeeds nothing of
 * ours is written.  An exec hands the session on, also to a program whose caller built the
 * environment itself.
 */
#include "arena.h"
#include "env.h"
#include "foreign.h"
#include "lifecycle.h"
#include "readable.h"
#include "session.h"
#include "span.h"
#include "text.h"
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

/* ---- The successor's environment --------------------------------------------------------------- */

#define ENV_SESSION "GILDIAG_SESSION="
#define ENV_MAX     65536 /* strings; a longer environment is passed on as it is */
#define AGENT_NAME  "libgildiag-agent"
#define CS_PATH     "/bin:/usr/bin" /* glibc's own, where PATH is not set */

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool has_agent(const char *entry)
{
	return begins_with(entry, "LD_PRELOAD=") && strstr(entry, AGENT_NAME);
}

/* The agent and nothing else. */
static bool is_our_preload(const char *entry)
{
	return has_agent(entry) && !strpbrk(entry, ": ");
}

/*
 * The loader says on stderr what it cannot preload: after a change of root or of user, or when the
 * agent has been removed.  entry is an LD_PRELOAD=...
 */
static bool can_be_loaded(const char *entry)
{
	const char *from = strstr(entry, AGENT_NAME);
	size_t length = 0;
	char *path;
	long fd;

	while (from[-1] != '=' && from[-1] != ':' && from[-1] != ' ')
		from--;
	while (from[length] && from[length] != ':' && from[length] != ' ')
		length++;
	if (length >= PATH_MAX)
		return true;
	path = __builtin_alloca(length + 1);
	memcpy(path, from, length);
	path[length] = 0;
	/* A name alone is looked for in the loader's places, which we do not know. */
	if (!strchr(path, '/') || strchr(path, '$'))
		return true;
	fd = gd_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd >= 0)
		gd_syscall(SYS_close, fd);
	return fd >= 0 || fd == -EMFILE;
}

/* What the environment of a successor becomes. */
struct handover {
	size_t count;   /* pointers that a changed copy has at most; 0: pass it on as it is */
	bool stays_out; /* without the agent: it would be fatal there, or noticed */
};

/*
 * Only where the agent itself is passed on: an environment without it was meant to be clean.  A
 * seccomp filter outlives an exec, and what the agent does when it wakes may be fatal under it.
 */
static struct handover plan(int folder, const char *path, char *const *envp)
{
	struct handover handover = { 0, false };
	const char *preload = NULL;
	bool has_session = false;
	size_t n = 0;

	if (!gd_can_read(envp, sizeof(*envp)) || !gd_process || !gd_session_variable[0])
		return handover;
	for (; envp[n]; n++) {
		if (n == ENV_MAX)
			return handover;
		has_session |= begins_with(envp[n], ENV_SESSION);
		if (has_agent(envp[n]))
			preload = envp[n];
	}
	if (!preload)
		return handover;
	handover.stays_out = gd_process->flags & GD_FLAG_SECCOMP || !gd_arena_has_room() ||
			     !can_be_loaded(preload) || (path && gd_foreign_is(folder, path));
	if (handover.stays_out)
		gd_arena_lose(GD_LOST_CHILDREN); /* before an exec closes the books */
	if (handover.stays_out || !has_session)
		handover.count = n + 2;
	return handover;
}

/* A folder may be "executed" too, but not by exec. */
static bool is_program(const char *path)
{
	struct stat st;

	return gd_syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0) == 0 && S_ISREG(st.st_mode) &&
	       gd_syscall(SYS_faccessat, AT_FDCWD, path, X_OK) == 0;
}

/* Room for look_up()'s path.  Not more: a handler on a small stack may exec. */
static size_t look_up_bytes(const char *file)
{
	const char *path = gd_env_get(GD_ENV_PATH);
	size_t bytes;

	if (!gd_arch_may_point(file) || strchr(file, '/'))
		return 1;
	bytes = strlen(path ? path : "") + strlen(file) + sizeof(CS_PATH);
	return bytes < PATH_MAX ? bytes : PATH_MAX;
}

/* The file that libc will find: the first one in PATH that may be executed; NULL: none. */
static const char *look_up(const char *file, char *path, size_t size_bytes)
{
	const char *at = gd_env_get(GD_ENV_PATH);

	if (!gd_arch_may_point(file) || strchr(file, '/'))
		return file;
	at = at ? at : CS_PATH;
	for (;;) {
		const char *end = strchr(at, ':');
		size_t length = end ? (size_t)(end - at) : strlen(at);
		struct gd_text text;

		if (length < size_bytes) {
			memcpy(path, at, length);
			text = gd_text_begin(path + length, size_bytes - length);
			gd_text_add(&text, length ? "/" : "./");
			gd_text_add(&text, file);
			if (gd_text_fits(&text) && is_program(path))
				return path;
		}
		if (!end)
			return NULL;
		at = end + 1;
	}
}

/* In the caller's frame. */
#define LOOK_UP(file) look_up(file, __builtin_alloca(look_up_bytes(file)), look_up_bytes(file))

static char *const *change(char **room, const struct handover *handover, char *const *envp)
{
	size_t n = 0;

	for (size_t i = 0; i + 2 < handover->count; i++)
		if (!handover->stays_out || !is_our_preload(envp[i]))
			room[n++] = envp[i];
	if (!handover->stays_out)
		room[n++] = gd_session_variable;
	room[n] = NULL;
	return room;
}

/* On the caller's stack, as libc does it: a vfork child may not allocate. */
#define HAND_OVER(handover, envp)                                                                  \
	((handover).count                                                                          \
		 ? change(__builtin_alloca((handover).count * sizeof(char *)), &handover, envp)    \
		 : (envp))

/* ---- exec ------------------------------------------------------------------------------------ */

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
	struct handover handover = plan(AT_FDCWD, LOOK_UP(file), envp);
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
	struct handover handover = plan(AT_FDCWD, LOOK_UP(file), envp);

	return GD_REAL(posix_spawnp)(pid, file, actions, attr, argv,
				     (char **)HAND_OVER(handover, envp));
}
