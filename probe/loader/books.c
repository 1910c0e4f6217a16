/* SPDX-License-Identifier: MIT */
/*
 * Numbers of images rise, so that their books are found by halving.  Of a program's threads that
 * ended the longest-lived keep rows of their own: those are the ones that a report tells apart.
 */
#include "books.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGES_MAX  4096
#define OWN_MAX     64   /* threads of an image with rows of their own */
#define OWN_ALL_MAX 4096 /* of all images */

/* A program that ended and did less is small. */
#define SMALL_CPU_NS  2000000ull
#define SMALL_LIFE_NS 10000000ull /* without what it waited for children */

/* ---- Programs -------------------------------------------------------------------------------- */

struct gd_book *gd_books_find(const struct gd_books *books, uint32_t number)
{
	struct gd_book *rows = books->books.rows;
	size_t low = 0, high = books->books.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (rows[middle].image.image < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < books->books.count && rows[low].image.image == number ? &rows[low] : NULL;
}

void gd_books_name(struct gd_books *books, uint32_t number, const char *path)
{
	struct gd_book *book = gd_books_find(books, number);
	size_t length = strlen(path), room = sizeof(book->image.command) - 1;
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	if (!book)
		return;
	snprintf(book->image.command, sizeof(book->image.command), "%s",
		 length > room ? path + length - room : path);
	book->image.flags = strncmp(name, "python", 6) == 0 ? GD_PROBED_PYTHON : 0;
}

void gd_books_python(struct gd_books *books, uint32_t number, uint16_t version)
{
	struct gd_book *book = gd_books_find(books, number);

	if (book)
		book->image.flags = GD_PROBED_PYTHON | (uint32_t)version << 16;
}

void gd_books_copy(struct gd_books *books, uint32_t number, uint32_t copy_of)
{
	struct gd_book *book = gd_books_find(books, number);
	const struct gd_book *from = gd_books_find(books, copy_of);

	if (!book || !from)
		return;
	book->image.flags = from->image.flags;
	memcpy(book->image.command, from->image.command, sizeof(book->image.command));
}

/* Births are told by several CPUs: a number may come after its successor. */
static void add_image(struct gd_books *books, const struct gd_event *event)
{
	struct gd_book *rows;
	size_t at;

	if (books->books.count == IMAGES_MAX)
		gd_books_fold(books);
	if (!gd_rows_add(&books->books, sizeof(*rows), IMAGES_MAX)) {
		books->lost_images++;
		return;
	}
	at = books->books.count - 1;
	for (rows = books->books.rows; at > 0 && rows[at - 1].image.image > event->image; at--)
		rows[at] = rows[at - 1];
	rows[at] = (struct gd_book){ .image = { .image = event->image,
						.pid = event->pid,
						.ppid = event->ppid,
						.start_ns = event->now_ns } };
	if (!books->first_pid)
		books->first_pid = event->pid;
	gd_books_name(books, event->image, event->command);
}

/* ---- Threads --------------------------------------------------------------------------------- */

void gd_ended_add(struct gd_ended_thread *to, const struct gd_ended_thread *from)
{
	to->threads += from->threads;
	to->life_ns += from->life_ns;
	if (from->sums.ended_ns > to->sums.ended_ns)
		to->sums.ended_ns = from->sums.ended_ns;
	to->sums.on_cpu_ns += from->sums.on_cpu_ns;
	to->sums.switches += from->sums.switches;
	to->sums.slots_read += from->sums.slots_read;
	for (unsigned int i = 0; i < GD_CAUSE_MAX; i++) {
		struct gd_probed_sums *sum = &to->sums.causes[i];
		const struct gd_probed_sums *more = &from->sums.causes[i];

		sum->blocked_ns += more->blocked_ns;
		sum->delay_ns += more->delay_ns;
		sum->preempted_ns += more->preempted_ns;
		sum->explained_ns += more->explained_ns;
		sum->explained_blocks += more->explained_blocks;
		sum->blocks += more->blocks;
		for (unsigned int k = 0; k < GD_WOKEN_COUNT; k++)
			sum->woken_by[k] += more->woken_by[k];
	}
}

static void add_to_rest(struct gd_books *books, struct gd_book *book,
			const struct gd_ended_thread *thread)
{
	if (!book->rest)
		book->rest = calloc(1, sizeof(*book->rest));
	if (book->rest)
		gd_ended_add(book->rest, thread);
	else
		books->lost_threads += thread->threads;
}

static struct gd_ended_thread *find_shortest(const struct gd_book *book)
{
	struct gd_ended_thread *rows = book->threads.rows, *shortest = NULL;

	for (size_t i = 0; i < book->threads.count; i++)
		if (!shortest || rows[i].life_ns < shortest->life_ns)
			shortest = &rows[i];
	return shortest;
}

static void add_thread(struct gd_books *books, const struct gd_task *task)
{
	struct gd_book *book = gd_books_find(books, task->image);
	struct gd_ended_thread thread = { .tid = task->tid,
					  .threads = 1,
					  .life_ns = task->sums.ended_ns - task->sums.born_ns,
					  .sums = task->sums };
	struct gd_ended_thread *row = NULL;

	if (!book) {
		books->lost_threads++;
		return;
	}
	if (books->threads < OWN_ALL_MAX)
		row = gd_rows_add(&book->threads, sizeof(*row), OWN_MAX);
	if (row) {
		books->threads++;
		*row = thread;
		return;
	}
	row = find_shortest(book);
	if (row && row->life_ns < thread.life_ns) {
		add_to_rest(books, book, row);
		*row = thread;
	} else {
		add_to_rest(books, book, &thread);
	}
}

/* ---- What did next to nothing ---------------------------------------------------------------- */

static void free_book(struct gd_books *books, struct gd_book *book)
{
	books->threads -= book->threads.count;
	free(book->threads.rows);
	free(book->rest);
}

static void sum_up(const struct gd_book *book, struct gd_ended_thread *ret_sum)
{
	const struct gd_ended_thread *rows = book->threads.rows;

	*ret_sum = (struct gd_ended_thread){ .tid = 0 };
	for (size_t i = 0; i < book->threads.count; i++)
		gd_ended_add(ret_sum, &rows[i]);
	if (book->rest)
		gd_ended_add(ret_sum, book->rest);
}

/* It waited for a child in a wrapper, or by a system call that explains itself. */
static bool is_small(const struct gd_ended_thread *sum)
{
	const struct gd_probed_sums *child = &sum->sums.causes[GD_CAUSE_CHILD];
	uint64_t children_ns = child->blocked_ns + child->delay_ns + child->explained_ns;

	return sum->sums.on_cpu_ns < SMALL_CPU_NS && sum->life_ns < SMALL_LIFE_NS + children_ns;
}

/* What the user asked for stays, however small. */
void gd_books_fold(struct gd_books *books)
{
	struct gd_book *rows = books->books.rows;
	size_t kept = 0;

	for (size_t i = 0; i < books->books.count; i++) {
		struct gd_ended_thread sum = { .tid = 0 };

		if (rows[i].image.end_ns && rows[i].image.pid != books->first_pid)
			sum_up(&rows[i], &sum);
		if (!sum.threads || !is_small(&sum)) {
			rows[kept++] = rows[i];
			continue;
		}
		books->small_images++;
		books->small_cpu_ns += sum.sums.on_cpu_ns;
		books->small_off_ns += sum.life_ns - sum.sums.on_cpu_ns;
		free_book(books, &rows[i]);
	}
	books->books.count = kept;
}

/* ---- Events ---------------------------------------------------------------------------------- */

void gd_books_note(struct gd_books *books, const struct gd_event *event)
{
	struct gd_book *book;

	switch (event->what) {
	case GD_EVENT_IMAGE_BORN:
		add_image(books, event);
		break;
	case GD_EVENT_IMAGE_ENDED:
		book = gd_books_find(books, event->image);
		if (book)
			book->image.end_ns = event->now_ns;
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
	struct gd_book *rows = books->books.rows;

	for (size_t i = 0; i < books->books.count; i++)
		free_book(books, &rows[i]);
	free(rows);
	*books = (struct gd_books){ .dropped = 0 };
}
