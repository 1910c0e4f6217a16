/* SPDX-License-Identifier: MIT */
/*
 * A signal says who sent it, not to how many: kill(-pgid) looks like kill(pid).  Passed on, it would
 * reach the target twice, and many a program takes the second SIGTERM or SIGINT for "at once".
 */
#include "pass_on.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WITNESS_MS 5   /* in which the kernel has signalled all of a group */
#define ANSWER_MS  100 /* a witness that was stopped does not answer */
#define OPEN_MAX_  1024

static const int passed_on[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT };

#define PASSED_ON (sizeof(passed_on) / sizeof(passed_on[0]))

struct testimony {
	uint8_t signal;
	uint8_t has_come;
};

static volatile sig_atomic_t target_pid;
static int witness_fd = -1;
static pid_t witness_pid;

/* ---- The witness ----------------------------------------------------------------------------- */

static void close_others(void)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, 1u, ~0u, 0u) == 0)
		return;
#endif
	for (int fd = 1; fd < OPEN_MAX_; fd++)
		close(fd);
}

/* All signals are blocked: what comes stays pending until it is asked for. */
static void bear_witness(int fd)
{
	const struct timespec wait = { 0, WITNESS_MS * 1000000 };
	struct testimony said;
	sigset_t set;

	dup2(fd, 0);
	close_others();
	while (recv(0, &said, sizeof(said), 0) == (ssize_t)sizeof(said)) {
		sigemptyset(&set);
		sigaddset(&set, said.signal);
		said.has_come = sigtimedwait(&set, NULL, &wait) == said.signal;
		send(0, &said, sizeof(said), MSG_NOSIGNAL);
	}
	_exit(0);
}

void gd_pass_on_begin(void)
{
	sigset_t all, before;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	witness_pid = fork();
	if (witness_pid == 0)
		bear_witness(ends[1]);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	if (witness_pid > 0)
		witness_fd = ends[0];
	else
		close(ends[0]);
}

/* Context: our signal handler. */
static int came_to_the_group(int signal)
{
	struct pollfd fd = { .fd = witness_fd, .events = POLLIN };
	struct testimony said = { (uint8_t)signal, 0 }, stale;

	if (witness_fd < 0)
		return 0;
	while (recv(witness_fd, &stale, sizeof(stale), MSG_DONTWAIT) > 0)
		;
	if (send(witness_fd, &said, sizeof(said), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ||
	    poll(&fd, 1, ANSWER_MS) <= 0 ||
	    recv(witness_fd, &said, sizeof(said), MSG_DONTWAIT) != (ssize_t)sizeof(said))
		return 0;
	return said.has_come;
}

/* ---- The handler ----------------------------------------------------------------------------- */

static void pass_on(int signal, siginfo_t *info, void *context)
{
	int saved_errno = errno;

	(void)context;
	if (info->si_code <= 0 && target_pid > 0 && !came_to_the_group(signal))
		kill((pid_t)target_pid, signal);
	errno = saved_errno;
}

/*
 * The target was forked before: what was ignored when we came (nohup, a shell's background job) is
 * ignored there.  It may change its mind, so that we pass everything on.
 */
void gd_pass_on_to(pid_t target)
{
	struct sigaction action = { .sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART };

	target_pid = target;
	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < PASSED_ON; i++)
		sigaction(passed_on[i], &action, NULL);
}

void gd_pass_on_end(void)
{
	target_pid = 0;
	if (witness_fd < 0)
		return;
	close(witness_fd);
	witness_fd = -1;
	while (waitpid(witness_pid, NULL, 0) < 0 && errno == EINTR)
		;
}
