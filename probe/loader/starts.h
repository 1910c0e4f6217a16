/* SPDX-License-Identifier: MIT */
/*
 * Programs that a process of a family executes: of the family, once they have mapped an interpreter
 * and a libc that are known.  Nothing here needs rights.
 */
#ifndef GD_STARTS_H
#define GD_STARTS_H

#include "present.h"

/* One of which it is not known yet. */
struct gd_present_start {
	struct gd_reader reader;
	struct gd_patience patience;
};

/* event: a process begins to execute a program. */
void gd_starts_add(struct gd_attached *attached, const struct gd_event *event,
		   struct gd_presents *presents);

/*
 * Looks what they are.  Those that are like one that is known are watched, and in the books by their
 * version once they have threads.
 */
void gd_starts_look(struct gd_attached *attached, struct gd_presents *presents,
		    struct gd_python_stacks *stacks, struct gd_books *books);

/* That image has ended. */
void gd_starts_end(struct gd_presents *presents, uint32_t image);

void gd_starts_forget(struct gd_presents *presents);

#endif
