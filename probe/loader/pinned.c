/* SPDX-License-Identifier: MIT */
/*
 * A value with a user's pointer in it (BPF_UPTR) is stored by whoever has the page mapped: the agent's
 * memfd is mapped here, and the kernel pins its page for as long as the thread lives.
 */
#include "pinned.h"
#include "follow.h"
#include <base/cleanup.h>
#include <fcntl.h>
#include <image_map.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IMAGES_MAX 16384 /* as the programs in the kernel follow */

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9 */
#endif

struct gd_pinned_image {
	struct gd_image_map map; /* once a thread sought it */
	int memfd;               /* until then */
	uint32_t image;
};

static void forget(struct gd_pinned_image *row)
{
	gd_image_unmap(&row->map);
	if (row->memfd >= 0)
		close(row->memfd);
	row->memfd = -1;
}

static struct gd_pinned_image *find(const struct gd_pins *pins, uint32_t image)
{
	struct gd_pinned_image *images = pins->images.rows;

	for (size_t i = 0; i < pins->images.count; i++)
		if (images[i].image == image)
			return &images[i];
	return NULL;
}

void gd_pins_add(const struct gd_attached *attached, int32_t pid, int memfd, struct gd_pins *pins)
{
	gd_autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	uint32_t image = pidfd < 0 ? 0 : gd_follow_image(attached, pidfd);
	struct gd_pinned_image *row;

	if (!attached->has_pinned || !image || find(pins, image))
		return;
	row = gd_rows_add(&pins->images, sizeof(*row), IMAGES_MAX);
	if (!row)
		return;
	row->image = image;
	row->memfd = fcntl(memfd, F_DUPFD_CLOEXEC, 0);
}

/* Maps the image when a thread of it is sought for the first time. */
static bool has_map(struct gd_pinned_image *row)
{
	if (!row->map.image && row->memfd >= 0 && gd_image_map(row->memfd, &row->map) == 0) {
		close(row->memfd);
		row->memfd = -1;
	}
	return row->map.image != NULL;
}

static struct gd_thread *find_slot(const struct gd_pinned_image *row, int32_t tid)
{
	struct gd_thread *threads = gd_image_map_rows(&row->map, GD_SECTION_THREADS);
	uint32_t used = gd_image_sections(row->map.image)[GD_SECTION_THREADS - 1].used;

	for (uint32_t i = 0; i < used && i < GD_THREAD_CAPACITY; i++)
		if (threads[i].tid == tid && threads[i].state == GD_THREAD_LIVE)
			return &threads[i];
	return NULL;
}

/* A thread's number may mean another one here, or a later one: the kernel's record says whose it is. */
void gd_pins_seek(const struct gd_attached *attached, uint32_t image, int32_t tid,
		  struct gd_pins *pins)
{
	gd_autoclose int pidfd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
	struct gd_pinned_image *row = find(pins, image);
	struct gd_pinned pinned = { NULL, image };

	if (pidfd < 0 || !row || !has_map(row) || gd_follow_image(attached, pidfd) != image)
		return;
	pinned.slot = (gd_slot_head *)find_slot(row, tid);
	if (pinned.slot && gd_follow_write(bpf_map__fd(attached->skeleton->maps.gd_pinned_slots),
					   pidfd, &pinned, BPF_ANY) == 0)
		pins->threads++;
}

void gd_pins_end(struct gd_pins *pins, uint32_t image)
{
	struct gd_pinned_image *images = pins->images.rows, *row = find(pins, image);

	if (!row)
		return;
	forget(row);
	*row = images[--pins->images.count];
}

void gd_pins_free(struct gd_pins *pins)
{
	struct gd_pinned_image *images = pins->images.rows;

	for (size_t i = 0; i < pins->images.count; i++)
		forget(&images[i]);
	free(images);
	*pins = (struct gd_pins){ .threads = 0 };
}
