/* SPDX-License-Identifier: MIT */
/* Starting a target: what run and record share. */
#ifndef GD_START_H
#define GD_START_H

#include "command.h"
#include <probe.h>

struct gd_started {
	char *folder; /* of the recording, to be freed; NULL: it ran unwatched */
	int wait_status;
	pid_t probe; /* which is detaching, while the report is made; 0: none */
};

/* How to start it. */
struct gd_start_how {
	const char *module; /* not NULL: "-m module ..." */
	const char *output; /* the recording's folder; NULL: a new one in gildiag.data */
	enum gd_probe_wish probe;
};

/*
 * Runs the words of a command line: CMD..., script.py ..., or those behind "-m module".  Returns -1
 * and ret_started when the target ran; else the exit code, the sentence printed.
 */
int gd_start(const struct gd_command *command, const struct gd_start_how *how, int argc,
	     char **argv, struct gd_started *ret_started);

/*
 * Where "-m" stands among the command's own options: all behind its word is the module's.  argc
 * when it does not.
 */
int gd_start_find_module(const struct gd_option *options, int argc, char **argv);

/* Waits for the probe.  The exit code of the target; a target that died by a signal takes us with it. */
int gd_start_finish(const struct gd_started *started);

#endif
