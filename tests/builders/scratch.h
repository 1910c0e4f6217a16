/* SPDX-License-Identifier: MIT */
/* A folder of a test's own, gone afterwards. */
#ifndef GD_BUILDERS_SCRATCH_H
#define GD_BUILDERS_SCRATCH_H

#include <stddef.h>
#include <sys/types.h>

/*
 * cmocka's set-up and tear-down: *state is the folder's absolute path.  It is the working directory
 * meanwhile, and HOME, TMPDIR and XDG_RUNTIME_DIR lead nowhere else.
 */
int gd_scratch_enter(void **state);
int gd_scratch_leave(void **state);

/* A file in the working directory with these bytes and this mode, whatever the umask. */
void gd_scratch_write(const char *name, const void *bytes, size_t size_bytes, mode_t mode);

/* How many entries a folder has. */
size_t gd_scratch_count(const char *path);

/* The user that nobody is, for what root may do and others may not; -1: we are not root. */
int gd_scratch_become_nobody(void);
void gd_scratch_become_root(void);

#endif
