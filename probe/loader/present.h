/* SPDX-License-Identifier: MIT */
/*
 * Processes that ran before the probe came, and what is born of them: what they fork, and what they
 * execute, if it is the same interpreter.  That is what is looked at.
 */
#ifndef GD_PRESENT_H
#define GD_PRESENT_H

#include "gils.h"
#include "python_stacks.h"

struct gd_present {
	int32_t pid; /* until it is followed */
	uint32_t image;
	struct gd_interpreter interpreter;
	struct gd_mapping file; /* the interpreter's; inode 0: not known */
	struct gd_gils gils;
};

/* A process that was born of one of them, or of a child of its. */
struct gd_present_child {
	struct gd_present *family;
	struct gd_interpreter interpreter; /* a copy of its family's, with a memory of its own: */
	struct gd_reader reader;
	uint32_t image;
	uint32_t looks;   /* for its threads: its stacks are walked once it has some */
	bool is_starting; /* until then */
};

/* A program that has just begun: one of theirs, once it has mapped an interpreter that is known. */
struct gd_present_start {
	struct gd_reader reader;
	uint32_t looks; /* for that */
};

struct gd_presents {
	struct gd_present of[GD_PRESENT_MAX];
	size_t count;
	enum gd_gil_way way;
	struct gd_rows children; /* struct gd_present_child *: they stay where they are */
	struct gd_rows starts;   /* struct gd_present_start */
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

/* event: a process executes a program, which may be one of theirs.  Needs no rights. */
void gd_present_exec(struct gd_attached *attached, const struct gd_event *event,
		     struct gd_presents *presents);

/* That image has ended; it need not be one of these. */
void gd_present_end(struct gd_presents *presents, uint32_t image);

/* As gd_gils_holder. */
int32_t gd_present_holder(const struct gd_presents *presents, uint32_t image);

/*
 * Looks who holds the GILs that nobody has touched yet, and what programs that have just begun are;
 * those that are like one that is known get its name in the books.
 */
void gd_present_look(struct gd_attached *attached, struct gd_presents *presents,
		     struct gd_python_stacks *stacks, struct gd_books *books);

/* As gd_gils_gather, of all. */
uint64_t gd_present_gather(const struct gd_presents *presents, size_t limit, struct gd_rows *rows,
			   struct gd_rows *threads);

void gd_present_forget(struct gd_presents *presents);

#endif
