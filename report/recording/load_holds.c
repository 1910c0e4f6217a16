/* SPDX-License-Identifier: MIT */
/* Holds of locks that others waited for, by the eBPF probe's word. */
#include "load_parts.h"

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* A hostile file's parts may be more than the whole. */
static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static struct gd_lock_model *find_lock(const struct gd_process_model *process,
				       const struct gd_probed_hold *row)
{
	for (size_t i = 0; i < process->lock_count; i++)
		if (process->locks[i].key == row->object && process->locks[i].cause == row->cause)
			return &process->locks[i];
	return NULL;
}

void gd_load_holds(const struct gd_file *file, uint32_t image, struct gd_process_model *process)
{
	uint32_t count = gd_file_count(file, GD_SECTION_PROBED_HOLDS);

	for (uint32_t i = 0; i < count; i++) {
		struct gd_probed_hold row;
		struct gd_lock_model *lock;

		gd_file_entry(file, GD_SECTION_PROBED_HOLDS, i, &row, sizeof(row));
		lock = row.image == image ? find_lock(process, &row) : NULL;
		if (!lock)
			continue;
		lock->seen.holds += row.holds;
		row.split_ns = least(row.split_ns, row.hold_ns);
		row.cpu_ns = least(row.cpu_ns, row.split_ns);
		row.queued_ns = least(row.queued_ns, row.split_ns - row.cpu_ns);
		lock->seen.hold_s += seconds(row.hold_ns);
		lock->seen.split_s += seconds(row.split_ns);
		lock->seen.cpu_s += seconds(row.cpu_ns);
		lock->seen.queued_s += seconds(row.queued_ns);
		lock->seen.blocked_s += seconds(row.split_ns - row.cpu_ns - row.queued_ns);
	}
}
