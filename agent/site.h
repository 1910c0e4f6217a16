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

/* Draws how many ticks of waiting the next sample stands for. */
void gd_site_draw(struct gd_local *self);

/*
 * Counts waited ticks; the weight of the samples that they are due, mostly 0.  The wait that
 * completes what was drawn stands for all of it.
 */
static inline uint64_t gd_site_due(struct gd_local *self, uint64_t waited)
{
	uint64_t due;

	if (__builtin_expect(waited < self->until_sample, 1)) {
		self->until_sample -= waited;
		return 0;
	}
	due = self->sample_weight;
	waited -= self->until_sample;
	gd_site_draw(self);
	if (waited >= self->until_sample) { /* a long wait is many samples at one place */
		due += waited;
		gd_site_draw(self);
	} else {
		self->until_sample -= waited;
	}
	return due;
}

#endif
