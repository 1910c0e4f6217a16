/* SPDX-License-Identifier: MIT */
/*
 * gildiag-probe: what the scheduler sees of a session's processes, by eBPF.  One per session,
 * started by gildiag; the only part that may need rights, which it gives up once it is attached.
 *
 * See wishes.h for its arguments.  It ends when all who hold the other end of the socket are gone, and
 * prints nothing.
 */
#include "books.h"
#include "follow.h"
#include "looks.h"
#include "pinned.h"
#include "probe_file.h"
#include "rights.h"
#include "starts.h"
#include "wishes.h"
#include <beside.h>
#include <clock.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS 1000000ull

#define WAKE_NS  (100 * MS) /* for events; the kernel wakes us where they come faster */
#define STORE_NS (10000 * MS)

#define CONTROL 0

struct probe {
	struct gd_attached attached;
	struct gd_books books;
	struct gd_presents presents;
	struct gd_python_stacks stacks;
	struct gd_looks looks; /* where no agent is */
	struct gd_holds holds; /* where one is */
	struct gd_pins pins;   /* as above */
	int folder;
	uint32_t owner; /* whose processes it may follow; ~0: anybody's */
	uint64_t attached_ns, store_ns;
};

static int on_event(void *arg, void *data, size_t size_bytes)
{
	const struct gd_event *event = data;
	struct probe *probe = arg;

	if (size_bytes < sizeof(*event))
		return 0;
	if (event->what == GD_EVENT_PYTHON_STACK) {
		gd_python_stacks_note(&probe->stacks, event->image, event->detail);
		return 0;
	}
	if (event->what == GD_EVENT_SLOT_SOUGHT) {
		gd_pins_seek(&probe->attached, event, &probe->pins);
		return 0;
	}
	gd_books_note(&probe->books, event);
	if (event->what == GD_EVENT_IMAGE_ENDED) {
		gd_pins_end(&probe->pins, event->image);
		gd_starts_end(&probe->presents, event->image);
		gd_present_end(&probe->presents, event->image);
	}
	if (event->what == GD_EVENT_IMAGE_BORN && event->copy_of) {
		gd_books_copy(&probe->books, event->image, event->copy_of);
		gd_present_fork(&probe->attached, event, &probe->presents, &probe->stacks);
	} else if (event->what == GD_EVENT_IMAGE_BORN && event->is_program) {
		gd_starts_add(&probe->attached, event, &probe->presents);
	}
	return 0;
}

/* ---- Orders ---------------------------------------------------------------------------------- */

static void answer(int err, const struct gd_diag *diag)
{
	struct gd_order_answer message = { .error = err };

	if (err)
		snprintf(message.text, sizeof(message.text), "%.*s", (int)sizeof(message.text) - 1,
			 diag->text);
	send(CONTROL, &message, sizeof(message), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int store(struct probe *probe, bool is_over)
{
	gd_attach_poll(&probe->attached);
	gd_pins_tidy(&probe->attached, &probe->pins);
	gd_holds_tune(&probe->holds);
	return gd_probe_file_write(probe->folder,
				   &(struct gd_probe_sources){ &probe->attached, &probe->books,
							       &probe->presents, &probe->stacks,
							       &probe->looks, &probe->holds,
							       &probe->pins, probe->attached_ns },
				   is_over);
}

/* Where /proc may not be read, the kernel's short name has to do. */
static int follow(struct probe *probe, int32_t pid, struct gd_diag *diag)
{
	char link[40], path[4096];
	uint16_t version;
	uint32_t image;
	cpu_set_t set;
	ssize_t n;
	int err = gd_follow(&probe->attached, pid, probe->owner, &image, diag);

	if (err)
		return err;
	version = gd_present_begin(&probe->attached, pid, image, &probe->presents, &probe->stacks);
	gd_attach_poll(&probe->attached); /* of its birth, among others */
	CPU_ZERO(&set);
	if (!probe->books.cpus && sched_getaffinity(pid, sizeof(set), &set) == 0)
		probe->books.cpus = (uint32_t)CPU_COUNT(&set);
	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, path, sizeof(path) - 1);
	if (n > 0) {
		path[n] = 0;
		gd_books_name(&probe->books, image, path);
	}
	if (version)
		gd_books_python(&probe->books, image, version);
	return 0;
}

/* beside: the descriptor that came with it, or -1. */
static void obey(struct probe *probe, const struct gd_order *order, int beside)
{
	struct gd_diag diag = { "" };

	switch (order->what) {
	case GD_ORDER_FOLLOW:
		gd_holds_tune(&probe->holds);
		answer(follow(probe, order->pid, &diag), &diag);
		break;
	case GD_ORDER_SLOTS:
		gd_follow_slots(&probe->attached, order->pid, order->slot_tls_offset);
		gd_pins_add(&probe->attached, order->pid, beside, &probe->pins);
		break;
	case GD_ORDER_STORE:
		answer(store(probe, false), &diag);
		break;
	default:
		break;
	}
}

/* False: nobody is left who could give one. */
static bool take_orders(struct probe *probe)
{
	struct gd_order order;
	ssize_t n;
	int beside;

	while ((n = gd_beside_receive(CONTROL, &order, sizeof(order), &beside)) > 0) {
		if (n == (ssize_t)sizeof(order) && order.magic == GD_ORDER_MAGIC &&
		    order.abi_major == GD_ABI_MAJOR)
			obey(probe, &order, beside);
		if (beside >= 0)
			close(beside);
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* ---- The loop -------------------------------------------------------------------------------- */

/* Elsewhere the sampler does. */
static bool looks(const struct probe *probe)
{
	return probe->presents.count > 0;
}

static uint64_t wait_ns(const struct probe *probe)
{
	uint64_t ns = looks(probe) ? gd_looks_wait_ns(&probe->looks) : WAKE_NS;

	return ns < WAKE_NS ? ns : WAKE_NS;
}

static void run(struct probe *probe)
{
	struct pollfd fds[2] = { { .fd = CONTROL, .events = POLLIN },
				 { .fd = ring_buffer__epoll_fd(probe->attached.ring),
				   .events = POLLIN } };
	bool goes_on = true;

	if (looks(probe))
		gd_looks_begin(&probe->looks);
	while (goes_on) {
		struct timespec timeout = { 0, (long)wait_ns(probe) };

		ppoll(fds, 2, &timeout, NULL);
		if (looks(probe) && gd_looks_wait_ns(&probe->looks) == 0)
			gd_looks_take(&probe->attached, &probe->books, &probe->presents,
				      &probe->looks);
		if (fds[0].revents)
			goes_on = take_orders(probe);
		gd_attach_poll(&probe->attached);
		gd_starts_look(&probe->attached, &probe->presents, &probe->stacks, &probe->books);
		gd_present_look(&probe->presents);
		if (gd_clock_ns(CLOCK_MONOTONIC) >= probe->store_ns) {
			store(probe, false);
			probe->store_ns = gd_clock_ns(CLOCK_MONOTONIC) + STORE_NS;
		}
	}
	store(probe, true);
}

static int can_read_tables(void *arg)
{
	struct probe *probe = arg;
	uint32_t key = GD_BPF_LOST_EVENTS;
	uint64_t values[1024]; /* a counter has one per CPU */

	if (probe->attached.cpus > sizeof(values) / sizeof(values[0]))
		return -E2BIG;
	return bpf_map_lookup_elem(bpf_map__fd(probe->attached.skeleton->maps.gd_counts), &key,
				   values);
}

static int start(struct probe *probe, const struct gd_wishes *wishes, struct gd_diag *diag)
{
	int err;

	probe->owner = gd_rights_owner();
	err = gd_attach(probe->owner, wishes->ring_bytes, wishes->present_count > 0, on_event,
			probe, &probe->attached, diag);
	if (err)
		return err;
	if (!wishes->present_count)
		gd_holds_attach(&probe->attached, &probe->holds);
	for (size_t i = 0; i < wishes->present_count; i++)
		gd_present_add(&probe->attached, wishes->present[i], probe->owner,
			       &probe->presents);
	if (wishes->uid != GD_OWN_UID)
		err = gd_rights_become(wishes->uid);
	if (!err)
		err = gd_rights_drop(can_read_tables, probe);
	if (err)
		return gd_diag_set(diag, err, "cannot give up rights: %s", strerror(-err));
	/* Only now: a way that its user may have bent leads where he may go. */
	probe->folder = open(wishes->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (probe->folder < 0)
		return gd_diag_set(diag, -errno, "cannot open %s: %s", wishes->folder,
				   strerror(errno));
	probe->attached_ns = gd_clock_ns(CLOCK_MONOTONIC);
	probe->store_ns = probe->attached_ns + STORE_NS;
	err = store(probe, false);
	if (err)
		return gd_diag_set(diag, err, "cannot write into %s: %s", wishes->folder,
				   strerror(-err));
	return 0;
}

/* A descriptor or two for each forked process. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	static struct probe probe = { .holds = { .multi = -1 } };
	struct gd_wishes wishes;
	struct gd_diag diag = { "" };
	int err;

	if (argc == 2 && strcmp(argv[1], "--abi") == 0) {
		printf("%d.%d\n", GD_ABI_MAJOR, GD_ABI_MINOR);
		return 0;
	}
	if (!gd_wishes_parse(argc, argv, &wishes)) {
		fprintf(stderr, "gildiag-probe is started by gildiag\n");
		return 2;
	}
	allow_many_files();
	setsid(); /* a Ctrl-C is meant for the target */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	err = start(&probe, &wishes, &diag);
	answer(err, &diag);
	if (err || chdir("/") != 0)
		return 1;
	run(&probe);
	close(CONTROL); /* all is written: who waits for that need not wait for us */
	gd_python_stacks_free(&probe.stacks);
	gd_looks_free(&probe.looks);
	gd_starts_forget(&probe.presents);
	gd_present_forget(&probe.presents);
	gd_pins_free(&probe.pins);
	gd_holds_detach(&probe.holds);
	gd_detach(&probe.attached);
	gd_books_free(&probe.books);
	return 0;
}
