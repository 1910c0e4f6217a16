/* SPDX-License-Identifier: MIT */
/* The target is touched by nobody: the kernel's programs come, and go. */
#include "attach.h"
#include "invoker.h"
#include "probe.h"
#include <base/cleanup.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

static volatile sig_atomic_t was_interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	was_interrupted = 1;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The signals are blocked but while we wait: none comes between the look and the wait. */
static void wait_for_end(int pidfd, double seconds)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };
	struct sigaction action = { .sa_handler = on_interrupt };
	double end_s = now_s() + seconds, left_s = 3600;
	sigset_t interrupts, before;

	sigemptyset(&interrupts);
	sigaddset(&interrupts, SIGINT);
	sigaddset(&interrupts, SIGTERM);
	sigaddset(&interrupts, SIGHUP);
	sigprocmask(SIG_BLOCK, &interrupts, &before);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	while (!was_interrupted) {
		struct timespec timeout;

		if (seconds > 0)
			left_s = end_s - now_s();
		if (left_s <= 0)
			break;
		timeout = (struct timespec){ (time_t)left_s,
					     (long)((left_s - (double)(time_t)left_s) * 1e9) };
		if (ppoll(&fd, 1, &timeout, &before) > 0)
			break; /* it has ended */
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/*
 * Those that are there; who is born from now on is followed by itself.  One that has ended meanwhile
 * or is not the caller's is not: the rest is worth looking at.
 */
static void follow_descendants(const struct gd_probe *probe, pid_t pid)
{
	struct gd_family family;
	struct gd_diag ignored;

	gd_family_find(pid, &family);
	for (size_t i = 1; i < family.count; i++)
		gd_probe_follow(probe, family.pids[i], &ignored);
}

int gd_attach(pid_t pid, double seconds, const struct gd_parts *parts,
	      const struct gd_folder *folder, struct gd_diag *diag)
{
	gd_autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct gd_probe probe = { .pid = 0, .control = -1 };
	struct gd_family family;
	int err;

	if (pidfd < 0)
		return gd_diag_set(diag, -errno, "there is no process %d", (int)pid);
	gd_family_find(pid, &family);
	err = gd_probe_start(parts, folder->path, &family, &probe, diag);
	if (!err)
		err = gd_invoker_settle(diag);
	if (!err)
		err = gd_probe_follow(&probe, pid, diag);
	if (!err) {
		follow_descendants(&probe, pid);
		wait_for_end(pidfd, seconds);
	}
	gd_probe_end(&probe);
	gd_probe_reap(probe.pid);
	return err;
}
