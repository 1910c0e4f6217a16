/* SPDX-License-Identifier: MIT */
/* Our own parts, by a recording that was made of a small program just now. */
#include "doctor.h"
#include <dirent.h>
#include <errno.h>
#include <gildiag/recording.h>
#include <probe.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool has_file(const char *folder, bool (*is_it)(const char *name))
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	bool found = false;

	while (dir && (entry = readdir(dir)))
		found = found || is_it(entry->d_name);
	if (dir)
		closedir(dir);
	return found;
}

static bool is_of_process(const char *name)
{
	return name[0] >= '0' && name[0] <= '9';
}

static bool is_of_sampler(const char *name)
{
	return strcmp(name, GD_SESSION_TREE) == 0;
}

void gd_doctor_agent(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	if (scene->is_recorded != 0)
		gd_finding_set(ret_finding, GD_HEALTH_MISSING, NULL, "%s", scene->why);
	else if (has_file(scene->folder, is_of_process))
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "recorded a program just now");
	else
		gd_finding_set(ret_finding, GD_HEALTH_MISSING,
			       "build or install gildiag for this machine's libc",
			       "the program that was started with it left no recording");
}

void gd_doctor_sampler(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	if (scene->is_recorded == 0 && has_file(scene->folder, is_of_sampler))
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "looked at that program");
	else
		gd_finding_set(ret_finding, GD_HEALTH_MISSING,
			       "build or install gildiag whole: gildiag-sampler stands in libexec",
			       "it left nothing");
}

void gd_doctor_probe(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	struct gd_probe probe = { .pid = 0, .control = -1 };
	struct gd_diag diag = { "" };
	struct timespec began, ended;

	clock_gettime(CLOCK_MONOTONIC, &began);
	if (gd_probe_start(scene->parts, scene->folder, NULL, &probe, &diag) == 0) {
		clock_gettime(CLOCK_MONOTONIC, &ended);
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "attached to the kernel in %.0f ms",
			       (double)(ended.tv_sec - began.tv_sec) * 1e3 +
				       (double)(ended.tv_nsec - began.tv_nsec) / 1e6);
		gd_probe_end(&probe);
		gd_probe_reap(probe.pid);
		return;
	}
	gd_finding_set(ret_finding, GD_HEALTH_MISSING, NULL, "%s", diag.text);
	if (!scene->parts->probe[0])
		snprintf(ret_finding->mend, sizeof(ret_finding->mend),
			 "sudo apt install clang bpftool libbpf-dev, then build gildiag again");
	else if (geteuid() != 0)
		snprintf(ret_finding->mend, sizeof(ret_finding->mend),
			 "sudo setcap cap_bpf,cap_perfmon+ep %.180s", scene->parts->probe);
}
