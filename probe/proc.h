/* SPDX-License-Identifier: MIT */
/* Small files of /proc and the cgroups, read whole. */
#ifndef GD_PROC_H
#define GD_PROC_H

#include "target.h"

/* Reads a file into buf, NUL-terminated; "" and 0 when it cannot be read. */
size_t gd_proc_read(const char *path, char *buf, size_t size_bytes);

/* The same for /proc/PID/task/TID/name. */
size_t gd_proc_read_task(const struct gd_target *target, int32_t tid, const char *name, char *buf,
			 size_t size_bytes);

/* Time on a CPU (at most a tick behind) and time queued for one; false: gone. */
bool gd_proc_read_schedstat(const struct gd_target *target, int32_t tid, uint64_t *ret_run_ns,
			    uint64_t *ret_delay_ns);

#endif
