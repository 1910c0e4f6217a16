/* SPDX-License-Identifier: MIT */
/* A file that is gone or empty leaves the figure as it was. */
#include "kernel.h"
#include "clock.h"
#include "machine.h"
#include "proc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define THREADS_PER_ROUND 128
#define NAME_READINGS     3 /* a thread gets its name some time after its birth */

static void note_thread(struct gd_target *target, uint32_t index)
{
	struct gd_thread *slot = &target->threads[index];
	struct gd_slot_memory *memory = &target->memory[index];
	uint64_t run_ns, delay_ns;
	unsigned long long faults;
	char text[512];
	const char *end;

	if (memory->tid != slot->tid)
		*memory = (struct gd_slot_memory){ .tid = slot->tid };
	if (!memory->names_read)
		memset(slot->name, 0, sizeof(slot->name));
	if (memory->names_read < NAME_READINGS &&
	    gd_proc_read_task(target, slot->tid, "comm", text, sizeof(text))) {
		text[strcspn(text, "\n")] = 0;
		snprintf(slot->name, sizeof(slot->name), "%.15s", text);
		memory->names_read++;
	}
	if (gd_proc_read_schedstat(target, slot->tid, &run_ns, &delay_ns)) {
		slot->seen_run_delay_ns = delay_ns;
		slot->seen_cpu_ns = run_ns; /* at most a tick behind */
		slot->seen_ticks = gd_target_ticks(target);
	}
	gd_proc_read_task(target, slot->tid, "stat", text, sizeof(text));
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
	struct gd_module open = { .path = "" };
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

	gd_proc_read_task(target, target->pid, "stat", text, sizeof(text));
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
	gd_machine_note_throttling(target);
	pair.ticks = gd_target_ticks(target);
	pair.monotonic_ns = gd_clock_ns(CLOCK_MONOTONIC);
	target->process->sampler_pair = pair;
	if (getrusage(RUSAGE_SELF, &own) == 0)
		target->process->sampler_cpu_ns =
			(uint64_t)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) * 1000000000ull +
			(uint64_t)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) * 1000ull;
}
