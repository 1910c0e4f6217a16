/* SPDX-License-Identifier: MIT */
/* What the eBPF probe saw of the GILs of processes that no agent is in. */
#ifndef GD_LOAD_PROBED_GIL_H
#define GD_LOAD_PROBED_GIL_H

#include "reader.h"
#include <model.h>

/*
 * Splits the times of the process that runs image by who held the GIL, if that was seen: else its
 * GIL stays unknown.  Its threads' times are there already, as if there were none.  copied_s:
 * CLOCK_MONOTONIC of the file; lost: what the probe missed of GILs.  0 or -ENOMEM.
 */
int gd_load_probed_gil(const struct gd_file *file, struct gd_pool *pool, uint32_t image,
		       double copied_s, uint64_t lost, struct gd_process_model *process);

#endif
