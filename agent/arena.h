/* SPDX-License-Identifier: MIT */
/*
 * The memory that the recording lives in: one sealed, sparse memfd, mapped once.  Its descriptor
 * goes to the sampler and is closed, so the target never sees it.
 */
#ifndef GD_ARENA_H
#define GD_ARENA_H

#include "visibility.h"
#include <gildiag/image.h>
#include <stdbool.h>

extern struct gd_process *gd_process GD_INTERNAL; /* NULL: the agent is asleep */
extern struct gd_thread *gd_threads;              /* GD_THREAD_CAPACITY slots */
extern struct gd_section *gd_sections;            /* by kind - 1 */

/*
 * A word that is not zero, but in a child that was forked without our fork handler (a bare clone):
 * it runs on the parent's image and must not write there.
 */
extern const uint32_t *gd_arena_owner_word GD_INTERNAL;

/*
 * Maps a fresh image, in a fork's child in place of the parent's, and fills the process section's
 * first facts.  Returns the memfd, or -errno. Context: constructor, or a fork's child before any
 * other thread of it exists.
 */
int gd_arena_open(void);

/*
 * Zeroed memory of this process alone, which takes room when it is touched and never in a core;
 * NULL: there is none.  Context: anywhere.
 */
void *gd_arena_map(size_t size_bytes);

/*
 * False under a limit on memory that our mappings would take a good part of: what is sparse counts
 * there in full, and the target may need it.  Context: anywhere; makes system calls.
 */
bool gd_arena_has_room(void);

/* Where the image begins; for image.h. */
void *gd_arena_image(void);

/* Counts something that did not fit.  Context: anywhere. */
static inline void gd_arena_lose(unsigned int reason)
{
	if (gd_process)
		__atomic_fetch_add(&gd_process->lost[reason], 1, __ATOMIC_RELAXED);
}

/*
 * The next free entry of a table that only grows; NULL: full, counted in the section.
 * Context: any thread, also in a signal handler.
 */
void *gd_arena_take(uint32_t kind, uint32_t *ret_index);

/* Index of the first of count entries in a row; UINT32_MAX: full, counted. */
uint32_t gd_arena_take_many(uint32_t kind, uint32_t count);

#endif
