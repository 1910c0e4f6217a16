/* SPDX-License-Identifier: MIT */
/*
 * Two clones without exit signal: the sampler is the orphan of a child that we reap at once, so the
 * target's wait() and SIGCHLD know nothing of it.  Both borrow our memory while we stand still;
 * they make raw system calls only.
 */
#include "sampler_start.h"
#include "clock.h"
#include "session.h"
#include "text.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

GD_OLD_SYMBOL(dladdr);

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define STACK_BYTES 16384

struct start {
	int fds[3]; /* memfd, listener, marker: they become 0, 1, 2 */
	char *argv[4];
	char *envp[1]; /* empty: with LD_PRELOAD in it every sampler would start a sampler */
	char paths[2][GD_SESSION_PATH_BYTES];
	long sampler;
	bool is_short; /* of descriptors */
};

static char outer_stack[STACK_BYTES] __attribute__((aligned(16)));
static char inner_stack[STACK_BYTES] __attribute__((aligned(16)));

/* Where the sampler may be, seen from the agent: in the build tree and after an installation. */
static bool find_paths(struct start *start)
{
	static const char *const relative[2] = { "/../../libexec/gildiag/gildiag-sampler",
						 "/../../../libexec/gildiag/gildiag-sampler" };
	Dl_info info;
	size_t folder;

	if (!dladdr((const void *)&gd_sampler_start, &info) || !info.dli_fname)
		return false;
	folder = strlen(info.dli_fname);
	while (folder && info.dli_fname[folder - 1] != '/')
		folder--;
	if (!folder || folder >= GD_SESSION_PATH_BYTES)
		return false;
	for (unsigned int i = 0; i < 2; i++) {
		struct gd_text text = gd_text_begin(start->paths[i], GD_SESSION_PATH_BYTES);

		gd_text_add(&text, info.dli_fname);
		if (!gd_text_fits(&text))
			return false;
		text.at = start->paths[i] + folder - 1;
		text.left_bytes = GD_SESSION_PATH_BYTES - folder + 1;
		gd_text_add(&text, relative[i]);
		if (!gd_text_fits(&text))
			return false;
	}
	return true;
}

static int run_inner(void *arg)
{
	struct start *start = arg;
	unsigned long none = 0;

	/* Out of the way first, so that no dup2 overwrites what a later one needs. */
	for (unsigned int i = 0; i < 3; i++) {
		start->fds[i] = (int)gd_syscall(SYS_fcntl, start->fds[i], F_DUPFD, 3);
		if (start->fds[i] < 0) {
			/* A small RLIMIT_NOFILE.  On the target's descriptors it must not work. */
			start->is_short = true;
			gd_syscall(SYS_exit_group, 127);
		}
	}
	for (int i = 0; i < 3; i++)
		gd_syscall(SYS_dup2, start->fds[i], i);
	/* Nothing of the target's may stay open here, or `CMD | cat` would wait for the sampler. */
	if (gd_syscall(SYS_close_range, 3, ~0u, 0) < 0)
		for (int fd = 3; fd < 1024; fd++)
			gd_syscall(SYS_close, fd);
	gd_syscall(SYS_setsid);
	gd_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
	for (unsigned int i = 0; i < 2; i++) {
		start->argv[0] = start->paths[i];
		gd_syscall(SYS_execve, start->paths[i], start->argv, start->envp);
	}
	gd_syscall(SYS_exit_group, 127);
	return 0;
}

static int run_outer(void *arg)
{
	struct start *start = arg;

	start->sampler = gd_arch_vfork_on(inner_stack + STACK_BYTES, 0, run_inner, start);
	gd_syscall(SYS_exit_group, 0);
	return 0;
}

bool gd_sampler_start(int memfd, int listener, int marker, const char *session_path)
{
	static struct start start; /* the children see it: not on a stack that may move */
	unsigned long all = ~0ul, before;
	int is_subreaper = 0;
	long outer, err;

	/* As PID 1 the orphan would be ours to reap. */
	if (gd_syscall(SYS_getpid) == 1 || !find_paths(&start))
		return false;
	start.fds[0] = memfd;
	start.fds[1] = listener;
	start.fds[2] = marker;
	start.argv[1] = (char *)"--first";
	start.argv[2] = (char *)session_path;
	gd_syscall(SYS_prctl, PR_GET_CHILD_SUBREAPER, &is_subreaper, 0, 0, 0);
	if (is_subreaper)
		gd_syscall(SYS_prctl, PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	/* A handler of the target must not run in a child of ours. */
	gd_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof(all));
	outer = gd_arch_vfork_on(outer_stack + STACK_BYTES, 0, run_outer, &start);
	do {
		err = outer > 0 ? gd_syscall(SYS_wait4, outer, NULL, __WALL | __WNOTHREAD, NULL)
				: 0;
	} while (err == -4); /* EINTR */
	if (is_subreaper)
		gd_syscall(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	gd_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
	if (outer <= 0 || start.sampler <= 0 || start.is_short)
		return false;
	/* For Yama's mode 1, where only descendants may be read; fails where there is no Yama. */
	gd_syscall(SYS_prctl, PR_SET_PTRACER, start.sampler, 0, 0, 0);
	return true;
}
