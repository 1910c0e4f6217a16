/* SPDX-License-Identifier: MIT */
/* The jittered instants, and what is done more rarely. */
#include "clock.h"
#include "jitter.h"
#include "kernel.h"
#include "on_cpu.h"
#include "sampler.h"
#include "store.h"
#include <unistd.h>

#define MS 1000000ull

#define PERIOD_NS       (4 * MS)  /* between instants, on average */
#define PERIOD_LATER_NS (10 * MS) /* after LATER_NS there are thousands of them */
#define LATER_NS        (30000 * MS)
#define MANY_SLOTS      2000 /* beyond, a scan takes long enough to look less often */
#define TARGET_IN_SLOTS 8    /* what looking at another process costs */
#define MANY_TARGETS    32   /* beyond, the kernel's figures of each are read less often */
#define TOTALS_NS       (250 * MS)
#define MODULES_NS      (5000 * MS) /* libraries that were loaded since */
#define STORE_NS        (10000 * MS)

void gd_sampler_begin_looks(struct gd_sampler *sampler)
{
	sampler->started_ns = gd_clock_ns(CLOCK_MONOTONIC);
	sampler->random = sampler->started_ns ^ ((uint64_t)getpid() << 32) ^ 0x9e3779b97f4a7c15ull;
	sampler->next_ns = sampler->started_ns + PERIOD_NS / 4;
	sampler->totals_ns = sampler->started_ns + TOTALS_NS / 4;
	sampler->modules_ns = sampler->started_ns + TOTALS_NS;
	sampler->store_ns = sampler->started_ns + STORE_NS;
	sampler->keep_ns = sampler->started_ns + GD_KEEP_FROM_NS;
}

static void plan(struct gd_sampler *sampler, uint64_t now_ns)
{
	uint64_t period = now_ns - sampler->started_ns > LATER_NS ? PERIOD_LATER_NS : PERIOD_NS;
	uint64_t slots = 0;

	for (const struct gd_target *target = sampler->tree.targets; target; target = target->next)
		slots += gd_target_slots(target) + TARGET_IN_SLOTS;
	if (slots > MANY_SLOTS)
		period = 4 * PERIOD_LATER_NS;
	sampler->next_ns += gd_jitter_period(&sampler->random, period);
	if (sampler->next_ns < now_ns)
		sampler->next_ns = now_ns + period / 2; /* we were kept off the CPU */
}

static double ticks_per_ns(const struct gd_target *target, uint64_t ticks, uint64_t now_ns)
{
	const struct gd_clock_pair *first = &target->process->first;
	double ns = (double)(now_ns - first->monotonic_ns);

	return ns > 0 ? (double)(ticks - first->ticks) / ns : 1;
}

/* The instant is the planned one: when we got to run depends on what the target does. */
static void look_at(struct gd_sampler *sampler, struct gd_target *target, uint64_t now_ns,
		    struct gd_picture *tree)
{
	uint64_t ticks = gd_target_ticks(target);
	double rate = ticks_per_ns(target, ticks, now_ns);
	double late = (double)(now_ns - sampler->next_ns) * rate;
	struct gd_on_cpu_when when = { .now_ns = now_ns,
				       .now_ticks = ticks,
				       .ticks_per_ns = rate,
				       .random = gd_jitter_draw(&sampler->random) };
	struct gd_joint_world world = { gd_on_cpu_ask, gd_tree_is_pipe_followed, gd_tree_has_child,
					&sampler->tree };
	struct gd_picture picture;

	target->process->heartbeat_ticks = ticks;
	if (__atomic_load_n(&target->process->end, __ATOMIC_ACQUIRE) != GD_END_RUNNING ||
	    sampler->next_ns <= target->planned_ns)
		return;
	target->when = &when;
	gd_picture_take(target, ticks - (uint64_t)late, &world, &picture);
	gd_picture_merge(tree, &picture);
	gd_picture_store(&picture, sampler->next_ns - target->planned_ns,
			 &target->sections[GD_SECTION_JOINT - 1], target->joints);
	target->planned_ns = sampler->next_ns;
}

static void look(struct gd_sampler *sampler, uint64_t now_ns)
{
	struct gd_tree *tree = &sampler->tree;
	struct gd_picture picture = { .computing = 0 };

	gd_tree_note_pipes(tree);
	for (struct gd_target *target = tree->targets; target; target = target->next)
		look_at(sampler, target, now_ns, &picture);
	if (tree->targets && sampler->next_ns > tree->planned_ns) {
		gd_picture_store(&picture, sampler->next_ns - tree->planned_ns, tree->joint_section,
				 tree->joints);
		tree->facts->samples++;
	}
	tree->planned_ns = sampler->next_ns;
}

/* Reading /proc costs some 30 us a process: so many that it would be felt are read less often. */
static uint64_t stretch(const struct gd_sampler *sampler, uint64_t period_ns)
{
	uint64_t count = 0;

	for (const struct gd_target *target = sampler->tree.targets; target; target = target->next)
		count++;
	return period_ns * (1 + count / MANY_TARGETS);
}

void gd_sampler_look(struct gd_sampler *sampler)
{
	uint64_t now_ns = gd_clock_ns(CLOCK_MONOTONIC);

	if (now_ns >= sampler->next_ns) {
		look(sampler, now_ns);
		plan(sampler, now_ns);
	}
	if (now_ns >= sampler->totals_ns) {
		for (struct gd_target *target = sampler->tree.targets; target;
		     target = target->next)
			gd_kernel_note_totals(target);
		sampler->totals_ns = now_ns + stretch(sampler, TOTALS_NS);
	}
	if (now_ns >= sampler->modules_ns) {
		for (struct gd_target *target = sampler->tree.targets; target;
		     target = target->next)
			gd_kernel_note_modules(target);
		sampler->modules_ns = now_ns + stretch(sampler, MODULES_NS);
	}
	if (now_ns >= sampler->store_ns) {
		gd_sampler_store(sampler);
		sampler->store_ns = now_ns + STORE_NS;
		if (now_ns >= sampler->keep_ns) {
			gd_sampler_keep(sampler);
			sampler->keep_ns = now_ns + GD_KEEP_NS;
		}
	}
}
