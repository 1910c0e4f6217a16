/* SPDX-License-Identifier: MIT */
/*
 * The joint picture from outside: at instants that no rhythm of the target's can avoid, what all
 * followed threads do at once, by the scheduler.
 */
#ifndef GD_LOOKS_H
#define GD_LOOKS_H

#include "books.h"
#include "present.h"
#include <picture.h>

struct gd_looks {
	uint64_t started_ns, next_ns; /* CLOCK_MONOTONIC */
	uint64_t planned_ns;          /* of the last one */
	uint64_t cost_ns;             /* CPU that it took */
	uint64_t random;
	uint64_t count;
	struct gd_rows pictures; /* of each process, in one look */
	struct gd_section section;
	struct gd_joint cells[GD_JOINT_CAPACITY];
};

/* They begin now. */
void gd_looks_begin(struct gd_looks *looks);

/* Until the next one is due, in nanoseconds; 0: it is. */
uint64_t gd_looks_wait_ns(const struct gd_looks *looks);

/* Takes the one that is due. */
void gd_looks_take(const struct gd_attached *attached, const struct gd_books *books,
		   const struct gd_presents *presents, struct gd_looks *looks);

void gd_looks_free(struct gd_looks *looks);

#endif
