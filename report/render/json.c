/* SPDX-License-Identifier: MIT */
/*
 * One object.  null is "not measured", 0 "measured and zero", [] "none".  jansson keeps the order
 * of keys and never fails half-way: a NULL value makes the whole object NULL, which is -ENOMEM.
 */
#include "json.h"
#include "escape.h"
#include "words.h"
#include <base/cleanup.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

static json_t *text(const char *value)
{
	gd_autofree char *clean = gd_escape_utf8(value);

	return clean ? json_string(clean) : NULL;
}

static json_t *text_or_null(const char *value)
{
	return value[0] ? text(value) : json_null();
}

/* What is not finite was not measured. */
static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *integer(uint64_t value)
{
	return json_integer((json_int_t)(value > INT64_MAX ? INT64_MAX : value));
}

static json_t *nanoseconds(double s)
{
	return isfinite(s) ? json_integer((json_int_t)llround(s * 1e9)) : json_null();
}

/* ---- Classes and GIL ------------------------------------------------------------------------- */

static json_t *make_classes(const struct gd_classes *classes)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "cpu_gil_s",
			 number(classes->s[GD_CLASS_CPU_GIL]), "cpu_free_s",
			 number(classes->s[GD_CLASS_CPU_FREE]), "gil_wait_s",
			 number(classes->s[GD_CLASS_GIL_WAIT]), "lock_wait_s",
			 number(classes->s[GD_CLASS_LOCK_WAIT]), "io_wait_s",
			 number(classes->s[GD_CLASS_IO_WAIT]), "timer_wait_s",
			 number(classes->s[GD_CLASS_TIMER_WAIT]), "child_wait_s",
			 number(classes->s[GD_CLASS_CHILD_WAIT]), "no_cpu_s",
			 number(classes->s[GD_CLASS_NO_CPU]), "idle_s",
			 number(classes->s[GD_CLASS_IDLE]), "unseen_s",
			 number(classes->s[GD_CLASS_UNSEEN]));
}

static json_t *make_times(double p50_s, double p99_s, double max_s, double sum_s)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "p50_ns", nanoseconds(p50_s), "p99_ns",
			 nanoseconds(p99_s), "max_ns", nanoseconds(isnan(p50_s) ? NAN : max_s),
			 "sum_s", number(sum_s));
}

/* The first GIL: subinterpreters with their own are in a list beside it. */
static json_t *make_gil(const struct gd_judged *judged)
{
	const struct gd_process_model *process = judged->process;
	const struct gd_gil_model *gil = process->gils;
	double wall_s = process->end_s - process->start_s;
	bool looked = judged->facts.has_picture;

	if (!process->gil_count)
		return json_null();
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "held_share",
		number(looked ? judged->facts.gil_held : NAN), "wanted_share",
		number(looked ? judged->facts.gil_wanted : NAN), "takes", integer(gil->takes),
		"drops", integer(gil->drops), "waits", integer(gil->waits), "takes_per_s",
		number(wall_s > 0 ? (double)gil->takes / wall_s : NAN), "forced_switches",
		integer(gil->forced), "hold_of_100us_and_longer_s", number(gil->hold_long_s),
		"hold", make_times(gil->hold_p50_s, gil->hold_p99_s, gil->hold_max_s, gil->hold_s),
		"wait", make_times(gil->wait_p50_s, gil->wait_p99_s, gil->wait_max_s, gil->wait_s));
}

/* ---- Processes and threads ------------------------------------------------------------------- */

static json_t *make_causes(const struct gd_times *times)
{
	static const char *const names[] = {
#define NAME(name, number, class, words) [number] = #name,
		GD_CAUSES(NAME)
#undef NAME
	};
	json_t *object = json_object();

	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++) {
		char key[24];

		if (times->cause_s[cause] <= 0 && !times->count[cause])
			continue;
		for (size_t i = 0; i <= strlen(names[cause]); i++)
			key[i] = names[cause][i] >= 'A' && names[cause][i] <= 'Z'
					 ? (char)(names[cause][i] + 32)
					 : names[cause][i];
		json_object_set_new(object, key,
				    json_pack("{s:o, s:o, s:o}", "count",
					      integer(times->count[cause]), "wall_s",
					      number(times->cause_s[cause]), "cpu_s",
					      number(times->cpu_in_s[cause])));
	}
	return object;
}

static json_t *make_thread(const struct gd_process_model *process,
			   const struct gd_thread_model *thread)
{
	struct gd_classes classes = gd_classes_of_thread(&thread->times, thread->is_main);
	const struct gd_times *times = &thread->times;

	return json_pack(
		"{s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"pid", process->pid, "tid", thread->tid, "name", text_or_null(thread->name), "role",
		thread->is_main ? json_string("main") : json_null(), "start", json_null(),
		"threads", integer(thread->threads), "life_s", number(times->life_s), "classes",
		make_classes(&classes), "causes", make_causes(times), "holding_gil_s",
		number(times->holding_gil_s), "gil_takes", integer(times->gil_takes), "gil_drops",
		integer(times->gil_drops), "gil_hold_s", number(times->gil_hold_s), "cpu_clock_s",
		number(times->cpu_s), "run_delay_s", number(times->run_delay_s));
}

static json_t *make_threads(const struct gd_analysis *analysis)
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
	return json_pack("{s:o, s:o, s:s}", "name", text_or_null(process->runtime), "version",
			 text_or_null(process->runtime_version), "gil",
			 gd_words_gil(process->gil_state));
}

static json_t *make_process(const struct gd_judged *judged, double share)
{
	const struct gd_process_model *process = judged->process;

	return json_pack(
		"{s:i, s:i, s:o, s:o, s:{s:o, s:n}, s:o, s:{s:s}, s:o, s:o, s:o, s:b, s:o}", "pid",
		process->pid, "ppid", process->ppid, "command", text(process->command), "script",
		text_or_null(process->script), "exit", "code",
		process->has_exit_code ? json_integer(process->exit_code) : json_null(), "signal",
		"runtime", make_runtime(process), "verdict", "class",
		gd_words_class(judged->verdict.class), "classes", make_classes(&judged->classes),
		"gil", make_gil(judged), "threads_born", integer(process->threads_born), "complete",
		(int)process->is_complete, "share", number(share));
}

static json_t *make_processes(const struct gd_analysis *analysis)
{
	json_t *array = json_array();

	for (size_t i = 0; i < analysis->session->process_count; i++)
		json_array_append_new(array,
				      make_process(&analysis->processes[i], analysis->shares[i]));
	return array;
}

/* Those too small for a file of their own. */
static json_t *make_short_processes(const struct gd_session_model *session)
{
	json_t *array = json_array();

	for (size_t i = 0; i < session->short_count; i++) {
		const struct gd_short_model *one = &session->shorts[i];

		json_array_append_new(
			array,
			json_pack("{s:i, s:i, s:o, s:{s:o}, s:o, s:o}", "pid", one->pid, "ppid",
				  one->ppid, "command", text(one->command), "exit", "code",
				  one->has_exit_code ? json_integer(one->exit_code) : json_null(),
				  "duration_s", number(one->end_s - one->start_s), "cpu_s",
				  number(one->cpu_s)));
	}
	return array;
}

/* ---- Verdict --------------------------------------------------------------------------------- */

static json_t *make_reasons(const struct gd_reason *reasons, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		char words[80];

		gd_words_evidence(&reasons[i], words, sizeof(words));
		json_array_append_new(array, json_pack("{s:s, s:o, s:s, s:s}", "id",
						       gd_words_evidence_id(reasons[i].evidence),
						       "value", number(reasons[i].value), "unit",
						       gd_words_evidence_unit(reasons[i].evidence),
						       "text", words));
	}
	return array;
}

static json_t *make_verdict(const struct gd_judged *judged)
{
	const struct gd_verdict *verdict = &judged->verdict;
	char headline[160];

	gd_words_headline(judged, headline, sizeof(headline));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "class", gd_words_class(verdict->class),
			 "confidence", gd_words_confidence(verdict->confidence), "headline",
			 headline, "rule", verdict->rule, "reasons",
			 make_reasons(verdict->reasons, verdict->reason_count), "ruled_out",
			 make_reasons(verdict->ruled_out, verdict->ruled_out_count));
}

static json_t *make_advice(const struct gd_judged *judged, const struct gd_advice *advice)
{
	char summary[200];

	gd_words_advice(judged, advice, summary, sizeof(summary));
	return json_pack("{s:s, s:s, s:o}", "action", gd_words_action(advice->action), "summary",
			 summary, "workers",
			 advice->workers ? json_integer(advice->workers) : json_null());
}

static json_t *make_place(const struct gd_place *place)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:n}", "file", text_or_null(place->file),
			 "line", place->line > 0 ? json_integer(place->line) : json_null(),
			 "function", text_or_null(place->function), "module",
			 text_or_null(place->module), "offset",
			 place->module[0] ? integer(place->offset) : json_null(), "code");
}

static json_t *make_recommendation(const struct gd_judged *judged)
{
	const struct gd_verdict *verdict = &judged->verdict;
	json_t *object = make_advice(judged, &verdict->advice);
	json_t *alternatives = json_array(), *where = json_array();
	char why[300];

	gd_words_why(judged, why, sizeof(why));
	for (size_t i = 0; i < verdict->alternative_count; i++)
		json_array_append_new(alternatives, make_advice(judged, &verdict->alternatives[i]));
	json_object_set_new(object, "why", json_string(why));
	if (judged->where)
		json_array_append_new(where, make_place(judged->where));
	json_object_set_new(object, "where", where);
	json_object_set_new(object, "alternatives", alternatives);
	return object;
}

static void add_prediction(json_t *array, const char *model, double ceiling)
{
	if (isnan(ceiling))
		return;
	json_array_append_new(
		array,
		json_pack("{s:s, s:n, s:{s:n, s:n, s:n, s:o}, s:[s]}", "model", model, "workers",
			  "speedup", "low", "expected", "high", "ceiling", number(ceiling), "flags",
			  isinf(ceiling) ? "unbounded-by-this-program" : "ceiling-only"));
}

static json_t *make_predictions(const struct gd_ceilings *ceilings)
{
	json_t *array = json_array();

	add_prediction(array, "threads", ceilings->threads);
	add_prediction(array, "processes", ceilings->processes);
	add_prediction(array, "asyncio", ceilings->asyncio);
	return array;
}

/* ---- Functions ------------------------------------------------------------------------------- */

static json_t *make_seconds(const double *s)
{
	struct gd_classes classes = { .holding_gil_s = 0 };

	memcpy(classes.s, s, sizeof(classes.s));
	return make_classes(&classes);
}

/* Waits alone: what computing threads run is not sampled. */
static json_t *make_functions(const struct gd_judged *judged)
{
	json_t *array = json_array();

	for (size_t i = 0; i < judged->functions.count; i++) {
		const struct gd_hot *hot = &judged->functions.list[i];
		json_t *object = make_place(hot->place);

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

/* ---- Locks, phases, time --------------------------------------------------------------------- */

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
			json_t *holder = make_place(lock->holders[i].place);

			json_object_set_new(holder, "blame_s", number(lock->holders[i].blame_s));
			json_object_set_new(holder, "times", integer(lock->holders[i].times));
			json_array_append_new(holders, holder);
		}
	return json_pack(
		"{s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}",
		"pid", judged->process->pid, "kind", kind, "name", address, "where",
		lock->place ? make_place(lock->place) : json_null(), "contended",
		integer(lock->waits), "wait_s", number(lock->wait_s), "wait_max_s",
		number(lock->wait_max_s), "hold_s", number(lock->hold_s), "timeouts",
		integer(lock->timeouts), "released", integer(lock->released), "posted",
		integer(lock->posted), "hold_max_s", number(lock->hold_max_s), "exact", 1,
		"waiters_mean",
		number(judged->facts.active_s > 0 ? lock->wait_s / judged->facts.active_s : NAN),
		"holders", holders);
}

static int compare_waits(const void *a, const void *b)
{
	const struct gd_lock_model *x = *(const struct gd_lock_model *const *)a;
	const struct gd_lock_model *y = *(const struct gd_lock_model *const *)b;

	return (x->wait_s < y->wait_s) - (x->wait_s > y->wait_s);
}

static json_t *make_locks(const struct gd_judged *judged)
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

static json_t *make_phases(const struct gd_judged *judged)
{
	const struct gd_process_model *process = judged->process;
	double length_s = process->end_s - process->start_s;
	double steady_s = process->steady_s - process->start_s;
	json_t *array = json_array();

	if (isnan(steady_s)) {
		json_array_append_new(array, json_pack("{s:s, s:f, s:f, s:o}", "name", "steady",
						       "start_s", 0.0, "end_s", length_s, "classes",
						       make_classes(&judged->classes)));
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
			 number(process->end_s - process->start_s), "judged_s",
			 number(judged->facts.active_s), "idle_share", number(judged->facts.idle),
			 "thread_s", number(gd_classes_total_s(&judged->classes)), "classes",
			 make_classes(&judged->classes), "holding_gil_s",
			 number(judged->classes.holding_gil_s), "holding_lock_s");
}

/* ---- The recording and the machine ----------------------------------------------------------- */

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
	uint64_t unfollowed = analysis->unfollowed;
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
	json_array_append_new(sources, json_string("agent"));
	if (collected)
		json_array_append_new(sources, json_string("sampler"));
	return json_pack(
		"{s:o, s:o, s:o, s:b, s:o, s:{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}, s:o}",
		"path", text(session->path), "started",
		make_started(session->processes[0].started_epoch_s), "duration_s",
		number(end_s - session->processes[0].start_s), "complete",
		(int)(complete && !session->unreadable), "sources", sources, "lost", "processes",
		integer(session->unreadable + unfollowed), "threads",
		integer(lost[GD_LOST_THREADS]), "locks", integer(rows[GD_SECTION_LOCKS]), "sites",
		integer(rows[GD_SECTION_STRINGS] + rows[GD_SECTION_FRAMES] +
			rows[GD_SECTION_STACKS] + rows[GD_SECTION_SAMPLES]),
		"samples", integer(rows[GD_SECTION_JOINT]), "events", integer(lost[GD_LOST_NESTED]),
		"descriptors", integer(lost[GD_LOST_FDS] + lost[GD_LOST_EPOLLS]), "gils",
		integer(rows[GD_SECTION_GILS]), "ended_threads", integer(rows[GD_SECTION_ENDED]),
		"overhead_share", number(analysis->overhead));
}

static json_t *make_machine(const struct gd_process_model *process)
{
	struct utsname name;

	return json_pack("{s:o, s:o, s:o, s:o}", "cpus",
			 process->cpus ? json_integer(process->cpus) : json_null(), "cpus_online",
			 process->cpus_online ? json_integer(process->cpus_online) : json_null(),
			 "cpu_quota",
			 process->cpu_quota > 0 ? number(process->cpu_quota) : json_null(),
			 "kernel", uname(&name) == 0 ? text(name.release) : json_null());
}

int gd_json_render(const struct gd_analysis *analysis, FILE *out)
{
	const struct gd_judged *judged = analysis->main;
	json_t *report = json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema",
		"gildiag.report/1", "recording", make_recording(analysis), "machine",
		make_machine(judged->process), "processes", make_processes(analysis),
		"short_processes", make_short_processes(analysis->session), "verdict",
		make_verdict(judged), "recommendation", make_recommendation(judged), "time",
		make_time(judged), "gil", make_gil(judged), "predictions",
		make_predictions(&analysis->ceilings), "functions", make_functions(judged),
		"threads", make_threads(analysis), "locks", make_locks(judged), "phases",
		make_phases(judged));
	int err;

	if (!report)
		return -ENOMEM;
	err = json_dumpf(report, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
	json_decref(report);
	return err || fputc('\n', out) == EOF ? -EIO : 0;
}
