/* SPDX-License-Identifier: MIT */
/* The programs in the kernel: loaded and attached while this process lives. */
#ifndef GD_ATTACH_H
#define GD_ATTACH_H

#include <shared.h> /* before the skeleton, which has its structs */

#include <base/diag.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.skel.h>

struct gd_attached {
	struct sched_bpf *skeleton;
	struct ring_buffer *ring; /* of struct gd_event */
	struct bpf_link *adopt, *dump, *read, *glance;
	bool has_pinned;   /* slots can be: pinned.h */
	unsigned int cpus; /* how many values a per-CPU counter has */
};

/*
 * Loads the programs and attaches them.  owner: the uid whose processes may be followed, ~0:
 * anybody's.  ring_bytes: of the buffer for events, a power of two of at least a page.  has_stacks:
 * processes that no agent is in are looked at; their Python stacks can be walked (gd_follow_layout).  on_event is called by gd_attach_poll().  0, or
 * -errno and a sentence that says which right is missing.
 */
int gd_attach(uint32_t owner, uint32_t ring_bytes, bool has_stacks, ring_buffer_sample_fn on_event,
	      void *arg, struct gd_attached *ret_attached, struct gd_diag *diag);
void gd_detach(struct gd_attached *attached);

/* Hands over the events that are there. */
void gd_attach_poll(struct gd_attached *attached);

/* The sum over all CPUs of an entry of a per-CPU map of counters; 0: it cannot be read. */
uint64_t gd_attach_sum(int map, uint32_t what, unsigned int cpus);

/* The same of a GD_BPF_* counter. */
uint64_t gd_attach_count(const struct gd_attached *attached, uint32_t what);

/* Visits all tasks: follows what was asked for and its threads. */
int gd_attach_adopt(const struct gd_attached *attached);

typedef void gd_attach_row_fn(const void *row, void *arg);

/* Calls visit with each row, of row_bytes, at most a struct gd_task, that an iterator writes.  0 or -errno. */
int gd_attach_read(const struct bpf_link *link, size_t row_bytes, gd_attach_row_fn *visit,
		   void *arg);

/* Calls visit with the struct gd_task of each followed thread that lives. */
int gd_attach_visit(const struct gd_attached *attached, gd_attach_row_fn *visit, void *arg);

/* The same with the struct gd_glance of what it did at an instant that has just passed. */
int gd_attach_glance(const struct gd_attached *attached, uint64_t instant_ns,
		     gd_attach_row_fn *visit, void *arg);

#endif
