/* SPDX-License-Identifier: MIT */
/* What cannot be made here is no fault of what is tested: abort. */
#include "watched.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int gd_watched_memfd(void)
{
	int fd = memfd_create("gildiag-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct gd_process *process;
	struct gd_file_header *header;

	if (fd < 0 || ftruncate(fd, GD_IMAGE_BYTES) != 0)
		abort();
	header = mmap(NULL, GD_IMAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (header == MAP_FAILED)
		abort();
	gd_image_init(header);
	header->pid = (int32_t)getpid();
	header->start_ns = 1000;
	process = gd_image_entries(header, GD_SECTION_PROCESS);
	process->pid = header->pid;
	process->clock = GD_CLOCK_MONOTONIC;
	munmap(header, GD_IMAGE_BYTES);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0)
		abort();
	return fd;
}

struct gd_target *gd_watched_process(int32_t pid)
{
	int memfd = gd_watched_memfd();
	struct gd_target *target;

	if (gd_target_new(memfd, pid, &target) != 0)
		abort();
	close(memfd);
	return target;
}

struct gd_target *gd_watched_new(void)
{
	return gd_watched_process((int32_t)getpid());
}

struct gd_thread *gd_watched_add(struct gd_target *target, uint16_t cause)
{
	uint32_t index = target->sections[GD_SECTION_THREADS - 1].used++;
	struct gd_thread *thread = &target->threads[index];

	thread->state = GD_THREAD_LIVE;
	thread->tid = 100 + (int32_t)index;
	thread->cause = thread->cause_prev = cause;
	return thread;
}
