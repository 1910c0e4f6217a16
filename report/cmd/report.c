/* SPDX-License-Identifier: MIT */
/* gildiag report: explains a recording. */
#include "command.h"
#include "explain.h"
#include <base/cleanup.h>
#include <errno.h>
#include <session.h>
#include <string.h>

struct report_values {
	const char *format;
	const char *output;
	bool verbose, no_color;
};

static const struct gd_option report_options[] = {
	{ "format", 'f', GD_OPTION_TEXT, offsetof(struct report_values, format), "FORMAT",
	  "text (default) or json" },
	{ "output", 'o', GD_OPTION_TEXT, offsetof(struct report_values, output), "FILE",
	  "write there; a file that exists is not overwritten" },
	{ "verbose", 'v', GD_OPTION_FLAG, offsetof(struct report_values, verbose), NULL,
	  "every thread, every zero" },
	{ "no-color", 0, GD_OPTION_FLAG, offsetof(struct report_values, no_color), NULL,
	  "no colours, also on a terminal" },
	{ "help", 'h', GD_OPTION_HELP, 0, NULL, "this help" },
	GD_OPTION_END,
};

static int write_report(const char *path, const struct report_values *values, struct gd_diag *diag)
{
	struct gd_explain how = { values->format, values->verbose, values->no_color };
	gd_autofclose FILE *file = NULL;

	if (!values->output)
		return gd_explain(path, &how, stdout, diag);
	file = fopen(values->output, "wxe");
	if (!file)
		return gd_diag_set(diag, -errno, "cannot write %s: %s", values->output,
				   errno == EEXIST ? "it exists already" : strerror(errno));
	return gd_explain(path, &how, file, diag);
}

static int run(const struct gd_command *command, int argc, char **argv)
{
	struct report_values values = { .format = "text" };
	gd_autofree char *path = NULL;
	struct gd_diag diag = { "" };
	int next, code;

	if (!gd_command_parse(command, argc, argv, &values, &next, &code))
		return code;
	if (!gd_explain_has_format(values.format, &diag))
		return gd_command_fail(command, GD_EXIT_USAGE, &diag);
	if (argc - next > 1) {
		gd_diag_set(&diag, 0, "name one recording, not %d", argc - next);
		return gd_command_fail(command, GD_EXIT_USAGE, &diag);
	}
	if (gd_session_find(next < argc ? argv[next] : NULL, &path, &diag) != 0 ||
	    write_report(path, &values, &diag) != 0)
		return gd_command_fail(command, GD_EXIT_ERROR, &diag);
	return GD_EXIT_OK;
}

const struct gd_command gd_cmd_report = {
	.name = "report",
	.usage = "[-f FORMAT] [-o FILE] [-v] [DIR]",
	.summary = "explain a recording",
	.options = report_options,
	.run = run,
};
