/* SPDX-License-Identifier: MIT */
/* The parts of gildiag-sampler.  One thread; none of them prints or fails: the recording tells. */
#ifndef GD_SAMPLER_H
#define GD_SAMPLER_H

#include "tree.h"
#include <stdbool.h>
#include <stdint.h>

struct gd_sampler {
	bool is_child;  /* of gildiag */
	bool is_probed; /* the eBPF probe is there, at the other end of descriptor 3 */
	bool is_ending;
	int folder;
	int ends;                /* an epoll set: readable when a target has ended */
	bool are_some_unwatched; /* by it; their end is seen at the next instant */
	struct gd_tree tree;
	uint64_t started_ns, next_ns, totals_ns, modules_ns, store_ns, keep_ns, alone_ns;
	unsigned long copies;
	uint64_t random;
};

/* A target's memfd has come, the caller's to close.  What is none of ours is left alone. */
void gd_sampler_add(struct gd_sampler *sampler, int memfd, int32_t pid);

/* Files those that have ended. */
void gd_sampler_reap(struct gd_sampler *sampler);

/* Writes all that is known now. */
void gd_sampler_store(struct gd_sampler *sampler);

/* Keeps a copy of what was written, for the end of a long run. */
void gd_sampler_keep(struct gd_sampler *sampler);

/* Those that are left write their own files from now on; closes the tree. */
void gd_sampler_finish(struct gd_sampler *sampler);

/* Plans the first instants. */
void gd_sampler_begin_looks(struct gd_sampler *sampler);

/* Does what is due: looks, reads the kernel's figures, writes.  next_ns: of the next instant. */
void gd_sampler_look(struct gd_sampler *sampler);

#endif
