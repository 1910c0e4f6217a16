/* SPDX-License-Identifier: MIT */
/*
 * What gildiag-probe is asked for when it is started:
 *
 *   gildiag-probe --session FOLDER   descriptor 0 is a socket: struct gd_order comes, struct
 *                                    gd_order_answer goes
 *     [--ring BYTES]                 of the buffer for events
 *     [--as UID]                     once it is attached it is that user, whose the folder is: it
 *                                    follows what its caller may have followed
 *     [--present PID]                it runs already and will be followed: watch its GIL, too; may be given
 *                                    several times
 *   gildiag-probe --abi              prints the recording's version
 */
#ifndef GD_WISHES_H
#define GD_WISHES_H

#include <python_shared.h>
#include <stdbool.h>
#include <stddef.h>

#define GD_OWN_UID ~0u

struct gd_wishes {
	const char *folder;
	uint32_t ring_bytes;
	uint32_t uid;                    /* whom it becomes; GD_OWN_UID: it stays who it is */
	int32_t present[GD_PRESENT_MAX]; /* that run already and will be followed */
	size_t present_count;
};

/* False: it was not started by gildiag. */
bool gd_wishes_parse(int argc, char **argv, struct gd_wishes *ret_wishes);

#endif
