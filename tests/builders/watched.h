/* SPDX-License-Identifier: MIT */
/* A process as the sampler has it, without one: an image made here, in a target. */
#ifndef GD_BUILDERS_WATCHED_H
#define GD_BUILDERS_WATCHED_H

#include <target.h>

/* A memfd as an agent hands it over: laid out, of the right size, sealed; ticks are nanoseconds. */
int gd_watched_memfd(void);

/* The same, taken over; for gd_target_free(). */
struct gd_target *gd_watched_new(void);

/* The same of another process. */
struct gd_target *gd_watched_process(int32_t pid);

/* A thread that has done this since 0 and was born then. */
struct gd_thread *gd_watched_add(struct gd_target *target, uint16_t cause);

#endif
