/* SPDX-License-Identifier: MIT */
/*
 * A process is named to the kernel by a descriptor, so that no PID that was used again and no
 * namespace can make it another one.  Whose it is, is asked after the descriptor is held.
 */
#include "follow.h"
#include <base/cleanup.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has_ended(int pidfd)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };

	return poll(&fd, 1, 0) != 0;
}

/* Its folder's owner is root where it may not be looked into; its ids must all be the same. */
static bool belongs_to(int32_t pid, uint32_t owner)
{
	gd_autofclose FILE *status = NULL;
	unsigned int real = ~0u, effective = ~0u, saved = ~0u, fs = ~0u;
	char path[64], line[256];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &st) != 0 || st.st_uid != owner)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "Uid: %u %u %u %u", &real, &effective, &saved, &fs) == 4)
			break;
	return real == owner && effective == owner && saved == owner && fs == owner;
}

int gd_follow_check(int pidfd, int32_t pid, uint32_t owner, struct gd_diag *diag)
{
	bool is_theirs = owner == ~0u || belongs_to(pid, owner);

	if (has_ended(pidfd))
		return gd_diag_set(diag, -ESRCH, "process %d has ended", pid);
	if (!is_theirs)
		return gd_diag_set(diag, -EPERM,
				   "process %d is not yours (or runs with rights that you do not "
				   "have): only root may look into it",
				   pid);
	return 0;
}

int gd_follow_write(int map, int pidfd, const void *value, uint64_t flags)
{
	int tries = 1000;

	while (bpf_map_update_elem(map, &pidfd, value, flags) != 0)
		if ((errno != EAGAIN && errno != EBUSY) || --tries == 0)
			return -errno;
	return 0;
}

int gd_follow(const struct gd_attached *attached, int32_t pid, uint32_t owner, uint32_t *ret_image,
	      struct gd_diag *diag)
{
	gd_autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int map = bpf_map__fd(attached->skeleton->maps.gd_tasks);
	struct gd_task task = { .cause = GD_PROBED_NO_SLOT };
	int err;

	if (pidfd < 0 && errno == ESRCH)
		return gd_diag_set(diag, -ESRCH, "there is no process %d", pid);
	if (pidfd < 0)
		return gd_diag_set(diag, -errno, "cannot follow process %d: %s", pid,
				   strerror(errno));
	err = gd_follow_check(pidfd, pid, owner, diag);
	if (err)
		return err;
	err = gd_follow_write(map, pidfd, &task, BPF_NOEXIST);
	if (err == -EEXIST)
		err = 0; /* it is followed already */
	/* Once for the leader, once for threads that came before it in the kernel's order. */
	for (int i = 0; !err && i < 2; i++)
		err = gd_attach_adopt(attached);
	if (!err && (bpf_map_lookup_elem(map, &pidfd, &task) != 0 || !task.image))
		err = has_ended(pidfd) ? -ESRCH : -ENOSPC;
	if (err)
		return gd_diag_set(diag, err, "cannot follow process %d: %s", pid, strerror(-err));
	*ret_image = task.image;
	return 0;
}

/* The record of a process that is followed. */
static int find_task(const struct gd_attached *attached, int pidfd, struct gd_task *ret_task)
{
	int map = bpf_map__fd(attached->skeleton->maps.gd_tasks);

	return bpf_map_lookup_elem(map, &pidfd, ret_task) == 0 && ret_task->image ? 0 : -ESRCH;
}

uint32_t gd_follow_image(const struct gd_attached *attached, int pidfd)
{
	struct gd_task task;

	return find_task(attached, pidfd, &task) == 0 ? task.image : 0;
}

bool gd_follow_is(const struct gd_attached *attached, int32_t pid, uint32_t image)
{
	gd_autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	return pidfd >= 0 && gd_follow_image(attached, pidfd) == image;
}

static int hand_on(const struct gd_attached *attached, const struct gd_learnt *learnt)
{
	int err;

	attached->skeleton->bss->gd_learnt = *learnt;
	err = gd_attach_adopt(attached);
	attached->skeleton->bss->gd_learnt.tgid = 0;
	return err;
}

int gd_follow_slots(const struct gd_attached *attached, int32_t pid, uint64_t tls_offset)
{
	gd_autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct gd_task task;

	if (pidfd < 0 || find_task(attached, pidfd, &task) != 0)
		return -ESRCH;
	if (task.tls_offset == tls_offset)
		return 0; /* as its parent's, whom it was forked from */
	return hand_on(attached, &(struct gd_learnt){ tls_offset, 0, task.tgid });
}

int gd_follow_layout(const struct gd_attached *attached, int32_t pid, uint32_t layout)
{
	gd_autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct gd_task task;

	if (pidfd < 0 || find_task(attached, pidfd, &task) != 0)
		return -ESRCH;
	return hand_on(attached, &(struct gd_learnt){ 0, layout, task.tgid });
}
