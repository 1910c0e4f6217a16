/* SPDX-License-Identifier: MIT */
/* From one file to one process: ticks become seconds, what is open is closed. */
#include <base/cleanup.h>
#include <builders/recording.h>
#include <load.h>
#include <string.h>
#include <unit/near.h>

#define NEAR_S 1e-6 /* ticks are whole, a double has 15 digits */

static struct gd_recording recording;
static struct gd_pool *pool;

static int make_plain(void **state)
{
	(void)state;
	gd_recording_init(&recording);
	pool = gd_pool_new();
	return pool ? 0 : -1;
}

static int free_pool(void **state)
{
	(void)state;
	gd_pool_free(pool);
	return 0;
}

static struct gd_process_model load(void)
{
	struct gd_process_model process;
	struct gd_diag diag = { "" };
	size_t size;
	gd_autofree unsigned char *bytes = gd_recording_pack(&recording, &size);
	struct gd_file file;

	if (gd_file_check(bytes, size, "x", &file, &diag) != 0)
		fail_msg("%s", diag.text);
	assert_int_equal(gd_load_process(&file, pool, &process), 0);
	return process;
}

/* ---- Clocks ---------------------------------------------------------------------------------- */

static void ticks_of_the_tsc_become_seconds(void **state)
{
	struct gd_process_model process;

	(void)state;
	recording.threads[0].ticks[GD_CAUSE_RECV] = GD_RECORDING_TICKS(3);
	recording.threads[0].cpu_in[GD_CAUSE_RECV] = GD_RECORDING_TICKS(0.25);
	recording.threads[0].off_in[1] = GD_RECORDING_TICKS(0.5);
	recording.threads[0].holding_gil = GD_RECORDING_TICKS(0.125);
	recording.threads[0].gil_hold = GD_RECORDING_TICKS(7);
	recording.threads[0].cpu_ns = GD_RECORDING_NS(6);
	process = load();
	assert_true(process.clock_is_tsc);
	assert_near(process.start_s, GD_RECORDING_START_S, NEAR_S);
	assert_near(process.end_s, GD_RECORDING_END_S, NEAR_S);
	assert_near(process.threads[0].times.cause_s[GD_CAUSE_RECV], 3, NEAR_S);
	assert_near(process.threads[0].times.cpu_in_s[GD_CAUSE_RECV], 0.25, NEAR_S);
	assert_near(process.threads[0].times.off_in_s[1], 0.5, NEAR_S);
	assert_near(process.threads[0].times.holding_gil_s, 0.125, NEAR_S);
	assert_near(process.threads[0].times.gil_hold_s, 7, NEAR_S);
	assert_near(process.threads[0].times.cpu_s, 6, NEAR_S);
	assert_near(process.threads[0].times.life_s, 10, NEAR_S);
}

static void ticks_of_the_other_clock_are_nanoseconds(void **state)
{
	struct gd_process_model process;

	(void)state;
	recording.process.clock = GD_CLOCK_MONOTONIC;
	recording.threads[0].ticks[GD_CAUSE_SLEEP] = 1500000000;
	process = load();
	assert_false(process.clock_is_tsc);
	assert_near(process.threads[0].times.cause_s[GD_CAUSE_SLEEP], 1.5, NEAR_S);
}

static void the_rate_comes_from_the_pairs_farthest_apart(void **state)
{
	struct gd_process_model process;

	(void)state;
	/* The process's own last pair is its first one again: it was killed. */
	recording.process.last = recording.process.first;
	recording.process.sampler_pair =
		(struct gd_clock_pair){ GD_RECORDING_AT(8), GD_RECORDING_NS(1008) };
	recording.threads[0].ticks[GD_CAUSE_FILE] = GD_RECORDING_TICKS(2);
	process = load();
	assert_near(process.threads[0].times.cause_s[GD_CAUSE_FILE], 2, NEAR_S);
}

static void a_clock_that_cannot_be_gives_seconds_all_the_same(void **state)
{
	static const struct gd_clock_pair lasts[] = { { 0, 0 },
						      { UINT64_MAX, 1 },
						      { GD_RECORDING_AT(0) + 1, UINT64_MAX } };

	(void)state;
	for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
		struct gd_process_model process;

		recording.process.last = lasts[i];
		recording.threads[0].ticks[GD_CAUSE_FILE] = GD_RECORDING_TICKS(2);
		process = load();
		assert_true(process.end_s >= process.start_s);
		/* Some rate between 0.25 and 25 GHz. */
		assert_in_range(process.threads[0].times.cause_s[GD_CAUSE_FILE] * 1000, 160, 16000);
	}
}

/* ---- The end --------------------------------------------------------------------------------- */

static void what_is_open_at_the_end_is_closed_there(void **state)
{
	struct gd_thread *thread = &recording.threads[0];
	struct gd_process_model process;

	(void)state;
	thread->cause = GD_CAUSE_SLEEP;
	thread->since = GD_RECORDING_AT(4);
	thread->ticks[GD_CAUSE_SLEEP] = GD_RECORDING_TICKS(1);
	process = load();
	assert_near(process.threads[0].times.cause_s[GD_CAUSE_SLEEP], 7, NEAR_S);
	assert_near(process.threads[0].times.cpu_s, 0, NEAR_S);
}

static void a_thread_that_ended_has_nothing_open(void **state)
{
	struct gd_thread *thread = gd_recording_add_thread(&recording, 4712);
	struct gd_process_model process;

	(void)state;
	thread->state = GD_THREAD_ENDED;
	thread->cause = GD_CAUSE_SLEEP;
	thread->since = thread->ended = GD_RECORDING_AT(4);
	process = load();
	assert_int_equal(process.thread_count, 2);
	assert_true(process.threads[1].has_ended);
	assert_near(process.threads[1].times.cause_s[GD_CAUSE_SLEEP], 0, NEAR_S);
	assert_near(process.threads[1].times.life_s, 4, NEAR_S);
}

static void a_killed_process_ends_where_it_was_found_gone(void **state)
{
	struct gd_process_model process;

	(void)state;
	recording.process.end = GD_END_RUNNING;
	recording.process.end_ticks = 0;
	recording.process.gone_ns = GD_RECORDING_NS(1006);
	recording.threads[0].cause = GD_CAUSE_RECV;
	recording.threads[0].since = GD_RECORDING_AT(1);
	process = load();
	assert_near(process.end_s, 1006, NEAR_S);
	assert_near(process.threads[0].times.cause_s[GD_CAUSE_RECV], 5, NEAR_S);
	assert_false(process.has_exit_code);
	assert_true(process.is_complete);
}

static void a_running_process_ends_where_it_was_copied(void **state)
{
	struct gd_process_model process;

	(void)state;
	recording.header.state = GD_STATE_OPEN;
	recording.header.copied_ns = GD_RECORDING_NS(1003);
	recording.process.end = GD_END_RUNNING;
	recording.process.end_ticks = 0;
	process = load();
	assert_near(process.end_s, 1003, NEAR_S);
	assert_false(process.is_complete);
}

static void an_end_before_the_start_is_the_start(void **state)
{
	struct gd_process_model process;

	(void)state;
	recording.process.end_ticks = 1;
	recording.process.first.ticks = UINT64_MAX / 2;
	process = load();
	assert_true(process.end_s == process.start_s);
	assert_true(process.threads[0].times.life_s >= 0);
}

static void exit_codes_are_known_where_there_was_an_exit(void **state)
{
	static const struct {
		uint32_t end;
		int32_t code;
		bool is_known;
	} rows[] = { { GD_END_EXIT, 0, true },
		     { GD_END_EXIT, 3, true },
		     { GD_END_EXEC, 0, false },
		     { GD_END_RUNNING, 0, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gd_process_model process;

		recording.process.end = rows[i].end;
		recording.process.exit_code = rows[i].code;
		process = load();
		assert_int_equal(process.has_exit_code, rows[i].is_known);
		assert_int_equal(process.exit_code, rows[i].code);
	}
}

/* ---- Killed while computing ------------------------------------------------------------------ */

static struct gd_thread *compute_from(double since_s)
{
	struct gd_thread *thread = &recording.threads[0];

	thread->cause = GD_CAUSE_CPU_GIL;
	thread->since = GD_RECORDING_AT(since_s);
	thread->cpu_ns = GD_RECORDING_NS(1);
	return thread;
}

static void open_computing_is_cpu_where_nobody_looked(void **state)
{
	struct gd_process_model process;

	(void)state;
	compute_from(2);
	process = load();
	assert_near(process.threads[0].times.cause_s[GD_CAUSE_CPU_GIL], 8, NEAR_S);
	assert_near(process.threads[0].times.off_in_s[0], 0, NEAR_S);
	assert_near(process.threads[0].times.cpu_s, 9, NEAR_S);
}

static void of_open_computing_the_sampler_knows_the_cpu(void **state)
{
	struct gd_thread *thread = compute_from(2);
	struct gd_process_model process;

	(void)state;
	/* In the six seconds until the sampler looked it ran for three. */
	thread->seen_ticks = GD_RECORDING_AT(8);
	thread->seen_cpu_ns = thread->cpu_ns + GD_RECORDING_NS(3);
	process = load();
	assert_near(process.threads[0].times.cause_s[GD_CAUSE_CPU_GIL], 8, NEAR_S);
	assert_near(process.threads[0].times.off_in_s[0], 4, NEAR_S);
	assert_near(process.threads[0].times.off_in_s[1], 0, NEAR_S);
	assert_near(process.threads[0].times.cpu_s, 5, NEAR_S);
}

static void a_reading_from_before_the_interval_says_nothing(void **state)
{
	struct gd_thread *thread = compute_from(2);
	struct gd_process_model process;

	(void)state;
	thread->seen_ticks = GD_RECORDING_AT(1.9);
	thread->seen_cpu_ns = thread->cpu_ns;
	process = load();
	assert_near(process.threads[0].times.off_in_s[0], 0, NEAR_S);
	assert_near(process.threads[0].times.cpu_s, 9, NEAR_S);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void slots_without_a_thread_are_passed_over(void **state)
{
	struct gd_process_model process;

	(void)state;
	gd_recording_add_thread(&recording, 4712)->state = GD_THREAD_FREE;
	gd_recording_add_thread(&recording, 4713)->state = GD_THREAD_CLAIMED;
	gd_recording_add_thread(&recording, 0);
	gd_recording_add_thread(&recording, 4714);
	process = load();
	assert_int_equal(process.thread_count, 2);
	assert_true(process.threads[0].is_main);
	assert_int_equal(process.threads[1].tid, 4714);
	assert_false(process.threads[1].is_main);
}

static void folded_threads_are_one_row(void **state)
{
	struct gd_ended *row = &recording.ended[0];
	struct gd_process_model process;

	(void)state;
	recording.ended_count = 2; /* the second one stands for no thread */
	row->threads = 100;
	row->start_function = 0x1234;
	row->life = GD_RECORDING_TICKS(50);
	row->ticks[GD_CAUSE_SEM] = GD_RECORDING_TICKS(40);
	row->count[GD_CAUSE_SEM] = 7;
	row->ticks[GD_CAUSE_CPU_GIL] = GD_RECORDING_TICKS(9);
	row->cpu_in[GD_CAUSE_SEM] = GD_RECORDING_TICKS(0.5);
	row->off_in[0] = GD_RECORDING_TICKS(2);
	row->run_delay_ns = GD_RECORDING_NS(3);
	row->yields = 5;
	process = load();
	assert_int_equal(process.thread_count, 2);
	assert_int_equal(process.threads[1].threads, 100);
	assert_int_equal(process.threads[1].start_function, 0x1234);
	assert_true(process.threads[1].has_ended);
	assert_near(process.threads[1].times.life_s, 50, NEAR_S);
	assert_near(process.threads[1].times.cause_s[GD_CAUSE_SEM], 40, NEAR_S);
	assert_int_equal(process.threads[1].times.count[GD_CAUSE_SEM], 7);
	assert_near(process.threads[1].times.cause_s[GD_CAUSE_CPU_GIL], 9, NEAR_S);
	assert_near(process.threads[1].times.cpu_in_s[GD_CAUSE_SEM], 0.5, NEAR_S);
	assert_near(process.threads[1].times.off_in_s[0], 2, NEAR_S);
	assert_near(process.threads[1].times.run_delay_s, 3, NEAR_S);
	assert_int_equal(process.threads[1].times.yields, 5);
}

static void the_larger_of_two_run_delays_counts(void **state)
{
	struct gd_process_model process;

	(void)state;
	recording.threads[0].run_delay_ns = GD_RECORDING_NS(2);
	recording.threads[0].seen_run_delay_ns = GD_RECORDING_NS(1);
	process = load();
	assert_near(process.threads[0].times.run_delay_s, 2, NEAR_S);
}

static void a_cause_of_a_younger_version_is_some_other_wait(void **state)
{
	struct gd_process_model process;

	(void)state;
	recording.threads[0].cause = GD_CAUSE_COUNT;
	recording.threads[0].since = GD_RECORDING_AT(9);
	process = load();
	assert_near(process.threads[0].times.cause_s[GD_CAUSE_OTHER], 1, NEAR_S);
}

static void locks_that_nobody_waited_for_are_passed_over(void **state)
{
	struct gd_process_model process;

	(void)state;
	recording.lock_count = 3;
	recording.locks[1] = (struct gd_lock){
		.key = 8, .cause = GD_CAUSE_MUTEX, .waits = 5, .wait = GD_RECORDING_TICKS(2)
	};
	recording.locks[2] = (struct gd_lock){ .key = 9, .cause = GD_CAUSE_COUNT, .waits = 5 };
	process = load();
	assert_int_equal(process.lock_count, 1);
	assert_int_equal(process.locks[0].key, 8);
	assert_near(process.locks[0].wait_s, 2, NEAR_S);
}

static void instants_become_means(void **state)
{
	struct gd_process_model process;

	(void)state;
	gd_recording_add_joint(&recording, (struct gd_joint_key){ .outside = 8 }, 2)->outside_sum =
		500 * 30;
	gd_recording_add_joint(&recording, (struct gd_joint_key){ .computing = 1 }, 0);
	process = load();
	assert_int_equal(process.joint_count, 1); /* a cell that was never seen is none */
	assert_near(process.joints[0].weight_s, 2, NEAR_S);
	assert_near(process.joints[0].outside_mean, 30, NEAR_S);
}

static void names_without_an_end_are_cut(void **state)
{
	struct gd_process_model process;

	(void)state;
	memset(recording.process.command, 'A', sizeof(recording.process.command));
	memset(recording.threads[0].name, 'B', sizeof(recording.threads[0].name));
	process = load();
	assert_int_equal(strlen(process.command), GD_PATH_BYTES);
	assert_int_equal(strlen(process.threads[0].name), 16);
}

static void losses_are_kept(void **state)
{
	struct gd_process_model process;

	(void)state;
	recording.process.lost[GD_LOST_FDS] = 3;
	recording.lost[GD_SECTION_LOCKS] = 4;
	process = load();
	assert_int_equal(process.lost[GD_LOST_FDS], 3);
	assert_int_equal(process.lost_rows[GD_SECTION_LOCKS], 4);
}

/* ---- GIL ------------------------------------------------------------------------------------- */

/* The step that a time falls into, found from the format's definition alone: 8 per octave. */
static unsigned int step_of(uint64_t ticks)
{
	uint64_t low = 8, width = 1;
	unsigned int step = 8;

	if (ticks < 8)
		return (unsigned int)ticks;
	for (; ticks >= 2 * low; low *= 2, width *= 2)
		step += 8;
	return step + (unsigned int)((ticks - low) / width);
}

static void percentiles_are_at_most_an_eighth_off(void **state)
{
	static const uint64_t ticks[] = {
		0, 5, 8, 9, 15, 16, 1000, 4095, 4096, 1234567, 1ull << 39
	};

	(void)state;
	recording.gil_count = 1;
	for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
		struct gd_process_model process;
		double expected_s = (double)ticks[i] / 2e9;

		memset(recording.gils[0].hold_hist, 0, sizeof(recording.gils[0].hold_hist));
		recording.gils[0].hold_hist[step_of(ticks[i])] = 3;
		process = load();
		assert_near(process.gils[0].hold_p50_s, expected_s, expected_s / 8 + 0.5e-9);
		assert_near(process.gils[0].hold_p99_s, expected_s, expected_s / 8 + 0.5e-9);
		assert_true(isnan(process.gils[0].wait_p50_s));
	}
}

static void the_tail_shows_in_the_last_percentile_only(void **state)
{
	struct gd_process_model process;

	(void)state;
	recording.gil_count = 1;
	recording.gils[0].wait_hist[step_of(2000)] = 98;
	recording.gils[0].wait_hist[step_of(2000000)] = 2;
	process = load();
	assert_near(process.gils[0].wait_p50_s, 1e-6, 0.13e-6);
	assert_near(process.gils[0].wait_p99_s, 1e-3, 0.13e-3);
}

static void a_gil_that_is_held_at_the_end_is_held_until_then(void **state)
{
	struct gd_process_model process;

	(void)state;
	recording.gil_count = 1;
	recording.gils[0].hold = GD_RECORDING_TICKS(1);
	recording.gils[0].taken = GD_RECORDING_AT(7);
	process = load();
	assert_near(process.gils[0].hold_s, 1, NEAR_S);
	assert_false(process.gils[0].is_alive);
	recording.gils[0].alive = 1;
	assert_true(load().gils[0].is_alive);
	recording.gils[0].holder = 1;
	process = load();
	assert_near(process.gils[0].hold_s, 4, NEAR_S);
}

static void the_state_of_the_gil_is_told_by_what_was_seen(void **state)
{
	static const struct {
		const char *name, *runtime;
		uint32_t flags, gils;
		double gil_s, free_s;
		enum gd_gil_state gil;
	} rows[] = {
		{ "a C program", "", 0, 0, 0, 5, GD_GIL_NONE },
		{ "a Python whose GIL was seen", "CPython", 0, 1, 5, 0, GD_GIL_ON },
		{ "a Python whose GIL is not recognised", "CPython", 0, 0, 0, 5, GD_GIL_UNKNOWN },
		{ "an embedded Python", "", 0, 1, 5, 0, GD_GIL_ON },
		{ "free-threaded", "CPython", GD_FLAG_FREE_THREADED, 0, 0, 5, GD_GIL_OFF },
		{ "free-threaded, GIL used by imports", "CPython", GD_FLAG_FREE_THREADED, 1, 1, 5,
		  GD_GIL_OFF },
		{ "free-threaded, GIL switched on", "CPython", GD_FLAG_FREE_THREADED, 1, 5, 1,
		  GD_GIL_ON },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gd_process_model process;

		strcpy(recording.process.runtime, rows[i].runtime);
		recording.process.flags = rows[i].flags;
		recording.gil_count = rows[i].gils;
		recording.threads[0].ticks[GD_CAUSE_CPU_GIL] = GD_RECORDING_TICKS(rows[i].gil_s);
		recording.threads[0].ticks[GD_CAUSE_CPU_FREE] = GD_RECORDING_TICKS(rows[i].free_s);
		process = load();
		if (process.gil_state != rows[i].gil)
			print_error("%s\n", rows[i].name);
		assert_int_equal(process.gil_state, rows[i].gil);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_plain, free_pool)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ticks_of_the_tsc_become_seconds),
		TEST(ticks_of_the_other_clock_are_nanoseconds),
		TEST(the_rate_comes_from_the_pairs_farthest_apart),
		TEST(a_clock_that_cannot_be_gives_seconds_all_the_same),
		TEST(what_is_open_at_the_end_is_closed_there),
		TEST(a_thread_that_ended_has_nothing_open),
		TEST(a_killed_process_ends_where_it_was_found_gone),
		TEST(a_running_process_ends_where_it_was_copied),
		TEST(an_end_before_the_start_is_the_start),
		TEST(exit_codes_are_known_where_there_was_an_exit),
		TEST(open_computing_is_cpu_where_nobody_looked),
		TEST(of_open_computing_the_sampler_knows_the_cpu),
		TEST(a_reading_from_before_the_interval_says_nothing),
		TEST(slots_without_a_thread_are_passed_over),
		TEST(folded_threads_are_one_row),
		TEST(the_larger_of_two_run_delays_counts),
		TEST(a_cause_of_a_younger_version_is_some_other_wait),
		TEST(locks_that_nobody_waited_for_are_passed_over),
		TEST(instants_become_means),
		TEST(names_without_an_end_are_cut),
		TEST(losses_are_kept),
		TEST(percentiles_are_at_most_an_eighth_off),
		TEST(the_tail_shows_in_the_last_percentile_only),
		TEST(a_gil_that_is_held_at_the_end_is_held_until_then),
		TEST(the_state_of_the_gil_is_told_by_what_was_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
