/* SPDX-License-Identifier: MIT */
/* Where it waits: functions, stacks, locks. */
#include "json_parts.h"
#include <base/cleanup.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *make_seconds(const double *s)
{
	struct gd_classes classes = { .holding_gil_s = 0 };

	memcpy(classes.s, s, sizeof(classes.s));
	return gd_json_classes(&classes);
}

/* Waits alone: what computing threads run is not sampled. */
json_t *gd_json_functions(const struct gd_judged *judged)
{
	json_t *array = json_array();

	for (size_t i = 0; i < judged->functions.count; i++) {
		const struct gd_hot *hot = &judged->functions.list[i];
		json_t *object = gd_json_place(hot->place);

		json_object_set_new(object, "pid", json_integer(judged->process->pid));
		json_object_set_new(object, "self",
				    json_pack("{s:o}", "classes", make_seconds(hot->s)));
		json_object_set_new(object, "total",
				    json_pack("{s:o}", "classes", make_seconds(hot->total_s)));
		json_object_set_new(object, "verdict", json_pack("{s:s}", "class", "waiting"));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *make_stack(const struct gd_sample_model *sample)
{
	json_t *frames = json_array();
	char cause[GD_JSON_CAUSE_MAX];

	gd_json_cause_key(sample->cause, cause);
	for (size_t i = 0; i < sample->stack->count; i++)
		json_array_append_new(frames, gd_json_place(sample->stack->places[i]));
	return json_pack("{s:s, s:o, s:o, s:b, s:o}", "cause", cause, "wait_s",
			 gd_json_number(sample->weight_s), "samples",
			 gd_json_integer(sample->samples), "cut", (int)sample->stack->is_cut,
			 "frames", frames);
}

json_t *gd_json_stacks(const struct gd_judged *judged)
{
	json_t *array = json_array();

	for (size_t i = 0; i < judged->process->sampled_count; i++)
		json_array_append_new(array, make_stack(&judged->process->sampled[i]));
	return array;
}

#define LOCKS_SHOWN 20

static json_t *make_lock(const struct gd_judged *judged, const struct gd_lock_model *lock)
{
	static const char *const kinds[] = {
		[GD_CAUSE_MUTEX] = "mutex",     [GD_CAUSE_RWLOCK] = "rwlock",
		[GD_CAUSE_SEM] = "semaphore",   [GD_CAUSE_COND] = "condition",
		[GD_CAUSE_BARRIER] = "barrier", [GD_CAUSE_FUTEX] = "futex",
	};
	const char *kind = lock->cause < sizeof(kinds) / sizeof(kinds[0]) && kinds[lock->cause]
				   ? kinds[lock->cause]
				   : "other";
	json_t *holders = json_array();
	char address[24];

	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)lock->key);
	for (size_t i = 0; i < lock->holder_count; i++)
		if (lock->holders[i].place) {
			json_t *holder = gd_json_place(lock->holders[i].place);

			json_object_set_new(holder, "blame_s",
					    gd_json_number(lock->holders[i].blame_s));
			json_object_set_new(holder, "times",
					    gd_json_integer(lock->holders[i].times));
			json_array_append_new(holders, holder);
		}
	return json_pack(
		"{s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}",
		"pid", judged->process->pid, "kind", kind, "name", address, "where",
		lock->place ? gd_json_place(lock->place) : json_null(), "contended",
		gd_json_integer(lock->waits), "wait_s", gd_json_number(lock->wait_s), "wait_max_s",
		gd_json_number(lock->wait_max_s), "hold_s", gd_json_number(lock->hold_s),
		"timeouts", gd_json_integer(lock->timeouts), "released",
		gd_json_integer(lock->released), "posted", gd_json_integer(lock->posted),
		"hold_max_s", gd_json_number(lock->hold_max_s), "exact", 1, "waiters_mean",
		gd_json_number(judged->facts.active_s > 0 ? lock->wait_s / judged->facts.active_s
							  : NAN),
		"holders", holders);
}

static int compare_waits(const void *a, const void *b)
{
	const struct gd_lock_model *x = *(const struct gd_lock_model *const *)a;
	const struct gd_lock_model *y = *(const struct gd_lock_model *const *)b;

	return (x->wait_s < y->wait_s) - (x->wait_s > y->wait_s);
}

json_t *gd_json_locks(const struct gd_judged *judged)
{
	const struct gd_process_model *process = judged->process;
	gd_autofree const struct gd_lock_model **sorted =
		calloc(process->lock_count + 1, sizeof(*sorted));
	json_t *array = json_array();

	for (size_t i = 0; sorted && i < process->lock_count; i++)
		sorted[i] = &process->locks[i];
	if (sorted)
		qsort(sorted, process->lock_count, sizeof(*sorted), compare_waits);
	for (size_t i = 0; sorted && i < process->lock_count && i < LOCKS_SHOWN; i++)
		json_array_append_new(array, make_lock(judged, sorted[i]));
	return array;
}
