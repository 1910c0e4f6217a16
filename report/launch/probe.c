/* SPDX-License-Identifier: MIT */
/*
 * Orders go through a socket; its closing is the order to end, and the answer to that is that the
 * probe closes its own end.
 */
#include "probe.h"
#include "invoker.h"
#include <errno.h>
#include <fcntl.h>
#include <gildiag/recording.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MS   10000
#define PRESENT_MAX 16 /* whose interpreters the probe looks at */

bool gd_probe_parse(const char *text, enum gd_probe_wish *ret_wish, struct gd_diag *diag)
{
	static const char *const names[] = {
		[GD_PROBE_AUTO] = "auto", [GD_PROBE_ON] = "on", [GD_PROBE_OFF] = "off"
	};

	*ret_wish = GD_PROBE_AUTO;
	if (!text)
		return true;
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0) {
			*ret_wish = (enum gd_probe_wish)i;
			return true;
		}
	gd_diag_set(diag, -EINVAL, "--probe is auto, on or off, not %s", text);
	return false;
}

static void run_probe(const struct gd_parts *parts, const char *folder,
		      const struct gd_family *present, int control)
{
	const char *ring = getenv("GILDIAG_PROBE_RING");
	char *argv[8 + 2 * PRESENT_MAX] = { (char *)parts->probe, (char *)"--session",
					    (char *)folder };
	char *envp[] = { NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char user[16], numbers[PRESENT_MAX][16];
	int count = 3;
	uid_t uid;

	if (ring) {
		argv[count++] = (char *)"--ring";
		argv[count++] = (char *)ring;
	}
	if (gd_invoker_leave(&uid)) {
		snprintf(user, sizeof(user), "%u", uid);
		argv[count++] = (char *)"--as";
		argv[count++] = user;
	}
	for (size_t i = 0; present && i < present->count && i < PRESENT_MAX; i++) {
		snprintf(numbers[i], sizeof(numbers[i]), "%d", (int)present->pids[i]);
		argv[count++] = (char *)"--present";
		argv[count++] = numbers[i];
	}
	dup2(control, 0);
	dup2(null, 1);
	dup2(null, 2);
	execve(parts->probe, argv, envp);
	_exit(127);
}

static int receive(const struct gd_probe *probe, struct gd_diag *diag)
{
	struct pollfd fd = { .fd = probe->control, .events = POLLIN };
	struct gd_order_answer answer = { .error = 0 };
	int ready;

	do {
		ready = poll(&fd, 1, ANSWER_MS);
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return gd_diag_set(diag, -ETIMEDOUT, "the eBPF probe does not answer");
	if (recv(probe->control, &answer, sizeof(answer), 0) != (ssize_t)sizeof(answer))
		return gd_diag_set(diag, -ECHILD, "the eBPF probe (%s) ended at once",
				   "gildiag-probe");
	answer.text[sizeof(answer.text) - 1] = 0;
	return answer.error ? gd_diag_set(diag, answer.error, "%s", answer.text) : 0;
}

int gd_probe_start(const struct gd_parts *parts, const char *folder,
		   const struct gd_family *present, struct gd_probe *ret_probe,
		   struct gd_diag *diag)
{
	struct gd_probe probe;
	int ends[2], err;

	if (!parts->probe[0])
		return gd_diag_set(diag, -ENOENT,
				   "this gildiag was built without the eBPF probe: it needs clang, "
				   "bpftool and libbpf-dev when it is built");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return gd_diag_set(diag, -errno, "cannot start the eBPF probe: %s",
				   strerror(errno));
	probe = (struct gd_probe){ .pid = fork(), .control = ends[0] };
	if (probe.pid == 0)
		run_probe(parts, folder, present, ends[1]);
	err = probe.pid < 0 ? -errno : 0;
	close(ends[1]);
	if (err) {
		close(ends[0]);
		return gd_diag_set(diag, err, "cannot start the eBPF probe: %s", strerror(-err));
	}
	err = receive(&probe, diag);
	if (!err) {
		*ret_probe = probe;
		return 0;
	}
	gd_probe_end(&probe);
	gd_probe_reap(probe.pid);
	return err;
}

int gd_probe_follow(const struct gd_probe *probe, pid_t pid, struct gd_diag *diag)
{
	struct gd_order order = { .magic = GD_ORDER_MAGIC,
				  .abi_major = GD_ABI_MAJOR,
				  .what = GD_ORDER_FOLLOW,
				  .pid = pid };

	if (send(probe->control, &order, sizeof(order), MSG_NOSIGNAL) != (ssize_t)sizeof(order))
		return gd_diag_set(diag, -errno, "the eBPF probe has ended: %s", strerror(errno));
	return receive(probe, diag);
}

void gd_probe_end(struct gd_probe *probe)
{
	char nothing;
	ssize_t n;

	if (!probe->pid)
		return;
	shutdown(probe->control, SHUT_WR);
	do {
		n = recv(probe->control, &nothing, sizeof(nothing), 0);
	} while (n > 0 || (n < 0 && errno == EINTR));
	close(probe->control);
	probe->control = -1;
}

void gd_probe_reap(pid_t pid)
{
	while (pid && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
