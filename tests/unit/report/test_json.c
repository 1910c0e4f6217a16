/* SPDX-License-Identifier: MIT */
/* The report for programs: its keys, its nulls, and that it is JSON whatever the names are. */
#include <base/cleanup.h>
#include <builders/analysed.h>
#include <builders/stories.h>
#include <jansson.h>
#include <json.h>
#include <string.h>
#include <unit/near.h>

static struct gd_recording recordings[3];

static json_t *render(size_t count)
{
	struct gd_analysed analysed;
	gd_autofree char *text = NULL;
	json_error_t error;
	json_t *report;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	gd_analysed_make(recordings, count, &analysed);
	assert_int_equal(gd_json_render(&analysed.analysis, out), 0);
	fclose(out);
	gd_analysed_free(&analysed);
	report = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!report)
		fail_msg("line %d: %s", error.line, error.text);
	assert_int_equal(text[size - 1], '\n');
	return report;
}

static json_t *render_story(const char *name)
{
	gd_story_tell(name, &recordings[0]);
	return render(1);
}

/* What stands at a path like "recording.lost.threads" or "threads.0.name". */
static json_t *at(json_t *value, const char *path)
{
	while (*path) {
		size_t length = strcspn(path, ".");
		char key[40];

		snprintf(key, sizeof(key), "%.*s", (int)length, path);
		value = json_is_array(value) ? json_array_get(value, strtoul(key, NULL, 10))
					     : json_object_get(value, key);
		if (!value)
			fail_msg("there is no %s", path);
		path += length + (path[length] == '.');
	}
	return value;
}

static const char *text_at(json_t *report, const char *path)
{
	const char *text = json_string_value(at(report, path));

	if (!text)
		fail_msg("%s is no text", path);
	return text;
}

static double number_at(json_t *report, const char *path)
{
	if (!json_is_number(at(report, path)))
		fail_msg("%s is no number", path);
	return json_number_value(at(report, path));
}

/* ---- Keys ------------------------------------------------------------------------------------ */

/* clang-format off */
#define CLASSES(at)                                                                                \
	at ".cpu_gil_s", at ".cpu_free_s", at ".gil_wait_s", at ".lock_wait_s", at ".io_wait_s",   \
	at ".timer_wait_s", at ".child_wait_s", at ".no_cpu_s", at ".idle_s", at ".unseen_s"
#define GIL(at)                                                                                    \
	at ".held_share", at ".wanted_share", at ".takes", at ".takes_per_s", at ".forced_switches", \
	at ".hold.p50_ns", at ".hold.p99_ns", at ".hold.max_ns",                                    \
	at ".wait.p50_ns", at ".wait.p99_ns", at ".wait.max_ns", at ".holders"

static const char *const fixed[] = {
	"schema",
	"recording.path", "recording.started", "recording.duration_s", "recording.complete", "recording.sources",
	"recording.lost.processes", "recording.lost.threads", "recording.lost.locks",
	"recording.lost.sites", "recording.lost.samples", "recording.lost.events", "recording.overhead_share",
	"machine.cpus", "machine.cpus_online", "machine.cpu_quota", "machine.kernel",
	"processes.0.pid", "processes.0.ppid", "processes.0.command", "processes.0.exit.code", "processes.0.exit.signal",
	"processes.0.runtime.name", "processes.0.runtime.version", "processes.0.runtime.gil", "processes.0.verdict.class",
	CLASSES("processes.0.classes"), GIL("processes.0.gil"),
	"verdict.class", "verdict.confidence", "verdict.headline",
	"verdict.reasons.0.id", "verdict.reasons.0.value", "verdict.reasons.0.unit", "verdict.reasons.0.text",
	"verdict.ruled_out.0.id", "verdict.ruled_out.0.value", "verdict.ruled_out.0.unit", "verdict.ruled_out.0.text",
	"recommendation.action", "recommendation.summary", "recommendation.workers", "recommendation.where",
	"recommendation.alternatives.0.action", "recommendation.alternatives.0.summary", "recommendation.alternatives.0.workers",
	"time.wall_s", "time.thread_s", CLASSES("time.classes"), "time.holding_gil_s", "time.holding_lock_s",
	GIL("gil"),
	"predictions.0.model", "predictions.0.workers", "predictions.0.speedup.low", "predictions.0.speedup.expected",
	"predictions.0.speedup.high", "predictions.0.speedup.ceiling", "predictions.0.flags",
	"functions",
	"threads.0.pid", "threads.0.tid", "threads.0.name", "threads.0.role", "threads.0.start", CLASSES("threads.0.classes"),
	"locks.0.pid", "locks.0.kind", "locks.0.name", "locks.0.where", "locks.0.contended", "locks.0.wait_s",
	"locks.0.hold_s", "locks.0.exact", "locks.0.waiters_mean", "locks.0.holders", "locks.0.timeouts",
	"locks.0.released", "locks.0.posted", "locks.0.unbounded", "locks.0.waiting",
	"phases.0.name", "phases.0.start_s", "phases.0.end_s", "phases.0.classes",
};
/* clang-format on */

static void every_key_of_the_contract_is_there(void **state)
{
	json_t *report;

	(void)state;
	gd_story_tell("everything", &recordings[0]);
	recordings[0].lock_count = 1;
	recordings[0].locks[0] = (struct gd_lock){ .cause = GD_CAUSE_MUTEX, .waits = 3 };
	report = render(1);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		at(report, fixed[i]);
	assert_string_equal(text_at(report, "schema"), "gildiag.report/1");
	json_decref(report);
}

static void every_kind_of_report_is_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < gd_story_count; i++) {
		json_t *report = render_story(gd_stories[i].name);

		assert_true(json_object_size(report) >= 13);
		json_decref(report);
	}
}

/* ---- Values ---------------------------------------------------------------------------------- */

static void times_are_seconds_and_nanoseconds(void **state)
{
	json_t *report = render_story("crunch");

	(void)state;
	assert_near(number_at(report, "recording.duration_s"), 10, 1e-6);
	assert_string_equal(text_at(report, "recording.started"), "2025-11-25T14:45:03Z");
	assert_near(number_at(report, "time.wall_s"), 10, 1e-6);
	assert_near(number_at(report, "time.classes.cpu_gil_s"), 9.9, 1e-6);
	assert_near(number_at(report, "gil.hold.max_ns"), 8100000, 1);
	assert_near(number_at(report, "gil.takes_per_s"), 200, 1e-6);
	assert_true(json_is_integer(at(report, "gil.hold.p50_ns")));
	json_decref(report);
}

static void classes_add_up_to_the_time_of_the_threads(void **state)
{
	(void)state;
	for (size_t i = 0; i < gd_story_count; i++) {
		json_t *report = render_story(gd_stories[i].name);
		const char *key;
		json_t *value;
		double sum = 0;

		json_object_foreach(at(report, "time.classes"), key, value) sum +=
			json_number_value(value);
		assert_near(sum, number_at(report, "time.thread_s"), 1e-5);
		json_decref(report);
	}
}

static void causes_are_listed_where_there_was_any(void **state)
{
	json_t *report = render_story("fetch");
	json_t *causes = at(report, "threads.0.causes");

	(void)state;
	assert_near(number_at(causes, "recv.wall_s"), 9.3, 1e-6);
	assert_near(number_at(causes, "recv.count"), 620, 0);
	assert_near(number_at(causes, "cpu_gil.wall_s"), 0.4, 1e-6); /* computing has no count */
	assert_null(json_object_get(causes, "sem"));
	json_decref(report);
}

static void shares_are_between_nothing_and_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < gd_story_count; i++) {
		json_t *report = render_story(gd_stories[i].name);
		size_t index;
		json_t *reason;

		json_array_foreach(at(report, "verdict.reasons"), index, reason)
		{
			if (strcmp(text_at(reason, "unit"), "share") == 0)
				assert_true(number_at(reason, "value") >= 0 &&
					    number_at(reason, "value") <= 1);
		}
		json_decref(report);
	}
}

static void what_was_not_measured_is_null(void **state)
{
	static const char *const nulls[] = {
		"recording.overhead_share", "machine.cpus",           "machine.cpu_quota",
		"processes.0.exit.code",    "gil.held_share",         "gil.hold.p50_ns",
		"gil.hold.max_ns",          "time.holding_lock_s",    "predictions.0.speedup.low",
		"predictions.0.workers",    "recommendation.workers",
	};
	json_t *report;

	(void)state;
	gd_story_tell("doubtful", &recordings[0]);
	recordings[0].gil_count = 1; /* seen, never taken */
	report = render(1);
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		if (!json_is_null(at(report, nulls[i])))
			fail_msg("%s is not null", nulls[i]);
	assert_near(number_at(report, "gil.takes"), 0, 0);
	json_decref(report);
}

static void a_program_without_a_gil_has_none(void **state)
{
	json_t *report = render_story("one-mutex");

	(void)state;
	assert_true(json_is_null(at(report, "gil")));
	assert_true(json_is_null(at(report, "processes.0.runtime.name")));
	assert_string_equal(text_at(report, "processes.0.runtime.gil"), "none");
	assert_string_equal(text_at(report, "locks.0.kind"), "mutex");
	assert_string_equal(text_at(report, "locks.0.name"), "0x55d0c0ffee00");
	assert_near(number_at(report, "locks.0.waiters_mean"), 69.6 / 9.9, 1e-6);
	json_decref(report);
}

static void holders_are_listed_with_what_they_cost(void **state)
{
	json_t *gil = render_story("gil-held");
	json_t *lock = render_story("one-mutex");

	(void)state;
	assert_int_equal(json_array_size(at(gil, "gil.holders")), 1);
	assert_near(number_at(gil, "gil.holders.0.blame_s"), 9.7, 1e-6);
	assert_near(number_at(gil, "gil.holders.0.hold_s"), 9.8, 1e-6);
	assert_near(number_at(gil, "gil.holders.0.times"), 100, 0);
	assert_near(number_at(lock, "locks.0.holders.0.blame_s"), 66.7, 1e-6);
	assert_near(number_at(lock, "locks.0.holders.0.hold_s"), 9.6, 1e-6);
	assert_true(json_is_true(at(lock, "locks.0.exact")));
	json_decref(gil);
	json_decref(lock);
}

static void a_lock_of_which_something_was_left_out_says_so(void **state)
{
	json_t *report;

	(void)state;
	gd_story_tell("one-mutex", &recordings[0]);
	recordings[0].locks[0].unbounded = recordings[0].locks[0].released;
	report = render(1);
	assert_true(json_is_false(at(report, "locks.0.exact")));
	assert_true(json_is_null(at(report, "locks.0.hold_s")));
	json_decref(report);
}

static void a_ceiling_that_nothing_sets_is_null_and_said(void **state)
{
	json_t *report = render_story("sleep");

	(void)state;
	assert_true(json_is_null(at(report, "predictions.0.speedup.ceiling")));
	assert_string_equal(text_at(report, "predictions.0.flags.0"), "unbounded-by-this-program");
	json_decref(report);
}

static void alternatives_and_phases_are_those_there_are(void **state)
{
	json_t *child = render_story("child"), *fetch = render_story("fetch");
	json_t *doubtful = render_story("doubtful");

	(void)state;
	assert_int_equal(json_array_size(at(child, "recommendation.alternatives")), 0);
	assert_int_equal(json_array_size(at(fetch, "recommendation.alternatives")), 1);
	assert_string_equal(text_at(fetch, "recommendation.alternatives.0.action"), "asyncio");
	assert_int_equal(json_array_size(at(fetch, "phases")), 2);
	assert_string_equal(text_at(fetch, "phases.0.name"), "start");
	assert_near(number_at(fetch, "phases.0.end_s"), 0.1, 1e-6);
	assert_near(number_at(fetch, "phases.1.start_s"), 0.1, 1e-6);
	assert_near(number_at(fetch, "phases.1.end_s"), 10, 1e-6);
	assert_int_equal(json_array_size(at(doubtful, "phases")), 1);
	assert_string_equal(text_at(doubtful, "phases.0.name"), "steady");
	assert_near(number_at(doubtful, "phases.0.start_s"), 0, 0);
	json_decref(child);
	json_decref(fetch);
	json_decref(doubtful);
}

static void losses_are_counted_by_what_was_lost(void **state)
{
	json_t *report;

	(void)state;
	gd_story_tell("crunch", &recordings[0]);
	recordings[0].process.lost[GD_LOST_CHILDREN] = 1;
	recordings[0].process.lost[GD_LOST_THREADS] = 2;
	recordings[0].lost[GD_SECTION_LOCKS] = 3;
	recordings[0].lost[GD_SECTION_JOINT] = 4;
	recordings[0].process.lost[GD_LOST_NESTED] = UINT64_MAX;
	report = render(1);
	assert_near(number_at(report, "recording.lost.processes"), 1, 0);
	assert_near(number_at(report, "recording.lost.threads"), 2, 0);
	assert_near(number_at(report, "recording.lost.locks"), 3, 0);
	assert_near(number_at(report, "recording.lost.samples"), 4, 0);
	assert_true(number_at(report, "recording.lost.events") > 9e18);
	json_decref(report);
}

static void every_process_and_its_threads_are_listed(void **state)
{
	json_t *report;

	(void)state;
	gd_story_tell("child", &recordings[0]);
	gd_story_tell("crunch", &recordings[1]);
	gd_story_tell("hidden", &recordings[2]);
	recordings[1].process.pid = 5000;
	recordings[2].header.state = GD_STATE_OPEN;
	report = render(3);
	assert_int_equal(json_array_size(at(report, "processes")), 3);
	assert_int_equal(json_array_size(at(report, "threads")), 1 + 5 + 1);
	assert_string_equal(text_at(report, "verdict.class"), "computing");
	assert_near(number_at(report, "processes.1.pid"), 5000, 0);
	assert_string_equal(text_at(report, "processes.0.verdict.class"), "waiting");
	assert_true(json_is_false(at(report, "recording.complete")));
	json_decref(report);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static void hostile_names_are_text_all_the_same(void **state)
{
	json_t *report = render_story("hostile");

	(void)state;
	/* Escaped by JSON's own rules, so that a program gets what was there. */
	assert_non_null(strchr(text_at(report, "processes.0.script"), '\033'));
	assert_non_null(strstr(text_at(report, "processes.0.script"), "\xef\xbf\xbd"));
	assert_non_null(strstr(text_at(report, "threads.0.name"), "\xef\xbf\xbd"));
	json_decref(report);
}

static void random_names_are_text_all_the_same(void **state)
{
	(void)state;
	srand(3);
	for (int i = 0; i < 300; i++) {
		struct gd_process *process = &recordings[0].process;

		gd_story_tell("hash", &recordings[0]);
		for (size_t k = 0; k < sizeof(process->command); k++) {
			process->command[k] = (char)rand();
			process->script[k] = (char)rand();
			process->runtime_version[k % 32] = (char)rand();
			recordings[0].threads[0].name[k % 16] = (char)rand();
		}
		json_decref(render(1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_of_the_contract_is_there),
		cmocka_unit_test(every_kind_of_report_is_json),
		cmocka_unit_test(times_are_seconds_and_nanoseconds),
		cmocka_unit_test(classes_add_up_to_the_time_of_the_threads),
		cmocka_unit_test(causes_are_listed_where_there_was_any),
		cmocka_unit_test(shares_are_between_nothing_and_all),
		cmocka_unit_test(what_was_not_measured_is_null),
		cmocka_unit_test(a_program_without_a_gil_has_none),
		cmocka_unit_test(holders_are_listed_with_what_they_cost),
		cmocka_unit_test(a_lock_of_which_something_was_left_out_says_so),
		cmocka_unit_test(a_ceiling_that_nothing_sets_is_null_and_said),
		cmocka_unit_test(alternatives_and_phases_are_those_there_are),
		cmocka_unit_test(losses_are_counted_by_what_was_lost),
		cmocka_unit_test(every_process_and_its_threads_are_listed),
		cmocka_unit_test(hostile_names_are_text_all_the_same),
		cmocka_unit_test(random_names_are_text_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
