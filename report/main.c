/* SPDX-License-Identifier: MIT */
/* gildiag: the table of commands and nothing else. */
#include "command.h"
#include <gildiag/recording.h>
#include <locale.h>
#include <string.h>

static const struct gd_command *const commands[] = { &gd_cmd_run, &gd_cmd_record, &gd_cmd_report,
						     &gd_cmd_doctor };

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
	fprintf(out, "gildiag: is this program waiting, or computing?\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  gildiag %-7s%-11s %s\n", commands[i]->name, commands[i]->brief,
			commands[i]->summary);
	fprintf(out, "\n  gildiag run --help         its options, and so for each command\n"
		     "  gildiag --version\n");
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		fprintf(stderr, "gildiag: name a command\n\n");
		print_help(stderr);
		return GD_EXIT_USAGE;
	}
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return GD_EXIT_OK;
	}
	if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
		printf("gildiag %s (recording format %d.%d)\n", GILDIAG_VERSION, GD_ABI_MAJOR,
		       GD_ABI_MINOR);
		return GD_EXIT_OK;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			return commands[i]->run(commands[i], argc - 1, argv + 1);
	fprintf(stderr, "gildiag: there is no command %s\n\n", argv[1]);
	print_help(stderr);
	return GD_EXIT_USAGE;
}
