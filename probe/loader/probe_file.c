/* SPDX-License-Identifier: MIT */
/* Rows are gathered first, then written. */
#include "probe_file.h"
#include "parts.h"
#include "python_samples.h"
#include "waits.h"
#include <base/cleanup.h>
#include <clock.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ROWS_MAX      65536
#define ADDRESSES_MAX (ROWS_MAX * (GD_PROBED_STACK_DEPTH + 1))

#define PARTS 14
_Static_assert(PARTS <= GD_PARTS_MAX, "so many have room");

/* A copy of everything, in the recording's own form. */
struct content {
	const struct gd_attached *attached;
	struct gd_probed facts;
	struct gd_rows images, threads, causes, waits, addresses, gils, gil_threads, samples, holds;
	struct gd_rows tasks; /* struct gd_task: that live */
	uint64_t now_ns;
};

/* ---- Gathering ------------------------------------------------------------------------------- */

static struct gd_probed_wait *add_wait(struct content *content, const struct gd_wait_key *key,
				       const struct gd_wait_sums *sums)
{
	struct gd_probed_wait *wait = gd_rows_add(&content->waits, sizeof(*wait), ROWS_MAX);

	if (!wait) {
		content->facts.lost[GD_PROBED_LOST_WAITS]++;
		return NULL;
	}
	*wait = (struct gd_probed_wait){ .image = key->image,
					 .cause = key->cause,
					 .object = key->object,
					 .stack = key->stack < 0 ? 0 : (uint32_t)key->stack + 1,
					 .waker = (int32_t)key->waker,
					 .blocks = sums->blocks,
					 .blocked_ns = sums->blocked_ns,
					 .delay_ns = sums->delay_ns,
					 .blocked_ns_max = sums->blocked_ns_max };
	return wait;
}

/* A block that is open counts until now, as all others do. */
static void close_block(struct content *content, const struct gd_task *task, uint64_t woken_ns,
			struct gd_task_sums *sums)
{
	struct gd_wait_key key = { .image = task->image,
				   .cause = task->cause,
				   .object = task->object,
				   .stack = task->stack };
	struct gd_wait_sums wait = { 1, woken_ns - task->off_ns, content->now_ns - woken_ns,
				     woken_ns - task->off_ns };

	if (gd_has_no_wrapper(task)) {
		sums->causes[task->explained % GD_CAUSE_MAX].explained_ns +=
			content->now_ns - task->off_ns;
		sums->causes[task->explained % GD_CAUSE_MAX].explained_blocks++;
	}
	if (gd_has_no_wrapper(task) || task->cause < GD_CAUSE_INTERNAL)
		add_wait(content, &key, &wait);
}

/* What is open is counted until now; the kernel's numbers may be a moment younger. */
static void close_open(struct content *content, const struct gd_task *task,
		       struct gd_task_sums *sums)
{
	struct gd_probed_sums *cause =
		&sums->causes[task->cause < GD_CAUSE_MAX ? task->cause : GD_PROBED_NO_SLOT];
	uint64_t now_ns = content->now_ns, off_ns = task->off_ns, woken_ns = task->woken_ns;

	if (task->on_ns && now_ns > task->on_ns)
		sums->on_cpu_ns += now_ns - task->on_ns;
	if (!off_ns || now_ns < off_ns)
		return;
	if (!task->state) {
		cause->preempted_ns += now_ns - off_ns;
		return;
	}
	if (!woken_ns || woken_ns > now_ns)
		woken_ns = now_ns;
	else if (woken_ns < off_ns)
		woken_ns = off_ns;
	cause->blocked_ns += woken_ns - off_ns;
	cause->delay_ns += now_ns - woken_ns;
	cause->blocks++;
	close_block(content, task, woken_ns, sums);
}

static void add_causes(struct content *content, uint32_t thread, const struct gd_probed_sums *sums)
{
	static const struct gd_probed_sums nothing;

	for (uint32_t i = 0; i < GD_CAUSE_MAX; i++) {
		struct gd_probed_cause *row;

		if (memcmp(&sums[i], &nothing, sizeof(nothing)) == 0)
			continue;
		row = gd_rows_add(&content->causes, sizeof(*row), (size_t)ROWS_MAX * GD_CAUSE_MAX);
		if (!row) {
			content->facts.lost[GD_PROBED_LOST_THREADS]++;
			return;
		}
		*row = (struct gd_probed_cause){ .thread = thread, .cause = i, .sums = sums[i] };
	}
}

static void add_thread(struct content *content, uint32_t image,
		       const struct gd_ended_thread *thread)
{
	struct gd_probed_thread *row = gd_rows_add(&content->threads, sizeof(*row), ROWS_MAX);

	if (!row) {
		content->facts.lost[GD_PROBED_LOST_THREADS] += thread->threads;
		return;
	}
	*row = (struct gd_probed_thread){ .image = image,
					  .tid = thread->tid,
					  .threads = thread->threads,
					  .life_ns = thread->life_ns,
					  .ended_ns = thread->sums.ended_ns,
					  .on_cpu_ns = thread->sums.on_cpu_ns,
					  .switches = thread->sums.switches,
					  .slots_read = thread->sums.slots_read };
	add_causes(content, (uint32_t)content->threads.count - 1, thread->sums.causes);
}

static void add_living(const void *row, void *arg)
{
	const struct gd_task *task = row;
	struct content *content = arg;
	struct gd_ended_thread thread = { .tid = task->tid, .threads = 1, .sums = task->sums };
	struct gd_task *copy = gd_rows_add(&content->tasks, sizeof(*copy), ROWS_MAX);

	if (copy)
		*copy = *task;
	if (content->now_ns > task->sums.born_ns)
		thread.life_ns = content->now_ns - task->sums.born_ns;
	close_open(content, task, &thread.sums);
	add_thread(content, task->image, &thread);
}

static void gather_ended(struct content *content, const struct gd_book *book)
{
	const struct gd_ended_thread *threads = book->threads.rows;
	struct gd_probed_image *image = gd_rows_add(&content->images, sizeof(*image), ROWS_MAX);

	if (image)
		*image = book->image;
	else
		content->facts.lost[GD_PROBED_LOST_IMAGES]++;
	for (size_t i = 0; i < book->threads.count; i++)
		add_thread(content, book->image.image, &threads[i]);
	if (book->rest)
		add_thread(content, book->image.image, book->rest);
}

static void gather_waits(struct content *content)
{
	int map = bpf_map__fd(content->attached->skeleton->maps.gd_waits);
	struct gd_wait_key key, *before = NULL;
	struct gd_wait_sums sums;

	/* Nothing is ever removed: no key is lost on the way. */
	for (; bpf_map_get_next_key(map, before, &key) == 0; before = &key)
		if (bpf_map_lookup_elem(map, &key, &sums) == 0)
			add_wait(content, &key, &sums);
}

static void add_stack(struct content *content, const uint64_t *addresses, uint32_t *ret_first)
{
	*ret_first = 1 + (uint32_t)content->addresses.count;
	for (unsigned int i = 0; i <= GD_PROBED_STACK_DEPTH; i++) {
		struct gd_probed_address *row =
			gd_rows_add(&content->addresses, sizeof(*row), ADDRESSES_MAX);

		if (!row || i == GD_PROBED_STACK_DEPTH || !addresses[i])
			return;
		row->address = addresses[i];
	}
}

/* Stacks are numbered by their first addresses; the kernel numbers them by hash. */
static void gather_stacks(struct content *content)
{
	int map = bpf_map__fd(content->attached->skeleton->maps.gd_stacks);
	struct gd_probed_wait *waits = content->waits.rows;
	gd_autofree uint32_t *firsts = calloc(
		bpf_map__max_entries(content->attached->skeleton->maps.gd_stacks), sizeof(*firsts));

	for (size_t i = 0; i < content->waits.count; i++) {
		uint64_t addresses[GD_PROBED_STACK_DEPTH] = { 0 };
		uint32_t id = waits[i].stack - 1;

		if (!waits[i].stack)
			continue;
		waits[i].stack = 0;
		if (!firsts)
			continue;
		if (!firsts[id] && bpf_map_lookup_elem(map, &id, addresses) == 0)
			add_stack(content, addresses, &firsts[id]);
		waits[i].stack = firsts[id];
	}
}

static void gather_facts(struct content *content, const struct gd_books *books,
			 uint64_t attached_ns)
{
	const struct gd_attached *attached = content->attached;
	struct gd_probed *facts = &content->facts;
	struct rusage own;

	facts->attached_ns = attached_ns;
	facts->copied_ns = content->now_ns;
	facts->lost[GD_PROBED_LOST_EVENTS] = gd_attach_count(attached, GD_BPF_LOST_EVENTS);
	facts->lost[GD_PROBED_LOST_THREADS] +=
		gd_attach_count(attached, GD_BPF_LOST_THREADS) + books->lost_threads;
	facts->lost[GD_PROBED_LOST_IMAGES] +=
		gd_attach_count(attached, GD_BPF_LOST_IMAGES) + books->lost_images;
	facts->lost[GD_PROBED_LOST_WAITS] += gd_attach_count(attached, GD_BPF_LOST_WAITS);
	facts->lost[GD_PROBED_LOST_STACKS] = gd_attach_count(attached, GD_BPF_LOST_STACKS);
	facts->slots_none = gd_attach_count(attached, GD_BPF_SLOT_NONE);
	facts->slots_faulted = gd_attach_count(attached, GD_BPF_SLOT_FAULT);
	facts->slots_wrong = gd_attach_count(attached, GD_BPF_SLOT_WRONG);
	facts->mended = gd_attach_count(attached, GD_BPF_MENDED);
	facts->dropped = books->dropped;
	facts->small_images = books->small_images;
	facts->small_images_cpu_ns = books->small_cpu_ns;
	facts->small_images_off_ns = books->small_off_ns;
	facts->cpus = books->cpus;
	facts->cpus_online = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	if (getrusage(RUSAGE_SELF, &own) == 0)
		facts->cpu_ns =
			(uint64_t)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) * 1000000000ull +
			(uint64_t)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) * 1000ull;
}

/* -errno where the living cannot be read. */
static int gather(struct content *content, const struct gd_probe_sources *sources)
{
	struct gd_books *books = sources->books;
	struct gd_book *rows;
	int err;

	gd_books_fold(books);
	rows = books->books.rows;
	for (size_t i = 0; i < books->books.count; i++)
		gather_ended(content, &rows[i]);
	err = gd_attach_visit(content->attached, add_living, content);
	gather_waits(content);
	gd_waits_thin_out(&content->waits, books, &content->facts);
	gather_stacks(content);
	gather_facts(content, books, sources->attached_ns);
	content->facts.looks = sources->looks->count;
	return err;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static struct gd_part make_part(uint32_t kind, size_t entry_size, const struct gd_rows *rows)
{
	return (struct gd_part){ kind, (uint32_t)entry_size, rows->rows, rows->count };
}

static int write_content(int folder, struct gd_file_header *header, const struct content *content,
			 const struct gd_probe_sources *sources)
{
	const struct gd_python_stacks *stacks = sources->stacks;
	const struct gd_looks *looks = sources->looks;
	const struct gd_part parts[PARTS] = {
		{ GD_SECTION_PROBED, sizeof(content->facts), &content->facts, 1 },
		make_part(GD_SECTION_PROBED_IMAGES, sizeof(struct gd_probed_image),
			  &content->images),
		make_part(GD_SECTION_PROBED_THREADS, sizeof(struct gd_probed_thread),
			  &content->threads),
		make_part(GD_SECTION_PROBED_CAUSES, sizeof(struct gd_probed_cause),
			  &content->causes),
		make_part(GD_SECTION_PROBED_WAITS, sizeof(struct gd_probed_wait), &content->waits),
		make_part(GD_SECTION_PROBED_STACKS, sizeof(struct gd_probed_address),
			  &content->addresses),
		make_part(GD_SECTION_PROBED_GILS, sizeof(struct gd_probed_gil), &content->gils),
		make_part(GD_SECTION_PROBED_GIL_THREADS, sizeof(struct gd_probed_gil_thread),
			  &content->gil_threads),
		make_part(GD_SECTION_PROBED_SAMPLES, sizeof(struct gd_probed_sample),
			  &content->samples),
		make_part(GD_SECTION_PROBED_HOLDS, sizeof(struct gd_probed_hold), &content->holds),
		{ GD_SECTION_JOINT, sizeof(looks->cells[0]), looks->cells, looks->section.used },
		make_part(GD_SECTION_STRINGS, 1, &stacks->texts),
		make_part(GD_SECTION_FRAMES, sizeof(struct gd_frame), &stacks->frames),
		make_part(GD_SECTION_STACKS, sizeof(struct gd_stack), &stacks->stacks),
	};

	return gd_parts_write(folder, header, parts);
}

int gd_probe_file_write(int folder, const struct gd_probe_sources *sources, bool is_over)
{
	struct content content = { .attached = sources->attached,
				   .now_ns = gd_clock_ns(CLOCK_MONOTONIC) };
	struct gd_file_header header = { .magic = GD_MAGIC,
					 .abi_major = GD_ABI_MAJOR,
					 .abi_minor = GD_ABI_MINOR,
					 .header_size = sizeof(header),
					 .section_count = PARTS,
					 .arch = GD_ARCH_X86_64,
					 .writer = GD_WRITER_PROBE,
					 .state = is_over ? GD_STATE_CLOSED : GD_STATE_OPEN,
					 .pid = (int32_t)getpid(),
					 .start_ns = sources->attached_ns,
					 .start_realtime_ns =
						 gd_clock_ns(CLOCK_REALTIME) -
						 (content.now_ns - sources->attached_ns),
					 .copied_ns = content.now_ns };
	int err = gather(&content, sources);

	content.facts.lost[GD_PROBED_LOST_GILS] =
		gd_present_gather(sources->presents, ROWS_MAX, &content.gils, &content.gil_threads);
	content.facts.lost[GD_PROBED_LOST_SAMPLES] = gd_python_samples_gather(
		sources->stacks, &content.tasks, content.now_ns, ROWS_MAX, &content.samples);
	content.facts.lost[GD_PROBED_LOST_SAMPLES] += sources->presents->lost;
	content.facts.lost[GD_PROBED_LOST_HOLDS] =
		gd_holds_gather(sources->holds, ROWS_MAX, &content.holds);
	content.facts.slots_pinned = sources->pins->threads;
	content.facts.sees_holds = sources->holds->skeleton != NULL;
	if (!err)
		err = write_content(folder, &header, &content, sources);
	free(content.images.rows);
	free(content.threads.rows);
	free(content.causes.rows);
	free(content.waits.rows);
	free(content.addresses.rows);
	free(content.gils.rows);
	free(content.gil_threads.rows);
	free(content.samples.rows);
	free(content.holds.rows);
	free(content.tasks.rows);
	return err;
}
