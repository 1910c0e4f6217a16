/* SPDX-License-Identifier: MIT */
/*
 * The pipes' table: by inode, who has an end of it, and whether somebody else has one too.
 * Inodes are used again; a pipe of two followed processes that both closed it may then be taken for
 * another one: rare, and it costs a wait its vote.
 */
#include "tree.h"
#include "clock.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIPES        65536 /* slots of the table */
#define PROBES       64
#define EXEC_NS      100000000ull /* in which a successor that is followed has said so */
#define SHORT_CPU_S  0.05
#define SHORT_REST_S 0.1 /* not spent waiting for other followed processes */

struct gd_tree_pipe {
	uint64_t inode;  /* 0: free */
	int32_t pids[2]; /* who has an end of it; 0: nobody that we know */
	bool is_crowded; /* more than two: not taken away again */
};

int gd_tree_open(struct gd_tree *ret_tree)
{
	struct gd_tree tree = { .targets = NULL };
	struct gd_file_header *header;

	tree.image = mmap(NULL, GD_IMAGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (tree.image == MAP_FAILED)
		return -ENOMEM;
	tree.pipes = calloc(PIPES, sizeof(*tree.pipes));
	if (!tree.pipes) {
		munmap(tree.image, GD_IMAGE_BYTES);
		return -ENOMEM;
	}
	gd_image_init(tree.image);
	header = tree.image;
	header->writer = GD_WRITER_SAMPLER;
	header->pid = getpid();
	header->start_ns = gd_clock_ns(CLOCK_MONOTONIC);
	header->start_realtime_ns = gd_clock_ns(CLOCK_REALTIME);
	tree.joint_section = &gd_image_sections(tree.image)[GD_SECTION_JOINT - 1];
	tree.short_section = &gd_image_sections(tree.image)[GD_SECTION_SHORTS - 1];
	tree.pipe_section = &gd_image_sections(tree.image)[GD_SECTION_PIPES - 1];
	tree.shared = gd_image_entries(tree.image, GD_SECTION_PIPES);
	tree.joints = gd_image_entries(tree.image, GD_SECTION_JOINT);
	tree.shorts = gd_image_entries(tree.image, GD_SECTION_SHORTS);
	tree.facts = gd_image_entries(tree.image, GD_SECTION_PROCESS);
	tree.facts->clock = GD_CLOCK_MONOTONIC;
	tree.facts->first = (struct gd_clock_pair){ header->start_ns, header->start_ns };
	tree.planned_ns = header->start_ns;
	*ret_tree = tree;
	return 0;
}

void gd_tree_close(struct gd_tree *tree)
{
	gd_target_free(tree->kept);
	free(tree->pipes);
	munmap(tree->image, GD_IMAGE_BYTES);
}

/* ---- Pipes ----------------------------------------------------------------------------------- */

/* The entry of an inode, or the free one where it would be; NULL: the table is crowded there. */
static struct gd_tree_pipe *find_pipe(const struct gd_tree *tree, uint64_t inode)
{
	uint64_t hash = inode * 0x9e3779b97f4a7c15ull >> 48;

	for (uint64_t i = 0; i < PROBES; i++) {
		struct gd_tree_pipe *pipe = &tree->pipes[(hash + i) % PIPES];

		if (!pipe->inode || pipe->inode == inode)
			return pipe;
	}
	return NULL;
}

static void keep_shared(struct gd_tree *tree, uint64_t inode)
{
	if (tree->pipe_section->used >= GD_PIPE_CAPACITY) {
		tree->pipe_section->lost++;
		return;
	}
	tree->shared[tree->pipe_section->used++].inode = inode;
}

static void add_pipe(struct gd_tree *tree, uint64_t inode, int32_t pid)
{
	struct gd_tree_pipe *pipe = find_pipe(tree, inode);

	if (!pipe || !inode)
		return;
	pipe->inode = inode;
	if (pipe->pids[0] == pid || pipe->pids[1] == pid || pipe->is_crowded)
		return;
	if (!pipe->pids[0]) {
		pipe->pids[0] = pid;
	} else if (!pipe->pids[1]) {
		pipe->pids[1] = pid;
		keep_shared(tree, inode);
	} else {
		pipe->is_crowded = true;
	}
}

static void remove_shared(struct gd_tree *tree, uint64_t inode)
{
	for (uint32_t i = tree->pipe_section->used; i > 0; i--)
		if (tree->shared[i - 1].inode == inode) {
			tree->shared[i - 1].inode = 0;
			return;
		}
}

static void remove_pipe(struct gd_tree *tree, uint64_t inode, int32_t pid)
{
	struct gd_tree_pipe *pipe = find_pipe(tree, inode);

	if (!pipe || pipe->inode != inode || pipe->is_crowded ||
	    (pipe->pids[0] != pid && pipe->pids[1] != pid))
		return;
	if (pipe->pids[1])
		remove_shared(tree, inode);
	if (pipe->pids[0] == pid)
		pipe->pids[0] = pipe->pids[1];
	pipe->pids[1] = 0;
}

void gd_tree_leave_pipes(struct gd_tree *tree, const struct gd_target *target)
{
	for (uint32_t i = 0; i < target->pipes_seen; i++)
		remove_pipe(tree, target->pipes[i].inode, target->pid);
}

/* Its pipes are those of a program now that may not be followed. */
static void note_exec(struct gd_tree *tree, struct gd_target *target)
{
	uint64_t now_ns = gd_clock_ns(CLOCK_MONOTONIC);

	if (!target->exec_ns)
		target->exec_ns = now_ns;
	else if (now_ns - target->exec_ns > EXEC_NS)
		gd_tree_leave_pipes(tree, target);
}

void gd_tree_note_pipes_of(struct gd_tree *tree, struct gd_target *target)
{
	uint32_t used =
		__atomic_load_n(&target->sections[GD_SECTION_PIPES - 1].used, __ATOMIC_ACQUIRE);

	for (; target->pipes_seen < used && target->pipes_seen < GD_PIPE_CAPACITY;
	     target->pipes_seen++) {
		uint64_t inode =
			__atomic_load_n(&target->pipes[target->pipes_seen].inode, __ATOMIC_ACQUIRE);

		if (!inode)
			break; /* about to be filled: next time */
		add_pipe(tree, inode, target->pid);
	}
}

void gd_tree_note_pipes(struct gd_tree *tree)
{
	for (struct gd_target *target = tree->targets; target; target = target->next) {
		gd_tree_note_pipes_of(tree, target);
		if (__atomic_load_n(&target->process->end, __ATOMIC_ACQUIRE) == GD_END_EXEC)
			note_exec(tree, target);
	}
}

bool gd_tree_is_pipe_followed(void *arg, const struct gd_target *target, uint64_t inode)
{
	const struct gd_tree_pipe *pipe = find_pipe(arg, inode);

	return pipe && pipe->inode == inode &&
	       (pipe->pids[1] || (pipe->pids[0] && pipe->pids[0] != target->pid));
}

bool gd_tree_has_child(void *arg, const struct gd_target *target)
{
	const struct gd_tree *tree = arg;

	for (const struct gd_target *other = tree->targets; other; other = other->next)
		/* One that has become another program is followed when that brings an image, too. */
		if (other->process->ppid == target->process->pid && other != target &&
		    __atomic_load_n(&other->process->end, __ATOMIC_RELAXED) != GD_END_EXEC)
			return true;
	return false;
}

/* ---- Short records --------------------------------------------------------------------------- */

static double seconds_per_tick(const struct gd_process *process)
{
	struct gd_clock_pair last = process->last.ticks ? process->last : process->sampler_pair;
	double ticks = (double)last.ticks - (double)process->first.ticks;
	double ns = (double)last.monotonic_ns - (double)process->first.monotonic_ns;

	return ticks > 0 && ns > 0 ? ns / ticks / 1e9 : 0;
}

/* Ticks of all its threads in one class. */
static double class_s(const struct gd_target *target, unsigned int class)
{
	static const uint8_t classes[] = {
#define CLASS(name, number, class, words) [number] = GD_CLASS_##class,
		GD_CAUSES(CLASS)
#undef CLASS
	};
	double sum = 0;

	for (uint32_t i = 0; i < gd_target_slots(target); i++)
		for (unsigned int cause = 0; cause < sizeof(classes); cause++)
			if (classes[cause] == class)
				sum += (double)target->threads[i].ticks[cause];
	return sum * seconds_per_tick(target->process);
}

static uint64_t cpu_ns(const struct gd_target *target)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < gd_target_slots(target); i++)
		sum += target->threads[i].cpu_ns;
	return sum > target->process->cpu_ns ? sum : target->process->cpu_ns;
}

/* Seconds that it did not spend waiting for other followed processes. */
static double rest_s(const struct gd_target *target)
{
	const struct gd_process *process = target->process;
	double life_s = (double)(process->last.monotonic_ns - process->first.monotonic_ns) / 1e9;

	return life_s - class_s(target, GD_CLASS_CHILD_WAIT) - class_s(target, GD_CLASS_LOCK_WAIT);
}

bool gd_tree_is_short(const struct gd_target *target)
{
	const struct gd_process *process = target->process;

	return !process->runtime[0] && process->threads_born <= 1 &&
	       process->end != GD_END_RUNNING && (double)cpu_ns(target) < SHORT_CPU_S * 1e9 &&
	       rest_s(target) < SHORT_REST_S;
}

struct gd_target *gd_tree_keep_larger(struct gd_tree *tree, struct gd_target *target)
{
	struct gd_target *other = tree->kept;

	if (tree->files || (other && rest_s(other) >= rest_s(target)))
		return target;
	tree->kept = target;
	return other;
}

bool gd_tree_add_short(struct gd_tree *tree, const struct gd_target *target)
{
	const struct gd_process *process = target->process;
	struct gd_section *section = tree->short_section;
	size_t length = strnlen(process->command, sizeof(process->command));
	struct gd_short *row;

	if (section->used >= GD_SHORT_CAPACITY) {
		section->lost++;
		return false;
	}
	row = &tree->shorts[section->used];
	row->pid = process->pid;
	row->ppid = process->ppid;
	row->exit_code = process->exit_code;
	row->end = process->end;
	row->start_ns = process->first.monotonic_ns;
	row->end_ns = process->last.monotonic_ns;
	row->cpu_ns = cpu_ns(target);
	row->children_cpu_ns = process->children_cpu_ns;
	row->children_reaped = process->children_reaped;
	snprintf(row->command, sizeof(row->command), "%.*s", (int)sizeof(row->command) - 1,
		 process->command +
			 (length >= sizeof(row->command) ? length - sizeof(row->command) + 1 : 0));
	section->used++;
	return true;
}
