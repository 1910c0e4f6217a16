/* SPDX-License-Identifier: MIT */
/*
 * When the agent wakes, and when the process ends, forks or becomes another.
 */
#ifndef GD_LIFECYCLE_H
#define GD_LIFECYCLE_H

#include <stdbool.h>

/* The process is about to end with this code, or to exec.  Context: any thread, signal handlers. */
void gd_lifecycle_exit(int code);
void gd_lifecycle_exec(void);

/* quick_exit begins: its handlers run first, then the process ends with this code. */
void gd_lifecycle_note_quick_exit(int code);

/* The exec failed: the process goes on. */
void gd_lifecycle_exec_failed(void);

#endif
