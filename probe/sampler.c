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
#include "beside.h"
#include "clock.h"
#include "jitter.h"
#include "kernel.h"
#include "machine.h"
#include "on_cpu.h"
#include "store.h"
#include "tree.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS 1000000ull

#define PERIOD_NS       (4 * MS)  /* between instants, on average */
#define PERIOD_LATER_NS (10 * MS) /* after LATER_NS there are thousands of them */
#define LATER_NS        (30000 * MS)
#define MANY_SLOTS      2000 /* beyond, a scan takes long enough to look less often */
#define TARGET_IN_SLOTS 8    /* what looking at another process costs */
#define MANY_TARGETS    32   /* beyond, the kernel's figures of each are read less often */
#define TOTALS_NS       (250 * MS)
#define MODULES_NS      (5000 * MS) /* libraries that were loaded since */
#define STORE_NS        (10000 * MS)
#define LINGER_NS       (50 * MS) /* for children whose parent was the last target */

#define PROBE 3

struct sampler {
	bool is_child;  /* of gildiag */
	bool is_probed; /* the eBPF probe is there, at the other end of PROBE */
	bool is_ending;
	int folder;
	int ends;                /* an epoll set: readable when a target has ended */
	bool are_some_unwatched; /* by it; their end is seen at the next instant */
	struct gd_tree tree;
	uint64_t started_ns, next_ns, totals_ns, modules_ns, store_ns, keep_ns, alone_ns;
	unsigned long copies;
	uint64_t random;
};

static volatile sig_atomic_t was_told_to_end;

static void on_signal(int signal)
{
	(void)signal;
	was_told_to_end = 1;
}

/* ---- Targets come and go --------------------------------------------------------------------- */

static void file_short(struct sampler *sampler, struct gd_target *target)
{
	if (target && gd_tree_add_short(&sampler->tree, target))
		gd_store_remove_own(sampler->folder, target);
	gd_target_free(target);
}

static void write_file(struct sampler *sampler, struct gd_target *target, bool is_gone)
{
	gd_store_write_target(sampler->folder, target, is_gone);
	sampler->tree.files++;
	gd_target_free(target);
}

/*
 * Its file, or for a small one a short record.  While there is no file, the largest of those is kept
 * back, lest nothing be left to explain.
 */
static void file_target(struct sampler *sampler, struct gd_target *target)
{
	if (!gd_tree_is_short(target))
		write_file(sampler, target, true);
	else
		file_short(sampler, gd_tree_keep_larger(&sampler->tree, target));
}

/* What was kept back is one or the other, never both: everything is told of once. */
static void file_kept(struct sampler *sampler)
{
	struct gd_target *kept = sampler->tree.kept;

	sampler->tree.kept = NULL;
	if (kept && !sampler->tree.files && !sampler->tree.targets)
		write_file(sampler, kept, true);
	else
		file_short(sampler, kept);
}

static void finish(struct sampler *sampler, struct gd_target **link, bool is_gone)
{
	struct gd_target *target = *link;

	*link = target->next;
	gd_tree_note_pipes_of(&sampler->tree, target);
	if (target->process->end == GD_END_EXEC && !target->has_successor)
		gd_tree_leave_pipes(&sampler->tree, target);
	if (is_gone) {
		target->process->gone_ns = gd_clock_ns(CLOCK_MONOTONIC);
		file_target(sampler, target);
		return;
	}
	/* It lives on without us and must write its own file. */
	__atomic_store_n(&target->process->collector, 0, __ATOMIC_RELEASE);
	write_file(sampler, target, false);
}

/*
 * Where the slots of its threads are, and memfd, in which they lie.  A probe that is busy or gone
 * costs the classes of blocks; a memfd that cannot be sent costs time.
 */
static void tell_probe(const struct gd_target *target, int memfd)
{
	struct gd_order order = { .magic = GD_ORDER_MAGIC,
				  .abi_major = GD_ABI_MAJOR,
				  .what = GD_ORDER_SLOTS,
				  .pid = target->pid,
				  .slot_tls_offset = target->process->slot_tls_offset };

	if (gd_beside_send(PROBE, &order, sizeof(order), memfd) < 0)
		gd_beside_send(PROBE, &order, sizeof(order), -1);
}

/* memfd is the caller's to close. */
static void add_target(struct sampler *sampler, int memfd, int32_t pid)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct gd_target *target;

	/* After an exec the same process comes again with another image. */
	for (struct gd_target **link = &sampler->tree.targets; *link;) {
		if ((*link)->pid == pid) {
			(*link)->has_successor = true;
			finish(sampler, link, true);
		} else {
			link = &(*link)->next;
		}
	}
	if (gd_target_new(memfd, pid, &target) != 0)
		return;
	if (sampler->is_probed)
		tell_probe(target, memfd);
	gd_machine_note(target);
	gd_kernel_note_totals(target);
	gd_kernel_note_modules(target);
	target->next = sampler->tree.targets;
	sampler->tree.targets = target;
	/* There is no pidfd where it was gone already, and before Linux 5.3. */
	target->is_end_awaited =
		epoll_ctl(sampler->ends, EPOLL_CTL_ADD, target->pidfd, &event) == 0;
	sampler->are_some_unwatched |= !target->is_end_awaited;
}

static void reap_targets(struct sampler *sampler)
{
	sampler->are_some_unwatched = false;
	for (struct gd_target **link = &sampler->tree.targets; *link;) {
		if (gd_target_is_gone(*link)) {
			finish(sampler, link, true);
			continue;
		}
		sampler->are_some_unwatched |= !(*link)->is_end_awaited;
		link = &(*link)->next;
	}
}

/* The picture of all of one process is in its own file already. */
static bool is_only_one(const struct gd_tree *tree)
{
	size_t live = 0;

	for (const struct gd_target *target = tree->targets; target; target = target->next)
		live++;
	return tree->files + live <= 1;
}

/* Until the end others may come: then an earlier copy must have what the later one is less of. */
static void store_tree(struct sampler *sampler, bool is_gone)
{
	struct gd_section *section = sampler->tree.joint_section;
	uint32_t used = section->used;

	if (is_gone && is_only_one(&sampler->tree))
		section->used = 0;
	gd_store_write(sampler->folder, sampler->tree.image, GD_SESSION_TREE, is_gone);
	section->used = used;
}

static void store_all(struct sampler *sampler)
{
	file_kept(sampler);
	store_tree(sampler, false);
	for (struct gd_target *target = sampler->tree.targets; target; target = target->next) {
		gd_kernel_note_totals(target);
		gd_store_write_target(sampler->folder, target, false);
	}
}

static void keep_all(struct sampler *sampler)
{
	unsigned long copy = ++sampler->copies;

	gd_store_keep(sampler->folder, GD_SESSION_TREE, copy);
	for (struct gd_target *target = sampler->tree.targets; target; target = target->next)
		gd_store_keep_target(sampler->folder, target, copy);
	gd_store_forget(sampler->folder, copy);
}

/* ---- The socket ------------------------------------------------------------------------------ */

static void serve(struct sampler *sampler, int connection)
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
			add_target(sampler, fd, peer.pid);
		if (hello.what == GD_HELLO_FLUSH) {
			reap_targets(sampler);
			store_all(sampler);
			send(connection, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		}
	}
	if (fd >= 0)
		close(fd);
}

static void accept_all(struct sampler *sampler)
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

/* ---- Instants -------------------------------------------------------------------------------- */

static void plan(struct sampler *sampler, uint64_t now_ns)
{
	uint64_t period = now_ns - sampler->started_ns > LATER_NS ? PERIOD_LATER_NS : PERIOD_NS;
	uint64_t slots = 0;

	for (const struct gd_target *target = sampler->tree.targets; target; target = target->next)
		slots += gd_target_slots(target) + TARGET_IN_SLOTS;
	if (slots > MANY_SLOTS)
		period = 4 * PERIOD_LATER_NS;
	sampler->next_ns += gd_jitter_period(&sampler->random, period);
	if (sampler->next_ns < now_ns)
		sampler->next_ns = now_ns + period / 2; /* we were kept off the CPU */
}

static double ticks_per_ns(const struct gd_target *target, uint64_t ticks, uint64_t now_ns)
{
	const struct gd_clock_pair *first = &target->process->first;
	double ns = (double)(now_ns - first->monotonic_ns);

	return ns > 0 ? (double)(ticks - first->ticks) / ns : 1;
}

/* The instant is the planned one: when we got to run depends on what the target does. */
static void look_at(struct sampler *sampler, struct gd_target *target, uint64_t now_ns,
		    struct gd_picture *tree)
{
	uint64_t ticks = gd_target_ticks(target);
	double rate = ticks_per_ns(target, ticks, now_ns);
	double late = (double)(now_ns - sampler->next_ns) * rate;
	struct gd_on_cpu_when when = { .now_ns = now_ns,
				       .now_ticks = ticks,
				       .ticks_per_ns = rate,
				       .random = gd_jitter_draw(&sampler->random) };
	struct gd_joint_world world = { gd_on_cpu_ask, gd_tree_is_pipe_followed, gd_tree_has_child,
					&sampler->tree };
	struct gd_picture picture;

	target->process->heartbeat_ticks = ticks;
	if (__atomic_load_n(&target->process->end, __ATOMIC_ACQUIRE) != GD_END_RUNNING ||
	    sampler->next_ns <= target->planned_ns)
		return;
	target->when = &when;
	gd_picture_take(target, ticks - (uint64_t)late, &world, &picture);
	gd_picture_merge(tree, &picture);
	gd_picture_store(&picture, sampler->next_ns - target->planned_ns,
			 &target->sections[GD_SECTION_JOINT - 1], target->joints);
	target->planned_ns = sampler->next_ns;
}

static void look(struct sampler *sampler, uint64_t now_ns)
{
	struct gd_tree *tree = &sampler->tree;
	struct gd_picture picture = { .computing = 0 };

	gd_tree_note_pipes(tree);
	for (struct gd_target *target = tree->targets; target; target = target->next)
		look_at(sampler, target, now_ns, &picture);
	if (tree->targets && sampler->next_ns > tree->planned_ns) {
		gd_picture_store(&picture, sampler->next_ns - tree->planned_ns, tree->joint_section,
				 tree->joints);
		tree->facts->samples++;
	}
	tree->planned_ns = sampler->next_ns;
}

/* Reading /proc costs some 30 us a process: so many that it would be felt are read less often. */
static uint64_t stretch(const struct sampler *sampler, uint64_t period_ns)
{
	uint64_t count = 0;

	for (const struct gd_target *target = sampler->tree.targets; target; target = target->next)
		count++;
	return period_ns * (1 + count / MANY_TARGETS);
}

static void run_due(struct sampler *sampler)
{
	uint64_t now_ns = gd_clock_ns(CLOCK_MONOTONIC);

	if (now_ns >= sampler->next_ns) {
		look(sampler, now_ns);
		plan(sampler, now_ns);
	}
	if (now_ns >= sampler->totals_ns) {
		for (struct gd_target *target = sampler->tree.targets; target;
		     target = target->next)
			gd_kernel_note_totals(target);
		sampler->totals_ns = now_ns + stretch(sampler, TOTALS_NS);
	}
	if (now_ns >= sampler->modules_ns) {
		for (struct gd_target *target = sampler->tree.targets; target;
		     target = target->next)
			gd_kernel_note_modules(target);
		sampler->modules_ns = now_ns + stretch(sampler, MODULES_NS);
	}
	if (now_ns >= sampler->store_ns) {
		store_all(sampler);
		sampler->store_ns = now_ns + STORE_NS;
		if (now_ns >= sampler->keep_ns) {
			keep_all(sampler);
			sampler->keep_ns = now_ns + GD_KEEP_NS;
		}
	}
}

/* ---- The loop -------------------------------------------------------------------------------- */

/* Sleeps until the next instant or until something happens. */
static void wait_for_news(struct sampler *sampler)
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
			reap_targets(sampler);
		return;
	}
	if (fds[0].revents)
		accept_all(sampler);
	if (fds[1].revents)
		sampler->is_ending = true; /* gildiag is done, or gone */
	reap_targets(sampler);
}

static bool is_over(struct sampler *sampler)
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

static void run(struct sampler *sampler)
{
	sampler->started_ns = gd_clock_ns(CLOCK_MONOTONIC);
	sampler->random = sampler->started_ns ^ ((uint64_t)getpid() << 32) ^ 0x9e3779b97f4a7c15ull;
	sampler->next_ns = sampler->started_ns + PERIOD_NS / 4;
	sampler->totals_ns = sampler->started_ns + TOTALS_NS / 4;
	sampler->modules_ns = sampler->started_ns + TOTALS_NS;
	sampler->store_ns = sampler->started_ns + STORE_NS;
	sampler->keep_ns = sampler->started_ns + GD_KEEP_FROM_NS;
	while (!is_over(sampler)) {
		wait_for_news(sampler);
		run_due(sampler);
	}
	/* Who comes from here on finds nobody, and knows it; who came before is served. */
	unlinkat(sampler->folder, GD_SESSION_SOCKET, 0);
	accept_all(sampler);
	reap_targets(sampler);
	while (sampler->tree.targets) {
		gd_kernel_note_totals(sampler->tree.targets);
		finish(sampler, &sampler->tree.targets, false);
	}
	file_kept(sampler);
	store_tree(sampler, true);
	gd_tree_close(&sampler->tree);
}

/*
 * The agent that started us is no ancestor any more: its image says which process it is.  It gave
 * us its PID as it sees itself; in a PID namespace of its own it made us inside.
 */
static void add_first(struct sampler *sampler)
{
	struct gd_file_header header;

	if (pread(0, &header, sizeof(header), 0) == (ssize_t)sizeof(header))
		add_target(sampler, 0, header.pid);
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
	struct sampler sampler = { .folder = -1 };

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
