/* SPDX-License-Identifier: MIT */
/* GILs, locks and kinds of instants: row by row from ticks to seconds. */
#include "load_parts.h"
#include "since.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* The lower edge of a step; see GD_HIST_STEPS. */
static double hist_edge(unsigned int step)
{
	unsigned int octave = step / 8 + 2;

	return step < 8 ? (double)step : ldexp(8.0 + step % 8, (int)octave - 3);
}

double gd_hist_percentile(const uint32_t *hist, double share)
{
	uint64_t total = 0, seen = 0;

	for (unsigned int i = 0; i < GD_HIST_STEPS; i++)
		total += hist[i];
	if (!total)
		return NAN;
	for (unsigned int i = 0; i < GD_HIST_STEPS; i++) {
		seen += hist[i];
		if ((double)seen >= share * (double)total)
			return (hist_edge(i) + hist_edge(i + 1)) / 2;
	}
	return NAN;
}

static double max_s(const struct gd_clock_map *map, uint64_t ticks)
{
	return ticks == GD_NOT_KNOWN ? NAN : gd_clock_span_s(map, ticks);
}

static int compare_blame(const void *a, const void *b)
{
	const struct gd_holder_model *x = a, *y = b;

	return (x->blame_s < y->blame_s) - (x->blame_s > y->blame_s);
}

/* Those that kept others waiting, the worst first; their number. */
static size_t load_holders(const struct gd_lock_holder *rows, const uint64_t *holds,
			   size_t rows_count, const struct gd_clock_map *map,
			   struct gd_places *places, struct gd_holder_model *ret_holders)
{
	size_t count = 0;

	for (size_t i = 0; i < rows_count; i++) {
		if (!rows[i].times)
			continue;
		ret_holders[count].place = gd_places_of_site(places, rows[i].site);
		ret_holders[count].blame_s = gd_clock_span_s(map, rows[i].blame);
		ret_holders[count].hold_s = gd_clock_span_s(map, holds[i]);
		ret_holders[count++].times = rows[i].times;
	}
	qsort(ret_holders, count, sizeof(*ret_holders), compare_blame);
	return count;
}

int gd_load_gils(const struct gd_file *file, struct gd_pool *pool, const struct gd_clock_map *map,
		 struct gd_places *places, struct gd_process_model *process)
{
	uint32_t count = gd_file_count(file, GD_SECTION_GILS);

	process->gils = gd_pool_alloc(pool, count, sizeof(*process->gils));
	if (!process->gils)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct gd_gil_model *gil = &process->gils[i];
		struct gd_gil row;

		gd_file_entry(file, GD_SECTION_GILS, i, &row, sizeof(row));
		gil->takes = row.takes;
		gil->drops = row.drops;
		gil->waits = row.waits;
		gil->forced = row.forced;
		gil->hold_s = gd_clock_span_s(map, row.hold);
		gil->wait_s = gd_clock_span_s(map, row.wait);
		gil->hold_long_s = gd_clock_span_s(map, row.hold_long);
		gil->hold_max_s = max_s(map, row.hold_max);
		gil->wait_max_s = max_s(map, row.wait_max);
		gil->hold_p50_s = gd_hist_percentile(row.hold_hist, 0.5) * map->s_per_tick;
		gil->hold_p99_s = gd_hist_percentile(row.hold_hist, 0.99) * map->s_per_tick;
		gil->wait_p50_s = gd_hist_percentile(row.wait_hist, 0.5) * map->s_per_tick;
		gil->wait_p99_s = gd_hist_percentile(row.wait_hist, 0.99) * map->s_per_tick;
		gil->is_alive = row.alive != 0;
		gil->holder_count = load_holders(row.holders, row.holder_hold, GD_GIL_HOLDERS, map,
						 places, gil->holders);
		if (row.holder && row.taken) {
			double open_s = process->end_s - gd_clock_at_s(map, row.taken);

			gil->hold_s += open_s > 0 ? open_s : 0;
		}
	}
	process->gil_count = count;
	return 0;
}

/* Something of the process's locks was not seen; whose it was, nobody knows. */
static bool has_gaps(const struct gd_process_model *process)
{
	return process->lost_rows[GD_SECTION_LOCKS] || process->lost[GD_LOST_THREADS] ||
	       process->lost[GD_LOST_NESTED];
}

static bool has_holder(uint32_t cause)
{
	return cause != GD_CAUSE_COND && cause != GD_CAUSE_BARRIER;
}

static struct gd_lock_model load_lock(const struct gd_lock *row, const struct gd_clock_map *map,
				      struct gd_places *places,
				      const struct gd_process_model *process)
{
	struct gd_lock_model lock = {
		.pid = process->pid,
		.key = row->key,
		.cause = row->cause,
		.waits = row->waits,
		.timeouts = row->timeouts,
		.released = row->released,
		.posted = row->posted,
		.unbounded = row->unbounded,
		.waiting = row->queue.count,
		.is_exact = !row->unbounded && !row->queue.count && !has_gaps(process),
		.wait_s = gd_clock_span_s(map, row->wait),
		.wait_max_s = max_s(map, row->wait_max),
		.hold_s = gd_clock_span_s(map, row->hold),
		.hold_max_s = max_s(map, row->hold_max),
		.place = gd_places_of_site(places, row->site),
		.variable = gd_places_of_variable(places, row->key),
	};

	if (!has_holder(row->cause) || (row->released && row->unbounded == row->released))
		lock.hold_s = lock.hold_max_s = NAN;
	lock.holder_count = load_holders(row->holders, row->holder_hold, GD_LOCK_HOLDERS, map,
					 places, lock.holders);
	return lock;
}

int gd_load_locks(const struct gd_file *file, struct gd_pool *pool, const struct gd_clock_map *map,
		  struct gd_places *places, struct gd_process_model *process)
{
	uint32_t count = gd_file_count(file, GD_SECTION_LOCKS);

	process->locks = gd_pool_alloc(pool, count, sizeof(*process->locks));
	if (!process->locks)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct gd_lock row;

		gd_file_entry(file, GD_SECTION_LOCKS, i, &row, sizeof(row));
		if ((row.waits || row.queue.count) && row.cause < GD_CAUSE_COUNT)
			process->locks[process->lock_count++] =
				load_lock(&row, map, places, process);
	}
	return 0;
}

int gd_load_pipes(const struct gd_file *file, struct gd_pool *pool, const struct gd_clock_map *map,
		  struct gd_process_model *process)
{
	uint32_t count = gd_file_count(file, GD_SECTION_PIPES);

	process->pipes = gd_pool_alloc(pool, count, sizeof(*process->pipes));
	if (!process->pipes)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct gd_pipe row;

		gd_file_entry(file, GD_SECTION_PIPES, i, &row, sizeof(row));
		process->pipes[i].inode = row.inode;
		process->pipes[i].waits = row.waits;
		process->pipes[i].bytes = row.bytes;
		process->pipes[i].wait_s = gd_clock_span_s(map, row.wait);
	}
	process->pipe_count = count;
	return 0;
}

int gd_load_joints(const struct gd_file *file, struct gd_pool *pool,
		   struct gd_process_model *process)
{
	uint32_t count = gd_file_count(file, GD_SECTION_JOINT);

	process->joints = gd_pool_alloc(pool, count, sizeof(*process->joints));
	if (!process->joints)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct gd_joint_model *joint = &process->joints[process->joint_count];
		struct gd_joint row;
		double n;

		gd_file_entry(file, GD_SECTION_JOINT, i, &row, sizeof(row));
		if (!row.instants)
			continue;
		n = (double)row.instants;
		joint->key = row.key;
		joint->instants = row.instants;
		joint->weight_s = (double)row.weight_ns / 1e9;
		joint->outside_mean = (double)row.outside_sum / n;
		joint->locked_mean = (double)row.locked_sum / n;
		joint->gil_wait_mean = (double)row.gil_wait_sum / n;
		joint->computing_mean = (double)row.computing_sum / n;
		process->joint_count++;
	}
	return 0;
}

int gd_load_modules(const struct gd_file *file, struct gd_pool *pool,
		    struct gd_process_model *process)
{
	uint32_t count = gd_file_count(file, GD_SECTION_MODULES);

	process->modules = gd_pool_alloc(pool, count, sizeof(*process->modules));
	if (!process->modules)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct gd_module_model *module = &process->modules[process->module_count++];
		struct gd_module row;

		gd_file_entry(file, GD_SECTION_MODULES, i, &row, sizeof(row));
		module->start = row.start;
		module->end = row.end;
		module->path = gd_pool_text(pool, row.path, sizeof(row.path));
		if (!module->path)
			return -ENOMEM;
	}
	return 0;
}
