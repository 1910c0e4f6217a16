/* SPDX-License-Identifier: MIT */
/* The agent's waits beside the scheduler's, and what was unseen explained. */
#include <classes.h>
#include <crosscheck.h>
#include <string.h>
#include <unit/near.h>

static struct gd_thread_model thread;
static struct gd_scheduled scheduled;
static struct gd_process_model process;
static struct gd_session_model session;

static int begin(void **state)
{
	(void)state;
	memset(&thread, 0, sizeof(thread));
	memset(&scheduled, 0, sizeof(scheduled));
	thread.scheduled = &scheduled;
	process = (struct gd_process_model){ .threads = &thread,
					     .thread_count = 1,
					     .scheduled = &scheduled };
	session = (struct gd_session_model){ .processes = &process, .process_count = 1 };
	return 0;
}

static void a_wait_is_blocked_plus_queued_plus_preempted(void **state)
{
	struct gd_crosscheck check;

	(void)state;
	thread.times.cause_s[GD_CAUSE_RECV] = 10;
	thread.times.cpu_in_s[GD_CAUSE_RECV] = 2;
	scheduled.blocked_s[GD_CAUSE_RECV] = 7;
	scheduled.delay_s[GD_CAUSE_RECV] = 0.75;
	scheduled.preempted_s[GD_CAUSE_RECV] = 0.25;
	check = gd_crosscheck(&session);
	assert_true(check.was_done);
	assert_near(check.agent_wait_s, 8, 1e-9);
	assert_near(check.apart, 0, 1e-9);
	scheduled.blocked_s[GD_CAUSE_RECV] = 5;
	assert_near(gd_crosscheck(&session).apart, 0.25, 1e-9);
}

static void what_is_no_wait_is_not_compared(void **state)
{
	struct gd_crosscheck check;

	(void)state;
	thread.times.cause_s[GD_CAUSE_CPU_GIL] = 10;
	scheduled.blocked_s[GD_CAUSE_CPU_FREE] = 3;
	scheduled.preempted_s[GD_CAUSE_CPU_GIL] = 1;
	scheduled.blocked_s[GD_PROBED_NO_SLOT] = 2;
	check = gd_crosscheck(&session);
	assert_near(check.agent_wait_s, 0, 1e-9);
	assert_near(check.blocked_s, 0, 1e-9);
	assert_true(isnan(check.apart));
	assert_near(check.no_slot_s, 2, 1e-9);
	assert_near(check.queued_s, 1, 1e-9);
}

static void holds_are_compared_that_others_waited_for(void **state)
{
	struct gd_probe_model probe = { .sees_holds = true };
	struct gd_lock_model locks[3] = { { .released = 5,
					    .unbounded = 1,
					    .hold_s = 2,
					    .seen = { .holds = 4, .hold_s = 2.5 } },
					  { .posted = 7,
					    .hold_s = NAN }, /* a condition: nobody holds it */
					  { .released = 1, .hold_s = 0.5 } };
	struct gd_crosscheck check;

	(void)state;
	process.locks = locks;
	process.lock_count = 3;
	session.probe = &probe;
	check = gd_crosscheck(&session);
	assert_true(check.sees_holds);
	assert_int_equal(check.agent_holds, 5);
	assert_near(check.agent_hold_s, 2.5, 1e-9);
	assert_int_equal(check.holds, 4);
	assert_near(check.hold_s, 2.5, 1e-9);
	probe.sees_holds = false;
	assert_false(gd_crosscheck(&session).sees_holds);
}

static void without_a_probe_nothing_is_compared(void **state)
{
	(void)state;
	process.scheduled = NULL;
	thread.times.cause_s[GD_CAUSE_RECV] = 10;
	assert_false(gd_crosscheck(&session).was_done);
	assert_near(gd_crosscheck(&session).agent_wait_s, 0, 1e-9);
}

/* Six seconds off the CPU that nobody saw, as the agent has it. */
static struct gd_classes unseen(void)
{
	thread.is_main = true;
	thread.times.cause_s[GD_CAUSE_CPU_FREE] = 10;
	thread.times.off_in_s[1] = 6;
	return gd_classes_of(&thread);
}

static void unseen_time_becomes_what_its_system_calls_are(void **state)
{
	struct gd_classes classes;

	(void)state;
	scheduled.explained_s[GD_CAUSE_RECV] = 4;
	scheduled.explained_s[GD_CAUSE_SLEEP] = 1;
	scheduled.explained_s[0] = 1; /* calls without a name */
	classes = unseen();
	assert_near(classes.s[GD_CLASS_IO_WAIT], 4, 1e-9);
	assert_near(classes.s[GD_CLASS_TIMER_WAIT], 1, 1e-9);
	assert_near(classes.s[GD_CLASS_UNSEEN], 1, 1e-9);
	assert_near(gd_classes_total_s(&classes), 10, 1e-9);
}

static void no_more_is_explained_than_the_probe_saw(void **state)
{
	struct gd_classes classes;

	(void)state;
	scheduled.explained_s[GD_CAUSE_FILE] = 2;
	classes = unseen();
	assert_near(classes.s[GD_CLASS_IO_WAIT], 2, 1e-9);
	assert_near(classes.s[GD_CLASS_UNSEEN], 4, 1e-9);
}

static void no_more_is_explained_than_was_unseen(void **state)
{
	struct gd_classes classes;

	(void)state;
	scheduled.explained_s[GD_CAUSE_FILE] = 60; /* before the agent woke */
	classes = unseen();
	assert_near(classes.s[GD_CLASS_IO_WAIT], 6, 1e-9);
	assert_near(classes.s[GD_CLASS_UNSEEN], 0, 1e-9);
	assert_near(gd_classes_total_s(&classes), 10, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_wait_is_blocked_plus_queued_plus_preempted, begin),
		cmocka_unit_test_setup(what_is_no_wait_is_not_compared, begin),
		cmocka_unit_test_setup(holds_are_compared_that_others_waited_for, begin),
		cmocka_unit_test_setup(without_a_probe_nothing_is_compared, begin),
		cmocka_unit_test_setup(unseen_time_becomes_what_its_system_calls_are, begin),
		cmocka_unit_test_setup(no_more_is_explained_than_the_probe_saw, begin),
		cmocka_unit_test_setup(no_more_is_explained_than_was_unseen, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
