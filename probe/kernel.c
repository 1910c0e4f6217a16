/* SPDX-License-Identifier: MIT */
/*
 * Reading /proc, CPU clocks and the cgroup.  Small files, read whole; a file that is gone or empty
 * leaves the figure as it was.
 */
#include "kernel.h"
#include "clock.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define THREADS_PER_ROUND 128
#define NAME_READINGS	  3 /* a thread gets its name some time after its birth */
#define WINDOW_NS	  40000000ull
#define RAN_ALL		  0.85 /* of a window, less what a tick's lag (10 ms at most) can hide */

/* Reads a small file; "" when it cannot be read. */
static size_t read_file(const char *path, char *buf, size_t size_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, buf, size_bytes - 1) : 0;

	if (fd >= 0)
		close(fd);
	n = n < 0 ? 0 : n;
	buf[n] = 0;
	return (size_t)n;
}

static size_t read_task_file(const struct gd_target *target, int32_t tid, const char *name,
			     char *buf, size_t size_bytes)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", target->pid, tid, name);
	return read_file(path, buf, size_bytes);
}

/* ---- The machine ----------------------------------------------------------------------------- */

/* The cgroup's path of a controller in /proc/PID/cgroup: "N:cpu,cpuacct:/path" or "0::/path". */
static bool find_cgroup(const struct gd_target *target, bool v2, char *ret_path, size_t size_bytes)
{
	char file[64], text[4096];
	char *line, *rest = text;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", target->pid);
	read_file(file, text, sizeof(text));
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

/* The quota in thousandths of a CPU; 0: none.  The tightest of all levels of the path. */
static uint32_t read_quota(const struct gd_target *target)
{
	uint32_t best = 0;
	char path[2048];

	for (int v2 = 0; v2 < 2; v2++) {
		if (!find_cgroup(target, v2, path, sizeof(path)))
			continue;
		for (;;) {
			char file[2300], text[64];
			long long quota = -1, period = 100000;
			char *slash;

			if (v2) {
				snprintf(file, sizeof(file), "/sys/fs/cgroup%s/cpu.max", path);
				read_file(file, text, sizeof(text));
				if (sscanf(text, "%lld %lld", &quota, &period) != 2)
					quota = -1;
			} else {
				snprintf(file, sizeof(file),
					 "/sys/fs/cgroup/cpu%s/cpu.cfs_quota_us", path);
				read_file(file, text, sizeof(text));
				sscanf(text, "%lld", &quota);
				snprintf(file, sizeof(file),
					 "/sys/fs/cgroup/cpu%s/cpu.cfs_period_us", path);
				read_file(file, text, sizeof(text));
				sscanf(text, "%lld", &period);
			}
			if (quota > 0 && period > 0) {
				uint32_t milli = (uint32_t)(quota * 1000 / period);

				best = !best || milli < best ? milli : best;
			}
			slash = strrchr(path, '/');
			if (!slash || !path[0])
				break;
			*slash = 0;
		}
	}
	return best;
}

/* Nanoseconds that the quota has kept the cgroup off the CPU, ever. */
static uint64_t read_throttled_ns(const struct gd_target *target)
{
	char path[2048], file[2300], text[1024];
	const char *found;

	for (int v2 = 0; v2 < 2; v2++) {
		if (!find_cgroup(target, v2, path, sizeof(path)))
			continue;
		snprintf(file, sizeof(file),
			 v2 ? "/sys/fs/cgroup%s/cpu.stat" : "/sys/fs/cgroup/cpu%s/cpu.stat",
			 strcmp(path, "/") ? path : "");
		read_file(file, text, sizeof(text));
		if ((found = strstr(text, "throttled_usec ")))
			return strtoull(found + 15, NULL, 10) * 1000;
		if ((found = strstr(text, "throttled_time ")))
			return strtoull(found + 15, NULL, 10);
	}
	return 0;
}

void gd_kernel_note_machine(struct gd_target *target)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(target->pid, sizeof(set), &set) == 0)
		target->process->cpus = (uint32_t)CPU_COUNT(&set);
	target->process->cpus_online = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	target->process->cpu_quota_milli = read_quota(target);
	target->throttled_base_ns = read_throttled_ns(target);
}

/* ---- One thread ------------------------------------------------------------------------------ */

static char read_state(const struct gd_target *target, int32_t tid)
{
	char text[512];
	const char *end;

	read_task_file(target, tid, "stat", text, sizeof(text));
	end = strrchr(text, ')'); /* the name may hold anything, parentheses too */
	return end && end[1] == ' ' ? end[2] : '?';
}

static double roll(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (double)(*random >> 11) / (double)(1ull << 53);
}

/* Only a thread that has computed since the last instant can be told by what happened meanwhile. */
static bool is_known(const struct gd_target *target, uint32_t slot)
{
	return target->threads[slot].since <= target->asked_ticks;
}

static enum gd_on_cpu by_state(char state)
{
	switch (state) {
	case 'S':
	case 'I':
		return GD_BLOCKED;
	case 'D':
		return GD_BLOCKED_DISK;
	case 'T':
	case 't':
		return GD_STOPPED;
	default:
		return GD_ON_CPU; /* R: running, or queued; which, the clock tells */
	}
}

static bool read_schedstat(const struct gd_target *target, int32_t tid, uint64_t *ret_run_ns,
			   uint64_t *ret_delay_ns)
{
	unsigned long long run, delay;
	char text[96];

	read_task_file(target, tid, "schedstat", text, sizeof(text));
	if (sscanf(text, "%llu %llu", &run, &delay) != 2)
		return false;
	*ret_run_ns = run;
	*ret_delay_ns = delay;
	return true;
}

/* Keeps the window of a thread that has computed since the last instant. */
static double update_window(struct gd_target *target, uint32_t index, uint64_t now_ns)
{
	struct gd_slot_memory *memory = &target->memory[index];
	int32_t tid = target->threads[index].tid;
	uint64_t run_ns, delay_ns;

	if (memory->tid != tid)
		*memory = (struct gd_slot_memory){.tid = tid};
	if (!is_known(target, index)) {
		memory->window_ns = 0;
		return 1;
	}
	if (memory->window_ns && now_ns - memory->window_ns < WINDOW_NS)
		return memory->ran;
	if (!read_schedstat(target, tid, &run_ns, &delay_ns))
		return 1;
	memory->ran = !memory->window_ns ? 1
					 : (double)(run_ns - memory->window_run_ns) /
						   (double)(now_ns - memory->window_ns);
	memory->window_ns = now_ns;
	memory->window_run_ns = run_ns;
	return memory->ran;
}

void gd_kernel_ask(struct gd_target *target, const uint32_t *slots, size_t count,
		   enum gd_on_cpu *ret_answers, void *arg)
{
	struct gd_kernel_ask *ask = target->ask;
	uint64_t cpu_ns = gd_clock_ns(gd_clock_of_process(target->pid));
	bool stood_still = cpu_ns && cpu_ns == target->asked_cpu_ns;

	(void)arg; /* the tree */
	for (size_t i = 0; i < count; i++) {
		double ran = update_window(target, slots[i], ask->now_ns);

		ret_answers[i] = GD_ON_CPU;
		if (!is_known(target, slots[i]) || (ran >= RAN_ALL && !stood_still))
			continue;
		ret_answers[i] = by_state(read_state(target, target->threads[slots[i]].tid));
		if (ret_answers[i] == GD_ON_CPU && ran < RAN_ALL && roll(&ask->random) >= ran)
			ret_answers[i] = GD_STARVED;
	}
	target->asked_ticks = ask->now_ticks;
	target->asked_cpu_ns = cpu_ns;
}

static void note_thread(struct gd_target *target, uint32_t index)
{
	struct gd_thread *slot = &target->threads[index];
	struct gd_slot_memory *memory = &target->memory[index];
	uint64_t run_ns, delay_ns;
	unsigned long long faults;
	char text[512];
	const char *end;

	if (memory->tid != slot->tid)
		*memory = (struct gd_slot_memory){.tid = slot->tid};
	if (!memory->names_read)
		memset(slot->name, 0, sizeof(slot->name));
	if (memory->names_read < NAME_READINGS &&
	    read_task_file(target, slot->tid, "comm", text, sizeof(text))) {
		text[strcspn(text, "\n")] = 0;
		snprintf(slot->name, sizeof(slot->name), "%.15s", text);
		memory->names_read++;
	}
	if (read_schedstat(target, slot->tid, &run_ns, &delay_ns)) {
		slot->seen_run_delay_ns = delay_ns;
		slot->seen_cpu_ns = run_ns; /* at most a tick behind */
		slot->seen_ticks = gd_target_ticks(target);
	}
	read_task_file(target, slot->tid, "stat", text, sizeof(text));
	end = strrchr(text, ')');
	if (end && sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %llu", &faults) == 1)
		slot->seen_major_faults = faults;
}

/* ---- Modules --------------------------------------------------------------------------------- */

/* One line of maps: a file's mapping; neighbours of the same file make one module. */
static void note_mapping(struct gd_target *target, const char *line, struct gd_module *open)
{
	struct gd_section *section = &target->sections[GD_SECTION_MODULES - 1];
	struct gd_module *rows = target->modules;
	unsigned long long start, end, offset;
	int path_at = 0;

	if (sscanf(line, "%llx-%llx %*s %llx %*s %*s %n", &start, &end, &offset, &path_at) < 3 ||
	    !path_at || line[path_at] != '/')
		return;
	if (open->path[0] && strncmp(open->path, line + path_at, sizeof(open->path) - 1) == 0 &&
	    offset) {
		open->end = end;
	} else {
		open->start = start;
		open->end = end;
		snprintf(open->path, sizeof(open->path), "%s", line + path_at);
	}
	for (uint32_t i = 0; i < section->used && i < GD_MODULE_CAPACITY; i++)
		if (rows[i].start == open->start) {
			rows[i].end = open->end;
			return;
		}
	if (section->used >= GD_MODULE_CAPACITY) {
		section->lost++;
		return;
	}
	rows[section->used] = *open;
	__atomic_store_n(&section->used, section->used + 1, __ATOMIC_RELEASE);
}

void gd_kernel_note_modules(struct gd_target *target)
{
	struct gd_module open = {.path = ""};
	char path[64], line[512];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", target->pid);
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		line[strcspn(line, "\n")] = 0;
		note_mapping(target, line, &open);
	}
	if (maps)
		fclose(maps);
}

/* What its children took, those that it has waited for: cutime and cstime. */
static void note_children(struct gd_target *target)
{
	unsigned long long user, system;
	char text[1024];
	const char *end;

	read_task_file(target, target->pid, "stat", text, sizeof(text));
	end = strrchr(text, ')');
	if (end && sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %llu %llu",
			  &user, &system) == 2)
		target->process->seen_children_cpu_ns =
			(user + system) * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}

void gd_kernel_note_totals(struct gd_target *target)
{
	uint32_t used = gd_target_slots(target);
	uint64_t cpu_ns = gd_clock_ns(gd_clock_of_process(target->pid));
	uint64_t throttled_ns = read_throttled_ns(target);
	struct gd_clock_pair pair;
	struct rusage own;

	for (uint32_t i = 0; i < used && i < THREADS_PER_ROUND; i++) {
		uint32_t index = target->next_slot++ % used;

		if (__atomic_load_n(&target->threads[index].state, __ATOMIC_ACQUIRE) ==
		    GD_THREAD_LIVE)
			note_thread(target, index);
	}
	note_children(target);
	if (cpu_ns)
		target->process->cpu_ns = cpu_ns;
	if (throttled_ns > target->throttled_base_ns)
		target->process->throttled_ns = throttled_ns - target->throttled_base_ns;
	pair.ticks = gd_target_ticks(target);
	pair.monotonic_ns = gd_clock_ns(CLOCK_MONOTONIC);
	target->process->sampler_pair = pair;
	if (getrusage(RUSAGE_SELF, &own) == 0)
		target->process->sampler_cpu_ns =
			(uint64_t)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) * 1000000000ull +
			(uint64_t)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) * 1000ull;
}
