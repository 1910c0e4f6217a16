/* SPDX-License-Identifier: MIT */
/* Making a recording's folder, and keeping the newest ones only. */
#ifndef GD_FOLDER_H
#define GD_FOLDER_H

#include <base/diag.h>

struct gd_folder {
	char *path;   /* absolute; to be freed */
	int marker;   /* descriptor that holds the session's lock */
	int listener; /* the session's socket, bound and listening */
};

/*
 * Makes output (which must not exist, or be empty), or with NULL <start>.<pid> in ./gildiag.data,
 * else in that of $XDG_RUNTIME_DIR, $TMPDIR or /tmp.  0 and a folder for gd_folder_close(), or
 * -errno.
 */
int gd_folder_make(const char *output, struct gd_folder *ret_folder, struct gd_diag *diag);
void gd_folder_close(struct gd_folder *folder);

/*
 * Removes the oldest recordings beside path, which is new, until $GILDIAG_KEEP (10) are left with
 * it.  Only folders with our marker, of ours, not being written, and in them only files with names
 * that we make.
 */
void gd_folder_prune(const char *path);

#endif
