/* SPDX-License-Identifier: MIT */
#include "command.h"
#include <base/cleanup.h>
#include <escape.h>
#include <langinfo.h>
#include <string.h>

/* A sentence may quote a name that somebody else chose. */
int gd_command_fail(const struct gd_command *command, int code, const struct gd_diag *diag)
{
	int is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	gd_autofree char *text = gd_escape_terminal(diag->text, 4 * sizeof(diag->text), is_utf8);

	fprintf(stderr, "gildiag: %s\n", text ? text : "");
	if (code == GD_EXIT_USAGE)
		fprintf(stderr, "gildiag: see `gildiag %s --help`\n", command->name);
	return code;
}

bool gd_command_parse(const struct gd_command *command, int argc, char **argv, void *values,
		      int *ret_next, int *ret_code)
{
	struct gd_diag diag = { "" };
	bool help = false;

	*ret_next = gd_options_parse(command->options, argc, argv, values, &help, &diag);
	if (*ret_next < 0) {
		*ret_code = gd_command_fail(command, GD_EXIT_USAGE, &diag);
		return false;
	}
	if (help) {
		printf("gildiag %s %s\n\n  %s\n\n", command->name, command->usage,
		       command->summary);
		gd_options_print(command->options, stdout);
		*ret_code = GD_EXIT_OK;
		return false;
	}
	return true;
}
