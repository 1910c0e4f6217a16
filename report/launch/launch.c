/* SPDX-License-Identifier: MIT */
/*
 * The target is our child in our own process group, so the terminal treats it as if we were not
 * there; the sampler is another child, with a session of its own.
 */
#include "launch.h"
#include "invoker.h"
#include "pass_on.h"
#include <base/cleanup.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static struct sigaction child_before; /* what SIGCHLD did when we came */

/* ---- Signals --------------------------------------------------------------------------------- */

/* Where SIGCHLD is ignored the kernel keeps no exit status: not for us, but for the target it
 * stays. */
static void keep_exit_status(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	sigaction(SIGCHLD, &action, &child_before);
}

/* ---- The sampler ----------------------------------------------------------------------------- */

/*
 * Its descriptors: 0 a pipe whose closing ends it, 1 the socket, 2 the locked marker, and 3 where
 * there is an eBPF probe to be told of agents.
 */
static void run_sampler(const struct gd_parts *parts, const struct gd_folder *folder, int pipe_end,
			const struct gd_probe *probe)
{
	char *argv[] = { (char *)parts->sampler,
			 (char *)(probe->pid ? "--child-probed" : "--child"), folder->path, NULL };
	char *envp[] = { NULL };
	int fds[4] = { pipe_end, folder->listener, folder->marker, probe->control };
	int count = probe->pid ? 4 : 3;

	for (int i = 0; i < count; i++)
		fds[i] = fcntl(fds[i], F_DUPFD, 10);
	for (int i = 0; i < count; i++)
		dup2(fds[i], i);
	for (int i = 0; i < count; i++)
		close(fds[i]);
	execve(parts->sampler, argv, envp);
	_exit(127);
}

static int start_sampler(const struct gd_parts *parts, const struct gd_folder *folder,
			 const struct gd_probe *probe, pid_t *ret_pid, int *ret_leash,
			 struct gd_diag *diag)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return gd_diag_set(diag, -errno, "cannot start the sampler: %s", strerror(errno));
	*ret_pid = fork();
	if (*ret_pid == 0)
		run_sampler(parts, folder, ends[0], probe);
	close(ends[0]);
	if (*ret_pid < 0) {
		close(ends[1]);
		return gd_diag_set(diag, -errno, "cannot start the sampler: %s", strerror(errno));
	}
	*ret_leash = ends[1];
	return 0;
}

/* It writes what it has and ends; the report needs it. */
static void end_sampler(pid_t pid, int leash)
{
	close(leash);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* ---- The target ------------------------------------------------------------------------------ */

static int set_environment(const struct gd_parts *parts, const struct gd_folder *folder)
{
	const char *before = getenv("LD_PRELOAD");
	gd_autofree char *preload = NULL;

	if (asprintf(&preload, "%s%s%s", parts->agent, before && *before ? ":" : "",
		     before ? before : "") < 0)
		return -1;
	return setenv("LD_PRELOAD", preload, 1) || setenv("GILDIAG_SESSION", folder->path, 1);
}

/* What a target needs to be started, until it is. */
struct start {
	char *const *argv;
	const struct gd_parts *parts; /* NULL: unwatched */
	const struct gd_folder *folder;
	int errors[2]; /* pipe: why it could not be started */
	int gate[2];   /* pipe: it waits until the other end is closed */
	sigset_t mask;
};

static void run_target(const struct start *start)
{
	char nothing;
	int err;

	sigaction(SIGCHLD, &child_before, NULL);
	close(start->gate[1]);
	while (read(start->gate[0], &nothing, 1) < 0 && errno == EINTR)
		;
	sigprocmask(SIG_SETMASK, &start->mask, NULL);
	if (!start->parts || set_environment(start->parts, start->folder) == 0)
		execvp(start->argv[0], start->argv);
	err = errno;
	if (write(start->errors[1], &err, sizeof(err)) < 0)
		_exit(125);
	_exit(127);
}

/* A shell waits for us, and takes its terminal back when we stop. */
static bool is_foreground_job(void)
{
	int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	pid_t group = terminal >= 0 ? tcgetpgrp(terminal) : -1;

	if (terminal >= 0)
		close(terminal);
	return group == getpgrp();
}

/*
 * A target that stops itself, as editors and pagers do: we stop, too, and what continues us is
 * passed on.  What the terminal sent stopped us as well, and is over when we come here.
 */
static void stop_with(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid == pid &&
	    is_foreground_job())
		raise(SIGSTOP);
}

static int wait_for_end(pid_t pid)
{
	siginfo_t info;

	for (;;) {
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED | WNOWAIT) == 0) {
			if (info.si_code != CLD_STOPPED)
				return 0;
			stop_with(pid);
		} else if (errno != EINTR) {
			return -errno;
		}
	}
}

static int wait_for_target(pid_t pid, int error_pipe, struct gd_launched *launched)
{
	ssize_t n;
	int err;

	do {
		n = read(error_pipe, &launched->exec_errno, sizeof(launched->exec_errno));
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(launched->exec_errno))
		launched->exec_errno = 0;
	err = wait_for_end(pid);
	while (!err && waitpid(pid, &launched->wait_status, 0) < 0)
		if (errno != EINTR)
			err = -errno;
	return err;
}

/* Starts the target, lets the probe follow it from its first instruction on, waits for its end. */
static int start_target(struct start *start, const struct gd_probe *probe,
			struct gd_launched *launched, struct gd_diag *diag)
{
	pid_t target;
	sigset_t all;
	int err = 0;

	if (pipe2(start->errors, O_CLOEXEC) != 0 || pipe2(start->gate, O_CLOEXEC) != 0)
		return gd_diag_set(diag, -errno, "cannot start %s: %s", start->argv[0],
				   strerror(errno));
	gd_pass_on_begin();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &start->mask);
	target = fork();
	if (target == 0)
		run_target(start);
	err = target < 0 ? -errno : 0;
	close(start->errors[1]);
	if (target > 0)
		gd_pass_on_to(target);
	sigprocmask(SIG_SETMASK, &start->mask, NULL);
	if (target > 0 && probe->pid)
		gd_probe_follow(probe, target, NULL); /* refused: the report says so */
	close(start->gate[0]);
	close(start->gate[1]);
	if (err)
		gd_diag_set(diag, err, "cannot start %s: %s", start->argv[0], strerror(-err));
	else
		err = wait_for_target(target, start->errors[0], launched);
	gd_pass_on_end();
	close(start->errors[0]);
	return err;
}

static int start_watchers(const struct start *start, struct gd_folder *folder,
			  enum gd_probe_wish wish, struct gd_probe *probe, pid_t *ret_sampler,
			  int *ret_leash, struct gd_diag *diag)
{
	int err = 0;

	if (wish != GD_PROBE_OFF)
		err = gd_probe_start(start->parts, folder->path, NULL, probe, diag);
	if (err && wish == GD_PROBE_ON)
		return err;
	err = gd_invoker_settle(diag);
	if (err)
		return err;
	err = start_sampler(start->parts, folder, probe, ret_sampler, ret_leash, diag);
	if (err)
		return err;
	/* The sampler has them now; the lock must end with it. */
	close(folder->marker);
	close(folder->listener);
	folder->marker = folder->listener = -1;
	return 0;
}

int gd_launch(char *const *argv, const struct gd_parts *parts, struct gd_folder *folder,
	      enum gd_probe_wish wish, struct gd_launched *ret_launched, struct gd_diag *diag)
{
	struct start start = { .argv = argv, .parts = parts, .folder = folder };
	struct gd_launched launched = { .probe = 0 };
	struct gd_probe probe = { .pid = 0, .control = -1 };
	pid_t sampler = -1;
	int leash = -1, err = 0;

	keep_exit_status();
	if (parts)
		err = start_watchers(&start, folder, wish, &probe, &sampler, &leash, diag);
	else
		err = gd_invoker_settle(diag);
	if (!err)
		err = start_target(&start, &probe, &launched, diag);
	if (sampler > 0)
		end_sampler(sampler, leash);
	gd_probe_end(&probe);
	launched.probe = probe.pid;
	*ret_launched = launched;
	return err;
}
