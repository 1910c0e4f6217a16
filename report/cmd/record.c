/* SPDX-License-Identifier: MIT */
/* gildiag record: records a program, or one that runs already, and says nothing. */
#include "start.h"
#include <attach.h>
#include <base/cleanup.h>
#include <invoker.h>
#include <math.h>

struct record_values {
	const char *output;
	const char *probe;
	const char *pid;
	const char *seconds;
};

static const struct gd_option record_options[] = {
	{ "output", 'o', GD_OPTION_TEXT, offsetof(struct record_values, output), "DIR",
	  "where to record (default: a new one in gildiag.data)" },
	{ "pid", 'p', GD_OPTION_TEXT, offsetof(struct record_values, pid), "PID",
	  "a process that runs already, by the eBPF probe alone" },
	{ "duration", 'd', GD_OPTION_TEXT, offsetof(struct record_values, seconds), "SECS",
	  "with -p: for so long (default: until it ends, or Ctrl-C)" },
	{ "probe", 0, GD_OPTION_TEXT, offsetof(struct record_values, probe), "auto|on|off",
	  "the eBPF probe: where it may (auto), or an error (on)" },
	{ "help", 'h', GD_OPTION_HELP, 0, NULL, "this help" },
	GD_OPTION_END,
};

/* A number and nothing behind it; NAN: none. */
static double parse_number(const char *text)
{
	char *end;
	double number = strtod(text, &end);

	return *text && !*end && isfinite(number) ? number : NAN;
}

static int attach(const struct gd_command *command, const struct record_values *values)
{
	double pid = parse_number(values->pid);
	double seconds = values->seconds ? parse_number(values->seconds) : 0;
	struct gd_folder folder = { NULL, -1, -1 };
	struct gd_diag diag = { "" };
	struct gd_parts parts;
	int err;

	if (!(pid >= 1 && pid <= 0x7fffffff && floor(pid) == pid)) {
		gd_diag_set(&diag, 0, "%s is no PID", values->pid);
		return gd_command_fail(command, GD_EXIT_USAGE, &diag);
	}
	if (!(seconds >= 0) || (values->seconds && seconds <= 0)) {
		gd_diag_set(&diag, 0, "%s is no duration in seconds", values->seconds);
		return gd_command_fail(command, GD_EXIT_USAGE, &diag);
	}
	err = gd_invoker_begin(&diag);
	if (err >= 0)
		err = gd_parts_find(&parts, &diag);
	if (!err)
		err = gd_folder_make(values->output, &folder, &diag);
	if (!err) {
		gd_folder_prune(folder.path);
		err = gd_attach((pid_t)pid, seconds, &parts, &folder, &diag);
		gd_folder_close(&folder);
	}
	return err ? gd_command_fail(command, GD_EXIT_ERROR, &diag) : GD_EXIT_OK;
}

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
	if (values.pid && next == argc)
		return attach(command, &values);
	if (values.pid || values.seconds) {
		gd_diag_set(&diag, 0,
			    values.pid ? "name a process or a program, not both" : "-d needs -p");
		return gd_command_fail(command, GD_EXIT_USAGE, &diag);
	}
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
	.summary = "only measure, also with -p PID; report explains it",
	.options = record_options,
	.run = run,
};
