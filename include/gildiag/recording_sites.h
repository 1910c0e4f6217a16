/* SPDX-License-Identifier: MIT */
/*
 * The recording's tables of sites: frames, stacks, samples, mapped files.  A part of recording.h,
 * which is what to include.
 */
#ifndef GILDIAG_RECORDING_SITES_H
#define GILDIAG_RECORDING_SITES_H

#include "recording.h" /* what comes before, where this is included alone */

/* ---- Sites: where in the program something happened ------------------------------------------ */

/*
 * A site is one place: 0 unknown; with GD_SITE_FRAME set the index of a frame; else an address in
 * the target, the one that a call returns to.
 */
#define GD_SITE_FRAME  (1ull << 63)
#define GD_SITE_OTHERS (~0ull) /* several that found no entry of their own */

/* A frame of a runtime's stack.  Writer: any thread; equal ones may stand twice after a race. */
struct gd_frame {
	uint32_t file;     /* offset in STRINGS */
	uint32_t function; /* offset in STRINGS */
	int32_t line;      /* 0: none */
	int32_t first_line;
};
GD_ASSERT_SIZE(gd_frame, 16);

/* A mapped file, so that addresses can be named later.  Writer: the sampler. */
struct gd_module {
	uint64_t start; /* of the mapping that holds the file's beginning */
	uint64_t end;   /* of its last mapping */
	char path[GD_PATH_BYTES];
};
GD_ASSERT_SIZE(gd_module, 16 + GD_PATH_BYTES);

#define GD_STACK_DEPTH 61

/* Writer: any thread. */
struct gd_stack {
	uint32_t count;  /* of sites; innermost first */
	uint32_t is_cut; /* there were more */
	uint32_t hash;
	uint32_t frames[GD_STACK_DEPTH]; /* indices of frames */
};
GD_ASSERT_SIZE(gd_stack, 256);

/*
 * Waits by stack and cause: a thread is sampled each time that the time it waited has grown by a
 * millisecond (randomised), and that millisecond is added here: unbiased, whatever the waits'
 * length. Writer: any thread, by atomic addition.
 */
struct gd_sample {
	uint32_t stack;   /* 1 + index; 0: no runtime's stack */
	uint32_t cause;   /* GD_CAUSE_* */
	uint64_t address; /* without a stack: where the waiting call returns to */
	uint64_t weight;  /* ticks */
	uint64_t samples;
};
GD_ASSERT_SIZE(gd_sample, 32);

#endif
