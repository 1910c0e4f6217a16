/* SPDX-License-Identifier: MIT */
/* gildiag record: records a program and says nothing. */
#include "start.h"
#include <base/cleanup.h>

struct record_values {
	const char *output;
	const char *probe;
};

static const struct gd_option record_options[] = {
	{ "output", 'o', GD_OPTION_TEXT, offsetof(struct record_values, output), "DIR",
	  "where to record (default: a new one in gildiag.data)" },
	{ "probe", 0, GD_OPTION_TEXT, offsetof(struct record_values, probe), "auto|on|off",
	  "the eBPF probe: where it may (auto), or an error (on)" },
	{ "help", 'h', GD_OPTION_HELP, 0, NULL, "this help" },
	GD_OPTION_END,
};

static int run(const struct gd_command *command, int argc, char **argv)
{
	struct record_values values = { .output = NULL };
	int module_at = gd_start_find_module(record_options, argc, argv);
	gd_autofree char *folder = NULL;
	struct gd_started started;
	struct gd_diag diag = { "" };
	struct gd_start_how start;
	const char *module;
	int next, code;

	if (!gd_command_parse(command, module_at, argv, &values, &next, &code))
		return code;
	if (!gd_probe_parse(values.probe, &start.probe, &diag))
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
	return gd_start_finish(&started);
}

const struct gd_command gd_cmd_record = {
	.name = "record",
	.usage = "[OPTIONS] [--] COMMAND | SCRIPT.py | -m MODULE  [ARGS]",
	.brief = "COMMAND...",
	.summary = "measure a program; report explains it",
	.options = record_options,
	.run = run,
};
