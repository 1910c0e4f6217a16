/* SPDX-License-Identifier: MIT */
/*
 * What the parts of a session say to each other, and the names that they meet at.  A part of
 * recording.h, which is what to include.
 */
#ifndef GILDIAG_RECORDING_HANDOVER_H
#define GILDIAG_RECORDING_HANDOVER_H

#include "recording.h" /* what comes before, where this is included alone */

/* ---- Hand-over: one message from an agent to the sampler, the memfd beside it ---------------- */

#define GD_HELLO_MAGIC 0x47494c44u
#define GD_HELLO_WATCH 1 /* here is my memfd */
#define GD_HELLO_FLUSH 2 /* write everything now; the answer is one byte */

struct gd_hello {
	uint32_t magic;
	uint16_t abi_major;
	uint16_t what; /* GD_HELLO_* */
	int32_t pid;
	uint32_t reserved;
};
GD_ASSERT_SIZE(gd_hello, 16);

/* ---- Orders to the eBPF probe, and its answers: whole messages on a socket ------------------- */

#define GD_ORDER_MAGIC  0x47494c4fu
#define GD_ORDER_FOLLOW 1 /* pid, and all that it starts; answered */
/* The agent woke in pid: where its threads' slots are, its memfd beside it; not answered. */
#define GD_ORDER_SLOTS 2
#define GD_ORDER_STORE 3 /* write everything now; answered */

struct gd_order {
	uint32_t magic;
	uint16_t abi_major;
	uint16_t what; /* GD_ORDER_* */
	int32_t pid;
	uint32_t reserved;
	uint64_t slot_tls_offset;
};
GD_ASSERT_SIZE(gd_order, 24);

/* The first one comes by itself: the probe is attached, or cannot be. */
struct gd_order_answer {
	int32_t error;  /* 0 or a negative errno */
	char text[252]; /* a sentence for the user, where it is an error */
};
GD_ASSERT_SIZE(gd_order_answer, 256);

/* An agent holds no longer path of a session's folder. */
#define GD_SESSION_PATH_MAX 1000

/* Names inside a session folder. */
#define GD_SESSION_MARKER "gildiag.session" /* held with flock while a sampler works */
#define GD_SESSION_SOCKET "sampler.sock"
#define GD_SESSION_TREE   "tree"  /* the sampler's own file */
#define GD_SESSION_PROBE  "probe" /* the eBPF probe's */
#define GD_SESSION_COPY   '@'     /* after a file's name, and a number: an earlier copy of it */

#endif
