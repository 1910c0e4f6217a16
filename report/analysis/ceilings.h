/* SPDX-License-Identifier: MIT */
/* How much faster a model could make a program at best. */
#ifndef GD_CEILINGS_H
#define GD_CEILINGS_H

#include "facts.h"

/* What no number of workers can exceed, as a speed-up; NAN: not applicable. */
struct gd_ceilings {
	double threads, processes, asyncio;
};

/* Pure. */
struct gd_ceilings gd_ceilings_find(const struct gd_facts *facts);

#endif
