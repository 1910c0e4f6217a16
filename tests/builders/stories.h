/* SPDX-License-Identifier: MIT */
/* Recordings as programs leave them: one for each kind of report. */
#ifndef GD_BUILDERS_STORIES_H
#define GD_BUILDERS_STORIES_H

#include "recording.h"

struct gd_story {
	const char *name;
	void (*tell)(struct gd_recording *ret_recording);
};

extern const struct gd_story gd_stories[];
extern const size_t gd_story_count;

/* Tells the one of that name. */
void gd_story_tell(const char *name, struct gd_recording *ret_recording);

#endif
