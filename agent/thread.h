/* SPDX-License-Identifier: MIT */
/*
 * A thread as the agent knows it: the shared slot that others read, and beside it private state in
 * a sparse private array, so that both outlive the thread's own TLS.
 */
#ifndef GD_THREAD_H
#define GD_THREAD_H

#include "arena.h"
#include <cpython_names.h>
#include <stdbool.h>
#include <stddef.h>

#define GD_HELD_MAX   16
#define GD_SITE_CACHE 32

/* A lock that this thread acquired. */
struct gd_held {
	uintptr_t key;        /* 0: given back */
	uint64_t taken;       /* ticks */
	uint64_t accrued;     /* what those who then waited had waited, GD_LOCK_UNKNOWN: not seen */
	uintptr_t returns_to; /* of the call that acquired it */
};

/* A frame that this thread has seen: its code object, what proves it the same one, its row. */
struct gd_site_cached {
	uint64_t code;
	struct gd_cpython_code_identity identity;
	int32_t instr_bytes;
	uint32_t frame;  /* id; 0: none */
	bool is_library; /* the interpreter's own, or installed: not the user's line */
};

/* Where a wrapped call was made from. */
struct gd_here {
	uintptr_t frame;      /* an address in the wrapper's stack frame */
	uintptr_t returns_to; /* in the caller */
};

#define GD_HERE()                                                                                  \
	((struct gd_here){ (uintptr_t)__builtin_frame_address(0),                                  \
			   (uintptr_t)__builtin_return_address(0) })

/*
 * Private to one thread, except start_*: written by its creator before it runs.  What every lock
 * and every take of the GIL needs stands in the first two cache lines.
 */
struct gd_local {
	struct gd_thread *slot;
	uint32_t index;      /* of the slot */
	bool in_wait;        /* a wait is being booked: whatever is called inside is part of it */
	bool poll_was_io;    /* how the last poll of a quiet client socket ended: the next guess */
	bool is_busy;        /* inside our own bookkeeping: a signal handler must not enter */
	bool is_waiting_gil; /* between the first timed wait for a GIL and the take */
	bool has_gil_due;    /* something is to be settled when the GIL's mutex is free */
	uint8_t key_rounds;  /* of the thread-specific-data destructor */
	uint32_t held_next;  /* where the next entry of held goes */
	struct gd_held held_last;
	uint64_t tstate;          /* PyThreadState that last took a GIL here; 0: none */
	uint64_t gil_accrued;     /* what others had waited when it took the GIL */
	uint64_t gil_blame_since; /* the part of its hold that is not looked at yet */
	uintptr_t wait_frame; /* stack address of the open wait, to notice a longjmp out of it */
	uintptr_t returns_to; /* of the open wait's call */
	uint64_t wait_began;  /* ticks */
	/* Span since the CPU clock was last read. */
	uint64_t flushed;                 /* ticks */
	uint64_t flushed_ns;              /* CLOCK_MONOTONIC */
	uint64_t flushed_cpu;             /* CLOCK_THREAD_CPUTIME_ID */
	uint64_t mark[GD_CAUSE_COUNT];    /* slot->ticks at the flush */
	uint64_t brief[GD_CAUSE_COUNT];   /* of waits so short that they hardly left the CPU */
	struct gd_held held[GD_HELD_MAX]; /* a ring: the locks that it acquired before held_last */
	struct gd_lock *wait_lock;        /* whose queue it stands in; NULL: none */
	uint64_t wait_lock_began;         /* ticks */
	uint64_t gil_wait_began;          /* ticks */
	uint64_t gil_blame;               /* ticks that others waited since, not yet booked */
	uint64_t gil_blame_hold;          /* ticks of the holds in which they did */
	struct gd_gil *gil_blame_row;     /* where that goes */
	uint64_t gil_sample_due;          /* weight of a sample to take then */
	uint64_t until_sample;            /* ticks of waiting until the next one */
	uint64_t sample_weight;           /* ticks of waiting that it stands for */
	uint64_t dice;                    /* state of the random numbers; 0: not thrown yet */
	struct gd_site_cached cache[GD_SITE_CACHE];
	void *(*start)(void *);
	void *start_arg;
} __attribute__((aligned(GD_CACHE_LINE)));
_Static_assert(offsetof(struct gd_local, flushed) + 8 <= 2 * GD_CACHE_LINE, "see above");

/*
 * The calling thread; NULL before its first wrapped call, after its end, and before the agent woke.
 */
extern __thread struct gd_local *gd_self __attribute__((tls_model("initial-exec")));

/* Its slot, for the probes: they find it through gd_process.slot_tls_offset. */
extern __thread struct gd_thread *gd_self_slot __attribute__((tls_model("initial-exec")));

/* 1: a child made by vfork may be running on our memory (see GD_ARCH_VFORK). */
extern __thread int gd_vfork_open __attribute__((tls_model("initial-exec")));

/* It may read no clock: strict seccomp and PR_SET_TSC make the TSC fatal, the vDSO's clocks too. */
extern __thread bool gd_thread_is_blind __attribute__((tls_model("initial-exec")));

/* A second thread was born: from now on locks can be contended. */
extern bool gd_thread_is_one_of_many GD_INTERNAL;

/*
 * The calling thread, registered if need be.  NULL: not watched (agent asleep, no slot left, thread
 * ending, or a vfork child): pass through.  Context: any thread, also in a signal handler.
 */
struct gd_local *gd_thread_find(void);

static inline struct gd_local *gd_thread_get(void)
{
	struct gd_local *self = gd_self;

	if (__builtin_expect(self != NULL && !gd_vfork_open && *gd_arena_owner_word, 1))
		return self;
	return gd_thread_find();
}

/* Registers the calling thread as the process's first, from the constructor or a fork's child. */
void gd_thread_init_main(uint64_t now);

/*
 * True in a child that runs on its parent's image: made by vfork and not exec'd yet, or by a bare
 * clone.  Clears a stale mark otherwise.
 */
bool gd_thread_is_vfork_child(void);

/*
 * The calling thread is about to lose its clocks: what it did is booked, then it is watched no
 * more; its slot stays, for the sampler to look what it does.  Returns what gives them back.
 */
struct gd_local *gd_thread_go_blind(void);
void gd_thread_see_again(struct gd_local *self);

/* Prepares the key whose destructor tells us of a thread's end.  Context: constructor. */
void gd_thread_init_key(void);

/* Asks the kernel how long the calling thread was kept waiting for a CPU so far. */
void gd_thread_note_run_delay(struct gd_local *self);

/* Books what is open and closes the calling thread's slot. */
void gd_thread_end(struct gd_local *self, uint64_t now);

#endif
