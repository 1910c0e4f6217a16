/* SPDX-License-Identifier: MIT */
/*
 * The GIL of one process that runs already, by uprobes on its libc: nobody but that process runs
 * into them.
 */
#ifndef GD_GILS_H
#define GD_GILS_H

#include "attach.h"
#include "books.h"
#include "interpreter.h"

#define GD_GILS_PROBES 3

struct gd_gils {
	struct gil_bpf *skeleton; /* NULL: nothing is watched */
	struct bpf_link *links[GD_GILS_PROBES];
	int multi_links[GD_GILS_PROBES]; /* descriptors; 0: none */
	const struct gd_interpreter *interpreter;
	uint64_t cond;        /* the main GIL's condition; 0: not known */
	uint32_t image;       /* that the process runs; 0: not followed yet */
	int32_t first_holder; /* or GD_PROBED_HOLDER_UNKNOWN */
	unsigned int cpus;
};

/*
 * Watches the GIL of pid, which runs interpreter, if it can be seen in it.  Before pid is followed,
 * and before rights are given up.  owner: as gd_follow's.  0, also where there is no CPython; or
 * -errno: what it does with a GIL stays unknown.
 */
int gd_gils_attach(const struct gd_attached *attached, int32_t pid, uint32_t owner,
		   const struct gd_interpreter *interpreter, struct gd_gils *ret_gils);
void gd_gils_detach(struct gd_gils *gils);

/* The process is followed from now on, as that image. */
void gd_gils_begin(struct gd_gils *gils, uint32_t image);

/* Looks who holds the GIL, as long as nobody has touched it since the beginning. */
void gd_gils_look(struct gd_gils *gils);

/*
 * Adds rows, struct gd_probed_gil and struct gd_probed_gil_thread, at most limit each.  Returns what
 * was lost so far.
 */
uint64_t gd_gils_gather(const struct gd_gils *gils, size_t limit, struct gd_rows *rows,
			struct gd_rows *threads);

#endif
