/* SPDX-License-Identifier: MIT */
/*
 * Samples weigh wall time of calls; of each cause the part that was spent on the CPU is taken off,
 * as in the classes.
 */
#include "hot.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct gd_place *gd_hot_own_place(const struct gd_stack_model *stack)
{
	for (size_t i = 0; i < stack->count; i++)
		if (!stack->places[i]->is_library)
			return stack->places[i];
	return stack->places[0];
}

/* Of the wall time of each cause, the share that was no waiting. */
static void find_cpu_shares(const struct gd_process_model *process, double *ret_shares)
{
	double wall_s[GD_CAUSE_COUNT] = { 0 };

	memset(ret_shares, 0, GD_CAUSE_COUNT * sizeof(*ret_shares));
	for (size_t i = 0; i < process->thread_count; i++)
		for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++) {
			const struct gd_times *times = &process->threads[i].times;

			wall_s[cause] += times->cause_s[cause];
			ret_shares[cause] += fmin(times->cpu_in_s[cause], times->cause_s[cause]);
		}
	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++)
		ret_shares[cause] = wall_s[cause] > 0 ? ret_shares[cause] / wall_s[cause] : 0;
}

static bool is_same_line(const struct gd_place *a, const struct gd_place *b)
{
	return a == b || (a->address == b->address && a->line == b->line &&
			  strcmp(a->file, b->file) == 0 && strcmp(a->function, b->function) == 0);
}

static bool is_same_function(const struct gd_place *a, const struct gd_place *b)
{
	return a == b ||
	       (a->first_line == b->first_line && strcmp(a->file, b->file) == 0 &&
		strcmp(a->function, b->function) == 0 && strcmp(a->module, b->module) == 0 &&
		(a->function[0] || a->address == b->address));
}

static struct gd_hot *find(struct gd_hots *hots, const struct gd_place *place,
			   bool (*is_same)(const struct gd_place *, const struct gd_place *))
{
	for (size_t i = 0; i < hots->count; i++)
		if (is_same(hots->list[i].place, place))
			return &hots->list[i];
	hots->list[hots->count].place = place;
	return &hots->list[hots->count++];
}

static double waited_s(const struct gd_hot *hot)
{
	return hot->s[GD_CLASS_IO_WAIT] + hot->s[GD_CLASS_TIMER_WAIT] +
	       hot->s[GD_CLASS_CHILD_WAIT] + hot->s[GD_CLASS_GIL_WAIT] + hot->s[GD_CLASS_LOCK_WAIT];
}

static int compare_waited(const void *a, const void *b)
{
	double x = waited_s(a), y = waited_s(b);

	return (x < y) - (x > y);
}

int gd_hot_lines(const struct gd_process_model *process, struct gd_pool *pool, struct gd_hots *ret)
{
	struct gd_hots hots = { gd_pool_alloc(pool, process->sampled_count + 1, sizeof(*hots.list)),
				0 };
	double *largest = gd_pool_alloc(pool, process->sampled_count + 1, sizeof(*largest));
	double cpu[GD_CAUSE_COUNT];

	if (!hots.list || !largest)
		return -ENOMEM;
	find_cpu_shares(process, cpu);
	for (size_t i = 0; i < process->sampled_count; i++) {
		const struct gd_sample_model *sample = &process->sampled[i];
		struct gd_hot *hot = find(&hots, gd_hot_own_place(sample->stack), is_same_line);
		double s = sample->weight_s * (1 - cpu[sample->cause]);

		hot->s[gd_class_of(sample->cause)] += s;
		if (s >= largest[hot - hots.list]) {
			largest[hot - hots.list] = s;
			hot->cause = sample->cause;
		}
	}
	qsort(hots.list, hots.count, sizeof(*hots.list), compare_waited);
	*ret = hots;
	return 0;
}

/* A function that calls itself counts once. */
static bool is_counted_before(const struct gd_stack_model *stack, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (is_same_function(stack->places[i], stack->places[at]))
			return true;
	return false;
}

int gd_hot_functions(const struct gd_process_model *process, struct gd_pool *pool,
		     struct gd_hots *ret)
{
	struct gd_hots hots = { NULL, 0 };
	double cpu[GD_CAUSE_COUNT];
	size_t places = 1;

	for (size_t i = 0; i < process->sampled_count; i++)
		places += process->sampled[i].stack->count;
	hots.list = gd_pool_alloc(pool, places, sizeof(*hots.list));
	if (!hots.list)
		return -ENOMEM;
	find_cpu_shares(process, cpu);
	for (size_t i = 0; i < process->sampled_count; i++) {
		const struct gd_sample_model *sample = &process->sampled[i];
		double s = sample->weight_s * (1 - cpu[sample->cause]);
		unsigned int class = gd_class_of(sample->cause);

		for (size_t k = 0; k < sample->stack->count; k++) {
			struct gd_hot *hot;

			if (is_counted_before(sample->stack, k))
				continue;
			hot = find(&hots, sample->stack->places[k], is_same_function);
			hot->total_s[class] += s;
			if (k == 0)
				hot->s[class] += s;
		}
	}
	qsort(hots.list, hots.count, sizeof(*hots.list), compare_waited);
	*ret = hots;
	return 0;
}

const struct gd_hot *gd_hot_of_class(const struct gd_hots *hots, unsigned int class, double least_s)
{
	const struct gd_hot *best = NULL;

	for (size_t i = 0; i < hots->count; i++) {
		const struct gd_hot *hot = &hots->list[i];

		if (hot->s[class] <= 0 || hot->s[class] < least_s)
			continue;
		if (!best || best->place->is_library > hot->place->is_library ||
		    (best->place->is_library == hot->place->is_library &&
		     hot->s[class] > best->s[class]))
			best = hot;
	}
	return best;
}
