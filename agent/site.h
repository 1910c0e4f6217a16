/* SPDX-License-Identifier: MIT */
/*
 * Where in the program a thread waits.  A waiting thread walks its own Python stack when its wait
 * has ended: its frames cannot have moved.  It does so once per millisecond waited on average,
 * whatever the length of the waits, so that a million short ones weigh as much as a long one.
 */
#ifndef GD_SITE_H
#define GD_SITE_H

#include "thread.h"

/*
 * Learns where the interpreter keeps its frames; version as "3.11.7".  Without it, or with one that
 * is not known, sites are native.  Context: constructor.
 */
void gd_site_init(const char *version);

/* Samples the wait that has just ended, for weight ticks.  Context: the thread itself. */
void gd_site_sample(struct gd_local *self, uint16_t cause, uint64_t weight);

/*
 * The place where the calling thread is: the innermost frame that is the user's own, or returns_to
 * where there is no Python.  0: not known.
 */
uint64_t gd_site_here(struct gd_local *self, uintptr_t returns_to);

/*
 * Draws when the first sample is due: as if the thread had waited for ever.  One that began at
 * nothing would take from threads that live shortly what they are due.
 */
void gd_site_draw(struct gd_local *self);

/* The rest of gd_site_due(), where a sample is due. */
uint64_t gd_site_complete(struct gd_local *self, uint64_t waited);

/*
 * Counts waited ticks; the weight of the samples that they are due, mostly 0.  The wait that
 * completes what was drawn stands for all of it.
 */
static inline uint64_t gd_site_due(struct gd_local *self, uint64_t waited)
{
	if (__builtin_expect(waited >= self->until_sample, 0))
		return gd_site_complete(self, waited);
	self->until_sample -= waited;
	return 0;
}

#endif
