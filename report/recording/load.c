/* SPDX-License-Identifier: MIT */
/*
 * One process.  Times in the file are ticks of the target's clock; two pairs of readings, as far
 * apart as the recording has them, give the rate.
 */
#include "load.h"
#include "load_parts.h"
#include <errno.h>
#include <math.h>
#include <string.h>

static struct gd_clock_map map_clock(const struct gd_process *process)
{
	struct gd_clock_map map = { .ticks0 = process->first.ticks,
				    .s0 = (double)process->first.monotonic_ns / 1e9 };
	struct gd_clock_pair last = process->last.ticks > process->sampler_pair.ticks
					    ? process->last
					    : process->sampler_pair;
	double ns = (double)last.monotonic_ns - (double)process->first.monotonic_ns;
	double ticks = (double)last.ticks - (double)process->first.ticks;

	map.s_per_tick = process->clock == GD_CLOCK_MONOTONIC ? 1e-9
			 : ns > 0 && ticks > 0                ? ns / ticks / 1e9
							      : 1e-9 / 2.5;
	/* A damaged file must not make nonsense of everything: no TSC leaves this range. */
	if (!(map.s_per_tick > 1e-11 && map.s_per_tick < 1e-7))
		map.s_per_tick = 1e-9;
	return map;
}

/* ---- Threads --------------------------------------------------------------------------------- */

/* The interval that was open when the process ended or was copied. */
static void close_interval(struct gd_times *times, const struct gd_thread *slot,
			   const struct gd_clock_map *map, double end_s)
{
	uint16_t cause = slot->cause < GD_CAUSE_COUNT ? slot->cause : GD_CAUSE_OTHER;
	double open_s = end_s - gd_clock_at_s(map, slot->since);

	if (slot->state != GD_THREAD_LIVE || !(open_s > 0))
		return;
	times->cause_s[cause] += open_s;
	if (cause != GD_CAUSE_CPU_GIL && cause != GD_CAUSE_CPU_FREE)
		return;
	/* Its CPU clock was last read when the interval began, and by the sampler since. */
	if (slot->seen_ticks > slot->since && slot->seen_cpu_ns >= slot->cpu_ns) {
		double seen_s =
			gd_clock_at_s(map, slot->seen_ticks) - gd_clock_at_s(map, slot->since);
		double cpu_s = (double)(slot->seen_cpu_ns - slot->cpu_ns) / 1e9;

		if (seen_s > 0 && cpu_s < seen_s) {
			times->off_in_s[cause] += open_s * (1 - cpu_s / seen_s);
			times->cpu_s += open_s * (cpu_s / seen_s);
			return;
		}
	}
	times->cpu_s += open_s;
}

static void load_thread(const struct gd_thread *slot, const struct gd_clock_map *map, double end_s,
			struct gd_times *times)
{
	double life_end_s = slot->ended ? gd_clock_at_s(map, slot->ended) : end_s;

	for (unsigned int i = 0; i < GD_CAUSE_COUNT; i++) {
		times->cause_s[i] = gd_clock_span_s(map, slot->ticks[i]);
		times->cpu_in_s[i] = gd_clock_span_s(map, slot->cpu_in[i]);
		times->count[i] = slot->count[i];
	}
	times->off_in_s[0] = gd_clock_span_s(map, slot->off_in[0]);
	times->off_in_s[1] = gd_clock_span_s(map, slot->off_in[1]);
	times->holding_gil_s = gd_clock_span_s(map, slot->holding_gil);
	times->gil_hold_s = gd_clock_span_s(map, slot->gil_hold);
	times->gil_takes = slot->gil_takes;
	times->gil_drops = slot->gil_drops;
	times->gil_forced = slot->gil_forced;
	times->cpu_s = (double)slot->cpu_ns / 1e9;
	times->run_delay_s =
		(double)(slot->run_delay_ns > slot->seen_run_delay_ns ? slot->run_delay_ns
								      : slot->seen_run_delay_ns) /
		1e9;
	times->major_faults = slot->seen_major_faults;
	times->yields = slot->yields;
	times->wakes = slot->wakes;
	times->life_s = life_end_s - gd_clock_at_s(map, slot->born);
	if (!(times->life_s >= 0))
		times->life_s = 0;
	close_interval(times, slot, map, end_s);
}

static void load_ended(const struct gd_ended *row, const struct gd_clock_map *map,
		       struct gd_times *times)
{
	for (unsigned int i = 0; i < GD_CAUSE_COUNT; i++) {
		times->cause_s[i] = gd_clock_span_s(map, row->ticks[i]);
		times->cpu_in_s[i] = gd_clock_span_s(map, row->cpu_in[i]);
		times->count[i] = row->count[i];
	}
	times->off_in_s[0] = gd_clock_span_s(map, row->off_in[0]);
	times->off_in_s[1] = gd_clock_span_s(map, row->off_in[1]);
	times->holding_gil_s = gd_clock_span_s(map, row->holding_gil);
	times->gil_hold_s = gd_clock_span_s(map, row->gil_hold);
	times->gil_takes = row->gil_takes;
	times->gil_drops = row->gil_drops;
	times->gil_forced = row->gil_forced;
	times->cpu_s = (double)row->cpu_ns / 1e9;
	times->run_delay_s = (double)row->run_delay_ns / 1e9;
	times->yields = row->yields;
	times->wakes = row->wakes;
	times->life_s = gd_clock_span_s(map, row->life);
}

/* A thread of a runtime starts where its outermost frame outside the libraries is. */
static const struct gd_place *find_start(struct gd_places *places, uint32_t first_stack)
{
	const struct gd_stack_model *stack = gd_places_stack(places, first_stack);

	for (size_t i = stack ? stack->count : 0; i > 0; i--)
		if (!stack->places[i - 1]->is_library)
			return stack->places[i - 1];
	return NULL;
}

static int load_threads(const struct gd_file *file, struct gd_pool *pool,
			const struct gd_clock_map *map, struct gd_places *places,
			struct gd_process_model *process)
{
	uint32_t slots = gd_file_count(file, GD_SECTION_THREADS);
	uint32_t rows = gd_file_count(file, GD_SECTION_ENDED);

	process->threads = gd_pool_alloc(pool, (size_t)slots + rows, sizeof(*process->threads));
	if (!process->threads)
		return -ENOMEM;
	for (uint32_t i = 0; i < slots; i++) {
		struct gd_thread_model *thread = &process->threads[process->thread_count];
		struct gd_thread slot;

		gd_file_entry(file, GD_SECTION_THREADS, i, &slot, sizeof(slot));
		if ((slot.state != GD_THREAD_LIVE && slot.state != GD_THREAD_ENDED) || !slot.tid)
			continue;
		thread->tid = slot.tid;
		thread->is_main = slot.tid == process->pid;
		thread->has_ended = slot.state == GD_THREAD_ENDED;
		thread->threads = 1;
		thread->start_function = slot.start_function;
		thread->start = find_start(places, slot.first_stack);
		process->pipe_bytes += slot.pipe_bytes;
		thread->name = gd_pool_text(pool, slot.name, sizeof(slot.name));
		if (!thread->name)
			return -ENOMEM;
		load_thread(&slot, map, process->end_s, &thread->times);
		process->thread_count++;
	}
	for (uint32_t i = 0; i < rows; i++) {
		struct gd_thread_model *thread = &process->threads[process->thread_count];
		struct gd_ended row;

		gd_file_entry(file, GD_SECTION_ENDED, i, &row, sizeof(row));
		if (!row.threads)
			continue;
		thread->name = "";
		thread->has_ended = true;
		thread->threads = row.threads;
		thread->start_function = row.start_function;
		process->pipe_bytes += row.pipe_bytes;
		load_ended(&row, map, &thread->times);
		process->thread_count++;
	}
	return 0;
}

/* ---- The process ----------------------------------------------------------------------------- */

static double find_end(const struct gd_file *file, const struct gd_process *process,
		       const struct gd_clock_map *map)
{
	if (process->end != GD_END_RUNNING && process->end_ticks)
		return gd_clock_at_s(map, process->end_ticks);
	if (process->gone_ns)
		return (double)process->gone_ns / 1e9;
	return (double)file->header->copied_ns / 1e9;
}

/*
 * CPython without a GIL seen is a version whose GIL we do not know; a free-threaded one has none.
 */
static enum gd_gil_state find_gil_state(const struct gd_process *process,
					const struct gd_process_model *model)
{
	double gil_s = 0, cpu_s = 0;

	for (size_t i = 0; i < model->thread_count; i++) {
		gil_s += model->threads[i].times.cause_s[GD_CAUSE_CPU_GIL];
		cpu_s += model->threads[i].times.cause_s[GD_CAUSE_CPU_GIL] +
			 model->threads[i].times.cause_s[GD_CAUSE_CPU_FREE];
	}
	if (process->flags & GD_FLAG_FREE_THREADED)
		return gil_s > 0.5 * cpu_s ? GD_GIL_ON : GD_GIL_OFF;
	if (model->gil_count)
		return GD_GIL_ON;
	return process->runtime[0] ? GD_GIL_UNKNOWN : GD_GIL_NONE;
}

static int load_facts(const struct gd_file *file, const struct gd_process *row,
		      const struct gd_clock_map *map, struct gd_pool *pool,
		      struct gd_process_model *process)
{
	process->pid = row->pid;
	process->ppid = row->ppid;
	process->command = gd_pool_text(pool, row->command, sizeof(row->command));
	process->script = gd_pool_text(pool, row->script, sizeof(row->script));
	process->runtime = gd_pool_text(pool, row->runtime, sizeof(row->runtime));
	process->runtime_version =
		gd_pool_text(pool, row->runtime_version, sizeof(row->runtime_version));
	if (!process->command || !process->script || !process->runtime || !process->runtime_version)
		return -ENOMEM;
	process->flags = row->flags;
	process->is_complete = file->header->state == GD_STATE_CLOSED;
	process->became_another = row->end == GD_END_EXEC;
	process->has_exit_code = row->end == GD_END_EXIT;
	process->exit_code = row->exit_code;
	process->was_collected = row->samples > 0;
	process->clock_is_tsc = row->clock == GD_CLOCK_TSC;
	process->start_s = (double)row->first.monotonic_ns / 1e9;
	if (file->since_ns > row->first.monotonic_ns)
		process->start_s = (double)file->since_ns / 1e9;
	process->end_s = find_end(file, row, map);
	if (!(process->end_s >= process->start_s))
		process->end_s = process->start_s;
	process->steady_s = row->steady_ns ? (double)row->steady_ns / 1e9 : NAN;
	process->life_s = process->end_s - (double)row->first.monotonic_ns / 1e9;
	process->started_epoch_s = (double)file->header->start_realtime_ns / 1e9;
	process->threads_born = row->threads_born;
	process->children_cpu_s = (double)(row->children_cpu_ns > row->seen_children_cpu_ns
						   ? row->children_cpu_ns
						   : row->seen_children_cpu_ns) /
				  1e9;
	process->children_reaped = row->children_reaped;
	process->cpus = row->cpus;
	process->cpus_online = row->cpus_online;
	process->cpu_quota = row->cpu_quota_milli / 1000.0;
	process->throttled_s = (double)row->throttled_ns / 1e9;
	process->samples = row->samples;
	process->samples_missed = row->samples_missed;
	process->sampler_cpu_s = (double)row->sampler_cpu_ns / 1e9;
	memcpy(process->lost, row->lost, sizeof(process->lost));
	for (uint32_t kind = 1; kind < GD_SECTION_COUNT; kind++)
		process->lost_rows[kind] = file->sections[kind].lost;
	return 0;
}

int gd_load_process(const struct gd_file *file, struct gd_pool *pool,
		    struct gd_process_model *ret_process)
{
	struct gd_process_model process = { 0 };
	struct gd_places *places = NULL;
	struct gd_process row;
	struct gd_clock_map map;
	int err;

	gd_file_entry(file, GD_SECTION_PROCESS, 0, &row, sizeof(row));
	map = map_clock(&row);
	err = load_facts(file, &row, &map, pool, &process);
	if (!err)
		err = gd_load_places(file, pool, &places);
	if (!err)
		err = load_threads(file, pool, &map, places, &process);
	if (!err)
		err = gd_load_samples(file, pool, &map, places, &process);
	if (!err)
		err = gd_load_gils(file, pool, &map, places, &process);
	if (!err)
		err = gd_load_locks(file, pool, &map, places, &process);
	if (!err)
		err = gd_load_pipes(file, pool, &map, &process);
	if (!err)
		err = gd_load_modules(file, pool, &process);
	if (!err)
		err = gd_load_joints(file, pool, &process);
	if (err)
		return err;
	gd_places_list_natives(places, &process);
	process.gil_state = find_gil_state(&row, &process);
	*ret_process = process;
	return 0;
}
