/* SPDX-License-Identifier: MIT */
/* What cannot be loaded is a mistake of the test: abort. */
#include "analysed.h"
#include <base/cleanup.h>
#include <load.h>
#include <math.h>
#include <stdio.h>

static void load(const struct gd_recording *recording, struct gd_session_model *session)
{
	struct gd_diag diag = { "" };
	size_t size;
	gd_autofree unsigned char *bytes = gd_recording_pack(recording, &size);
	struct gd_file file;

	if (gd_file_check(bytes, size, "a built recording", &file, &diag) != 0 ||
	    gd_load_process(&file, session->pool, &session->processes[session->process_count++]) !=
		    0) {
		fprintf(stderr, "%s\n", diag.text);
		abort();
	}
}

void gd_analysed_make(const struct gd_recording *recordings, size_t count,
		      struct gd_analysed *ret_analysed)
{
	struct gd_session_model *session = &ret_analysed->session;

	*session = (struct gd_session_model){ .path = "/home/ada/gildiag.data/20251125T144503.4711",
					      .since_s = NAN,
					      .pool = gd_pool_new() };
	session->processes = gd_pool_alloc(session->pool, count, sizeof(*session->processes));
	for (size_t i = 0; i < count; i++)
		load(&recordings[i], session);
	if (gd_analyse(session, &ret_analysed->analysis) != 0)
		abort();
}

void gd_analysed_free(struct gd_analysed *analysed)
{
	gd_pool_free(analysed->session.pool);
}
