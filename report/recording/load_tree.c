/* SPDX-License-Identifier: MIT */
/* The sampler saw all processes at one instant; the pipes' inodes tell whose ends meet. */
#include "load_tree.h"
#include "load_parts.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- The sampler's file ---------------------------------------------------------------------- */

static int load_shorts(const struct gd_file *file, struct gd_session_model *session)
{
	uint32_t count = gd_file_count(file, GD_SECTION_SHORTS);

	session->shorts = gd_pool_alloc(session->pool, count, sizeof(*session->shorts));
	if (!session->shorts)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct gd_short_model *one = &session->shorts[session->short_count];
		struct gd_short row;

		gd_file_entry(file, GD_SECTION_SHORTS, i, &row, sizeof(row));
		if (row.end_ns < file->since_ns)
			continue;
		one->pid = row.pid;
		one->ppid = row.ppid;
		one->start_s = (double)row.start_ns / 1e9;
		one->end_s = (double)row.end_ns / 1e9;
		one->became_another = row.end == GD_END_EXEC;
		one->has_exit_code = row.end == GD_END_EXIT;
		one->exit_code = row.exit_code;
		one->cpu_s = (double)row.cpu_ns / 1e9;
		one->children_cpu_s = (double)row.children_cpu_ns / 1e9;
		one->children_reaped = row.children_reaped;
		one->command = gd_pool_text(session->pool, row.command, sizeof(row.command));
		if (!one->command)
			return -ENOMEM;
		session->short_count++;
	}
	return 0;
}

int gd_load_tree(int folder, const struct gd_window *window, struct gd_session_model *session)
{
	struct gd_process_model *tree;
	struct gd_clock_map no_clock = { .s_per_tick = 1e-9 };
	struct gd_process row;
	struct gd_file file;
	int err;

	if (gd_window_open(folder, GD_SESSION_TREE, GD_SESSION_TREE, window, &file, NULL) != 0)
		return 0;
	tree = gd_pool_alloc(session->pool, 1, sizeof(*tree));
	err = tree ? gd_load_joints(&file, session->pool, tree) : -ENOMEM;
	if (!err)
		err = load_shorts(&file, session);
	if (!err)
		err = gd_load_pipes(&file, session->pool, &no_clock, tree);
	session->has_sampler_seen = !err && (tree->joint_count || session->short_count);
	if (!err && tree->joint_count) {
		gd_file_entry(&file, GD_SECTION_PROCESS, 0, &row, sizeof(row));
		tree->samples = row.samples;
		session->tree = tree;
	}
	gd_file_close(&file);
	return err;
}

int gd_load_probed_picture(const struct gd_file *file, uint64_t looks,
			   struct gd_session_model *session)
{
	struct gd_process_model *tree = gd_pool_alloc(session->pool, 1, sizeof(*tree));
	int err = tree ? gd_load_joints(file, session->pool, tree) : -ENOMEM;

	if (err || !tree->joint_count)
		return err;
	tree->samples = looks;
	session->tree = tree;
	return 0;
}

/* ---- Pipes ----------------------------------------------------------------------------------- */

struct end {
	uint64_t inode;
	size_t process;
};

static int compare_ends(const void *a, const void *b)
{
	const struct end *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return (x->process > y->process) - (x->process < y->process);
}

/* It became a program that nobody follows, whose pipes they are since. */
static bool has_left(const struct gd_session_model *session, size_t index)
{
	const struct gd_process_model *process = &session->processes[index];

	for (size_t i = 0; i < session->process_count; i++)
		if (i != index && session->processes[i].pid == process->pid &&
		    session->processes[i].start_s >= process->start_s)
			return false;
	for (size_t i = 0; i < session->short_count; i++)
		if (session->shorts[i].pid == process->pid)
			return false;
	return process->became_another;
}

/* All ends of all processes, sorted by inode. */
static struct end *list_ends(const struct gd_session_model *session, size_t *ret_count)
{
	struct end *ends;
	size_t count = 0;

	for (size_t i = 0; i < session->process_count; i++)
		count += session->processes[i].pipe_count;
	count += session->tree ? session->tree->pipe_count : 0;
	ends = gd_pool_alloc(session->pool, count, sizeof(*ends));
	if (!ends)
		return NULL;
	*ret_count = 0;
	for (size_t i = 0; i < session->process_count; i++)
		for (size_t k = 0; k < session->processes[i].pipe_count && !has_left(session, i);
		     k++)
			ends[(*ret_count)++] =
				(struct end){ session->processes[i].pipes[k].inode, i };
	/* The sampler saw ends of processes that are gone without a file too. */
	for (size_t k = 0; session->tree && k < session->tree->pipe_count; k++)
		ends[(*ret_count)++] =
			(struct end){ session->tree->pipes[k].inode, session->process_count };
	if (*ret_count)
		qsort(ends, *ret_count, sizeof(*ends), compare_ends);
	return ends;
}

/* Does another process than this one have an end of it? */
static bool is_shared(const struct end *ends, size_t count, uint64_t inode, size_t process)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ends[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < count && ends[low].inode == inode; low++)
		if (ends[low].process != process)
			return true;
	return false;
}

static void move_share(struct gd_times *times, double share)
{
	uint64_t count = (uint64_t)((double)times->count[GD_CAUSE_PIPE] * share);

	times->cause_s[GD_CAUSE_INTERNAL] += share * times->cause_s[GD_CAUSE_PIPE];
	times->cause_s[GD_CAUSE_PIPE] *= 1 - share;
	times->cpu_in_s[GD_CAUSE_INTERNAL] += share * times->cpu_in_s[GD_CAUSE_PIPE];
	times->cpu_in_s[GD_CAUSE_PIPE] *= 1 - share;
	times->count[GD_CAUSE_INTERNAL] += count;
	times->count[GD_CAUSE_PIPE] -= count;
}

int gd_load_join_pipes(struct gd_session_model *session)
{
	size_t count;
	struct end *ends = list_ends(session, &count);

	if (!ends)
		return -ENOMEM;
	for (size_t i = 0; i < session->process_count; i++) {
		struct gd_process_model *process = &session->processes[i];
		double all_s = 0, inside_s = 0;

		for (size_t k = 0; k < process->pipe_count; k++) {
			all_s += process->pipes[k].wait_s;
			if (is_shared(ends, count, process->pipes[k].inode, i))
				inside_s += process->pipes[k].wait_s;
		}
		for (size_t k = 0; all_s > 0 && k < process->thread_count; k++)
			move_share(&process->threads[k].times, inside_s / all_s);
		for (size_t k = 0; all_s > 0 && k < process->sampled_count; k++)
			if (process->sampled[k].cause == GD_CAUSE_PIPE && inside_s > 0.5 * all_s)
				process->sampled[k].cause = GD_CAUSE_INTERNAL;
	}
	return 0;
}
