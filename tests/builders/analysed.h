/* SPDX-License-Identifier: MIT */
/* Recordings, loaded and analysed as the report does it, without a disk between. */
#ifndef GD_BUILDERS_ANALYSED_H
#define GD_BUILDERS_ANALYSED_H

#include "recording.h"
#include <analysis.h>

struct gd_analysed {
	struct gd_session_model session;
	struct gd_analysis analysis;
};

/* The analysis points into ret_analysed, which must stay where it is. */
void gd_analysed_make(const struct gd_recording *recordings, size_t count,
		      struct gd_analysed *ret_analysed);
void gd_analysed_free(struct gd_analysed *analysed);

#endif
