/* SPDX-License-Identifier: MIT */
/*
 * What the programs in the kernel told, as rows of the recording: programs and threads that ended.
 * What lives is read when it is written.
 */
#ifndef GD_BOOKS_H
#define GD_BOOKS_H

#include <shared.h>
#include <stddef.h>

/* Rows that grow. */
struct gd_rows {
	void *rows;
	size_t count, capacity;
};

struct gd_books {
	struct gd_rows images;  /* struct gd_probed_image, by number */
	struct gd_rows threads; /* struct gd_probed_thread, ended ones */
	uint64_t dropped;       /* processes that took other credentials */
	uint32_t cpus;          /* of the process that was followed first; 0: not known */
	uint64_t lost_threads, lost_images;
};

/* Room for one more row of size_bytes, zeroed; NULL: no memory, or limit rows are there. */
void *gd_rows_add(struct gd_rows *rows, size_t size_bytes, size_t limit);

/* Books what one event tells. */
void gd_books_note(struct gd_books *books, const struct gd_event *event);

/* The file that an image runs, where it is known better than by the kernel's short name. */
void gd_books_name(struct gd_books *books, uint32_t image, const char *path);

/* Adds the sums of a thread to a row that stands for many. */
void gd_books_add_sums(struct gd_probed_sums *to, const struct gd_probed_sums *from);

void gd_books_free(struct gd_books *books);

#endif
