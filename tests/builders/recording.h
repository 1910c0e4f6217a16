/* SPDX-License-Identifier: MIT */
/*
 * A recording made by hand: a test says what differs from a plain one, packs it and reads it.
 *
 * The plain one is a Python process of one thread that has lived for ten seconds of a 2 GHz clock
 * and has ended with code 0; no sampler looked.
 */
#ifndef GD_BUILDERS_RECORDING_H
#define GD_BUILDERS_RECORDING_H

#include <gildiag/recording.h>
#include <stddef.h>

#define GD_RECORDING_PID     4711
#define GD_RECORDING_START_S 1000.0 /* CLOCK_MONOTONIC when it began */
#define GD_RECORDING_END_S   1010.0

/* A duration, and an instant after the start, in ticks of that clock. */
#define GD_RECORDING_TICKS(s) ((uint64_t)((s)*2e9))
#define GD_RECORDING_AT(s)    (GD_RECORDING_TICKS(s) + 123456789u)
#define GD_RECORDING_NS(s)    ((uint64_t)((s)*1e9))

struct gd_recording {
	struct gd_file_header header;
	struct gd_process process;
	struct gd_joint joints[40];
	struct gd_gil gils[2];
	struct gd_thread threads[40];
	struct gd_lock locks[8];
	struct gd_ended ended[4];
	uint32_t joint_count, gil_count, thread_count, lock_count, ended_count;
	uint64_t lost[GD_SECTION_ENDED + 1]; /* by section kind */
};

void gd_recording_init(struct gd_recording *ret_recording);

/* A thread that was born at the start and lives; the one before it must be complete. */
struct gd_thread *gd_recording_add_thread(struct gd_recording *recording, int32_t tid);

/* An instant of weight_s, looked at once every 4 ms. */
struct gd_joint *gd_recording_add_joint(struct gd_recording *recording, struct gd_joint_key key,
					double weight_s);

/* The sampler looked: its own figures. */
void gd_recording_collect(struct gd_recording *recording);

/* The file's bytes, to be freed; they are as long as a file must be and no longer. */
unsigned char *gd_recording_pack(const struct gd_recording *recording, size_t *ret_size);

/* Writes it into the folder at path under the name that gildiag gives it.  0 or -errno. */
int gd_recording_write(const struct gd_recording *recording, const char *path);

/* A section of packed bytes, to be damaged. */
struct gd_section *gd_recording_section(unsigned char *bytes, uint32_t kind);

#endif
