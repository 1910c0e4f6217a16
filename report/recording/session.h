/* SPDX-License-Identifier: MIT */
/* Where recordings are: folders, newest first, and the sampler that may still write one. */
#ifndef GD_SESSION_FOLDER_H
#define GD_SESSION_FOLDER_H

#include <base/diag.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The recording that a user means by path: a recording's folder, a gildiag.data, a folder with one
 * in it, or NULL: the newest of the working directory, else of $XDG_RUNTIME_DIR, $TMPDIR and /tmp.
 * Returns 0 and a path to be freed, or -errno and a sentence.
 */
int gd_session_find(const char *path, char **ret_path, struct gd_diag *diag);

/* True where the folder carries our marker. */
bool gd_session_is_marked(const char *path);

/*
 * Asks the sampler of a recording that is still being written to write what it has, and waits for
 * it (two seconds at most).  Nothing happens where there is none.
 */
void gd_session_flush(const char *path);

#endif
