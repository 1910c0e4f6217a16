/* SPDX-License-Identifier: MIT */
/*
 * gildiag-sampler: holds the images of a session's processes, looks at them at jittered instants,
 * reads the kernel's figures and writes the files.  One per session.
 *
 *   gildiag-sampler --first FOLDER   started by an agent: descriptor 0 is the first memfd;
 *                                    ends with its last target
 *   gildiag-sampler --child FOLDER   started by gildiag: descriptor 0 is a pipe; ends when
 *                                    that closes
 *   gildiag-sampler --child-probed FOLDER   the same; descriptor 3 leads to the eBPF probe
 *   gildiag-sampler --abi            prints the recording's version
 *
 * Descriptor 1 is the listening socket, 2 the session's marker, locked.  It prints nothing and its
 * exit code tells nobody anything: what it could not do is in the recording.
 */
#include "sampler.h"
#include "beside.h"
#include "clock.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_NS 50000000ull /* for children whose parent was the last target */

static volatile sig_atomic_t was_told_to_end;

static void on_signal(int signal)
{
	(void)signal;
	was_told_to_end = 1;
}

/* ---- The socket ------------------------------------------------------------------------------ */

static void serve(struct gd_sampler *sampler, int connection)
{
	struct gd_hello hello;
	struct ucred peer;
	socklen_t peer_len = sizeof(peer);
	int fd;
	ssize_t n = gd_beside_receive(connection, &hello, sizeof(hello), &fd);

	/* Whose process it is, the kernel says; of another user we take nothing. */
	if (n == (ssize_t)sizeof(hello) && hello.magic == GD_HELLO_MAGIC &&
	    hello.abi_major == GD_ABI_MAJOR &&
	    getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) == 0 &&
	    (peer.uid == geteuid() || peer.uid == 0)) {
		if (hello.what == GD_HELLO_WATCH && fd >= 0)
			gd_sampler_add(sampler, fd, peer.pid);
		if (hello.what == GD_HELLO_FLUSH) {
			gd_sampler_reap(sampler);
			gd_sampler_store(sampler);
			send(connection, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		}
	}
	if (fd >= 0)
		close(fd);
}

static void accept_all(struct gd_sampler *sampler)
{
	int connection;

	while ((connection = accept4(1, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct pollfd fd = { .fd = connection, .events = POLLIN };

		/* Agents connect and send in one breath: a silent peer is none of them. */
		if (poll(&fd, 1, 20) > 0)
			serve(sampler, connection);
		close(connection);
	}
}

/* ---- The loop -------------------------------------------------------------------------------- */

/* Sleeps until the next instant or until something happens. */
static void wait_for_news(struct gd_sampler *sampler)
{
	struct pollfd fds[3] = { { .fd = 1, .events = POLLIN },
				 { .fd = sampler->is_child ? 0 : -1, .events = POLLIN },
				 { .fd = sampler->ends, .events = POLLIN } };
	uint64_t now_ns = gd_clock_ns(CLOCK_MONOTONIC);
	uint64_t left_ns = sampler->next_ns > now_ns ? sampler->next_ns - now_ns : 0;
	struct timespec timeout;

	/* With nobody to look at, only the linger and the socket matter. */
	if (!sampler->tree.targets)
		left_ns = LINGER_NS;
	timeout = (struct timespec){ (time_t)(left_ns / 1000000000ull),
				     (long)(left_ns % 1000000000ull) };
	if (ppoll(fds, 3, &timeout, NULL) <= 0) {
		if (sampler->are_some_unwatched)
			gd_sampler_reap(sampler);
		return;
	}
	if (fds[0].revents)
		accept_all(sampler);
	if (fds[1].revents)
		sampler->is_ending = true; /* gildiag is done, or gone */
	gd_sampler_reap(sampler);
}

static bool is_over(struct gd_sampler *sampler)
{
	uint64_t now_ns;

	if (sampler->is_ending || was_told_to_end)
		return true;
	if (sampler->tree.targets || sampler->is_child) {
		sampler->alone_ns = 0;
		return false;
	}
	now_ns = gd_clock_ns(CLOCK_MONOTONIC);
	if (!sampler->alone_ns)
		sampler->alone_ns = now_ns;
	return now_ns - sampler->alone_ns >= LINGER_NS;
}

static void run(struct gd_sampler *sampler)
{
	gd_sampler_begin_looks(sampler);
	while (!is_over(sampler)) {
		wait_for_news(sampler);
		gd_sampler_look(sampler);
	}
	/* Who comes from here on finds nobody, and knows it; who came before is served. */
	unlinkat(sampler->folder, GD_SESSION_SOCKET, 0);
	accept_all(sampler);
	gd_sampler_reap(sampler);
	gd_sampler_finish(sampler);
}

/*
 * The agent that started us is no ancestor any more: its image says which process it is.  It gave
 * us its PID as it sees itself; in a PID namespace of its own it made us inside.
 */
static void add_first(struct gd_sampler *sampler)
{
	struct gd_file_header header;

	if (pread(0, &header, sizeof(header), 0) == (ssize_t)sizeof(header))
		gd_sampler_add(sampler, 0, header.pid);
}

static void prepare_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGTERM, &action, NULL);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* the target's limit may be ours */
}

/* A descriptor per process, and the target's limit may be ours. */
static void prepare_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	struct gd_sampler sampler = { .folder = -1 };

	if (argc == 2 && strcmp(argv[1], "--abi") == 0) {
		printf("%d.%d\n", GD_ABI_MAJOR, GD_ABI_MINOR);
		return 0;
	}
	if (argc != 3 || (strcmp(argv[1], "--first") != 0 && strcmp(argv[1], "--child") != 0 &&
			  strcmp(argv[1], "--child-probed") != 0)) {
		fprintf(stderr, "gildiag-sampler is started by gildiag or by the agent\n");
		return 2;
	}
	sampler.is_probed = strcmp(argv[1], "--child-probed") == 0;
	sampler.is_child = sampler.is_probed || strcmp(argv[1], "--child") == 0;
	sampler.folder = open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (sampler.folder < 0 || fcntl(1, F_SETFL, O_NONBLOCK) != 0 ||
	    gd_tree_open(&sampler.tree) != 0)
		return 1;
	setsid(); /* a Ctrl-C is meant for the target */
	prepare_signals();
	prepare_limits();
	sampler.ends = epoll_create1(EPOLL_CLOEXEC); /* -1: ends are seen at the next instant */
	prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
	if (chdir("/") != 0)
		return 1; /* never keep a folder of the user's busy */
	if (!sampler.is_child)
		add_first(&sampler);
	run(&sampler);
	return 0;
}
