/* SPDX-License-Identifier: MIT */
/* Where it waits: functions, stacks, locks. */
#include "json_parts.h"
#include "words.h"
#include <math.h>
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

/* Those whose place is known, the worst first. */
json_t *gd_json_holders(const struct gd_holder_model *holders, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *holder;

		if (!holders[i].place)
			continue;
		holder = gd_json_place(holders[i].place);
		json_object_set_new(holder, "blame_s", gd_json_number(holders[i].blame_s));
		json_object_set_new(holder, "hold_s", gd_json_number(holders[i].hold_s));
		json_object_set_new(holder, "times", gd_json_integer(holders[i].times));
		json_array_append_new(array, holder);
	}
	return array;
}

static json_t *make_name(const struct gd_lock_model *lock)
{
	char name[GD_WORDS_LOCK_MAX];

	gd_words_lock(lock, name, sizeof(name));
	return gd_json_text(name);
}

#define LOCKS_SHOWN 20

/* Holds that others waited for, by the eBPF probe. */
static json_t *make_seen(const struct gd_hold_model *seen)
{
	if (!seen->holds)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "holds", gd_json_integer(seen->holds),
			 "hold_s", gd_json_number(seen->hold_s), "on_cpu_s",
			 gd_json_number(seen->cpu_s), "no_cpu_s", gd_json_number(seen->queued_s),
			 "blocked_s", gd_json_number(seen->blocked_s), "not_split_s",
			 gd_json_number(fmax(0, seen->hold_s - seen->split_s)));
}

static json_t *make_lock(const struct gd_judged *judged, const struct gd_lock_model *lock)
{
	return json_pack(
		"{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, "
		"s:o, s:o}",
		"pid", lock->pid, "kind", gd_words_lock_kind(lock->cause), "name", make_name(lock),
		"where", lock->place ? gd_json_place(lock->place) : json_null(), "contended",
		gd_json_integer(lock->waits), "wait_s", gd_json_number(lock->wait_s), "wait_max_s",
		gd_json_number(lock->wait_max_s), "hold_s", gd_json_number(lock->hold_s),
		"hold_max_s", gd_json_number(lock->hold_max_s), "timeouts",
		gd_json_integer(lock->timeouts), "released", gd_json_integer(lock->released),
		"posted", gd_json_integer(lock->posted), "unbounded",
		gd_json_integer(lock->unbounded), "waiting", gd_json_integer(lock->waiting),
		"exact", (int)lock->is_exact, "waiters_mean",
		gd_json_number(judged->facts.active_s > 0 ? lock->wait_s / judged->facts.active_s
							  : NAN),
		"holders", gd_json_holders(lock->holders, lock->holder_count), "probed",
		make_seen(&lock->seen));
}

json_t *gd_json_locks(const struct gd_judged *judged)
{
	json_t *array = json_array();

	for (size_t i = 0; i < judged->locks.count && i < LOCKS_SHOWN; i++)
		json_array_append_new(array, make_lock(judged, judged->locks.list[i]));
	return array;
}
