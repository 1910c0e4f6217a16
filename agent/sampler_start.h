/* SPDX-License-Identifier: MIT */
/* Starts the sampler of a raw LD_PRELOAD session, unseen by the target. */
#ifndef GD_SAMPLER_START_H
#define GD_SAMPLER_START_H

#include <stdbool.h>

/*
 * Starts gildiag-sampler, found relative to the agent's own file, with memfd, listener and marker
 * as its descriptors 0, 1 and 2.  The target keeps its descriptors, children and signals as they
 * were. False: not started.  Context: constructor.
 */
bool gd_sampler_start(int memfd, int listener, int marker, const char *session_path);

#endif
