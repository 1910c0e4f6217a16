/* SPDX-License-Identifier: MIT */
/*
 * The constructor, the end and the fork.  If anything fails the agent stays asleep: every wrapper
 * then passes straight through.
 */
#include "lifecycle.h"
#include "account.h"
#include "fd.h"
#include "gil.h"
#include "intern.h"
#include "lock.h"
#include "session.h"
#include "text.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

GD_OLD_SYMBOL(dlsym);
GD_OLD_SYMBOL(dlerror);

/* Read from the file by gildiag before it starts a target: it must match the reader. */
GD_EXPORT const uint32_t gildiag_agent_abi = GD_ABI_MAJOR << 16 | GD_ABI_MINOR;

static uint64_t cookie;

/* ---- Facts about the program ----------------------------------------------------------------- */

static void copy_path(char *to, const char *from)
{
	char cwd[GD_PATH_BYTES];
	struct gd_text text = gd_text_begin(to, GD_PATH_BYTES);

	if (from[0] != '/' && gd_syscall(SYS_getcwd, cwd, sizeof(cwd)) > 0 && cwd[0] == '/') {
		gd_text_add(&text, cwd);
		gd_text_add(&text, cwd[1] ? "/" : "");
	}
	gd_text_add(&text, from[0] == '.' && from[1] == '/' ? from + 2 : from);
}

/* A name without a slash was found in PATH: it stays a name. */
static void note_command(const char *name)
{
	struct gd_text text = gd_text_begin(gd_process->command, GD_PATH_BYTES);

	if (strchr(name, '/'))
		copy_path(gd_process->command, name);
	else
		gd_text_add(&text, name);
}

/*
 * The script of a Python command line: the first argument that is no option, or what follows -m.
 * Letters may be joined (-Im); -W and -X take the rest of the word or the next one.
 */
static void note_script(int argc, char **argv)
{
	struct gd_text text = gd_text_begin(gd_process->script, GD_PATH_BYTES);

	for (int i = 1; i < argc; i++) {
		const char *letter = argv[i];

		if (letter[0] != '-') {
			copy_path(gd_process->script, letter);
			return;
		}
		if (letter[1] == '-') {
			i += strcmp(letter, "--check-hash-based-pycs") == 0;
			continue;
		}
		if (!letter[1]) {
			gd_text_add(&text, "-");
			return;
		}
		for (letter++; *letter; letter++) {
			const char *rest = letter[1] ? letter + 1 : i + 1 < argc ? argv[i + 1] : "";

			if (*letter == 'c' || *letter == 'm') {
				gd_text_add(&text, *letter == 'c' ? "-c" : "-m ");
				gd_text_add(&text, *letter == 'c' ? "" : rest);
				return;
			}
			if (*letter == 'W' || *letter == 'X') {
				i += letter[1] == 0;
				break;
			}
		}
	}
}

/* CPython exports its version, also from a stripped executable.  An embedded one comes later. */
static void note_runtime(int argc, char **argv)
{
	const char *(*get_version)(void) =
		(const char *(*)(void))(uintptr_t)dlsym(RTLD_DEFAULT, "Py_GetVersion");
	const char *version = get_version ? get_version() : NULL;
	struct gd_text text = gd_text_begin(gd_process->runtime, sizeof(gd_process->runtime));
	size_t n = 0;

	dlerror();
	if (!version)
		return;
	gd_text_add(&text, "CPython");
	while (version[n] && version[n] != ' ' && n + 1 < sizeof(gd_process->runtime_version))
		n++;
	memcpy(gd_process->runtime_version, version, n);
	if (strstr(version, "free-threading"))
		gd_process->flags |= GD_FLAG_FREE_THREADED;
	/* threading.Lock parks from 3.13 on; a two-digit minor stands at the third character. */
	gd_lock_parks = version[0] == '3' && version[1] == '.' && version[3] >= '0' &&
			version[3] <= '9' && version[2] * 10 + version[3] >= '1' * 10 + '3';
	gd_site_init(gd_process->runtime_version);
	note_script(argc, argv);
}

/* ---- Birth ----------------------------------------------------------------------------------- */

static void note_cookie(void)
{
	gd_syscall(SYS_getrandom, &cookie, sizeof(cookie), 1 /* GRND_NONBLOCK */);
	cookie ^= gd_ticks();
	gd_process->cookie = cookie;
	gd_process->cookie_address = (uint64_t)(uintptr_t)&cookie;
	gd_process->slot_tls_offset =
		(uint64_t)((uintptr_t)&gd_self_slot - (uintptr_t)__builtin_thread_pointer());
}

/* Where a sampler comes it looks again; where none can be, the advice needs the number too. */
static void note_cpus(void)
{
	uint64_t words[128] = { 0 };
	long bytes = gd_syscall(SYS_sched_getaffinity, 0, sizeof(words), words);

	for (long i = 0; i < bytes / (long)sizeof(words[0]); i++)
		for (uint64_t word = words[i]; word; word &= word - 1)
			gd_process->cpus++;
}

/* ---- Fork ------------------------------------------------------------------------------------ */

/* Only the forking thread lives on, with private state copied from the parent. */
static void fork_child(void)
{
	struct gd_process parent;
	int saved_errno = errno;
	uint32_t gil = gd_self ? gd_self->slot->gil : 0;
	uint64_t tstate = gd_self ? gd_self->tstate : 0;
	int memfd;

	if (!gd_process)
		return;
	memcpy(&parent, gd_process, sizeof(parent));
	gd_vfork_open = 0;
	/* Where a signal handler forked: the slot of what it interrupted is not ours any more. */
	if (gd_self)
		gd_self->in_wait = false;
	gd_self = NULL;
	if (parent.flags & GD_FLAG_SECCOMP) {
		/* What it takes to follow the child may kill it.  The counter is the parent's. */
		gd_arena_lose(GD_LOST_CHILDREN);
		gd_process = NULL;
		return;
	}
	memfd = gd_arena_open();
	if (memfd < 0) {
		gd_process = NULL;
		errno = saved_errno;
		return;
	}
	memcpy(gd_process->command, parent.command, sizeof(parent.command));
	memcpy(gd_process->script, parent.script, sizeof(parent.script));
	memcpy(gd_process->runtime, parent.runtime, sizeof(parent.runtime));
	memcpy(gd_process->runtime_version, parent.runtime_version, sizeof(parent.runtime_version));
	gd_process->flags =
		(parent.flags & (GD_FLAG_FREE_THREADED | GD_FLAG_SECCOMP)) | GD_FLAG_FORKED;
	gd_process->cpus = parent.cpus;
	note_cookie();
	gd_gil_reset();
	gd_lock_reset();
	gd_intern_reset();
	gd_fd_fork_child();
	gd_thread_init_main(gd_process->start_ticks);
	if (gd_self)
		gd_self->tstate = tstate;
	if (gd_self && gil) {
		/* It forked with the GIL held; CPython makes the GIL anew and takes it at once. */
		gd_self->slot->gil = gil;
		gd_gils[gil - 1].row->taken = gd_process->start_ticks;
		gd_gils[gil - 1].row->holder = gd_self->index + 1;
		gd_self->slot->cause = GD_CAUSE_CPU_GIL;
	}
	gd_session_rejoin(memfd);
	errno = saved_errno;
}

static void on_exit_status(int status, void *arg)
{
	(void)arg;
	gd_lifecycle_exit(status);
}

static int quick_code;

void gd_lifecycle_note_quick_exit(int code)
{
	quick_code = code;
}

static void on_quick_exit(void)
{
	gd_lifecycle_exit(quick_code);
}

static __attribute__((constructor)) void wake(int argc, char **argv)
{
	int saved_errno = errno;
	int memfd;

	gd_hooks_resolve();
	gd_clock_init();
	memfd = gd_arena_open();
	if (memfd < 0) {
		gd_process = NULL;
		errno = saved_errno;
		return;
	}
	note_command(argc > 0 && argv[0] ? argv[0] : "");
	note_runtime(argc, argv);
	note_cookie();
	note_cpus();
	gd_fd_init();
	gd_lock_init();
	gd_thread_init_key();
	gd_thread_init_main(gd_process->start_ticks);
	on_exit(on_exit_status, NULL);
	at_quick_exit(on_quick_exit);
	pthread_atfork(NULL, NULL, fork_child);
	gd_session_join(memfd);
	errno = saved_errno;
}

/* ---- End ------------------------------------------------------------------------------------- */

/* False in children that run on our image: by vfork, or by a bare clone. */
static bool is_ours(void)
{
	return gd_process && !gd_thread_is_vfork_child() &&
	       (gd_process->flags & GD_FLAG_SECCOMP ||
		(int32_t)gd_syscall(SYS_getpid) == gd_process->pid);
}

/* What the children took that it waited for, and theirs. */
static void note_children(void)
{
	struct rusage usage;

	if (gd_process->flags & GD_FLAG_SECCOMP ||
	    gd_syscall(SYS_getrusage, RUSAGE_CHILDREN, &usage) < 0)
		return;
	gd_process->children_cpu_ns =
		(uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ull +
		(uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ull;
}

static void close_books(uint32_t end, int code)
{
	struct gd_local *self = gd_self;
	uint64_t now;

	gd_process->exit_code = code;
	if (gd_thread_is_blind) {
		__atomic_store_n(&gd_process->end, end, __ATOMIC_RELEASE);
		return;
	}
	now = gd_ticks();
	if (self && !self->is_busy) {
		gd_account_enter(self, self->slot->cause, now);
		gd_account_flush(self, now);
		gd_thread_note_run_delay(self);
	}
	note_children();
	gd_process->last.monotonic_ns = gd_clock_read_ns(CLOCK_MONOTONIC);
	gd_process->last.ticks = gd_ticks();
	gd_process->end_ticks = gd_process->last.ticks;
	__atomic_store_n(&gd_process->end, end, __ATOMIC_RELEASE);
	gd_session_write_own();
}

void gd_lifecycle_exit(int code)
{
	if (is_ours())
		close_books(GD_END_EXIT, code & 0xff);
}

void gd_lifecycle_exec(void)
{
	if (is_ours())
		close_books(GD_END_EXEC, 0);
}

void gd_lifecycle_exec_failed(void)
{
	if (!is_ours())
		return;
	gd_process->end_ticks = 0;
	__atomic_store_n(&gd_process->end, GD_END_RUNNING, __ATOMIC_RELEASE);
}
