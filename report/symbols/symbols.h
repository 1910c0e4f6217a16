/* SPDX-License-Identifier: MIT */
/* Names of native places, by debug information. */
#ifndef GD_SYMBOLS_H
#define GD_SYMBOLS_H

#include <model.h>

/*
 * Fills file, line and function of the native places of a process, as far as their modules have
 * symbols; memory from pool.  Reads ELF files that the recording names, as the user, and asks no
 * server.  What cannot be named stays a module and an offset; so does what lies in a file that has
 * changed since the process ended.
 */
void gd_symbols_resolve(struct gd_process_model *process, struct gd_pool *pool);

#endif
