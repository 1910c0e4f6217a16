/* SPDX-License-Identifier: MIT */
/* The agent's slots, as the programs in the kernel read them: a part of shared.h. */
#ifndef GD_BPF_SLOT_SHARED_H
#define GD_BPF_SLOT_SHARED_H

#include <gildiag/recording.h>
#include <stddef.h>

/* The part of the agent's slot that is read at a switch.  Clang 14 keeps no tag but before a typedef. */
typedef struct {
	uint32_t seq;
	uint32_t state;
	int32_t tid;
	uint16_t cause;
	uint16_t cause_prev;
	uint64_t since;
	uint64_t since_prev;
	uint64_t object;
} gd_slot_head;

_Static_assert(offsetof(gd_slot_head, object) == offsetof(struct gd_thread, object),
	       "the head of a slot is that of struct gd_thread");

/* The kernel pins the page that such a pointer points to. */
#ifdef __bpf__
#define GD_UPTR __attribute__((btf_type_tag("uptr")))
#else
#define GD_UPTR
#endif

/* Where a thread's slot lies, for the programs to read as their own memory. */
struct gd_pinned {
	gd_slot_head GD_UPTR *slot;
	uint64_t image; /* that the slot is of */
};

#endif
