/* SPDX-License-Identifier: MIT */
/*
 * The agent's slots, pinned for the programs in the kernel: they read a slot at each switch, and the
 * memory of another program is dear to read.  Linux 6.13 and later; where nothing is pinned, and
 * where one of these fails, slots are read the dear way and nothing is lost.
 */
#ifndef GD_PINNED_H
#define GD_PINNED_H

#include "attach.h"
#include "rows.h"

struct gd_pins {
	struct gd_rows images; /* of programs that run and have an agent */
	uint64_t threads;      /* whose slots were pinned so far */
};

/* The agent of a followed process woke.  memfd: its image, the caller's to close. */
void gd_pins_add(const struct gd_attached *attached, int32_t pid, int memfd, struct gd_pins *pins);

/*
 * GD_EVENT_SLOT_SOUGHT: pins a thread's slot.  Not in another PID namespace: its number there means
 * nothing here.
 */
void gd_pins_seek(const struct gd_attached *attached, const struct gd_event *event,
		  struct gd_pins *pins);

/* The program has ended. */
void gd_pins_end(struct gd_pins *pins, uint32_t image);

/* Forgets programs that have ended and whose events were lost. */
void gd_pins_tidy(const struct gd_attached *attached, struct gd_pins *pins);

void gd_pins_free(struct gd_pins *pins);

#endif
