/* SPDX-License-Identifier: MIT */
/* A recording that a file of the eBPF probe made by hand is in. */
#ifndef GD_BUILDERS_PROBED_LOAD_H
#define GD_BUILDERS_PROBED_LOAD_H

#include "scratch.h"
#include <base/cleanup.h>
#include <load.h>
#include <sys/stat.h>
#include <unit/cmocka_begin.h>

/* Adds the file to the recording in folder, which is there, and loads all of it: the caller frees. */
static inline struct gd_session_model *gd_probed_load_with(const char *folder, const void *file,
							   size_t size_bytes)
{
	struct gd_session_model *session = NULL;
	gd_autofree char *name = NULL;
	struct gd_diag diag = { "" };

	assert_true(asprintf(&name, "%s/%s", folder, GD_SESSION_PROBE) > 0);
	gd_scratch_write(name, file, size_bytes, 0600);
	if (gd_load_session(folder, 0, &session, &diag) != 0)
		fail_msg("%s", diag.text);
	return session;
}

/* The same of a new recording that has nothing else: no agent was there. */
static inline struct gd_session_model *gd_probed_load(const char *folder, const void *file,
						      size_t size_bytes)
{
	gd_autofree char *marker = NULL;

	assert_int_equal(mkdir(folder, 0700), 0);
	assert_true(asprintf(&marker, "%s/%s", folder, GD_SESSION_MARKER) > 0);
	gd_scratch_write(marker, "", 0, 0600);
	return gd_probed_load_with(folder, file, size_bytes);
}

#endif
