/* SPDX-License-Identifier: MIT */
/* Rights, and what limits them. */
#include "doctor.h"
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A line of /proc/self/status; false: there is none. */
static bool read_status(const char *key, char *ret_value, size_t size_bytes)
{
	char text[4096];
	FILE *file = fopen("/proc/self/status", "re");
	size_t length = strlen(key);
	bool found = false;

	while (file && !found && fgets(text, sizeof(text), file))
		if (strncmp(text, key, length) == 0 && text[length] == ':') {
			snprintf(ret_value, size_bytes, "%s",
				 text + length + 1 + strspn(text + length + 1, " \t"));
			ret_value[strcspn(ret_value, "\n")] = 0;
			found = true;
		}
	if (file)
		fclose(file);
	return found;
}

/* Has the probe's file the capability, whoever runs it? */
static bool is_on_file(const char *path, int capability)
{
	struct vfs_cap_data data;
	ssize_t n = path[0] ? getxattr(path, "security.capability", &data, sizeof(data)) : -1;

	return n >= (ssize_t)XATTR_CAPS_SZ_2 &&
	       data.data[CAP_TO_INDEX(capability)].permitted & CAP_TO_MASK(capability);
}

static void check_cap(const struct gd_doctor_scene *scene, int capability, const char *mend,
		      struct gd_finding *ret_finding)
{
	char text[32] = "";
	uint64_t effective = 0;

	if (read_status("CapEff", text, sizeof(text)))
		effective = strtoull(text, NULL, 16);
	if (effective >> capability & 1)
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "this process has it");
	else if (is_on_file(scene->parts->probe, capability))
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "gildiag-probe has it by its file");
	else
		gd_finding_set(ret_finding, GD_HEALTH_MISSING, mend,
			       "neither this process has it "
			       "nor gildiag-probe's file");
}

static void check_file_cap(const struct gd_doctor_scene *scene, int capability,
			   struct gd_finding *ret_finding)
{
	check_cap(scene, capability, NULL, ret_finding);
	if (ret_finding->health == GD_HEALTH_OK)
		return;
	if (scene->parts->probe[0])
		snprintf(ret_finding->mend, sizeof(ret_finding->mend),
			 "sudo setcap cap_bpf,cap_perfmon+ep %.180s", scene->parts->probe);
	else
		snprintf(ret_finding->mend, sizeof(ret_finding->mend),
			 "build gildiag with the eBPF probe first");
}

void gd_doctor_cap_bpf(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	check_file_cap(scene, CAP_BPF, ret_finding);
}

void gd_doctor_cap_perfmon(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	check_file_cap(scene, CAP_PERFMON, ret_finding);
}

void gd_doctor_cap_ptrace(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	check_cap(scene, CAP_SYS_PTRACE, "run gildiag with sudo", ret_finding);
}

void gd_doctor_cap_admin(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	check_cap(scene, CAP_SYS_ADMIN, "run gildiag with sudo", ret_finding);
}

/* "none [integrity] confidentiality": the one in brackets holds. */
void gd_doctor_lockdown(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	char text[80] = "";

	(void)scene;
	gd_doctor_read("/sys/kernel/security/lockdown", text, sizeof(text));
	if (strstr(text, "[confidentiality]"))
		gd_finding_set(ret_finding, GD_HEALTH_MISSING,
			       "boot without lockdown=confidentiality",
			       "the kernel is locked down: %s", text);
	else
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "%s",
			       *text ? text : "not in this kernel");
}

void gd_doctor_yama(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	char text[16] = "";

	(void)scene;
	if (!gd_doctor_read("/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text)))
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "not in this kernel");
	else if (text[0] == '0' || geteuid() == 0)
		gd_finding_set(ret_finding, text[0] == '3' ? GD_HEALTH_MISSING : GD_HEALTH_OK,
			       text[0] == '3' ? "reboot: 3 cannot be taken back" : NULL,
			       "ptrace_scope %s", text);
	else
		gd_finding_set(ret_finding, GD_HEALTH_MISSING,
			       "sudo sysctl kernel.yama.ptrace_scope=0", "ptrace_scope %s", text);
}

void gd_doctor_seccomp(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	char text[16] = "";

	(void)scene;
	if (!read_status("Seccomp", text, sizeof(text)))
		gd_finding_set(ret_finding, GD_HEALTH_UNKNOWN, "sudo mount -t proc nodev /proc",
			       "/proc does not say");
	else if (text[0] == '0')
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "no filter");
	else
		gd_finding_set(ret_finding, GD_HEALTH_MISSING,
			       "docker run --security-opt seccomp=unconfined, or the like",
			       "a filter is set (mode %s): it may refuse bpf and perf_event_open",
			       text);
}

void gd_doctor_quota(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	(void)scene;
	if (access("/sys/fs/cgroup/cgroup.controllers", R_OK) == 0)
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "cgroup version 2");
	else if (access("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", R_OK) == 0 ||
		 access("/sys/fs/cgroup/cpu/cpu.shares", R_OK) == 0)
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "cgroup version 1");
	else
		gd_finding_set(ret_finding, GD_HEALTH_MISSING,
			       "sudo mount -t cgroup2 nodev /sys/fs/cgroup",
			       "/sys/fs/cgroup has no CPU controller");
}

void gd_doctor_tsc(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	char source[32] = "";

	(void)scene;
	gd_doctor_read("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
		       sizeof(source));
	if (strcmp(source, "tsc") == 0)
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "the kernel trusts it");
	else if (!*source)
		gd_finding_set(ret_finding, GD_HEALTH_UNKNOWN, "sudo mount -t sysfs nodev /sys",
			       "/sys does not say");
	else
		gd_finding_set(ret_finding, GD_HEALTH_MISSING,
			       "boot with tsc=reliable, if the machine's clock is known to be good",
			       "the kernel's clock is %s", source);
}
