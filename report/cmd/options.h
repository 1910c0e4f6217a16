/* SPDX-License-Identifier: MIT */
/*
 * Options as tables: a command lists what it takes, one parser reads the command line and prints
 * the help from the same lines.
 */
#ifndef GD_OPTIONS_H
#define GD_OPTIONS_H

#include <base/diag.h>
#include <stdbool.h>
#include <stddef.h>

enum gd_option_kind {
	GD_OPTION_FLAG, /* bool */
	GD_OPTION_TEXT, /* const char *, borrowed from argv */
	GD_OPTION_HELP, /* asks for the help */
};

struct gd_option {
	const char *name; /* long, without the dashes */
	char letter;      /* 0: none */
	enum gd_option_kind kind;
	size_t offset;     /* in the command's own struct of options */
	const char *value; /* what the help calls its value */
	const char *help;
};

/* Ends every table. */
#define GD_OPTION_END                                                                              \
	{                                                                                          \
		NULL, 0, GD_OPTION_FLAG, 0, NULL, NULL                                             \
	}

/*
 * Reads options up to the first word that is none, or behind "--".  Returns the index of what comes
 * next in argv, or -EINVAL and a sentence.  *ret_help is set where the help is asked for.
 */
int gd_options_parse(const struct gd_option *table, int argc, char **argv, void *values,
		     bool *ret_help, struct gd_diag *diag);

void gd_options_print(const struct gd_option *table, FILE *out);

#endif
