/* SPDX-License-Identifier: MIT */
/*
 * What happened since an earlier copy of the same file.  A recording is sums: the difference of two
 * copies is the recording of the time between them.
 */
#ifndef GD_SINCE_H
#define GD_SINCE_H

#include "reader.h"

/*
 * Takes from now, whose bytes are changed, what was there already in then: an earlier copy of it,
 * which is changed too.  Sets now->since_ns.  Rows that are not the same ones in both stay as they
 * are; a largest value that may be older than the copy becomes GD_NOT_KNOWN.
 */
void gd_file_keep_since(struct gd_file *now, struct gd_file *then);

/* In the place of a largest value in ticks. */
#define GD_NOT_KNOWN UINT64_MAX

#endif
