/* SPDX-License-Identifier: MIT */
/* gildiag report: explains a recording. */
#include "command.h"
#include "explain.h"
#include <base/cleanup.h>
#include <errno.h>
#include <session.h>
#include <stdlib.h>
#include <string.h>

struct report_values {
	const char *format;
	const char *last;
	const char *output;
	bool verbose, no_color;
};

static const struct gd_option report_options[] = {
	{ "format", 'f', GD_OPTION_TEXT, offsetof(struct report_values, format), "FORMAT",
	  "text (default) or json" },
	{ "last", 'l', GD_OPTION_TEXT, offsetof(struct report_values, last), "TIME",
	  "only the end of a long run: 60s, 2m (two minutes are kept)" },
	{ "output", 'o', GD_OPTION_TEXT, offsetof(struct report_values, output), "FILE",
	  "write there; a file that exists is not overwritten" },
	{ "verbose", 'v', GD_OPTION_FLAG, offsetof(struct report_values, verbose), NULL,
	  "every thread, every zero" },
	{ "no-color", 0, GD_OPTION_FLAG, offsetof(struct report_values, no_color), NULL,
	  "no colours, also on a terminal" },
	{ "help", 'h', GD_OPTION_HELP, 0, NULL, "this help" },
	GD_OPTION_END,
};

/* "90", "60s", "2m", "1h" in seconds; 0: nonsense. */
static double parse_time(const char *text)
{
	char *end;
	double s = strtod(text, &end);
	double unit = *end == 'h' ? 3600 : *end == 'm' ? 60 : 1;

	if (*end && (!strchr("smh", *end) || end[1]))
		return 0;
	return end > text && s > 0 && s < 1e9 ? s * unit : 0;
}

static int write_report(const char *path, const struct report_values *values, double last_s,
			struct gd_diag *diag)
{
	struct gd_explain how = { .format = values->format,
				  .last_s = last_s,
				  .verbose = values->verbose,
				  .no_color = values->no_color };
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
	double last_s = 0;
	int next, code;

	if (!gd_command_parse(command, argc, argv, &values, &next, &code))
		return code;
	if (!gd_explain_has_format(values.format, &diag))
		return gd_command_fail(command, GD_EXIT_USAGE, &diag);
	if (values.last && !(last_s = parse_time(values.last))) {
		gd_diag_set(&diag, 0, "--last needs a time such as 60s or 2m, not %s", values.last);
		return gd_command_fail(command, GD_EXIT_USAGE, &diag);
	}
	if (argc - next > 1) {
		gd_diag_set(&diag, 0, "name one recording, not %d", argc - next);
		return gd_command_fail(command, GD_EXIT_USAGE, &diag);
	}
	if (gd_session_find(next < argc ? argv[next] : NULL, &path, &diag) != 0 ||
	    write_report(path, &values, last_s, &diag) != 0)
		return gd_command_fail(command, GD_EXIT_ERROR, &diag);
	return GD_EXIT_OK;
}

const struct gd_command gd_cmd_report = {
	.name = "report",
	.usage = "[OPTIONS] [DIR]",
	.brief = "[DIR]",
	.summary = "explain a recording; the newest where no DIR is named",
	.options = report_options,
	.run = run,
};
