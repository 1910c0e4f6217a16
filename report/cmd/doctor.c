/* SPDX-License-Identifier: MIT */
/*
 * gildiag doctor: what works here, what is lost without the rest, how to mend it.  Exit code 1
 * where gildiag cannot measure anything.
 */
#include "command.h"
#include <base/cleanup.h>
#include <dirent.h>
#include <doctor.h>
#include <errno.h>
#include <fcntl.h>
#include <launch.h>
#include <string.h>
#include <unistd.h>

struct doctor_values {
	bool nothing;
};

static const struct gd_option doctor_options[] = {
	{ "help", 'h', GD_OPTION_HELP, 0, NULL, "this help" },
	GD_OPTION_END,
};

/* Records gildiag itself, printing nothing, into the scene's folder. */
static void record_something(struct gd_doctor_scene *scene, struct gd_parts *parts)
{
	char *argv[] = { (char *)"/proc/self/exe", (char *)"--version", NULL };
	struct gd_folder folder = { NULL, -1, -1 };
	struct gd_launched launched = { .probe = 0 };
	struct gd_diag diag = { "" };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), saved = dup(STDOUT_FILENO);

	fflush(stdout);
	dup2(null, STDOUT_FILENO);
	scene->is_recorded = gd_folder_make(scene->folder, &folder, &diag);
	if (!scene->is_recorded)
		scene->is_recorded =
			gd_launch(argv, parts, &folder, GD_PROBE_OFF, &launched, &diag);
	if (!scene->is_recorded && launched.exec_errno)
		scene->is_recorded =
			gd_diag_set(&diag, -launched.exec_errno, "cannot start a program: %s",
				    strerror(launched.exec_errno));
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(null);
	snprintf(scene->why, sizeof(scene->why), "%.150s", diag.text);
	gd_folder_close(&folder);
}

static void remove_folder(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		unlinkat(dirfd(folder), entry->d_name, 0); /* refuses "." and ".." */
	if (folder)
		closedir(folder);
	rmdir(path);
}

static bool examine(const struct gd_doctor_scene *scene, const struct gd_capability *capability)
{
	static const char *const words[] = { [GD_HEALTH_OK] = "ok",
					     [GD_HEALTH_MISSING] = "missing",
					     [GD_HEALTH_UNKNOWN] = "unknown" };
	struct gd_finding finding = { .health = GD_HEALTH_UNKNOWN };

	capability->check(scene, &finding);
	printf("%-8s %-18s %s\n", words[finding.health], capability->name, finding.what);
	if (finding.health == GD_HEALTH_OK)
		return true;
	printf("%9slost: %s\n", "", capability->lost);
	if (finding.mend[0])
		printf("%9smend: %s\n", "", finding.mend);
	return finding.health == GD_HEALTH_UNKNOWN || !capability->is_needed;
}

static int run(const struct gd_command *command, int argc, char **argv)
{
	char template[] = "/tmp/gildiag-doctor-XXXXXX";
	struct doctor_values values = { false };
	struct gd_doctor_scene scene = { .folder = template };
	struct gd_diag diag = { "" };
	struct gd_parts parts = { .agent = "" };
	bool is_well = true;
	int next, code;

	if (!gd_command_parse(command, argc, argv, &values, &next, &code))
		return code;
	if (next < argc) {
		gd_diag_set(&diag, 0, "doctor takes no %s", argv[next]);
		return gd_command_fail(command, GD_EXIT_USAGE, &diag);
	}
	scene.parts = &parts;
	scene.is_recorded = gd_parts_find(&parts, &diag);
	snprintf(scene.why, sizeof(scene.why), "%.150s", diag.text);
	if (!mkdtemp(template)) {
		gd_diag_set(&diag, -errno, "cannot make a folder in /tmp: %s", strerror(errno));
		return gd_command_fail(command, GD_EXIT_ERROR, &diag);
	}
	if (!scene.is_recorded)
		record_something(&scene, &parts);
	for (const struct gd_capability *one = gd_capabilities; one->name; one++)
		is_well = examine(&scene, one) && is_well;
	remove_folder(template);
	return is_well ? GD_EXIT_OK : GD_EXIT_ERROR;
}

const struct gd_command gd_cmd_doctor = {
	.name = "doctor",
	.brief = "",
	.usage = "",
	.summary = "what works here, what is missing, how to mend it",
	.options = doctor_options,
	.run = run,
};
