/* SPDX-License-Identifier: MIT */
/* Targets come and go; what is known of them is written. */
#include "beside.h"
#include "clock.h"
#include "kernel.h"
#include "machine.h"
#include "sampler.h"
#include "store.h"
#include <sys/epoll.h>

#define PROBE 3

static void file_short(struct gd_sampler *sampler, struct gd_target *target)
{
	if (target && gd_tree_add_short(&sampler->tree, target))
		gd_store_remove_own(sampler->folder, target);
	gd_target_free(target);
}

static void write_file(struct gd_sampler *sampler, struct gd_target *target, bool is_gone)
{
	gd_store_write_target(sampler->folder, target, is_gone);
	sampler->tree.files++;
	gd_target_free(target);
}

/*
 * Its file, or for a small one a short record.  While there is no file, the largest of those is kept
 * back, lest nothing be left to explain.
 */
static void file_target(struct gd_sampler *sampler, struct gd_target *target)
{
	if (!gd_tree_is_short(target))
		write_file(sampler, target, true);
	else
		file_short(sampler, gd_tree_keep_larger(&sampler->tree, target));
}

/* What was kept back is one or the other, never both: everything is told of once. */
static void file_kept(struct gd_sampler *sampler)
{
	struct gd_target *kept = sampler->tree.kept;

	sampler->tree.kept = NULL;
	if (kept && !sampler->tree.files && !sampler->tree.targets)
		write_file(sampler, kept, true);
	else
		file_short(sampler, kept);
}

static void finish(struct gd_sampler *sampler, struct gd_target **link, bool is_gone)
{
	struct gd_target *target = *link;

	*link = target->next;
	gd_tree_note_pipes_of(&sampler->tree, target);
	if (target->process->end == GD_END_EXEC && !target->has_successor)
		gd_tree_leave_pipes(&sampler->tree, target);
	if (is_gone) {
		target->process->gone_ns = gd_clock_ns(CLOCK_MONOTONIC);
		file_target(sampler, target);
		return;
	}
	/* It lives on without us and must write its own file. */
	__atomic_store_n(&target->process->collector, 0, __ATOMIC_RELEASE);
	write_file(sampler, target, false);
}

/*
 * Where the slots of its threads are, and memfd, in which they lie.  A probe that is busy or gone
 * costs the classes of blocks; a memfd that cannot be sent costs time.
 */
static void tell_probe(const struct gd_target *target, int memfd)
{
	struct gd_order order = { .magic = GD_ORDER_MAGIC,
				  .abi_major = GD_ABI_MAJOR,
				  .what = GD_ORDER_SLOTS,
				  .pid = target->pid,
				  .slot_tls_offset = target->process->slot_tls_offset };

	if (gd_beside_send(PROBE, &order, sizeof(order), memfd) < 0)
		gd_beside_send(PROBE, &order, sizeof(order), -1);
}

void gd_sampler_add(struct gd_sampler *sampler, int memfd, int32_t pid)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct gd_target *target;

	/* After an exec the same process comes again with another image. */
	for (struct gd_target **link = &sampler->tree.targets; *link;) {
		if ((*link)->pid == pid) {
			(*link)->has_successor = true;
			finish(sampler, link, true);
		} else {
			link = &(*link)->next;
		}
	}
	if (gd_target_new(memfd, pid, &target) != 0)
		return;
	if (sampler->is_probed)
		tell_probe(target, memfd);
	gd_machine_note(target);
	gd_kernel_note_totals(target);
	gd_kernel_note_modules(target);
	target->next = sampler->tree.targets;
	sampler->tree.targets = target;
	/* There is no pidfd where it was gone already, and before Linux 5.3. */
	target->is_end_awaited =
		epoll_ctl(sampler->ends, EPOLL_CTL_ADD, target->pidfd, &event) == 0;
	sampler->are_some_unwatched |= !target->is_end_awaited;
}

void gd_sampler_reap(struct gd_sampler *sampler)
{
	sampler->are_some_unwatched = false;
	for (struct gd_target **link = &sampler->tree.targets; *link;) {
		if (gd_target_is_gone(*link)) {
			finish(sampler, link, true);
			continue;
		}
		sampler->are_some_unwatched |= !(*link)->is_end_awaited;
		link = &(*link)->next;
	}
}

/* The picture of all of one process is in its own file already. */
static bool is_only_one(const struct gd_tree *tree)
{
	size_t live = 0;

	for (const struct gd_target *target = tree->targets; target; target = target->next)
		live++;
	return tree->files + live <= 1;
}

/* Until the end others may come: then an earlier copy must have what the later one is less of. */
static void store_tree(struct gd_sampler *sampler, bool is_gone)
{
	struct gd_section *section = sampler->tree.joint_section;
	uint32_t used = section->used;

	if (is_gone && is_only_one(&sampler->tree))
		section->used = 0;
	gd_store_write(sampler->folder, sampler->tree.image, GD_SESSION_TREE, is_gone);
	section->used = used;
}

void gd_sampler_store(struct gd_sampler *sampler)
{
	file_kept(sampler);
	store_tree(sampler, false);
	for (struct gd_target *target = sampler->tree.targets; target; target = target->next) {
		gd_kernel_note_totals(target);
		gd_store_write_target(sampler->folder, target, false);
	}
}

void gd_sampler_keep(struct gd_sampler *sampler)
{
	unsigned long copy = ++sampler->copies;

	gd_store_keep(sampler->folder, GD_SESSION_TREE, copy);
	for (struct gd_target *target = sampler->tree.targets; target; target = target->next)
		gd_store_keep_target(sampler->folder, target, copy);
	gd_store_forget(sampler->folder, copy);
}

void gd_sampler_finish(struct gd_sampler *sampler)
{
	while (sampler->tree.targets) {
		gd_kernel_note_totals(sampler->tree.targets);
		finish(sampler, &sampler->tree.targets, false);
	}
	file_kept(sampler);
	store_tree(sampler, true);
	gd_tree_close(&sampler->tree);
}
