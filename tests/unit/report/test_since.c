/* SPDX-License-Identifier: MIT */
/* The last part of a recording is the difference of two copies of it. */
#include <base/cleanup.h>
#include <builders/recording.h>
#include <builders/scratch.h>
#include <load.h>
#include <string.h>
#include <sys/stat.h>
#include <unit/near.h>

#define NEAR_S 1e-6
#define THEN_S 6.0 /* the earlier copy's instant; the later one's is 10.0 */

static struct gd_recording then, now;
static struct gd_session_model *session;

static int make_both(void **state)
{
	if (gd_scratch_enter(state) != 0)
		return -1;
	gd_recording_init(&now);
	gd_recording_collect(&now);
	then = now;
	then.process.end = GD_END_RUNNING;
	then.process.end_ticks = 0;
	then.process.samples = 1500;
	then.process.sampler_pair = then.process.last =
		(struct gd_clock_pair){ GD_RECORDING_AT(THEN_S),
					GD_RECORDING_NS(GD_RECORDING_START_S + THEN_S) };
	then.header.copied_ns = then.process.last.monotonic_ns;
	then.header.state = GD_STATE_OPEN;
	then.threads[0].since = GD_RECORDING_AT(THEN_S);
	session = NULL;
	return mkdir("session", 0700);
}

static int free_both(void **state)
{
	gd_load_free(session);
	return gd_scratch_leave(state);
}

static void write_as(const struct gd_recording *recording, const char *path)
{
	size_t size;
	gd_autofree unsigned char *bytes = gd_recording_pack(recording, &size);

	gd_scratch_write(path, bytes, size, 0600);
}

/* Writes both, and the sampler's own file of both instants, as the sampler names them. */
static struct gd_process_model *load_last(double last_s)
{
	char name[80], copy[96];
	struct gd_diag diag = { "" };

	snprintf(name, sizeof(name), "session/%d.%llu", now.header.pid,
		 (unsigned long long)now.header.start_ns);
	snprintf(copy, sizeof(copy), "%s@2", name);
	write_as(&then, "session/tree@2");
	write_as(&then, copy);
	write_as(&now, "session/tree");
	write_as(&now, name);
	if (gd_load_session("session", last_s, &session, &diag) != 0)
		fail_msg("%s", diag.text);
	assert_int_equal(session->process_count, 1);
	return &session->processes[0];
}

/* ---- Which copy ------------------------------------------------------------------------------ */

static void the_window_begins_at_the_copy(void **state)
{
	struct gd_process_model *process = load_last(3);

	(void)state;
	assert_near(session->since_s, GD_RECORDING_START_S + THEN_S, NEAR_S);
	assert_near(process->start_s, GD_RECORDING_START_S + THEN_S, NEAR_S);
	assert_near(process->end_s, GD_RECORDING_END_S, NEAR_S);
	assert_near(process->life_s, 10, NEAR_S);
	assert_int_equal(process->samples, 1000);
}

static void without_a_copy_old_enough_it_is_all(void **state)
{
	struct gd_process_model *process = load_last(5);

	(void)state;
	assert_true(isnan(session->since_s));
	assert_near(process->start_s, GD_RECORDING_START_S, NEAR_S);
	assert_int_equal(process->samples, 2500);
}

static void what_ended_before_is_left_out(void **state)
{
	struct gd_diag diag = { "" };

	(void)state;
	load_last(3);
	gd_load_free(session);
	now.header.pid = now.process.pid = 12;
	now.process.end_ticks = GD_RECORDING_AT(5);
	assert_int_equal(gd_recording_write(&now, "session"), 0);
	assert_int_equal(gd_load_session("session", 3, &session, &diag), 0);
	assert_int_equal(session->process_count, 1);
	assert_int_equal(session->processes[0].pid, GD_RECORDING_PID);
}

static void what_began_since_is_told_whole(void **state)
{
	struct gd_process_model *process;

	(void)state;
	then.header.start_ns--; /* the copy is of another life of this PID */
	now.threads[0].ticks[GD_CAUSE_RECV] = GD_RECORDING_TICKS(9);
	process = load_last(3);
	assert_near(process->threads[0].times.cause_s[GD_CAUSE_RECV], 9, NEAR_S);
}

/* ---- Threads --------------------------------------------------------------------------------- */

static void sums_are_the_difference_and_an_open_wait_is_cut(void **state)
{
	struct gd_times *times;

	(void)state;
	then.threads[0].cause = GD_CAUSE_RECV;
	then.threads[0].since = GD_RECORDING_AT(THEN_S - 0.5);
	then.threads[0].ticks[GD_CAUSE_RECV] = GD_RECORDING_TICKS(5);
	then.threads[0].count[GD_CAUSE_RECV] = 6;
	then.threads[0].cpu_ns = GD_RECORDING_NS(0.5);
	then.threads[0].gil_takes = 40;
	now.threads[0].ticks[GD_CAUSE_RECV] = GD_RECORDING_TICKS(8);
	now.threads[0].count[GD_CAUSE_RECV] = 10;
	now.threads[0].cpu_ns = GD_RECORDING_NS(1.25);
	now.threads[0].gil_takes = 100;
	times = &load_last(3)->threads[0].times;
	assert_near(times->cause_s[GD_CAUSE_RECV], 2.5, NEAR_S);
	assert_int_equal(times->count[GD_CAUSE_RECV], 4);
	assert_int_equal(times->gil_takes, 60);
	assert_near(times->cpu_s, 0.75, NEAR_S);
	assert_near(times->life_s, 4, NEAR_S);
}

static void what_is_open_since_before_counts_from_the_copy_on(void **state)
{
	struct gd_times *times;

	(void)state;
	for (struct gd_recording *r = &then;; r = &now) {
		r->threads[0].since = GD_RECORDING_AT(1);
		r->threads[0].cpu_ns = GD_RECORDING_NS(0.5);
		r->threads[0].ticks[GD_CAUSE_CPU_FREE] = GD_RECORDING_TICKS(1);
		if (r == &now)
			break;
	}
	then.threads[0].seen_ticks = GD_RECORDING_AT(THEN_S);
	then.threads[0].seen_cpu_ns = GD_RECORDING_NS(4.5);
	now.threads[0].seen_ticks = GD_RECORDING_AT(10);
	now.threads[0].seen_cpu_ns = GD_RECORDING_NS(7.5);
	times = &load_last(3)->threads[0].times;
	assert_near(times->cause_s[GD_CAUSE_CPU_FREE], 4, NEAR_S);
	assert_near(times->cpu_s, 3, NEAR_S);
	assert_near(times->off_in_s[1], 1, NEAR_S);
}

static void computing_that_was_open_is_cut_by_its_clock(void **state)
{
	struct gd_times *times;

	(void)state;
	then.threads[0].since = GD_RECORDING_AT(2);
	then.threads[0].seen_ticks = GD_RECORDING_AT(THEN_S);
	then.threads[0].seen_cpu_ns = GD_RECORDING_NS(3); /* one of the four it waited for a CPU */
	now.threads[0].ticks[GD_CAUSE_CPU_FREE] = GD_RECORDING_TICKS(8);
	now.threads[0].off_in[1] = GD_RECORDING_TICKS(1.5);
	now.threads[0].cpu_ns = GD_RECORDING_NS(6.5);
	times = &load_last(3)->threads[0].times;
	assert_near(times->cause_s[GD_CAUSE_CPU_FREE], 4, NEAR_S);
	assert_near(times->off_in_s[1], 0.5, NEAR_S);
	assert_near(times->cpu_s, 3.5, NEAR_S);
}

static void the_wait_for_a_cpu_before_the_copy_is_not_that_of_the_end(void **state)
{
	const struct gd_thread_model *threads;

	(void)state;
	then.threads[0].seen_run_delay_ns = GD_RECORDING_NS(3);
	now.threads[0].seen_run_delay_ns = GD_RECORDING_NS(3.25);
	now.threads[0].run_delay_ns = GD_RECORDING_NS(3.5); /* as the program ended */
	gd_recording_add_thread(&then, 50)->seen_run_delay_ns = GD_RECORDING_NS(2);
	then.threads[1].start_function = 77;
	gd_recording_add_thread(&now, 51)->born = GD_RECORDING_AT(8);
	now.ended_count = 1;
	now.ended[0] = (struct gd_ended){ .start_function = 77,
					  .threads = 1,
					  .run_delay_ns = GD_RECORDING_NS(2.75) };
	threads = load_last(3)->threads;
	assert_near(threads[0].times.run_delay_s, 0.5, NEAR_S);
	assert_near(threads[2].times.run_delay_s, 0.75, NEAR_S);
}

static void a_thread_that_ended_before_is_left_out(void **state)
{
	struct gd_thread *thread;

	(void)state;
	for (struct gd_recording *r = &then;; r = &now) {
		thread = gd_recording_add_thread(r, 99);
		thread->state = GD_THREAD_ENDED;
		thread->ended = GD_RECORDING_AT(2);
		if (r == &now)
			break;
	}
	assert_int_equal(load_last(3)->thread_count, 1);
}

static void a_slot_that_was_used_again_is_taken_from_the_folded_ones(void **state)
{
	const struct gd_thread_model *threads;

	(void)state;
	gd_recording_add_thread(&then, 50)->ticks[GD_CAUSE_RECV] = GD_RECORDING_TICKS(4);
	then.threads[1].start_function = 77;
	then.threads[1].since = GD_RECORDING_AT(THEN_S);
	gd_recording_add_thread(&now, 51)->born = GD_RECORDING_AT(8);
	now.threads[1].ticks[GD_CAUSE_RECV] = GD_RECORDING_TICKS(1);
	now.ended_count = then.ended_count = 1;
	then.threads[1].pipe_bytes = 40;
	then.ended[0] = (struct gd_ended){ .start_function = 77, .threads = 2, .pipe_bytes = 100 };
	then.ended[0].ticks[GD_CAUSE_RECV] = GD_RECORDING_TICKS(3);
	now.threads[1].pipe_bytes = 7;
	now.ended[0] = (struct gd_ended){ .start_function = 77, .threads = 3, .pipe_bytes = 150 };
	now.ended[0].ticks[GD_CAUSE_RECV] = GD_RECORDING_TICKS(8.5);
	threads = load_last(3)->threads;
	assert_int_equal(session->processes[0].thread_count, 3);
	assert_int_equal(threads[1].tid, 51);
	assert_near(threads[1].times.cause_s[GD_CAUSE_RECV], 1, NEAR_S);
	assert_int_equal(threads[2].threads, 1);
	assert_near(threads[2].times.cause_s[GD_CAUSE_RECV], 1.5, NEAR_S);
	assert_int_equal(session->processes[0].pipe_bytes, 7 + 10);
}

/* ---- Locks, GILs, instants ------------------------------------------------------------------- */

static void a_largest_value_that_may_be_older_is_not_known(void **state)
{
	const struct gd_lock_model *locks;

	(void)state;
	then.lock_count = now.lock_count = 2;
	then.locks[0] = (struct gd_lock){ .key = 16,
					  .cause = GD_CAUSE_MUTEX,
					  .waits = 10,
					  .wait = GD_RECORDING_TICKS(1),
					  .wait_max = GD_RECORDING_TICKS(0.5) };
	then.locks[1] = then.locks[0];
	then.locks[1].key = 32;
	memcpy(now.locks, then.locks, sizeof(now.locks));
	now.locks[0].waits = now.locks[1].waits = 15;
	now.locks[0].wait = now.locks[1].wait = GD_RECORDING_TICKS(3);
	now.locks[1].wait_max = GD_RECORDING_TICKS(0.75);
	locks = load_last(3)->locks;
	assert_int_equal(locks[0].waits, 5);
	assert_near(locks[0].wait_s, 2, NEAR_S);
	assert_true(isnan(locks[0].wait_max_s));
	assert_near(locks[1].wait_max_s, 0.75, NEAR_S);
}

static void a_gil_held_all_the_time_counts_from_the_copy_on(void **state)
{
	const struct gd_gil_model *gil;

	(void)state;
	then.gil_count = now.gil_count = 1;
	then.gils[0] = (struct gd_gil){ .cond = 64,
					.alive = 1,
					.holder = 1,
					.takes = 7,
					.taken = GD_RECORDING_AT(3),
					.hold = GD_RECORDING_TICKS(2) };
	then.gils[0].hold_hist[200] = 6;
	now.gils[0] = then.gils[0];
	gil = &load_last(3)->gils[0];
	assert_int_equal(gil->takes, 0);
	assert_near(gil->hold_s, 4, NEAR_S);
	assert_true(isnan(gil->hold_p50_s));
}

static void instants_are_the_difference(void **state)
{
	const struct gd_process_model *process;

	(void)state;
	gd_recording_add_joint(&then, (struct gd_joint_key){ .computing = 1 }, 5);
	gd_recording_add_joint(&now, (struct gd_joint_key){ .computing = 1 }, 5);
	gd_recording_add_joint(&now, (struct gd_joint_key){ .outside = 1 }, 4);
	process = load_last(3);
	assert_int_equal(process->joint_count, 1);
	assert_int_equal(process->joints[0].key.outside, 1);
	assert_near(process->joints[0].weight_s, 4, NEAR_S);
	assert_int_equal(session->tree->joint_count, 1);
}

/* ---- Hostile --------------------------------------------------------------------------------- */

static void an_earlier_copy_that_is_ahead_makes_nothing_negative(void **state)
{
	const struct gd_times *times;

	(void)state;
	memset(&then.threads[0].ticks, 0x7f, sizeof(then.threads[0].ticks));
	then.threads[0].cpu_ns = UINT64_MAX;
	then.threads[0].cause = 0xffff;
	then.threads[0].born = GD_RECORDING_AT(0);
	now.threads[0].ticks[GD_CAUSE_RECV] = GD_RECORDING_TICKS(9);
	times = &load_last(3)->threads[0].times;
	assert_near(times->cause_s[GD_CAUSE_RECV], 0, NEAR_S);
	assert_true(times->cpu_s >= 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_both, free_both)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_window_begins_at_the_copy),
		TEST(without_a_copy_old_enough_it_is_all),
		TEST(what_ended_before_is_left_out),
		TEST(what_began_since_is_told_whole),
		TEST(sums_are_the_difference_and_an_open_wait_is_cut),
		TEST(what_is_open_since_before_counts_from_the_copy_on),
		TEST(computing_that_was_open_is_cut_by_its_clock),
		TEST(the_wait_for_a_cpu_before_the_copy_is_not_that_of_the_end),
		TEST(a_thread_that_ended_before_is_left_out),
		TEST(a_slot_that_was_used_again_is_taken_from_the_folded_ones),
		TEST(a_largest_value_that_may_be_older_is_not_known),
		TEST(a_gil_held_all_the_time_counts_from_the_copy_on),
		TEST(instants_are_the_difference),
		TEST(an_earlier_copy_that_is_ahead_makes_nothing_negative),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
