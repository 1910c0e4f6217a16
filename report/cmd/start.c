/* SPDX-License-Identifier: MIT */
/* Exit codes as env(1) has them: 125 gildiag itself, 126 not executable, 127 not found. */
#include "start.h"
#include <base/cleanup.h>
#include <errno.h>
#include <invoker.h>
#include <launch.h>
#include <limits.h>
#include <program.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define EXIT_CANNOT_START   125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127

static bool takes_value(const struct gd_option *options, const char *word)
{
	for (; options->name; options++) {
		if (options->kind != GD_OPTION_TEXT)
			continue;
		if ((word[1] == options->letter && !word[2]) ||
		    (strncmp(word, "--", 2) == 0 && strcmp(word + 2, options->name) == 0))
			return true;
	}
	return false;
}

int gd_start_find_module(const struct gd_option *options, int argc, char **argv)
{
	for (int i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (strcmp(argv[i], "--") == 0)
			break;
		if (strcmp(argv[i], "-m") == 0)
			return i;
		i += takes_value(options, argv[i]);
	}
	return argc;
}

static bool is_plain_script(const char *name)
{
	size_t length = strlen(name);

	return length > 3 && strcmp(name + length - 3, ".py") == 0 && eaccess(name, R_OK) == 0 &&
	       eaccess(name, X_OK) != 0;
}

static const char *find_python(void)
{
	char path[PATH_MAX];

	return gd_program_inspect("python3", path, sizeof(path)) == GD_PROGRAM_MISSING ? "python"
										       : "python3";
}

/* The words to execute; to be freed, not what they point to. */
static char **build_argv(const char *module, int argc, char **argv)
{
	char **built = calloc((size_t)argc + 4, sizeof(*built));
	size_t n = 0;

	if (!built)
		return NULL;
	if (module || is_plain_script(argv[0]))
		built[n++] = (char *)find_python();
	if (module) {
		built[n++] = (char *)"-m";
		built[n++] = (char *)module;
	}
	for (int i = 0; i < argc; i++)
		built[n++] = argv[i];
	return built;
}

static int say_unfit(const struct gd_command *command, enum gd_program_kind kind, const char *path)
{
	struct gd_diag diag;

	if (kind == GD_PROGRAM_MISSING) {
		gd_diag_set(&diag, 0, "%s was not found", *path ? path : "''");
		return gd_command_fail(command, EXIT_NOT_FOUND, &diag);
	}
	if (kind == GD_PROGRAM_NOT_EXECUTABLE) {
		gd_diag_set(&diag, 0, "%s is not executable", path);
		return gd_command_fail(command, EXIT_NOT_EXECUTABLE, &diag);
	}
	gd_diag_set(&diag, 0, "%s %s", path, gd_program_words(kind));
	return gd_command_fail(command, -1, &diag);
}

static int say_exec_failed(const struct gd_command *command, const char *name, int exec_errno)
{
	struct gd_diag diag;

	gd_diag_set(&diag, 0, "cannot start %s: %s", name, strerror(exec_errno));
	return gd_command_fail(command, exec_errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE,
			       &diag);
}

static int start_watched(char *const *argv, const struct gd_start_how *how,
			 struct gd_started *started, struct gd_launched *launched,
			 struct gd_diag *diag)
{
	struct gd_folder folder = { NULL, -1, -1 };
	struct gd_parts parts;
	int err = gd_parts_find(&parts, diag);

	if (!err)
		err = gd_folder_make(how->output, &folder, diag);
	if (!err) {
		gd_folder_prune(folder.path);
		err = gd_launch(argv, &parts, &folder, how->probe, launched, diag);
	}
	if (!err && !launched->exec_errno)
		started->folder = strdup(folder.path);
	gd_folder_close(&folder);
	return err;
}

int gd_start(const struct gd_command *command, const struct gd_start_how *how, int argc,
	     char **argv, struct gd_started *ret_started)
{
	gd_autofree char **words = NULL;
	struct gd_launched launched = { .probe = 0 };
	enum gd_program_kind kind;
	struct gd_diag diag = { "" };
	char path[PATH_MAX];
	int err, code;

	if (!how->module && argc == 0) {
		gd_diag_set(&diag, 0, "name a program to %s", command->name);
		return gd_command_fail(command, GD_EXIT_USAGE, &diag);
	}
	err = gd_invoker_begin(&diag);
	if (err && gd_command_fail(command, err, &diag) < 0)
		return EXIT_CANNOT_START;
	words = build_argv(how->module, argc, argv);
	if (!words)
		return EXIT_CANNOT_START;
	kind = gd_program_inspect(words[0], path, sizeof(path));
	if (kind != GD_PROGRAM_WATCHABLE && (code = say_unfit(command, kind, path)) >= 0)
		return code;
	*ret_started = (struct gd_started){ .folder = NULL };
	if (kind == GD_PROGRAM_WATCHABLE)
		err = start_watched(words, how, ret_started, &launched, &diag);
	else
		err = gd_launch(words, NULL, NULL, GD_PROBE_OFF, &launched, &diag);
	ret_started->wait_status = launched.wait_status;
	ret_started->probe = launched.probe;
	if (!err && !launched.exec_errno)
		return -1;
	code = EXIT_CANNOT_START;
	if (launched.exec_errno)
		code = say_exec_failed(command, words[0], launched.exec_errno);
	else
		gd_command_fail(command, GD_EXIT_ERROR, &diag);
	gd_probe_reap(launched.probe);
	return code;
}

int gd_start_finish(const struct gd_started *started)
{
	struct rlimit none = { 0, 0 };
	int signal_number;
	sigset_t set;

	fflush(NULL);
	gd_probe_reap(started->probe);
	if (!WIFSIGNALED(started->wait_status))
		return WEXITSTATUS(started->wait_status);
	signal_number = WTERMSIG(started->wait_status);
	setrlimit(RLIMIT_CORE, &none); /* the target's core is the one of interest */
	signal(signal_number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(signal_number);
	return 128 + signal_number;
}
