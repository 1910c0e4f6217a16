/* SPDX-License-Identifier: MIT */
/*
 * The agent's slots, pinned for the programs in the kernel: they read a slot at each switch, and the
 * memory of another program is dear to read.  Linux 6.13 and later; elsewhere nothing is pinned.
 */
#ifndef GD_PINNED_H
#define GD_PINNED_H

#include "attach.h"
#include "rows.h"

struct gd_pins {
	struct gd_rows images; /* of programs that run and have an agent */
	uint64_t threads;      /* whose slots were pinned so far */
};

/* The agent of a followed process woke.  memfd: its image, the caller's to close; a broken one is left alone. */
void gd_pins_add(const struct gd_attached *attached, int32_t pid, int memfd, struct gd_pins *pins);

/* Pins the slot of a thread of a program; tid: in the target's namespace, and if it is ours, too. */
void gd_pins_seek(const struct gd_attached *attached, uint32_t image, int32_t tid,
		  struct gd_pins *pins);

/* The program has ended.  The kernel unpins what its threads had. */
void gd_pins_end(struct gd_pins *pins, uint32_t image);

void gd_pins_free(struct gd_pins *pins);

#endif
