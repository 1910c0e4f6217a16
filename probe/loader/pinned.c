/* SPDX-License-Identifier: MIT */
/*
 * A value with a user's pointer in it (BPF_UPTR) is stored by whoever has the page mapped: the agent's
 * memfd is mapped here, and the kernel pins its page until the value is overwritten or the thread ends.
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

/* A mapping costs no descriptor, of which a process may have few. */
struct gd_pinned_image {
	struct gd_image_map map;
	uint32_t image;
	int32_t pid;
};

static struct gd_pinned_image *find(const struct gd_pins *pins, uint32_t image)
{
	struct gd_pinned_image *images = pins->images.rows;

	for (size_t i = 0; i < pins->images.count; i++)
		if (images[i].image == image)
			return &images[i];
	return NULL;
}

/*
 * An agent does not wait for its message to arrive: the process may have become another program
 * since, and this memfd be of the one before.  The right one comes later, and takes its place.
 */
void gd_pins_add(const struct gd_attached *attached, int32_t pid, int memfd, struct gd_pins *pins)
{
	gd_autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	uint32_t image = pidfd < 0 ? 0 : gd_follow_image(attached, pidfd);
	struct gd_pinned_image *row;
	struct gd_image_map map;

	if (!attached->has_pinned || !image || gd_image_map(memfd, &map) != 0)
		return;
	row = find(pins, image);
	if (row)
		gd_image_unmap(&row->map);
	else
		row = gd_rows_add(&pins->images, sizeof(*row), IMAGES_MAX);
	if (row)
		*row = (struct gd_pinned_image){ map, image, pid };
	else
		gd_image_unmap(&map);
}

/*
 * A slot of the program before, or of a thread that ended without a word and whose number was given
 * again, may bear the same number; but they stand still since before this one began.
 */
static struct gd_thread *slot_of(const struct gd_pinned_image *row, int32_t tid, uint64_t since)
{
	struct gd_thread *threads = gd_image_map_rows(&row->map, GD_SECTION_THREADS);
	uint32_t used = gd_image_sections(row->map.image)[GD_SECTION_THREADS - 1].used;

	for (uint32_t i = 0; i < used && i < GD_THREAD_CAPACITY; i++)
		if (threads[i].tid == tid && threads[i].state == GD_THREAD_LIVE &&
		    threads[i].since >= since)
			return &threads[i];
	return NULL;
}

static bool is_pinned(int map, int pidfd, uint32_t image)
{
	struct gd_pinned pinned;

	return bpf_map_lookup_elem(map, &pidfd, &pinned) == 0 && pinned.image == image;
}

void gd_pins_seek(const struct gd_attached *attached, const struct gd_event *event,
		  struct gd_pins *pins)
{
	gd_autoclose int pidfd = (int)syscall(SYS_pidfd_open, event->pid, PIDFD_THREAD);
	int map = bpf_map__fd(attached->skeleton->maps.gd_pinned_slots);
	const struct gd_pinned_image *row = find(pins, event->image);
	struct gd_pinned pinned = { NULL, event->image };

	/* Its number may mean another thread here: the kernel's record says of which program it is. */
	if (pidfd < 0 || !row || gd_follow_image(attached, pidfd) != event->image ||
	    is_pinned(map, pidfd, event->image))
		return;
	pinned.slot = (gd_slot_head *)slot_of(row, event->pid, event->detail);
	if (pinned.slot && gd_follow_write(map, pidfd, &pinned, BPF_ANY) == 0)
		pins->threads++;
}

static void drop(struct gd_pins *pins, struct gd_pinned_image *row)
{
	struct gd_pinned_image *images = pins->images.rows;

	gd_image_unmap(&row->map);
	*row = images[--pins->images.count];
}

void gd_pins_end(struct gd_pins *pins, uint32_t image)
{
	struct gd_pinned_image *row = find(pins, image);

	if (row)
		drop(pins, row);
}

void gd_pins_tidy(const struct gd_attached *attached, struct gd_pins *pins)
{
	struct gd_pinned_image *images = pins->images.rows;

	for (size_t i = pins->images.count; i-- > 0;)
		if (!gd_follow_is(attached, images[i].pid, images[i].image))
			drop(pins, &images[i]);
}

void gd_pins_free(struct gd_pins *pins)
{
	struct gd_pinned_image *images = pins->images.rows;

	while (pins->images.count)
		drop(pins, &images[pins->images.count - 1]);
	free(images);
	*pins = (struct gd_pins){ .threads = 0 };
}
