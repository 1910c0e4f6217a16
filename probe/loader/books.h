/* SPDX-License-Identifier: MIT */
/*
 * What the programs in the kernel told: programs, and the threads of each that ended.  What lives
 * is read when it is written.  Bounded, whatever the target does and for how long.
 */
#ifndef GD_BOOKS_H
#define GD_BOOKS_H

#include "rows.h"
#include <shared.h>

/* A thread's sums; or those of several. */
struct gd_ended_thread {
	int32_t tid; /* 0: several */
	uint64_t threads;
	uint64_t life_ns;
	struct gd_task_sums sums;
};

/* A program, and its threads that ended. */
struct gd_book {
	struct gd_probed_image image;
	struct gd_rows threads;       /* struct gd_ended_thread: the longest-lived */
	struct gd_ended_thread *rest; /* all others; NULL: none */
};

struct gd_books {
	struct gd_rows books; /* struct gd_book, by number of the image */
	size_t threads;       /* rows of all books together */
	int32_t first_pid;    /* of the process that was followed first; 0: none yet */
	uint32_t cpus;        /* of the same; 0: not known */
	uint64_t dropped;     /* processes that took other credentials */
	uint64_t lost_threads, lost_images;
	uint64_t small_images, small_cpu_ns, small_off_ns; /* as in struct gd_probed */
};

/* Books what one event tells. */
void gd_books_note(struct gd_books *books, const struct gd_event *event);

/* The book of an image; NULL: none. */
struct gd_book *gd_books_find(const struct gd_books *books, uint32_t image);

/* The file that an image runs, where it is known better than by the kernel's short name. */
void gd_books_name(struct gd_books *books, uint32_t image, const char *path);

/* An image runs a CPython of that version: 0x030b for 3.11. */
void gd_books_python(struct gd_books *books, uint32_t image, uint16_t version);

/* An image runs what the other one does, of which it was forked. */
void gd_books_copy(struct gd_books *books, uint32_t image, uint32_t copy_of);

/* Sums up the programs that ended and did next to nothing; their books are gone. */
void gd_books_fold(struct gd_books *books);

/* Adds one thread's, or several threads', to what stands for several. */
void gd_ended_add(struct gd_ended_thread *to, const struct gd_ended_thread *from);

void gd_books_free(struct gd_books *books);

#endif
