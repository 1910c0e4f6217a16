/* SPDX-License-Identifier: MIT */
/* Where in the program threads wait: samples summed by place and by function. */
#ifndef GD_HOT_H
#define GD_HOT_H

#include "classes.h"

/* One place, or one function, and what was waited there; estimates from samples. */
struct gd_hot {
	const struct gd_place *place;
	unsigned int cause; /* the one that most of it was for */
	double s[GD_CLASS_COUNT];
	double total_s[GD_CLASS_COUNT]; /* functions: in what they called too */
};

struct gd_hots {
	struct gd_hot *list; /* most waited first */
	size_t count;
};

/*
 * By line: the innermost of each stack that is the program's own.  -ENOMEM or 0; memory from pool.
 */
int gd_hot_lines(const struct gd_process_model *process, struct gd_pool *pool, struct gd_hots *ret);

/* By function, libraries too. */
int gd_hot_functions(const struct gd_process_model *process, struct gd_pool *pool,
		     struct gd_hots *ret);

/* The place of a stack that a user would call his own; its innermost one where there is none. */
const struct gd_place *gd_hot_own_place(const struct gd_stack_model *stack);

/*
 * The hottest of a class, the program's own lines before those of libraries; NULL: none where as
 * much was waited.
 */
const struct gd_hot *gd_hot_of_class(const struct gd_hots *hots, unsigned int class,
				     double least_s);

#endif
