/* SPDX-License-Identifier: MIT */
/* Where threads waited that no agent was in, by the eBPF probe's Python stacks. */
#include "load_parts.h"
#include <errno.h>

/* What a system call waits for may have no name: it is a wait all the same. */
static uint32_t cause_of(const struct gd_probed_sample *row)
{
	return row->cause > GD_CAUSE_CPU_FREE && row->cause < GD_CAUSE_COUNT ? row->cause
									     : GD_CAUSE_OTHER;
}

static size_t count_of(const struct gd_file *file, uint32_t image)
{
	uint32_t count = gd_file_count(file, GD_SECTION_PROBED_SAMPLES);
	struct gd_probed_sample row;
	size_t own = 0;

	for (uint32_t i = 0; i < count; i++) {
		gd_file_entry(file, GD_SECTION_PROBED_SAMPLES, i, &row, sizeof(row));
		own += row.image == image;
	}
	return own;
}

int gd_load_probed_samples(const struct gd_file *file, struct gd_pool *pool,
			   struct gd_places *places, uint32_t image,
			   struct gd_process_model *process)
{
	uint32_t count = gd_file_count(file, GD_SECTION_PROBED_SAMPLES);
	size_t own = count_of(file, image);

	process->sampled = gd_pool_alloc(pool, own, sizeof(*process->sampled));
	if (!process->sampled)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct gd_sample_model sample = { .stack = NULL };
		struct gd_probed_sample row;

		gd_file_entry(file, GD_SECTION_PROBED_SAMPLES, i, &row, sizeof(row));
		if (row.image == image)
			sample.stack = gd_places_stack(places, row.stack);
		if (!sample.stack || !sample.stack->count)
			continue;
		sample.cause = cause_of(&row);
		sample.weight_s = (double)row.waited_ns / 1e9;
		sample.samples = row.samples;
		process->sampled[process->sampled_count++] = sample;
	}
	return 0;
}
