/* SPDX-License-Identifier: MIT */
/* From files to the model: the last place that knows the format. */
#ifndef GD_LOAD_H
#define GD_LOAD_H

#include "reader.h"
#include <model.h>

/*
 * Fills ret_process from a checked file.  Ticks become seconds, open intervals are closed at the
 * process's end or at the copy.  0 or -ENOMEM; memory from pool.
 */
int gd_load_process(const struct gd_file *file, struct gd_pool *pool,
		    struct gd_process_model *ret_process);

/*
 * Loads all files of the recording in the folder at path; last_s: of a long one only its end, the
 * last last_s seconds and a little more (session->since_s says what), 0: all.  A damaged file beside good ones is
 * counted; if none is readable the first one's sentence is in diag.  Returns 0 and a session to be
 * freed by gd_load_free(), or -errno.
 */
int gd_load_session(const char *path, double last_s, struct gd_session_model **ret_session,
		    struct gd_diag *diag);
void gd_load_free(struct gd_session_model *session);

#endif
