/* SPDX-License-Identifier: MIT */
/* The eBPF probe's file of a session. */
#ifndef GD_LOAD_PROBED_H
#define GD_LOAD_PROBED_H

#include "load.h"

/*
 * Reads the probe's file, if it is there, and gives each process and thread of the session what the
 * scheduler saw of it.  0 or -ENOMEM; a file that is damaged or absent leaves the session without.
 */
int gd_load_probed(int folder, struct gd_session_model *session);

#endif
