/* SPDX-License-Identifier: MIT */
/*
 * Taking a process over.  The image comes from the target and may be broken or hostile: its size
 * and its seals are checked, its tables are bounded at every use, and what we write goes to our own
 * fields only.
 */
#include "target.h"
#include "clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* The first bytes of an image, copied once: the target may change its own at any time. */
struct layout {
	struct gd_file_header header;
	struct gd_section sections[GD_IMAGE_SECTIONS];
};

/* Tables that are indexed here must be as ours are; of the others only bytes are copied. */
static bool is_as_ours(const struct gd_section *section, size_t entry_size, uint32_t capacity)
{
	return section->entry_size == entry_size && section->capacity == capacity &&
	       section->offset % sizeof(uint64_t) == 0;
}

static bool is_image(const struct layout *layout)
{
	const struct gd_file_header *header = &layout->header;
	const struct gd_section *sections = layout->sections;

	if (memcmp(header->magic, GD_MAGIC, sizeof(GD_MAGIC)) != 0 ||
	    header->abi_major != GD_ABI_MAJOR || header->section_count != GD_IMAGE_SECTIONS)
		return false;
	for (uint32_t i = 0; i < GD_IMAGE_SECTIONS; i++)
		if (sections[i].kind != i + 1 || sections[i].offset > GD_IMAGE_BYTES ||
		    (uint64_t)sections[i].entry_size * sections[i].capacity >
			    GD_IMAGE_BYTES - sections[i].offset)
			return false;
	return is_as_ours(&sections[GD_SECTION_PROCESS - 1], sizeof(struct gd_process), 1) &&
	       is_as_ours(&sections[GD_SECTION_THREADS - 1], sizeof(struct gd_thread),
			  GD_THREAD_CAPACITY) &&
	       is_as_ours(&sections[GD_SECTION_JOINT - 1], sizeof(struct gd_joint),
			  GD_JOINT_CAPACITY) &&
	       is_as_ours(&sections[GD_SECTION_MODULES - 1], sizeof(struct gd_module),
			  GD_MODULE_CAPACITY) &&
	       is_as_ours(&sections[GD_SECTION_PIPES - 1], sizeof(struct gd_pipe),
			  GD_PIPE_CAPACITY);
}

static void *entries_of(void *image, const struct layout *layout, uint32_t kind)
{
	return (char *)image + layout->sections[kind - 1].offset;
}

/* Without the seals the target could shrink the memfd under us: SIGBUS. */
static int map_image(int memfd, struct gd_target *target)
{
	int need = F_SEAL_SHRINK | F_SEAL_GROW;
	struct layout layout;
	struct stat st;
	void *image;

	if (fstat(memfd, &st) != 0)
		return -errno;
	if ((uint64_t)st.st_size != GD_IMAGE_BYTES || (fcntl(memfd, F_GET_SEALS) & need) != need)
		return -EINVAL;
	image = mmap(NULL, GD_IMAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (image == MAP_FAILED)
		return -errno;
	memcpy(&layout, image, sizeof(layout));
	if (!is_image(&layout)) {
		munmap(image, GD_IMAGE_BYTES);
		return -EINVAL;
	}
	target->image = image;
	target->sections = gd_image_sections(image);
	target->process = entries_of(image, &layout, GD_SECTION_PROCESS);
	target->threads = entries_of(image, &layout, GD_SECTION_THREADS);
	target->joints = entries_of(image, &layout, GD_SECTION_JOINT);
	target->modules = entries_of(image, &layout, GD_SECTION_MODULES);
	target->pipes = entries_of(image, &layout, GD_SECTION_PIPES);
	return 0;
}

int gd_target_new(int memfd, int32_t pid, struct gd_target **ret_target)
{
	struct gd_target *target = calloc(1, sizeof(*target));
	int err = target ? map_image(memfd, target) : -ENOMEM;

	close(memfd);
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
