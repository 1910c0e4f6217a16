/* SPDX-License-Identifier: MIT */
/* CPUs by affinity, quotas by cgroup: version 1 and 2. */
#include "machine.h"
#include "proc.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The cgroup's path of a controller in /proc/PID/cgroup: "N:cpu,cpuacct:/path" or "0::/path". */
static bool find_cgroup(const struct gd_target *target, bool v2, char *ret_path, size_t size_bytes)
{
	char file[64], text[4096];
	char *line, *rest = text;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", target->pid);
	gd_proc_read(file, text, sizeof(text));
	while ((line = strsep(&rest, "\n"))) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = 0;
		controllers++;
		if (v2 ? *controllers == 0
		       : strstr(controllers, "cpu") && !strstr(controllers, "cpuset")) {
			snprintf(ret_path, size_bytes, "%s", path);
			return true;
		}
	}
	return false;
}

/* The quota of one level in thousandths of a CPU; 0: none. */
static uint32_t read_level(const char *path, bool v2)
{
	char file[2300], text[64];
	long long quota = -1, period = 100000;

	if (v2) {
		snprintf(file, sizeof(file), "/sys/fs/cgroup%s/cpu.max", path);
		gd_proc_read(file, text, sizeof(text));
		if (sscanf(text, "%lld %lld", &quota, &period) != 2)
			return 0; /* "max" */
	} else {
		snprintf(file, sizeof(file), "/sys/fs/cgroup/cpu%s/cpu.cfs_quota_us", path);
		gd_proc_read(file, text, sizeof(text));
		sscanf(text, "%lld", &quota);
		snprintf(file, sizeof(file), "/sys/fs/cgroup/cpu%s/cpu.cfs_period_us", path);
		gd_proc_read(file, text, sizeof(text));
		sscanf(text, "%lld", &period);
	}
	return quota > 0 && period > 0 ? (uint32_t)(quota * 1000 / period) : 0;
}

/* The tightest quota of all levels; *ret_path is that level's, and *ret_v2 its version. */
static uint32_t read_quota(const struct gd_target *target, char *ret_path, size_t size_bytes,
			   bool *ret_v2)
{
	uint32_t best = 0;
	char path[2048];

	for (int v2 = 0; v2 < 2; v2++) {
		char *slash;

		if (!find_cgroup(target, v2, path, sizeof(path)))
			continue;
		do {
			uint32_t milli = read_level(strcmp(path, "/") ? path : "", v2);

			if (milli && (!best || milli < best)) {
				best = milli;
				*ret_v2 = v2;
				snprintf(ret_path, size_bytes, "%s", path);
			}
			slash = strrchr(path, '/');
			if (slash)
				*slash = 0;
		} while (slash);
	}
	return best;
}

static uint64_t read_throttled_ns(int stat)
{
	char text[1024];
	ssize_t n = pread(stat, text, sizeof(text) - 1, 0);
	const char *found;

	text[n > 0 ? n : 0] = 0;
	if ((found = strstr(text, "throttled_usec "))) /* version 2 */
		return strtoull(found + 15, NULL, 10) * 1000;
	if ((found = strstr(text, "throttled_time ")))
		return strtoull(found + 15, NULL, 10);
	return 0;
}

void gd_machine_note(struct gd_target *target)
{
	char path[2048], file[2300];
	bool v2 = false;
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(target->pid, sizeof(set), &set) == 0)
		target->process->cpus = (uint32_t)CPU_COUNT(&set);
	target->process->cpus_online = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	target->process->cpu_quota_milli = read_quota(target, path, sizeof(path), &v2);
	if (!target->process->cpu_quota_milli)
		return;
	snprintf(file, sizeof(file),
		 v2 ? "/sys/fs/cgroup%s/cpu.stat" : "/sys/fs/cgroup/cpu%s/cpu.stat",
		 strcmp(path, "/") ? path : "");
	target->throttle_fd = open(file, O_RDONLY | O_CLOEXEC);
	target->throttled_base_ns =
		target->throttle_fd >= 0 ? read_throttled_ns(target->throttle_fd) : 0;
}

void gd_machine_note_throttling(struct gd_target *target)
{
	uint64_t ns = target->throttle_fd >= 0 ? read_throttled_ns(target->throttle_fd) : 0;

	if (ns > target->throttled_base_ns)
		target->process->throttled_ns = ns - target->throttled_base_ns;
}
