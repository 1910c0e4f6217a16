/* SPDX-License-Identifier: MIT */
/* Where CPython keeps its GIL, and who holds it. */
#ifndef GD_CPYTHON_GIL_H
#define GD_CPYTHON_GIL_H

#include "memory.h"
#include <stdint.h>

/*
 * The address of gil->cond of the main interpreter of version (0x030b for 3.11), whose _PyRuntime
 * is at runtime.  0: the version is not known, or what is there looks like no GIL,
 * as in free-threaded builds.
 */
uint64_t gd_cpython_gil(uint16_t version, const struct gd_memory *memory, uint64_t runtime);

#define GD_GIL_NOBODY   0
#define GD_GIL_NOT_SEEN (-1)

/*
 * The thread that holds the GIL whose condition is at cond, by its number in its own PID namespace;
 * GD_GIL_NOBODY: it is free; GD_GIL_NOT_SEEN: what was read does not agree.  The program may run
 * meanwhile: who asks must know that nothing has changed.
 */
int32_t gd_cpython_gil_holder(uint16_t version, const struct gd_memory *memory, uint64_t runtime,
			      uint64_t cond);

#endif
