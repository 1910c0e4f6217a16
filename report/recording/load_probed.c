/* SPDX-License-Identifier: MIT */
/*
 * The probe numbers programs (images): a process has one more after each exec.  The agent woke in
 * one of them: by PID and time that one's rows are its process's.
 */
#include "load_probed.h"
#include "load_parts.h"
#include "load_probed_gil.h"
#include "load_tree.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct owner {
	struct gd_scheduled *process, *thread; /* NULL: nobody's */
};

struct load {
	const struct gd_file *file;
	struct gd_session_model *session;
	struct gd_pool *pool;
	struct gd_probed facts;
	double copied_s;
	bool is_alone; /* there is no agent's file */
	uint32_t image_count;
	/* By row of the image's section. */
	uint32_t *images;                    /* its number */
	struct gd_process_model **processes; /* NULL: no agent woke in it */
	/* By row of the threads' section: whose sums they are. */
	struct owner *owners;
};

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* ---- Programs -------------------------------------------------------------------------------- */

static struct gd_process_model *find_process(const struct load *load,
					     const struct gd_probed_image *image)
{
	for (size_t i = 0; i < load->session->process_count; i++) {
		struct gd_process_model *process = &load->session->processes[i];

		if (process->pid == image->pid && !process->scheduled &&
		    process->start_s >= seconds(image->start_ns) &&
		    (!image->end_ns || process->start_s <= seconds(image->end_ns)))
			return process;
	}
	return NULL;
}

/* Such time stays unseen. */
static void doubt(struct gd_scheduled *scheduled)
{
	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++) {
		if (!GD_PROBED_IS_DOUBTFUL(cause))
			continue;
		scheduled->explained_s[0] += scheduled->explained_s[cause];
		scheduled->explained_s[cause] = 0;
	}
}

/* What an agent would have said, as far as the scheduler can. */
static void fill_times(struct gd_times *times, struct gd_scheduled *scheduled)
{
	doubt(scheduled);
	times->life_s = scheduled->life_s;
	times->cpu_s = scheduled->on_cpu_s;
	times->cause_s[GD_CAUSE_CPU_FREE] = scheduled->life_s;
	times->off_in_s[1] = fmax(0, scheduled->life_s - scheduled->on_cpu_s);
	for (unsigned int cause = 0; cause < GD_CAUSE_MAX; cause++)
		times->run_delay_s += scheduled->delay_s[cause] + scheduled->preempted_s[cause];
}

static uint32_t count_threads(const struct load *load, uint32_t image)
{
	uint32_t count = gd_file_count(load->file, GD_SECTION_PROBED_THREADS), found = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct gd_probed_thread row;

		gd_file_entry(load->file, GD_SECTION_PROBED_THREADS, i, &row, sizeof(row));
		found += row.image == image;
	}
	return found;
}

/* "3.11", as far as anybody looked; NULL: no memory. */
static const char *version_of(const struct load *load, const struct gd_probed_image *image)
{
	unsigned int version = GD_PROBED_VERSION(image->flags);
	char text[16] = "";

	if (version)
		snprintf(text, sizeof(text), "%u.%u", version >> 8, version & 0xff);
	return gd_pool_text(load->pool, text, sizeof(text));
}

/* A process of an image that no agent woke in. */
static int add_process(struct load *load, const struct gd_probed_image *image,
		       struct gd_process_model **ret_process)
{
	struct gd_process_model *process =
		&load->session->processes[load->session->process_count++];
	uint32_t threads = count_threads(load, image->image);
	bool is_python = image->flags & GD_PROBED_PYTHON;

	process->pid = image->pid;
	process->ppid = image->ppid;
	process->command = gd_pool_text(load->pool, image->command, sizeof(image->command));
	process->script = "";
	process->runtime_version = version_of(load, image);
	process->runtime = is_python ? "CPython" : "";
	process->gil_state = is_python ? GD_GIL_UNKNOWN : GD_GIL_NONE;
	process->has_no_agent = process->clock_is_tsc = true;
	process->cpus = load->facts.cpus;
	process->cpus_online = load->facts.cpus_online;
	process->is_complete = image->end_ns != 0;
	process->start_s = seconds(image->start_ns);
	process->end_s =
		image->end_ns ? fmax(process->start_s, seconds(image->end_ns)) : load->copied_s;
	process->life_s = process->end_s - process->start_s;
	process->steady_s = NAN;
	process->started_epoch_s = seconds(load->file->header->start_realtime_ns);
	process->threads = gd_pool_alloc(load->pool, threads, sizeof(*process->threads));
	*ret_process = process;
	return process->command && process->threads && process->runtime_version ? 0 : -ENOMEM;
}

static struct gd_thread_model *add_thread(struct gd_process_model *process,
					  const struct gd_probed_thread *row)
{
	struct gd_thread_model *thread = &process->threads[process->thread_count++];

	thread->tid = row->tid;
	thread->name = "";
	thread->is_main = row->tid == process->pid;
	thread->has_ended = row->ended_ns != 0;
	thread->threads = row->threads;
	return thread;
}

static int load_images(struct load *load)
{
	load->image_count = gd_file_count(load->file, GD_SECTION_PROBED_IMAGES);
	load->images = gd_pool_alloc(load->pool, load->image_count, sizeof(*load->images));
	load->processes = gd_pool_alloc(load->pool, load->image_count, sizeof(*load->processes));
	if (load->is_alone)
		load->session->processes = gd_pool_alloc(load->pool, load->image_count,
							 sizeof(*load->session->processes));
	if (!load->images || !load->processes || !load->session->processes)
		return -ENOMEM;
	for (uint32_t i = 0; i < load->image_count; i++) {
		struct gd_probed_image row;
		struct gd_process_model *process;

		gd_file_entry(load->file, GD_SECTION_PROBED_IMAGES, i, &row, sizeof(row));
		load->images[i] = row.image;
		process = load->is_alone ? NULL : find_process(load, &row);
		if (load->is_alone && add_process(load, &row, &process) != 0)
			return -ENOMEM;
		if (!process)
			continue;
		process->scheduled = gd_pool_alloc(load->pool, 1, sizeof(*process->scheduled));
		if (!process->scheduled)
			return -ENOMEM;
		load->processes[i] = process;
	}
	return 0;
}

static struct gd_process_model *process_of(const struct load *load, uint32_t image)
{
	for (uint32_t i = 0; i < load->image_count; i++)
		if (load->images[i] == image)
			return load->processes[i];
	return NULL;
}

/* ---- Threads --------------------------------------------------------------------------------- */

static void add_life(struct gd_scheduled *to, const struct gd_probed_thread *row, double copied_s)
{
	to->life_s += seconds(row->life_ns);
	to->end_s = fmax(to->end_s, row->ended_ns ? seconds(row->ended_ns) : copied_s);
	to->on_cpu_s += seconds(row->on_cpu_ns);
	to->switches += row->switches;
	to->slots_read += row->slots_read;
}

static void add_cause(struct gd_scheduled *to, const struct gd_probed_cause *row)
{
	const struct gd_probed_sums *sums = &row->sums;

	if (!to)
		return;
	to->blocked_s[row->cause] += seconds(sums->blocked_ns);
	to->delay_s[row->cause] += seconds(sums->delay_ns);
	to->preempted_s[row->cause] += seconds(sums->preempted_ns);
	to->explained_s[row->cause] += seconds(sums->explained_ns);
	to->explained_blocks[row->cause] += sums->explained_blocks;
	to->blocks[row->cause] += sums->blocks;
	for (unsigned int k = 0; k < GD_WOKEN_COUNT; k++)
		to->woken_by[k][row->cause] += sums->woken_by[k];
}

/* A number may have been given to several threads, one after the other: the first is not taken. */
static struct gd_thread_model *find_thread(struct gd_process_model *process, int32_t tid)
{
	for (size_t i = 0; tid && i < process->thread_count; i++)
		if (process->threads[i].tid == tid && !process->threads[i].scheduled)
			return &process->threads[i];
	return NULL;
}

static int load_threads(struct load *load)
{
	uint32_t count = gd_file_count(load->file, GD_SECTION_PROBED_THREADS);

	load->owners = gd_pool_alloc(load->pool, count, sizeof(*load->owners));
	if (!load->owners)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct gd_probed_thread row;
		struct gd_process_model *process;
		struct gd_thread_model *thread;

		gd_file_entry(load->file, GD_SECTION_PROBED_THREADS, i, &row, sizeof(row));
		process = process_of(load, row.image);
		if (!process)
			continue;
		load->owners[i].process = process->scheduled;
		add_life(process->scheduled, &row, load->copied_s);
		thread = load->is_alone ? add_thread(process, &row) : find_thread(process, row.tid);
		if (!thread)
			continue;
		thread->scheduled = gd_pool_alloc(load->pool, 1, sizeof(*thread->scheduled));
		if (!thread->scheduled)
			return -ENOMEM;
		load->owners[i].thread = thread->scheduled;
		add_life(thread->scheduled, &row, load->copied_s);
	}
	return 0;
}

static void load_causes(const struct load *load)
{
	uint32_t count = gd_file_count(load->file, GD_SECTION_PROBED_CAUSES);
	uint32_t threads = gd_file_count(load->file, GD_SECTION_PROBED_THREADS);

	for (uint32_t i = 0; i < count; i++) {
		struct gd_probed_cause row;

		gd_file_entry(load->file, GD_SECTION_PROBED_CAUSES, i, &row, sizeof(row));
		if (row.thread >= threads || row.cause >= GD_CAUSE_MAX)
			continue;
		add_cause(load->owners[row.thread].process, &row);
		add_cause(load->owners[row.thread].thread, &row);
	}
}

/* Where there is no agent the scheduler's sums are the threads' times. */
static void fill_processes(const struct load *load)
{
	for (uint32_t i = 0; load->is_alone && i < load->image_count; i++) {
		struct gd_process_model *process = load->processes[i];

		for (size_t k = 0; k < process->thread_count; k++)
			fill_times(&process->threads[k].times, process->threads[k].scheduled);
		doubt(process->scheduled);
	}
}

/* ---- The probe itself ------------------------------------------------------------------------ */

static int load_facts(struct load *load)
{
	struct gd_probe_model *probe = gd_pool_alloc(load->pool, 1, sizeof(*probe));
	struct gd_probed row;

	if (!probe)
		return -ENOMEM;
	gd_file_entry(load->file, GD_SECTION_PROBED, 0, &row, sizeof(row));
	load->facts = row;
	probe->attached_s = seconds(row.attached_ns);
	probe->cpu_s = seconds(row.cpu_ns);
	probe->is_complete = load->file->header->state == GD_STATE_CLOSED;
	memcpy(probe->lost, row.lost, sizeof(probe->lost));
	probe->slots_none = row.slots_none;
	probe->slots_faulted = row.slots_faulted;
	probe->slots_wrong = row.slots_wrong;
	probe->slots_pinned = row.slots_pinned;
	probe->dropped = row.dropped;
	probe->mended = row.mended;
	probe->sees_holds = row.sees_holds != 0;
	probe->small_processes = row.small_images;
	probe->small_cpu_s = seconds(row.small_images_cpu_ns);
	probe->small_off_s = seconds(row.small_images_off_ns);
	probe->small_blocks = row.small_waits;
	probe->small_blocks_s = seconds(row.small_waits_ns);
	load->session->probe = probe;
	return 0;
}

/* What an interpreter did that no agent is in. */
static int load_python(const struct load *load)
{
	struct gd_places *places;
	int err = gd_load_places(load->file, load->pool, &places);

	for (uint32_t i = 0; !err && i < load->image_count; i++) {
		err = gd_load_probed_gil(load->file, load->pool, load->images[i], load->copied_s,
					 load->facts.lost[GD_PROBED_LOST_GILS], load->processes[i]);
		if (!err)
			err = gd_load_probed_samples(load->file, load->pool, places,
						     load->images[i], load->processes[i]);
	}
	return err;
}

int gd_load_probed(int folder, struct gd_session_model *session)
{
	struct load load = { .session = session,
			     .pool = session->pool,
			     .is_alone = session->process_count == 0 };
	struct gd_file file;
	uint32_t stacks = 0;
	int err;

	if (gd_file_open(folder, GD_SESSION_PROBE, GD_SESSION_PROBE, &file, NULL) != 0)
		return 0;
	load.file = &file;
	load.copied_s = seconds(file.header->copied_ns);
	if (file.header->writer != GD_WRITER_PROBE) {
		gd_file_close(&file);
		return 0;
	}
	err = load_facts(&load);
	if (!err)
		err = load_images(&load);
	if (!err)
		err = load_threads(&load);
	if (!err) {
		load_causes(&load);
		fill_processes(&load);
	}
	if (!err && load.is_alone)
		err = load_python(&load);
	if (!err && load.is_alone)
		err = gd_load_probed_picture(&file, load.facts.looks, session);
	for (uint32_t i = 0; !err && i < load.image_count; i++) {
		if (!load.processes[i])
			continue;
		gd_load_holds(&file, load.images[i], load.processes[i]);
		err = gd_load_blocks(&file, load.pool, load.images[i], &stacks, load.processes[i]);
	}
	gd_file_close(&file);
	return err;
}
