/* SPDX-License-Identifier: MIT */
/*
 * Cleanup of locals, for the tools (never for the agent).  A pointer declared with gd_autofree is
 * freed when it goes out of scope; `return gd_take(p)` hands it to the caller instead.
 */
#ifndef GD_CLEANUP_H
#define GD_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void gd_cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void gd_cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void gd_cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define gd_cleanup(function) __attribute__((cleanup(function)))
#define gd_autofree          gd_cleanup(gd_cleanup_free)
#define gd_autoclose         gd_cleanup(gd_cleanup_close)
#define gd_autofclose        gd_cleanup(gd_cleanup_fclose)

#define gd_take(p)                                                                                 \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

#endif
