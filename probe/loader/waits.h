/* SPDX-License-Identifier: MIT */
/* Blocks by what for: few rows, that tell most. */
#ifndef GD_WAITS_H
#define GD_WAITS_H

#include "books.h"

/*
 * waits are rows of struct gd_probed_wait, in any order.  Those that are little of their program's
 * time and of the session's lose their waker, then their stack, and what is then alike becomes one;
 * what is little still, and what belongs to no book, is left out and counted in facts.
 */
void gd_waits_thin_out(struct gd_rows *waits, const struct gd_books *books,
		       struct gd_probed *facts);

#endif
