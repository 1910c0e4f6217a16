/* SPDX-License-Identifier: MIT */
/* Processes that ran before the probe came, and what is looked at in them: their interpreters. */
#ifndef GD_PRESENT_H
#define GD_PRESENT_H

#include "gils.h"
#include "python_stacks.h"

struct gd_present {
	int32_t pid;
	struct gd_interpreter interpreter;
	struct gd_gils gils;
};

struct gd_presents {
	struct gd_present of[GD_PRESENT_MAX];
	size_t count;
};

/*
 * Looks at pid, and watches its GIL if it has one; what cannot be seen stays unknown.  Before pid is
 * followed, and before rights are given up.  More than GD_PRESENT_MAX are not looked at.
 */
void gd_present_add(const struct gd_attached *attached, int32_t pid, uint32_t owner,
		    struct gd_presents *presents);

/* pid is followed from now on, as that image. */
void gd_present_begin(struct gd_attached *attached, int32_t pid, uint32_t image,
		      struct gd_presents *presents, struct gd_python_stacks *stacks);

/* Looks who holds the GILs that nobody has touched yet. */
void gd_present_look(struct gd_presents *presents);

/* As gd_gils_gather, of all. */
uint64_t gd_present_gather(const struct gd_presents *presents, size_t limit, struct gd_rows *rows,
			   struct gd_rows *threads);

void gd_present_forget(struct gd_presents *presents);

#endif
