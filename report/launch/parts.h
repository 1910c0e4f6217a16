/* SPDX-License-Identifier: MIT */
/* Where the other parts of gildiag are. */
#ifndef GD_PARTS_H
#define GD_PARTS_H

#include <base/diag.h>

struct gd_parts {
	char agent[4096];   /* libgildiag-agent.so */
	char sampler[4096]; /* gildiag-sampler */
	char probe[4096];   /* gildiag-probe; empty: it was not built */
};

/* Finds them relative to this executable, in the build tree and after an installation.  0 or
 * -errno. */
int gd_parts_find(struct gd_parts *ret_parts, struct gd_diag *diag);

#endif
