/* SPDX-License-Identifier: MIT */
/* Arrays one behind the other; sums added up. */
#include "merge.h"
#include <errno.h>
#include <math.h>
#include <string.h>

/* A process may have none, and no table then. */
static void append(void *list, size_t *count, const void *more, size_t more_count,
		   size_t size_bytes)
{
	if (more_count)
		memcpy((char *)list + *count * size_bytes, more, more_count * size_bytes);
	*count += more_count;
}

static int join_arrays(const struct gd_session_model *session, struct gd_process_model *merged)
{
	size_t threads = 0, locks = 0, sampled = 0, blocks = 0;

	for (size_t i = 0; i < session->process_count; i++) {
		threads += session->processes[i].thread_count;
		locks += session->processes[i].lock_count;
		sampled += session->processes[i].sampled_count;
		blocks += session->processes[i].block_count;
	}
	merged->threads = gd_pool_alloc(session->pool, threads, sizeof(*merged->threads));
	merged->locks = gd_pool_alloc(session->pool, locks, sizeof(*merged->locks));
	merged->sampled = gd_pool_alloc(session->pool, sampled, sizeof(*merged->sampled));
	merged->blocks = gd_pool_alloc(session->pool, blocks, sizeof(*merged->blocks));
	if (!merged->threads || !merged->locks || !merged->sampled || !merged->blocks)
		return -ENOMEM;
	merged->thread_count = merged->lock_count = merged->sampled_count = 0;
	merged->block_count = 0;
	for (size_t i = 0; i < session->process_count; i++) {
		const struct gd_process_model *one = &session->processes[i];

		append(merged->threads, &merged->thread_count, one->threads, one->thread_count,
		       sizeof(*one->threads));
		append(merged->locks, &merged->lock_count, one->locks, one->lock_count,
		       sizeof(*one->locks));
		append(merged->sampled, &merged->sampled_count, one->sampled, one->sampled_count,
		       sizeof(*one->sampled));
		append(merged->blocks, &merged->block_count, one->blocks, one->block_count,
		       sizeof(*one->blocks));
	}
	return 0;
}

/* From outside the GIL is seen in one process at most: what the others do with theirs counts, too. */
static void merge_outside(const struct gd_session_model *session, struct gd_process_model *merged)
{
	double cpu_s = 0, unknown_s = 0;

	merged->has_no_agent = session->processes[0].has_no_agent;
	for (size_t i = 0; i < session->process_count; i++) {
		const struct gd_process_model *one = &session->processes[i];

		cpu_s += one->scheduled ? one->scheduled->on_cpu_s : 0;
		if (one->scheduled && one->gil_state == GD_GIL_UNKNOWN)
			unknown_s += one->scheduled->on_cpu_s;
	}
	if (merged->has_no_agent && unknown_s >= 0.2 * cpu_s)
		merged->gil_state = GD_GIL_UNKNOWN;
}

/* What the scheduler saw of all of them; NULL where there was no probe. */
static int join_scheduled(const struct gd_session_model *session, struct gd_process_model *merged)
{
	struct gd_scheduled *sum = gd_pool_alloc(session->pool, 1, sizeof(*sum));

	if (!sum)
		return -ENOMEM;
	for (size_t i = 0; i < session->process_count; i++) {
		const struct gd_scheduled *one = session->processes[i].scheduled;

		for (unsigned int cause = 0; one && cause < GD_CAUSE_MAX; cause++) {
			sum->explained_s[cause] += one->explained_s[cause];
			sum->explained_blocks[cause] += one->explained_blocks[cause];
		}
	}
	merge_outside(session, merged);
	merged->scheduled = session->probe ? sum : NULL;
	return 0;
}

static void join_sums(const struct gd_session_model *session, struct gd_process_model *merged)
{
	double born_s = INFINITY;

	merged->threads_born = merged->pipe_bytes = 0;
	memset(merged->lost, 0, sizeof(merged->lost));
	memset(merged->lost_rows, 0, sizeof(merged->lost_rows));
	for (size_t i = 0; i < session->process_count; i++) {
		const struct gd_process_model *one = &session->processes[i];

		born_s = fmin(born_s, one->end_s - one->life_s);
		merged->start_s = fmin(merged->start_s, one->start_s);
		merged->end_s = fmax(merged->end_s, one->end_s);
		merged->threads_born += one->threads_born;
		merged->pipe_bytes += one->pipe_bytes;
		merged->is_complete = merged->is_complete && one->is_complete;
		merged->was_collected = merged->was_collected || one->was_collected;
		merged->throttled_s = fmax(merged->throttled_s, one->throttled_s);
		merged->sampler_cpu_s = fmax(merged->sampler_cpu_s, one->sampler_cpu_s);
		merged->flags |= one->flags & (GD_FLAG_SECCOMP | GD_FLAG_NO_SAMPLER);
		for (unsigned int k = 0; k < GD_LOST_COUNT; k++)
			merged->lost[k] += one->lost[k];
		for (unsigned int k = 1; k < GD_SECTION_COUNT; k++)
			merged->lost_rows[k] += one->lost_rows[k];
	}
	merged->life_s = merged->end_s - born_s;
}

int gd_merge(const struct gd_session_model *session, const struct gd_process_model *main,
	     struct gd_process_model *ret_merged)
{
	struct gd_process_model merged = *main;
	int err = join_arrays(session, &merged);

	if (!err)
		err = join_scheduled(session, &merged);
	if (err)
		return err;
	join_sums(session, &merged);
	merged.joints = session->tree ? session->tree->joints : NULL;
	merged.joint_count = session->tree ? session->tree->joint_count : 0;
	merged.samples = session->tree ? session->tree->samples : 0;
	*ret_merged = merged;
	return 0;
}
