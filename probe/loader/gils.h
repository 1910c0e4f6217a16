/* SPDX-License-Identifier: MIT */
/*
 * The GIL of a process that runs already, and of what is born of it and runs the same program: those
 * have the same libc.  Nobody but these processes runs into the probes.
 */
#ifndef GD_GILS_H
#define GD_GILS_H

#include "books.h"
#include "gil_links.h"
#include "interpreter.h"

/* One process. */
struct gd_gil_watch {
	struct gd_gil_links links;
	const struct gd_interpreter *interpreter;
	uint32_t image;       /* that it runs; 0: not followed yet */
	uint32_t link;        /* as it was when its links were made */
	int32_t first_holder; /* or GD_PROBED_HOLDER_UNKNOWN */
	bool is_settled;      /* nothing more is to be learnt of that */
	uint32_t looks;       /* for it */
};

/* What is left of one that has ended. */
struct gd_gil_ended {
	struct gd_gil_key key;
	struct gd_gil_row row;
	int32_t first_holder;
};

struct gd_gils {
	struct gil_bpf *skeleton; /* NULL: nothing is watched */
	struct gd_gil_site site;
	int beacon; /* of gd_gil_links_see_threads(); -1: none */
	bool is_multi;
	struct gd_rows watches; /* struct gd_gil_watch; the first one is of who ran already */
	struct gd_rows ended;   /* struct gd_gil_ended */
	unsigned int cpus;
};

/* Which links are made here: found out by the first who makes some. */
enum gd_gil_way { GD_GIL_WAY_UNKNOWN, GD_GIL_WAY_MULTI, GD_GIL_WAY_PERF };

/*
 * Watches the GIL of pid, which runs interpreter, if it can be seen in it.  Before pid is followed,
 * and before rights are given up.  owner: as gd_follow's.  0, also where there is no CPython; or
 * -errno: what it does with a GIL stays unknown.
 */
int gd_gils_attach(const struct gd_attached *attached, int32_t pid, uint32_t owner,
		   const struct gd_interpreter *interpreter, enum gd_gil_way *way,
		   struct gd_gils *ret_gils);
void gd_gils_detach(struct gd_gils *gils);

/* The process is followed from now on, as that image. */
void gd_gils_begin(struct gd_gils *gils, uint32_t image);

/*
 * It, or what was born of it, bore pid, which is followed as that image and runs interpreter, the same
 * one elsewhere.  is_program: it has just been executed, and what it has computed so far was Python.
 * Needs no rights.  More than GD_GIL_WATCHED_MAX at once stay unknown.
 */
void gd_gils_bear(struct gd_gils *gils, const struct gd_attached *attached, int32_t pid,
		  uint32_t image, const struct gd_interpreter *interpreter, bool is_program);

/* That image has ended; it need not be one of these. */
void gd_gils_end(struct gd_gils *gils, uint32_t image);

/* Looks who holds the GILs that nobody has touched since the beginning. */
void gd_gils_look(struct gd_gils *gils);

/* Who has held it since the beginning, as nobody has touched it; 0: nobody, or not known. */
int32_t gd_gils_holder(const struct gd_gils *gils, uint32_t image);

/* What was seen of the main GIL of a process; zeros: nothing. */
struct gd_gil_row gd_gils_row(const struct gd_gils *gils, const struct gd_gil_watch *watch);

/* Has anybody taken or dropped it? */
static inline bool gd_gil_row_is_touched(const struct gd_gil_row *row)
{
	return row->takes || row->drops;
}

/* Has anything been seen of it? */
static inline bool gd_gil_row_is_seen(const struct gd_gil_row *row)
{
	return gd_gil_row_is_touched(row) || row->waiting;
}

/*
 * Adds rows, struct gd_probed_gil and struct gd_probed_gil_thread, at most limit each.  Returns what
 * was lost so far.
 */
uint64_t gd_gils_gather(const struct gd_gils *gils, size_t limit, struct gd_rows *rows,
			struct gd_rows *threads);

#endif
