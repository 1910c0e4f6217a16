/* SPDX-License-Identifier: MIT */
/* A command is a file with one of these; main.c lists them. */
#ifndef GD_COMMAND_H
#define GD_COMMAND_H

#include "options.h"

#define GD_EXIT_OK    0
#define GD_EXIT_ERROR 1
#define GD_EXIT_USAGE 2

struct gd_command {
	const char *name;
	const char *usage;   /* what follows the name */
	const char *brief;   /* the same in a few letters, for the list of commands */
	const char *summary; /* one line */
	const struct gd_option *options;
	/* argv[0] is the command's name.  Returns the exit code. */
	int (*run)(const struct gd_command *command, int argc, char **argv);
};

extern const struct gd_command gd_cmd_run, gd_cmd_record, gd_cmd_report, gd_cmd_doctor;

/* Prints the sentence, and how to go on after a usage error.  Returns code. */
int gd_command_fail(const struct gd_command *command, int code, const struct gd_diag *diag);

/* Parses; true: go on with argv[*ret_next].  False: return *ret_code. */
bool gd_command_parse(const struct gd_command *command, int argc, char **argv, void *values,
		      int *ret_next, int *ret_code);

#endif
