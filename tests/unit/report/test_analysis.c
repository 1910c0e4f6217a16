/* SPDX-License-Identifier: MIT */
/* Which process speaks for a session. */
#include <analysis.h>
#include <unit/near.h>

static struct gd_pool *pool;

static int make_pool(void **state)
{
	(void)state;
	pool = gd_pool_new();
	return pool ? 0 : -1;
}

static int free_pool(void **state)
{
	(void)state;
	gd_pool_free(pool);
	return 0;
}

/* A process that lived for ten seconds and spent its main thread's time like this. */
#define LIVED(thread)                                                                              \
	{                                                                                          \
		.command = "", .script = "", .runtime = "", .runtime_version = "",                 \
		.steady_s = NAN, .start_s = 0, .end_s = 10, .threads = &(thread),                  \
		.thread_count = 1,                                                                 \
	}
#define SPENT(cause, s)                                                                            \
	{                                                                                          \
		.is_main = true, .threads = 1, .times = {.cause_s = { [cause] = (s) } }            \
	}

static struct gd_analysis analyse(struct gd_process_model *processes, size_t count)
{
	static struct gd_session_model session;
	struct gd_analysis analysis;

	session = (struct gd_session_model){
		.path = "/x", .processes = processes, .process_count = count, .pool = pool
	};
	assert_int_equal(gd_analyse(&session, &analysis), 0);
	return analysis;
}

static void the_process_that_did_most_speaks(void **state)
{
	struct gd_thread_model launches = SPENT(GD_CAUSE_CHILD, 10);
	struct gd_thread_model waits = SPENT(GD_CAUSE_RECV, 6);
	struct gd_thread_model computes = SPENT(GD_CAUSE_CPU_FREE, 9);
	struct gd_process_model processes[] = { LIVED(launches), LIVED(waits), LIVED(computes) };
	struct gd_analysis analysis = analyse(processes, 3);

	(void)state;
	assert_ptr_equal(analysis.lead, &analysis.processes[2]);
	assert_ptr_equal(analysis.lead->process, &processes[2]);
	assert_int_equal(analysis.lead->verdict.class, GD_VERDICT_COMPUTING);
	assert_int_equal(analysis.processes[1].verdict.class, GD_VERDICT_WAITING);
	assert_ptr_equal(analyse(processes, 2).lead->process, &processes[1]);
}

static void who_sleeps_or_is_kept_from_computing_did_something(void **state)
{
	struct gd_thread_model waits = SPENT(GD_CAUSE_COND, 10);
	struct gd_thread_model sleeps = SPENT(GD_CAUSE_SLEEP, 5);
	struct gd_thread_model starves = SPENT(GD_CAUSE_CPU_FREE, 9);
	struct gd_process_model processes[] = { LIVED(waits), LIVED(sleeps), LIVED(starves) };

	(void)state;
	starves.times.off_in_s[1] = starves.times.run_delay_s = 8;
	assert_ptr_equal(analyse(processes, 2).lead->process, &processes[1]);
	assert_ptr_equal(analyse(processes, 3).lead->process, &processes[2]);
}

static void among_equals_the_first_one_speaks(void **state)
{
	struct gd_thread_model first = SPENT(GD_CAUSE_CPU_FREE, 5);
	struct gd_thread_model hardly_more = SPENT(GD_CAUSE_CPU_FREE, 5.4);
	struct gd_thread_model more = SPENT(GD_CAUSE_CPU_FREE, 5.6);
	struct gd_process_model processes[] = { LIVED(first), LIVED(hardly_more) };
	struct gd_process_model others[] = { LIVED(first), LIVED(more) };

	(void)state;
	assert_ptr_equal(analyse(processes, 2).lead->process, &processes[0]);
	assert_ptr_equal(analyse(others, 2).lead->process, &others[1]);
}

static void several_that_matter_are_judged_as_one(void **state)
{
	struct gd_thread_model computes = SPENT(GD_CAUSE_CPU_FREE, 10);
	struct gd_thread_model also = SPENT(GD_CAUSE_CPU_FREE, 9);
	struct gd_thread_model hardly = SPENT(GD_CAUSE_CPU_FREE, 0.4);
	struct gd_process_model two[] = { LIVED(computes), LIVED(also) };
	struct gd_process_model one[] = { LIVED(computes), LIVED(hardly) };
	struct gd_analysis analysis = analyse(two, 2);

	(void)state;
	assert_ptr_not_equal(analysis.main, analysis.lead);
	assert_near(gd_classes_cpu_s(&analysis.main->classes), 19, 1e-9);
	assert_near(analysis.shares[1], 9 / 19.0, 1e-9);
	analysis = analyse(one, 2);
	assert_ptr_equal(analysis.main, analysis.lead);
	assert_near(gd_classes_cpu_s(&analysis.main->classes), 10, 1e-9);
}

static void the_cost_of_watching_is_known_where_a_sampler_was(void **state)
{
	struct gd_thread_model thread = SPENT(GD_CAUSE_CPU_FREE, 10);
	struct gd_process_model process = LIVED(thread);

	(void)state;
	process.sampler_cpu_s = 0.05;
	assert_true(isnan(analyse(&process, 1).overhead));
	process.was_collected = true;
	assert_near(analyse(&process, 1).overhead, 0.005, 1e-12);
	process.end_s = process.start_s;
	assert_true(isnan(analyse(&process, 1).overhead));
}

static void a_process_without_threads_is_analysed(void **state)
{
	struct gd_thread_model none = SPENT(0, 0);
	struct gd_process_model process = LIVED(none);
	struct gd_analysis analysis;

	(void)state;
	process.thread_count = 0;
	process.end_s = 0;
	analysis = analyse(&process, 1);
	assert_int_equal(analysis.main->verdict.class, GD_VERDICT_UNKNOWN);
	assert_int_equal(analysis.main->verdict.advice.action, GD_ACTION_CANNOT_SAY);
	assert_true(isnan(analysis.ceilings.threads));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pool, free_pool)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_process_that_did_most_speaks),
		TEST(who_sleeps_or_is_kept_from_computing_did_something),
		TEST(among_equals_the_first_one_speaks),
		TEST(several_that_matter_are_judged_as_one),
		TEST(the_cost_of_watching_is_known_where_a_sampler_was),
		TEST(a_process_without_threads_is_analysed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
