/* SPDX-License-Identifier: MIT */
/* gildiag run: records a program and explains it when it has ended. */
#include "explain.h"
#include "start.h"
#include <base/cleanup.h>

struct run_values {
	const char *output;
	const char *probe;
	const char *format;
	bool verbose, no_color;
};

static const struct gd_option run_options[] = {
	{ "output", 'o', GD_OPTION_TEXT, offsetof(struct run_values, output), "DIR",
	  "where to record (default: a new one in gildiag.data)" },
	{ "format", 'f', GD_OPTION_TEXT, offsetof(struct run_values, format), "FORMAT",
	  "of the report: text (default) or json" },
	{ "verbose", 'v', GD_OPTION_FLAG, offsetof(struct run_values, verbose), NULL,
	  "every thread, every zero" },
	{ "no-color", 0, GD_OPTION_FLAG, offsetof(struct run_values, no_color), NULL,
	  "no colours, also on a terminal" },
	{ "probe", 0, GD_OPTION_TEXT, offsetof(struct run_values, probe), "auto|on|off",
	  "the eBPF probe: where it may (auto), or an error (on)" },
	{ "help", 'h', GD_OPTION_HELP, 0, NULL, "this help" },
	GD_OPTION_END,
};

static int run(const struct gd_command *command, int argc, char **argv)
{
	struct run_values values = { .format = "text" };
	int module_at = gd_start_find_module(run_options, argc, argv);
	gd_autofree char *folder = NULL;
	struct gd_started started;
	struct gd_diag diag = { "" };
	struct gd_explain how;
	struct gd_start_how start;
	const char *module;
	int next, code;

	if (!gd_command_parse(command, module_at, argv, &values, &next, &code))
		return code;
	if (!gd_explain_has_format(values.format, &diag) ||
	    !gd_probe_parse(values.probe, &start.probe, &diag))
		return gd_command_fail(command, GD_EXIT_USAGE, &diag);
	if (module_at < argc)
		next = module_at + 2;
	module = module_at + 1 < argc ? argv[module_at + 1] : NULL;
	if (next > argc)
		next = argc;
	start.module = module;
	start.output = values.output;
	code = gd_start(command, &start, argc - next, argv + next, &started);
	if (code >= 0)
		return code;
	folder = started.folder;
	how = (struct gd_explain){ .format = values.format,
				   .verbose = values.verbose,
				   .no_color = values.no_color };
	if (folder && gd_explain(folder, &how, stderr, &diag) != 0)
		gd_command_fail(command, GD_EXIT_ERROR, &diag);
	return gd_start_finish(&started);
}

const struct gd_command gd_cmd_run = {
	.name = "run",
	.usage = "[OPTIONS] [--] COMMAND | SCRIPT.py | -m MODULE  [ARGS]",
	.brief = "COMMAND...",
	.summary = "measure a program, then explain it",
	.options = run_options,
	.run = run,
};
