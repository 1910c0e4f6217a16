/* SPDX-License-Identifier: MIT */
/*
 * Processes that ran before the probe came, and what is born of them: what they fork, and what they
 * execute, if it is the same interpreter.  That is what is looked at.
 */
#ifndef GD_PRESENT_H
#define GD_PRESENT_H

#include "gils.h"
#include "python_stacks.h"
#include "reader.h"

/* For what comes soon, or never: looks for it become rarer. */
struct gd_patience {
	uint64_t next_ns, wait_ns, until_ns;
};

struct gd_present {
	int32_t pid; /* until it is followed */
	uint32_t image;
	struct gd_interpreter interpreter;
	/* By the kernel's own numbers; inode 0: not known. */
	struct gd_mapping file, libc;
	struct gd_gils gils;
};

/* A process that was born of one of them, or of a child of its. */
struct gd_present_child {
	struct gd_present *family;
	struct gd_interpreter interpreter; /* a copy of its family's, with a memory of its own: */
	struct gd_reader reader;
	uint32_t image;
	bool is_starting;            /* its stacks are walked once it has threads */
	struct gd_patience patience; /* until then */
};

struct gd_presents {
	struct gd_present of[GD_PRESENT_MAX];
	size_t count;
	enum gd_gil_way way;
	struct gd_rows children; /* struct gd_present_child *: they stay where they are */
	struct gd_rows starts;   /* struct gd_present_start: see starts.h */
	uint64_t lost;           /* processes that there was no room for */
};

/*
 * Looks at pid, and watches its GIL if it has one; what cannot be seen stays unknown.  Before pid is
 * followed, and before rights are given up.  More than GD_PRESENT_MAX are not looked at.
 */
void gd_present_add(const struct gd_attached *attached, int32_t pid, uint32_t owner,
		    struct gd_presents *presents);

/* pid is followed from now on, as that image.  The version of its CPython; 0: it runs none. */
uint16_t gd_present_begin(struct gd_attached *attached, int32_t pid, uint32_t image,
			  struct gd_presents *presents, struct gd_python_stacks *stacks);

/*
 * event: a process was born that is a copy of another one.  If that is looked at, it is looked at,
 * too; it has begun already, and what it did before stays unknown.  Needs no rights.
 */
void gd_present_fork(struct gd_attached *attached, const struct gd_event *event,
		     struct gd_presents *presents, struct gd_python_stacks *stacks);

/* The number of a new process in the namespace of this one; 0: it has ended, or is not to be seen. */
int32_t gd_present_number(const struct gd_attached *attached, const struct gd_event *event);

/* A process of that image belongs to a family from now on, and runs what is like interpreter. */
struct gd_present_child *gd_present_bear(struct gd_presents *presents, struct gd_present *family,
					 uint32_t image, const struct gd_interpreter *interpreter);

/* That image has ended; it need not be one of these. */
void gd_present_end(struct gd_presents *presents, uint32_t image);

/* As gd_gils_holder. */
int32_t gd_present_holder(const struct gd_presents *presents, uint32_t image);

/* Looks who holds the GILs that nobody has touched yet. */
void gd_present_look(struct gd_presents *presents);

/* As gd_gils_gather, of all. */
uint64_t gd_present_gather(const struct gd_presents *presents, size_t limit, struct gd_rows *rows,
			   struct gd_rows *threads);

void gd_present_forget(struct gd_presents *presents);

#endif
