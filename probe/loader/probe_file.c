/* SPDX-License-Identifier: MIT */
/*
 * Rows are gathered first, then written: a new file each time, renamed over the old one, as the
 * sampler's are.
 */
#include "probe_file.h"
#include <base/cleanup.h>
#include <clock.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ROWS_MAX 65536

/* A copy of everything, in the recording's own form. */
struct content {
	const struct gd_attached *attached;
	struct gd_probed facts;
	struct gd_rows threads, waits, stacks, gils, gil_threads;
	uint64_t now_ns;
};

/* ---- Gathering ------------------------------------------------------------------------------- */

static bool has_no_wrapper(const struct gd_task *task)
{
	return task->cause <= GD_CAUSE_CPU_FREE || task->cause == GD_PROBED_NO_SLOT;
}

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
			struct gd_probed_sums *sums)
{
	struct gd_wait_key key = { .image = task->image,
				   .cause = task->cause,
				   .object = task->object,
				   .stack = task->stack };
	struct gd_wait_sums wait = { 1, woken_ns - task->off_ns, content->now_ns - woken_ns,
				     woken_ns - task->off_ns };

	if (has_no_wrapper(task))
		sums->causes[task->explained % GD_CAUSE_MAX].explained_ns +=
			content->now_ns - task->off_ns;
	if (has_no_wrapper(task) || task->cause < GD_CAUSE_INTERNAL)
		add_wait(content, &key, &wait);
}

/* What is open is counted until now; the kernel's numbers may be a moment younger. */
static void close_open(struct content *content, const struct gd_task *task,
		       struct gd_probed_sums *sums)
{
	struct gd_probed_cause *cause =
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

static void add_thread(const struct gd_task *task, void *arg)
{
	struct content *content = arg;
	struct gd_probed_thread *thread = gd_rows_add(&content->threads, sizeof(*thread), ROWS_MAX);

	if (!thread) {
		content->facts.lost[GD_PROBED_LOST_THREADS]++;
		return;
	}
	thread->image = task->image;
	thread->tid = task->tid;
	thread->sums = task->sums;
	close_open(content, task, &thread->sums);
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

/* Stacks get the numbers of their rows; the kernel numbers them by hash. */
static void gather_stacks(struct content *content)
{
	int map = bpf_map__fd(content->attached->skeleton->maps.gd_stacks);
	struct gd_probed_wait *waits = content->waits.rows;
	gd_autofree uint32_t *rows = calloc(
		bpf_map__max_entries(content->attached->skeleton->maps.gd_stacks), sizeof(*rows));

	for (size_t i = 0; i < content->waits.count; i++) {
		uint32_t id = waits[i].stack - 1;
		struct gd_probed_stack stack = { { 0 } }, *row;

		if (!waits[i].stack)
			continue;
		waits[i].stack = rows ? rows[id] : 0;
		if (!rows || rows[id] || bpf_map_lookup_elem(map, &id, &stack) != 0)
			continue;
		row = gd_rows_add(&content->stacks, sizeof(*row), ROWS_MAX);
		if (!row)
			continue;
		*row = stack;
		waits[i].stack = rows[id] = (uint32_t)content->stacks.count;
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
	facts->lost[GD_PROBED_LOST_IMAGES] =
		gd_attach_count(attached, GD_BPF_LOST_IMAGES) + books->lost_images;
	facts->lost[GD_PROBED_LOST_WAITS] += gd_attach_count(attached, GD_BPF_LOST_WAITS);
	facts->lost[GD_PROBED_LOST_STACKS] = gd_attach_count(attached, GD_BPF_LOST_STACKS);
	facts->slots_none = gd_attach_count(attached, GD_BPF_SLOT_NONE);
	facts->slots_faulted = gd_attach_count(attached, GD_BPF_SLOT_FAULT);
	facts->slots_wrong = gd_attach_count(attached, GD_BPF_SLOT_WRONG);
	facts->mended = gd_attach_count(attached, GD_BPF_MENDED);
	facts->dropped = books->dropped;
	facts->cpus = books->cpus;
	facts->cpus_online = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	if (getrusage(RUSAGE_SELF, &own) == 0)
		facts->cpu_ns =
			(uint64_t)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) * 1000000000ull +
			(uint64_t)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) * 1000ull;
}

/* ---- Writing --------------------------------------------------------------------------------- */

struct part {
	uint32_t kind, entry_size;
	const void *rows;
	size_t count;
};

#define PARTS 7

static int write_all(int fd, const void *from, size_t size_bytes, uint64_t offset)
{
	while (size_bytes) {
		ssize_t n = pwrite(fd, from, size_bytes, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		from = (const char *)from + n;
		offset += (uint64_t)n;
		size_bytes -= (size_t)n;
	}
	return 0;
}

static int write_parts(int fd, struct gd_file_header *header, const struct part *parts)
{
	struct gd_section sections[PARTS];
	uint64_t offset = sizeof(*header) + sizeof(sections);
	int err = 0;

	for (uint32_t i = 0; i < PARTS && !err; i++) {
		sections[i] = (struct gd_section){ .kind = parts[i].kind,
						   .entry_size = parts[i].entry_size,
						   .offset = offset,
						   .used = (uint32_t)parts[i].count,
						   .capacity = (uint32_t)parts[i].count };
		err = write_all(fd, parts[i].rows, parts[i].count * parts[i].entry_size, offset);
		offset += parts[i].count * parts[i].entry_size;
	}
	if (!err)
		err = write_all(fd, sections, sizeof(sections), sizeof(*header));
	if (!err)
		err = write_all(fd, header, sizeof(*header),
				0); /* last: a torn file has no magic */
	return err;
}

static int write_file(int folder, struct gd_file_header *header, const struct part *parts)
{
	int fd, err;

	unlinkat(folder, GD_SESSION_PROBE ".new", 0);
	fd = openat(folder, GD_SESSION_PROBE ".new",
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = write_parts(fd, header, parts);
	if (close(fd) != 0 && !err)
		err = -errno;
	if (!err && renameat(folder, GD_SESSION_PROBE ".new", folder, GD_SESSION_PROBE) != 0)
		err = -errno;
	if (err)
		unlinkat(folder, GD_SESSION_PROBE ".new", 0);
	return err;
}

int gd_probe_file_write(int folder, const struct gd_attached *attached,
			const struct gd_books *books, const struct gd_gils *gils,
			uint64_t attached_ns, bool is_over)
{
	struct content content = { .attached = attached, .now_ns = gd_clock_ns(CLOCK_MONOTONIC) };
	struct gd_file_header header = { .magic = GD_MAGIC,
					 .abi_major = GD_ABI_MAJOR,
					 .abi_minor = GD_ABI_MINOR,
					 .header_size = sizeof(header),
					 .section_count = PARTS,
					 .arch = GD_ARCH_X86_64,
					 .writer = GD_WRITER_PROBE,
					 .state = is_over ? GD_STATE_CLOSED : GD_STATE_OPEN,
					 .pid = (int32_t)getpid(),
					 .start_ns = attached_ns,
					 .start_realtime_ns = gd_clock_ns(CLOCK_REALTIME) -
							      (content.now_ns - attached_ns),
					 .copied_ns = content.now_ns };
	struct gd_probed_thread *ended = books->threads.rows;
	struct part parts[PARTS];
	int err;

	for (size_t i = 0; i < books->threads.count; i++) {
		struct gd_probed_thread *row =
			gd_rows_add(&content.threads, sizeof(*row), ROWS_MAX);

		if (row)
			*row = ended[i];
	}
	err = gd_attach_visit(attached, add_thread, &content);
	gather_waits(&content);
	gather_stacks(&content);
	gather_facts(&content, books, attached_ns);
	content.facts.lost[GD_PROBED_LOST_GILS] =
		gd_gils_gather(gils, ROWS_MAX, &content.gils, &content.gil_threads);
	parts[0] = (struct part){ GD_SECTION_PROBED, sizeof(content.facts), &content.facts, 1 };
	parts[1] = (struct part){ GD_SECTION_PROBED_IMAGES, sizeof(struct gd_probed_image),
				  books->images.rows, books->images.count };
	parts[2] = (struct part){ GD_SECTION_PROBED_THREADS, sizeof(struct gd_probed_thread),
				  content.threads.rows, content.threads.count };
	parts[3] = (struct part){ GD_SECTION_PROBED_WAITS, sizeof(struct gd_probed_wait),
				  content.waits.rows, content.waits.count };
	parts[4] = (struct part){ GD_SECTION_PROBED_STACKS, sizeof(struct gd_probed_stack),
				  content.stacks.rows, content.stacks.count };
	parts[5] = (struct part){ GD_SECTION_PROBED_GILS, sizeof(struct gd_probed_gil),
				  content.gils.rows, content.gils.count };
	parts[6] =
		(struct part){ GD_SECTION_PROBED_GIL_THREADS, sizeof(struct gd_probed_gil_thread),
			       content.gil_threads.rows, content.gil_threads.count };
	if (!err)
		err = write_file(folder, &header, parts);
	free(content.threads.rows);
	free(content.waits.rows);
	free(content.stacks.rows);
	free(content.gils.rows);
	free(content.gil_threads.rows);
	return err;
}
