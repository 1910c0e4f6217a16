/* SPDX-License-Identifier: MIT */
/*
 * Taking a process over.  The image comes from the target and may be broken or hostile: its tables
 * are bounded at every use, and what we write goes to our own fields only.
 */
#include "target.h"
#include "clock.h"
#include "image_map.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static int map_image(int memfd, struct gd_target *target)
{
	struct gd_image_map map;
	int err = gd_image_map(memfd, &map);

	if (err)
		return err;
	target->image = map.image;
	target->sections = gd_image_sections(map.image);
	target->process = gd_image_map_rows(&map, GD_SECTION_PROCESS);
	target->threads = gd_image_map_rows(&map, GD_SECTION_THREADS);
	target->joints = gd_image_map_rows(&map, GD_SECTION_JOINT);
	target->modules = gd_image_map_rows(&map, GD_SECTION_MODULES);
	target->pipes = gd_image_map_rows(&map, GD_SECTION_PIPES);
	return 0;
}

int gd_target_new(int memfd, int32_t pid, struct gd_target **ret_target)
{
	struct gd_target *target = calloc(1, sizeof(*target));
	int err = target ? map_image(memfd, target) : -ENOMEM;

	if (err) {
		free(target);
		return err;
	}
	target->pid = pid;
	target->throttle_fd = -1;
	target->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	target->memory =
		mmap(NULL, GD_THREAD_CAPACITY * sizeof(*target->memory), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (target->memory == MAP_FAILED) {
		target->memory = NULL;
		gd_target_free(target);
		return -ENOMEM;
	}
	target->planned_ns = gd_clock_ns(CLOCK_MONOTONIC);
	target->process->heartbeat_ticks = gd_target_ticks(target);
	__atomic_store_n(&target->process->collector, (uint32_t)getpid(), __ATOMIC_RELEASE);
	*ret_target = target;
	return 0;
}

void gd_target_free(struct gd_target *target)
{
	if (!target)
		return;
	if (target->memory)
		munmap(target->memory, GD_THREAD_CAPACITY * sizeof(*target->memory));
	if (target->image)
		munmap(target->image, GD_IMAGE_BYTES);
	if (target->pidfd >= 0)
		close(target->pidfd);
	if (target->throttle_fd >= 0)
		close(target->throttle_fd);
	free(target);
}

bool gd_target_is_gone(const struct gd_target *target)
{
	struct pollfd fd = { .fd = target->pidfd, .events = POLLIN };

	if (target->pidfd >= 0)
		return poll(&fd, 1, 0) > 0;
	return kill(target->pid, 0) != 0 && errno == ESRCH;
}

uint64_t gd_target_ticks(const struct gd_target *target)
{
	if (target->process->clock == GD_CLOCK_TSC)
		return __builtin_ia32_rdtsc();
	return gd_clock_ns(CLOCK_MONOTONIC);
}

uint32_t gd_target_slots(const struct gd_target *target)
{
	uint32_t used =
		__atomic_load_n(&target->sections[GD_SECTION_THREADS - 1].used, __ATOMIC_ACQUIRE);

	return used < GD_THREAD_CAPACITY ? used : GD_THREAD_CAPACITY;
}
