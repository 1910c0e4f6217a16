/* SPDX-License-Identifier: MIT */
/* Processes, threads, GILs. */
#include "json_parts.h"
#include "words.h"
#include <math.h>
#include <string.h>

json_t *gd_json_classes(const struct gd_classes *classes)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "cpu_gil_s",
			 gd_json_number(classes->s[GD_CLASS_CPU_GIL]), "cpu_free_s",
			 gd_json_number(classes->s[GD_CLASS_CPU_FREE]), "gil_wait_s",
			 gd_json_number(classes->s[GD_CLASS_GIL_WAIT]), "lock_wait_s",
			 gd_json_number(classes->s[GD_CLASS_LOCK_WAIT]), "io_wait_s",
			 gd_json_number(classes->s[GD_CLASS_IO_WAIT]), "timer_wait_s",
			 gd_json_number(classes->s[GD_CLASS_TIMER_WAIT]), "child_wait_s",
			 gd_json_number(classes->s[GD_CLASS_CHILD_WAIT]), "no_cpu_s",
			 gd_json_number(classes->s[GD_CLASS_NO_CPU]), "idle_s",
			 gd_json_number(classes->s[GD_CLASS_IDLE]), "unseen_s",
			 gd_json_number(classes->s[GD_CLASS_UNSEEN]));
}

static json_t *make_times(double p50_s, double p99_s, double max_s, double sum_s)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "p50_ns", gd_json_nanoseconds(p50_s), "p99_ns",
			 gd_json_nanoseconds(p99_s), "max_ns",
			 gd_json_nanoseconds(isnan(p50_s) ? NAN : max_s), "sum_s",
			 gd_json_number(sum_s));
}

/* The first GIL: subinterpreters with their own are in a list beside it. */
json_t *gd_json_gil(const struct gd_judged *judged)
{
	const struct gd_process_model *process = judged->process;
	const struct gd_gil_model *gil = process->gils;
	double wall_s = process->end_s - process->start_s;
	bool looked = judged->facts.has_picture;

	if (!process->gil_count)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "held_share",
			 gd_json_number(looked ? judged->facts.gil_held : NAN), "wanted_share",
			 gd_json_number(looked ? judged->facts.gil_wanted : NAN), "takes",
			 gd_json_integer(gil->takes), "drops", gd_json_integer(gil->drops), "waits",
			 gd_json_integer(gil->waits), "takes_per_s",
			 gd_json_number(wall_s > 0 ? (double)gil->takes / wall_s : NAN),
			 "forced_switches", gd_json_integer(gil->forced),
			 "hold_of_100us_and_longer_s", gd_json_number(gil->hold_long_s), "hold",
			 make_times(gil->hold_p50_s, gil->hold_p99_s, gil->hold_max_s, gil->hold_s),
			 "wait",
			 make_times(gil->wait_p50_s, gil->wait_p99_s, gil->wait_max_s, gil->wait_s),
			 "holders", gd_json_holders(gil->holders, gil->holder_count));
}

static json_t *make_causes(const struct gd_times *times)
{
	json_t *object = json_object();

	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++) {
		char key[GD_JSON_CAUSE_MAX];

		if (times->cause_s[cause] <= 0 && !times->count[cause])
			continue;
		gd_json_cause_key(cause, key);
		json_object_set_new(object, key,
				    json_pack("{s:o, s:o, s:o}", "count",
					      gd_json_integer(times->count[cause]), "wall_s",
					      gd_json_number(times->cause_s[cause]), "cpu_s",
					      gd_json_number(times->cpu_in_s[cause])));
	}
	return object;
}

static json_t *make_thread(const struct gd_process_model *process,
			   const struct gd_thread_model *thread)
{
	struct gd_classes classes = gd_classes_of(thread);
	const struct gd_times *times = &thread->times;

	return json_pack(
		"{s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"pid", process->pid, "tid", thread->tid, "name", gd_json_text_or_null(thread->name),
		"role", thread->is_main ? json_string("main") : json_null(), "start",
		thread->start ? gd_json_place(thread->start) : json_null(), "threads",
		gd_json_integer(thread->threads), "life_s", gd_json_number(times->life_s),
		"classes", gd_json_classes(&classes), "causes", make_causes(times), "holding_gil_s",
		gd_json_number(times->holding_gil_s), "gil_takes",
		gd_json_integer(times->gil_takes), "gil_drops", gd_json_integer(times->gil_drops),
		"gil_hold_s", gd_json_number(times->gil_hold_s), "cpu_clock_s",
		gd_json_number(times->cpu_s), "run_delay_s", gd_json_number(times->run_delay_s),
		"scheduler", gd_json_scheduled(thread->scheduled));
}

json_t *gd_json_threads(const struct gd_analysis *analysis)
{
	json_t *array = json_array();

	for (size_t i = 0; i < analysis->session->process_count; i++) {
		const struct gd_process_model *process = &analysis->session->processes[i];

		for (size_t k = 0; k < process->thread_count; k++)
			json_array_append_new(array, make_thread(process, &process->threads[k]));
	}
	return array;
}

static json_t *make_runtime(const struct gd_process_model *process)
{
	return json_pack("{s:o, s:o, s:s}", "name", gd_json_text_or_null(process->runtime),
			 "version", gd_json_text_or_null(process->runtime_version), "gil",
			 gd_words_gil(process->gil_state));
}

static json_t *make_process(const struct gd_judged *judged, double share)
{
	const struct gd_process_model *process = judged->process;

	return json_pack(
		"{s:i, s:i, s:o, s:o, s:{s:o, s:n}, s:o, s:{s:s}, s:o, s:o, s:o, s:b, s:o}", "pid",
		process->pid, "ppid", process->ppid, "command", gd_json_text(process->command),
		"script", gd_json_text_or_null(process->script), "exit", "code",
		process->has_exit_code ? json_integer(process->exit_code) : json_null(), "signal",
		"runtime", make_runtime(process), "verdict", "class",
		gd_words_class(judged->verdict.class), "classes", gd_json_classes(&judged->classes),
		"gil", gd_json_gil(judged), "threads_born", gd_json_integer(process->threads_born),
		"complete", (int)process->is_complete, "share", gd_json_number(share));
}

json_t *gd_json_processes(const struct gd_analysis *analysis)
{
	json_t *array = json_array();

	for (size_t i = 0; i < analysis->session->process_count; i++)
		json_array_append_new(array,
				      make_process(&analysis->processes[i], analysis->shares[i]));
	return array;
}

/* Those too small for a file of their own. */
json_t *gd_json_short_processes(const struct gd_session_model *session)
{
	json_t *array = json_array();

	for (size_t i = 0; i < session->short_count; i++) {
		const struct gd_short_model *one = &session->shorts[i];

		json_array_append_new(
			array,
			json_pack("{s:i, s:i, s:o, s:{s:o}, s:o, s:o}", "pid", one->pid, "ppid",
				  one->ppid, "command", gd_json_text(one->command), "exit", "code",
				  one->has_exit_code ? json_integer(one->exit_code) : json_null(),
				  "duration_s", gd_json_number(one->end_s - one->start_s), "cpu_s",
				  gd_json_number(one->cpu_s)));
	}
	return array;
}
