/* SPDX-License-Identifier: MIT */
/*
 * Numbers of images rise, so that their rows are found by halving.  Of very many ended threads the
 * later ones share a row of their image, with tid 0: nothing of their time is lost.
 */
#include "books.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGES_MAX  16384
#define THREADS_MAX 16384 /* with rows of their own: 27 MB */
#define ROWS_MAX    20480

void *gd_rows_add(struct gd_rows *rows, size_t size_bytes, size_t limit)
{
	void *row;

	if (rows->count >= limit)
		return NULL;
	if (rows->count == rows->capacity) {
		size_t capacity = rows->capacity ? 2 * rows->capacity : 16;
		void *grown = realloc(rows->rows, capacity * size_bytes);

		if (!grown)
			return NULL;
		rows->rows = grown;
		rows->capacity = capacity;
	}
	row = (char *)rows->rows + rows->count++ * size_bytes;
	memset(row, 0, size_bytes);
	return row;
}

static struct gd_probed_image *find_image(const struct gd_books *books, uint32_t number)
{
	struct gd_probed_image *images = books->images.rows;
	size_t low = 0, high = books->images.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (images[middle].image < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < books->images.count && images[low].image == number ? &images[low] : NULL;
}

void gd_books_name(struct gd_books *books, uint32_t number, const char *path)
{
	struct gd_probed_image *image = find_image(books, number);
	size_t length = strlen(path), room = sizeof(image->command) - 1;
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	if (!image)
		return;
	snprintf(image->command, sizeof(image->command), "%s",
		 length > room ? path + length - room : path);
	image->flags = strncmp(name, "python", 6) == 0 ? GD_PROBED_PYTHON : 0;
}

/* Births are told by several CPUs: a number may come after its successor. */
static void add_image(struct gd_books *books, const struct gd_event *event)
{
	struct gd_probed_image *images = gd_rows_add(&books->images, sizeof(*images), IMAGES_MAX);
	size_t at = books->images.count - 1;

	if (!images) {
		books->lost_images++;
		return;
	}
	for (images = books->images.rows; at > 0 && images[at - 1].image > event->image; at--)
		images[at] = images[at - 1];
	images[at] = (struct gd_probed_image){ .image = event->image,
					       .pid = event->pid,
					       .ppid = event->ppid,
					       .start_ns = event->now_ns };
	gd_books_name(books, event->image, event->command);
}

void gd_books_add_sums(struct gd_probed_sums *to, const struct gd_probed_sums *from)
{
	if (!to->born_ns || from->born_ns < to->born_ns)
		to->born_ns = from->born_ns;
	if (from->ended_ns > to->ended_ns)
		to->ended_ns = from->ended_ns;
	to->on_cpu_ns += from->on_cpu_ns;
	to->switches += from->switches;
	to->slots_read += from->slots_read;
	for (unsigned int i = 0; i < GD_CAUSE_MAX; i++) {
		struct gd_probed_cause *sum = &to->causes[i];
		const struct gd_probed_cause *more = &from->causes[i];

		sum->blocked_ns += more->blocked_ns;
		sum->delay_ns += more->delay_ns;
		sum->preempted_ns += more->preempted_ns;
		sum->explained_ns += more->explained_ns;
		sum->blocks += more->blocks;
		for (unsigned int k = 0; k < GD_WOKEN_COUNT; k++)
			sum->woken_by[k] += more->woken_by[k];
	}
}

/* The row of an image's threads that have none of their own. */
static struct gd_probed_thread *find_shared(struct gd_books *books, uint32_t image)
{
	struct gd_probed_thread *threads = books->threads.rows;

	for (size_t i = THREADS_MAX; i < books->threads.count; i++)
		if (threads[i].image == image)
			return &threads[i];
	threads = gd_rows_add(&books->threads, sizeof(*threads), ROWS_MAX);
	if (threads)
		threads->image = image;
	return threads;
}

static void add_thread(struct gd_books *books, const struct gd_task *task)
{
	struct gd_probed_thread *thread =
		gd_rows_add(&books->threads, sizeof(*thread), THREADS_MAX);

	if (thread) {
		thread->image = task->image;
		thread->tid = task->tid;
		thread->sums = task->sums;
		return;
	}
	thread = find_shared(books, task->image);
	if (thread)
		gd_books_add_sums(&thread->sums, &task->sums);
	else
		books->lost_threads++;
}

void gd_books_note(struct gd_books *books, const struct gd_event *event)
{
	struct gd_probed_image *image;

	switch (event->what) {
	case GD_EVENT_IMAGE_BORN:
		add_image(books, event);
		break;
	case GD_EVENT_IMAGE_ENDED:
		image = find_image(books, event->image);
		if (image)
			image->end_ns = event->now_ns;
		break;
	case GD_EVENT_THREAD_ENDED:
		add_thread(books, &event->task);
		break;
	case GD_EVENT_DROPPED:
		books->dropped++;
		break;
	default:
		break;
	}
}

void gd_books_free(struct gd_books *books)
{
	free(books->images.rows);
	free(books->threads.rows);
	*books = (struct gd_books){ .dropped = 0 };
}
