/* SPDX-License-Identifier: MIT */
/*
 * Opens the image.  A file system's file would stall stores during writeback and kill the target by
 * SIGBUS when the disk is full; a memfd that is sealed at its full size can do neither.
 */
#include "arena.h"
#include "clock.h"
#include "file_limit.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u /* Linux 6.3 */
#endif

/* All our mappings together are some 120 MiB of addresses. */
#define ROOM_BYTES (2ull << 30)

struct gd_process *gd_process;
struct gd_thread *gd_threads;
struct gd_section *gd_sections;

const uint32_t *gd_arena_owner_word;

static void *image;
static uint32_t one = 1;

void *gd_arena_image(void)
{
	return image;
}

static long create_memfd(void)
{
	long fd = gd_syscall(SYS_memfd_create, "gildiag",
			     MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd == -22) /* EINVAL: a kernel that does not know the flag */
		fd = gd_syscall(SYS_memfd_create, "gildiag", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

static long set_size(long fd)
{
	uint64_t before = gd_file_limit_begin();
	long err = gd_syscall(SYS_ftruncate, fd, GD_IMAGE_BYTES);

	gd_file_limit_end(before, err);
	return err;
}

/* A core of the target, which has a size that the user limits, is about the target. */
static void leave_out_of_cores(long map, size_t size_bytes)
{
	gd_syscall(SYS_madvise, map, size_bytes, MADV_DONTDUMP);
}

void *gd_arena_map(size_t size_bytes)
{
	long map = gd_syscall(SYS_mmap, 0, size_bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map < 0 && map > -4096)
		return NULL;
	leave_out_of_cores(map, size_bytes);
	return (void *)map;
}

/* Linux 4.14 can give a fork's child a zeroed page; before that such children go unnoticed. */
static void make_owner_word(void)
{
	long page;

	if (gd_arena_owner_word && gd_arena_owner_word != &one) {
		*(uint32_t *)(uintptr_t)gd_arena_owner_word = 1;
		return;
	}
	gd_arena_owner_word = &one;
	page = gd_syscall(SYS_mmap, 0, GD_PAGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page < 0 && page > -4096)
		return;
	if (gd_syscall(SYS_madvise, page, GD_PAGE_BYTES, 18 /* MADV_WIPEONFORK */) == 0) {
		*(uint32_t *)page = 1;
		gd_arena_owner_word = (uint32_t *)page;
	}
}

static void note_clocks(struct gd_file_header *header)
{
	gd_process->clock = gd_clock_is_tsc ? GD_CLOCK_TSC : GD_CLOCK_MONOTONIC;
	gd_process->first.monotonic_ns = gd_clock_read_ns(CLOCK_MONOTONIC);
	gd_process->first.ticks = gd_ticks();
	gd_process->start_ticks = gd_process->first.ticks;
	header->start_ns = gd_process->first.monotonic_ns;
	header->start_realtime_ns = gd_clock_read_ns(CLOCK_REALTIME);
}

bool gd_arena_has_room(void)
{
	static const int limits[] = { RLIMIT_AS, RLIMIT_DATA };
	struct rlimit limit;

	for (unsigned int i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (gd_syscall(SYS_prlimit64, 0, limits[i], NULL, &limit) == 0 &&
		    limit.rlim_cur < ROOM_BYTES)
			return false;
	return true;
}

int gd_arena_open(void)
{
	struct gd_file_header *header;
	int at = image ? MAP_FIXED : 0; /* in a fork's child old pointers must stay valid */
	long fd, map;

	if (!image && !gd_arena_has_room())
		return -12; /* ENOMEM */
	fd = create_memfd();
	if (fd < 0)
		return (int)fd;
	map = set_size(fd);
	if (map == 0) {
		gd_syscall(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
		map = gd_syscall(SYS_mmap, image, GD_IMAGE_BYTES, PROT_READ | PROT_WRITE,
				 MAP_SHARED | at, fd, 0);
	}
	if (map < 0 && map > -4096) {
		gd_syscall(SYS_close, fd);
		return (int)map;
	}
	leave_out_of_cores(map, GD_IMAGE_BYTES);
	image = (void *)map;
	gd_image_init(image);
	header = image;
	gd_sections = gd_image_sections(image);
	gd_process = gd_image_entries(image, GD_SECTION_PROCESS);
	gd_threads = gd_image_entries(image, GD_SECTION_THREADS);
	gd_process->pid = (int32_t)gd_syscall(SYS_getpid);
	gd_process->ppid = (int32_t)gd_syscall(SYS_getppid);
	gd_process->uid = (uint32_t)gd_syscall(SYS_geteuid);
	header->pid = gd_process->pid;
	note_clocks(header);
	make_owner_word();
	return (int)fd;
}

uint32_t gd_arena_take_many(uint32_t kind, uint32_t count)
{
	struct gd_section *section = &gd_sections[kind - 1];
	uint32_t used = __atomic_load_n(&section->used, __ATOMIC_RELAXED);

	do {
		if (count > section->capacity - used) {
			__atomic_fetch_add(&section->lost, 1, __ATOMIC_RELAXED);
			return UINT32_MAX;
		}
	} while (!__atomic_compare_exchange_n(&section->used, &used, used + count, true,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	return used;
}

void *gd_arena_take(uint32_t kind, uint32_t *ret_index)
{
	uint32_t index = gd_arena_take_many(kind, 1);

	if (index == UINT32_MAX)
		return NULL;
	*ret_index = index;
	return (char *)image + gd_sections[kind - 1].offset +
	       (uint64_t)gd_sections[kind - 1].entry_size * index;
}
