/* SPDX-License-Identifier: MIT */
/*
 * One object.  null is "not measured", 0 "measured and zero", [] "none".  jansson keeps the order
 * of keys and never fails half-way: a NULL value makes the whole object NULL, which is -ENOMEM.
 */
#include "json.h"
#include "json_parts.h"
#include "words.h"
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

static json_t *make_phases(const struct gd_judged *judged)
{
	const struct gd_process_model *process = judged->process;
	double length_s = process->end_s - process->start_s;
	double steady_s = process->steady_s - process->start_s;
	json_t *array = json_array();

	if (isnan(steady_s)) {
		json_array_append_new(array, json_pack("{s:s, s:f, s:f, s:o}", "name", "steady",
						       "start_s", 0.0, "end_s", length_s, "classes",
						       gd_json_classes(&judged->classes)));
		return array;
	}
	json_array_append_new(array, json_pack("{s:s, s:f, s:f, s:n}", "name", "start", "start_s",
					       0.0, "end_s", steady_s, "classes"));
	json_array_append_new(array, json_pack("{s:s, s:f, s:f, s:n}", "name", "steady", "start_s",
					       steady_s, "end_s", length_s, "classes"));
	return array;
}

static json_t *make_time(const struct gd_judged *judged)
{
	const struct gd_process_model *process = judged->process;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:n}", "wall_s",
			 gd_json_number(process->end_s - process->start_s), "judged_s",
			 gd_json_number(judged->facts.active_s), "idle_share",
			 gd_json_number(judged->facts.idle), "thread_s",
			 gd_json_number(gd_classes_total_s(&judged->classes)), "classes",
			 gd_json_classes(&judged->classes), "holding_gil_s",
			 gd_json_number(judged->classes.holding_gil_s), "holding_lock_s");
}

static json_t *make_started(double epoch_s)
{
	time_t seconds = (time_t)epoch_s;
	struct tm tm;
	char buf[40];

	if (!gmtime_r(&seconds, &tm) || !strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return json_null();
	return json_string(buf);
}

static json_t *make_recording(const struct gd_analysis *analysis)
{
	const struct gd_session_model *session = analysis->session;
	uint64_t lost[GD_LOST_COUNT] = { 0 }, rows[GD_SECTION_COUNT] = { 0 };
	uint64_t unfollowed = analysis->unfollowed, events = 0;
	bool complete = true, collected = session->has_sampler_seen;
	json_t *sources = json_array();
	double end_s = 0;

	for (size_t i = 0; i < session->process_count; i++) {
		const struct gd_process_model *process = &session->processes[i];

		complete = complete && process->is_complete;
		collected = collected || process->was_collected;
		end_s = fmax(end_s, process->end_s);
		for (unsigned int k = 0; k < GD_LOST_COUNT; k++)
			lost[k] += process->lost[k];
		for (unsigned int k = 1; k < GD_SECTION_COUNT; k++)
			rows[k] += process->lost_rows[k];
	}
	/* What the agents could not follow, or what the kernel counted beside those who were. */
	if (unfollowed < lost[GD_LOST_CHILDREN])
		unfollowed = lost[GD_LOST_CHILDREN];
	if (!session->processes[0].has_no_agent)
		json_array_append_new(sources, json_string("agent"));
	if (collected)
		json_array_append_new(sources, json_string("sampler"));
	if (session->probe) {
		json_array_append_new(sources, json_string("probe"));
		events += session->probe->lost[GD_PROBED_LOST_EVENTS];
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:{s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o}, s:o}",
			 "path", gd_json_text(session->path), "started",
			 make_started(session->processes[0].started_epoch_s), "duration_s",
			 gd_json_number(end_s - session->processes[0].start_s), "last_s",
			 isnan(session->since_s) ? json_null()
						 : gd_json_number(end_s - session->since_s),
			 "complete", (int)(complete && !session->unreadable), "sources", sources,
			 "lost", "processes", gd_json_integer(session->unreadable + unfollowed),
			 "threads", gd_json_integer(lost[GD_LOST_THREADS]), "locks",
			 gd_json_integer(rows[GD_SECTION_LOCKS]), "sites",
			 gd_json_integer(rows[GD_SECTION_STRINGS] + rows[GD_SECTION_FRAMES] +
					 rows[GD_SECTION_STACKS] + rows[GD_SECTION_SAMPLES]),
			 "samples", gd_json_integer(rows[GD_SECTION_JOINT]), "events",
			 gd_json_integer(lost[GD_LOST_NESTED] + events), "descriptors",
			 gd_json_integer(lost[GD_LOST_FDS] + lost[GD_LOST_EPOLLS]), "gils",
			 gd_json_integer(rows[GD_SECTION_GILS]), "ended_threads",
			 gd_json_integer(rows[GD_SECTION_ENDED]), "overhead_share",
			 gd_json_number(analysis->overhead));
}

static json_t *make_machine(const struct gd_process_model *process)
{
	struct utsname name;

	return json_pack("{s:o, s:o, s:o, s:o}", "cpus",
			 process->cpus ? json_integer(process->cpus) : json_null(), "cpus_online",
			 process->cpus_online ? json_integer(process->cpus_online) : json_null(),
			 "cpu_quota",
			 process->cpu_quota > 0 ? gd_json_number(process->cpu_quota) : json_null(),
			 "kernel", uname(&name) == 0 ? gd_json_text(name.release) : json_null());
}

int gd_json_render(const struct gd_analysis *analysis, FILE *out)
{
	const struct gd_judged *judged = analysis->main;
	json_t *report = json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o}",
		"schema", "gildiag.report/1", "recording", make_recording(analysis), "machine",
		make_machine(judged->process), "processes", gd_json_processes(analysis),
		"short_processes", gd_json_short_processes(analysis->session), "verdict",
		gd_json_verdict(judged), "recommendation", gd_json_recommendation(judged), "time",
		make_time(judged), "gil", gd_json_gil(judged), "predictions",
		gd_json_predictions(&analysis->ceilings), "functions", gd_json_functions(judged),
		"stacks", gd_json_stacks(judged), "threads", gd_json_threads(analysis), "locks",
		gd_json_locks(judged), "phases", make_phases(judged), "probe",
		gd_json_probe(analysis), "blocks", gd_json_blocks(analysis));
	int err;

	if (!report)
		return -ENOMEM;
	err = json_dumpf(report, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
	json_decref(report);
	return err || fputc('\n', out) == EOF ? -EIO : 0;
}
