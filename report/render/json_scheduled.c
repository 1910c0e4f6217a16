/* SPDX-License-Identifier: MIT */
/* What the eBPF probe saw: the probe itself, each thread, what it blocked for. */
#include "json_parts.h"
#include "words.h"
#include <math.h>

static void cause_key(unsigned int cause, char ret_key[GD_JSON_CAUSE_MAX])
{
	if (cause == GD_PROBED_NO_SLOT)
		snprintf(ret_key, GD_JSON_CAUSE_MAX, "no_slot");
	else
		gd_json_cause_key(cause, ret_key);
}

static bool is_known(unsigned int cause)
{
	return cause < GD_CAUSE_COUNT || cause == GD_PROBED_NO_SLOT;
}

static json_t *make_cause(const struct gd_scheduled *scheduled, unsigned int cause)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o}}", "blocks",
			 gd_json_integer(scheduled->blocks[cause]), "blocked_s",
			 gd_json_number(scheduled->blocked_s[cause]), "delay_s",
			 gd_json_number(scheduled->delay_s[cause]), "preempted_s",
			 gd_json_number(scheduled->preempted_s[cause]), "woken_by", "thread",
			 gd_json_integer(scheduled->woken_by[GD_WOKEN_THREAD][cause]), "process",
			 gd_json_integer(scheduled->woken_by[GD_WOKEN_PROCESS][cause]), "interrupt",
			 gd_json_integer(scheduled->woken_by[GD_WOKEN_INTERRUPT][cause]));
}

static json_t *make_causes(const struct gd_scheduled *scheduled)
{
	json_t *object = json_object();

	for (unsigned int cause = 0; cause < GD_CAUSE_MAX; cause++) {
		char key[GD_JSON_CAUSE_MAX];

		if (!is_known(cause) ||
		    (!scheduled->blocks[cause] && !(scheduled->preempted_s[cause] > 0)))
			continue;
		cause_key(cause, key);
		json_object_set_new(object, key, make_cause(scheduled, cause));
	}
	return object;
}

/* Off the CPU where no wrapper stood, by what the system call stands for. */
static json_t *make_explained(const struct gd_scheduled *scheduled)
{
	json_t *object = json_object();

	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++) {
		char key[GD_JSON_CAUSE_MAX];

		if (!(scheduled->explained_s[cause] > 0))
			continue;
		if (cause == 0)
			snprintf(key, sizeof(key), "other_call");
		else
			cause_key(cause, key);
		json_object_set_new(object, key, gd_json_number(scheduled->explained_s[cause]));
	}
	return object;
}

json_t *gd_json_scheduled(const struct gd_scheduled *scheduled)
{
	double blocked_s = 0, delay_s = 0, preempted_s = 0;

	if (!scheduled)
		return json_null();
	for (unsigned int cause = 0; cause < GD_CAUSE_MAX; cause++) {
		blocked_s += scheduled->blocked_s[cause];
		delay_s += scheduled->delay_s[cause];
		preempted_s += scheduled->preempted_s[cause];
	}
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "life_s",
		gd_json_number(scheduled->life_s), "on_cpu_s", gd_json_number(scheduled->on_cpu_s),
		"blocked_s", gd_json_number(blocked_s), "delay_s", gd_json_number(delay_s),
		"preempted_s", gd_json_number(preempted_s), "switches",
		gd_json_integer(scheduled->switches), "causes", make_causes(scheduled), "explained",
		make_explained(scheduled), "gil_blame_s", gd_json_number(scheduled->gil_blame_s));
}

static json_t *make_crosscheck(const struct gd_crosscheck *check)
{
	if (!check->was_done)
		return json_null();
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "agent_wait_s",
		gd_json_number(check->agent_wait_s), "blocked_s", gd_json_number(check->blocked_s),
		"delay_s", gd_json_number(check->delay_s), "preempted_s",
		gd_json_number(check->preempted_s), "apart_share", gd_json_number(check->apart),
		"no_slot_s", gd_json_number(check->no_slot_s), "agent_cpu_s",
		gd_json_number(check->agent_cpu_s), "on_cpu_s", gd_json_number(check->on_cpu_s),
		"agent_holds", gd_json_integer(check->agent_holds), "agent_hold_s",
		gd_json_number(check->agent_hold_s), "holds", gd_json_integer(check->holds),
		"hold_s", gd_json_number(check->hold_s));
}

json_t *gd_json_probe(const struct gd_analysis *analysis)
{
	const struct gd_probe_model *probe = analysis->session->probe;

	if (!probe)
		return json_null();
	return json_pack(
		"{s:o, s:b, s:{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}, s:{s:o, s:o, s:o, s:o, "
		"s:o}, "
		"s:o, "
		"s:o, "
		"s:o, "
		"s:o, s:{s:o, s:o, s:o}, s:{s:o, s:o}}",
		"cpu_s", gd_json_number(probe->cpu_s), "complete", (int)probe->is_complete, "lost",
		"events", gd_json_integer(probe->lost[GD_PROBED_LOST_EVENTS]), "threads",
		gd_json_integer(probe->lost[GD_PROBED_LOST_THREADS]), "processes",
		gd_json_integer(probe->lost[GD_PROBED_LOST_IMAGES]), "waits",
		gd_json_integer(probe->lost[GD_PROBED_LOST_WAITS]), "stacks",
		gd_json_integer(probe->lost[GD_PROBED_LOST_STACKS]), "gils",
		gd_json_integer(probe->lost[GD_PROBED_LOST_GILS]), "samples",
		gd_json_integer(probe->lost[GD_PROBED_LOST_SAMPLES]), "holds",
		gd_json_integer(probe->lost[GD_PROBED_LOST_HOLDS]), "slots", "read",
		gd_json_integer(analysis->crosscheck.slots_read), "none",
		gd_json_integer(probe->slots_none), "faulted",
		gd_json_integer(probe->slots_faulted), "wrong", gd_json_integer(probe->slots_wrong),
		"pinned", gd_json_integer(probe->slots_pinned), "dropped_processes",
		gd_json_integer(probe->dropped), "mended_switches", gd_json_integer(probe->mended),
		"switches", gd_json_integer(analysis->crosscheck.switches), "crosscheck",
		make_crosscheck(&analysis->crosscheck), "small_processes", "count",
		gd_json_integer(probe->small_processes), "on_cpu_s",
		gd_json_number(probe->small_cpu_s), "off_cpu_s", gd_json_number(probe->small_off_s),
		"small_blocks", "count", gd_json_integer(probe->small_blocks), "off_cpu_s",
		gd_json_number(probe->small_blocks_s));
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

static json_t *make_stack(const struct gd_stack_model *stack)
{
	json_t *array = json_array();

	for (size_t i = 0; stack && i < stack->count; i++)
		json_array_append_new(array, gd_json_place(stack->places[i]));
	return array;
}

static json_t *make_block(const struct gd_process_model *process,
			  const struct gd_block_model *block)
{
	bool is_call = block->cause <= GD_CAUSE_CPU_FREE || block->cause == GD_PROBED_NO_SLOT;
	char cause[GD_JSON_CAUSE_MAX], address[24];

	cause_key(block->cause, cause);
	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)block->object);
	return json_pack(
		"{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "pid", process->pid, "cause",
		cause, "lock", is_call ? json_null() : json_string(address), "system_call",
		is_call ? json_string(gd_words_system_call(block->object)) : json_null(), "waker",
		block->waker ? json_integer(block->waker) : json_null(), "blocks",
		gd_json_integer(block->blocks), "blocked_s", gd_json_number(block->blocked_s),
		"delay_s", gd_json_number(block->delay_s), "longest_s",
		gd_json_number(block->blocked_max_s), "stack", make_stack(block->stack));
}

json_t *gd_json_blocks(const struct gd_analysis *analysis)
{
	json_t *array = json_array();

	for (size_t i = 0; i < analysis->session->process_count; i++) {
		const struct gd_process_model *process = &analysis->session->processes[i];

		for (size_t k = 0; k < process->block_count; k++)
			json_array_append_new(array, make_block(process, &process->blocks[k]));
	}
	return array;
}
