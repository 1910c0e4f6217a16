/* SPDX-License-Identifier: MIT */
/* What keeps threads from waiting at once: places that are few, an end of a thread, one pipe. */
#include <facts.h>
#include <unit/near.h>

#define NEAR 1e-9

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A Python process of ten seconds in which somebody always waited outside. */
#define PROCESS(cells)                                                                             \
	.runtime = "CPython", .gil_state = GD_GIL_ON, .start_s = 100, .end_s = 110,                \
	.steady_s = NAN, .cpus = 2, .joints = (cells), .joint_count = COUNT(cells)

#define WORKER(works, waits, times_)                                                               \
	{                                                                                          \
		.threads = 1, .times = {                                                           \
			.life_s = 10,                                                              \
			.cause_s = { [GD_CAUSE_RECV] = (works), [GD_CAUSE_SEM] = (waits) },        \
			.count = { [GD_CAUSE_SEM] = (times_) },                                    \
			.wakes = (times_),                                                         \
		}                                                                                  \
	}

static struct gd_facts of_threads(struct gd_thread_model *threads, size_t count)
{
	struct gd_joint_model cells[] = { { .key = { .outside = 1 }, .weight_s = 10 } };
	struct gd_process_model process = { PROCESS(cells) };

	process.threads = threads;
	process.thread_count = count;
	return gd_facts_gather(&process, false, 0);
}

/* The main thread starts one thread after the other and joins each: it works little itself. */
static void a_thread_that_is_waited_for_to_end_holds_no_lock(void **state)
{
	struct gd_joint_model cells[] = { { .key = { .outside = 1 }, .weight_s = 10 } };
	struct gd_lock_model lock = {
		.cause = GD_CAUSE_SEM, .waits = 50, .released = 50, .hold_s = 9, .wait_s = 9
	};
	struct gd_thread_model threads[] = { WORKER(0.5, 9.5, 50), WORKER(9, 0, 0) };
	struct gd_process_model process = { PROCESS(cells) };

	(void)state;
	threads[1].threads = 50;
	process.threads = threads;
	process.thread_count = COUNT(threads);
	process.locks = &lock;
	process.lock_count = 1;
	assert_null(gd_facts_gather(&process, false, 0).lock);
	lock.wait_s = 30; /* three wait for it at once: that is no end of a thread */
	assert_non_null(gd_facts_gather(&process, false, 0).lock);
}

static void places_that_contenders_give_back_are_told_from_work_that_is_handed_out(void **state)
{
	struct gd_thread_model threads[] = { WORKER(2, 8, 100), WORKER(2, 8, 100),
					     WORKER(0.1, 9.9, 3) };
	struct gd_facts f = of_threads(threads, COUNT(threads));

	(void)state;
	assert_near(f.contenders_wait, 1.6, NEAR);
	assert_near(f.contenders_wake, 1, NEAR);
	assert_false(f.has_coordinator);
	threads[0].times.wakes = threads[1].times.wakes = 0;
	threads[2].times.wakes = 200;
	f = of_threads(threads, COUNT(threads));
	assert_near(f.contenders_wake, 0, NEAR);
	assert_near(f.others_wake, 1, NEAR);
	assert_true(f.has_coordinator);
}

static void one_pipe_that_is_waited_for_is_a_stream(void **state)
{
	struct gd_thread_model threads[] = { { .threads = 1,
					       .times = { .cause_s = { [GD_CAUSE_PIPE] = 8,
								       [GD_CAUSE_RECV] = 1,
								       [GD_CAUSE_FILE] = 2 },
							  .cpu_in_s = { [GD_CAUSE_FILE] = 1 } } } };
	struct gd_joint_model cells[] = { { .key = { .outside = 1 }, .weight_s = 10 } };
	struct gd_pipe_model pipes[] = { { .inode = 7, .wait_s = 0.5 },
					 { .inode = 8, .wait_s = 6 } };
	struct gd_process_model process = { PROCESS(cells) };
	struct gd_facts f;

	(void)state;
	process.threads = threads;
	process.thread_count = 1;
	process.pipes = pipes;
	process.pipe_count = COUNT(pipes);
	f = gd_facts_gather(&process, false, 0);
	assert_near(f.stream, 0.6, NEAR);
	assert_near(f.file_cpu, 0.1, NEAR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_that_is_waited_for_to_end_holds_no_lock),
		cmocka_unit_test(
			places_that_contenders_give_back_are_told_from_work_that_is_handed_out),
		cmocka_unit_test(one_pipe_that_is_waited_for_is_a_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
