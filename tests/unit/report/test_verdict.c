/* SPDX-License-Identifier: MIT */
/*
 * Rows of facts and what must be said of them: each rule, and its neighbours across the threshold.
 */
#include <ceilings.h>
#include <string.h>
#include <unit/cmocka_begin.h>
#include <verdict.h>

/* A Python program on two CPUs, watched for three seconds. */
#define BASE                                                                                       \
	.wall_s = 3, .active_s = 3, .instants = 700, .has_picture = true, .is_python = true,       \
	.is_gil_known = true, .cpus = 2, .running = 1, .wanting = 1, .operations = 60

struct row {
	const char *name;
	struct gd_facts facts;
	enum gd_verdict_class class;
	enum gd_action action;
};

static const struct gd_lock_model a_lock = { .cause = GD_CAUSE_MUTEX, .waits = 100, .wait_s = 20 };

/* clang-format off */
static const struct row rows[] = {
	{ "computing with the GIL wants processes",
	  { BASE, .computing = 1, .gil_share = 0.98, .gil_held = 0.98 }, GD_VERDICT_COMPUTING, GD_ACTION_PROCESSES },
	{ "computing with the GIL on one CPU is left alone",
	  { BASE, .cpus = 1, .computing = 1, .gil_share = 1 }, GD_VERDICT_COMPUTING, GD_ACTION_LEAVE },
	{ "computing without the GIL in one thread wants threads",
	  { BASE, .computing = 1, .gil_share = 0.02 }, GD_VERDICT_COMPUTING, GD_ACTION_THREADS },
	{ "from outside a program whose threads wait for each other is not judged",
	  { BASE, .from_outside = true, .has_picture = false, .outside = 1, .overlap = 1, .in_futex = 1 }, GD_VERDICT_UNKNOWN, GD_ACTION_CANNOT_SAY },
	{ "from outside one thread that waits is judged like any other",
	  { BASE, .from_outside = true, .has_picture = false, .outside = 1, .overlap = 1, .in_futex = 0.1 }, GD_VERDICT_WAITING, GD_ACTION_THREADS },
	{ "from outside one thread may wait for the end of those that overlap",
	  { BASE, .from_outside = true, .has_picture = false, .outside = 1, .overlap = 8, .in_futex = 1 }, GD_VERDICT_WAITING, GD_ACTION_LEAVE },
	{ "from outside many that wait for those that overlap may wait for a place",
	  { BASE, .from_outside = true, .has_picture = false, .outside = 1, .overlap = 3, .in_futex = 6 }, GD_VERDICT_UNKNOWN, GD_ACTION_CANNOT_SAY },
	{ "from outside who computes with the GIL is judged, whoever waits",
	  { BASE, .from_outside = true, .has_picture = false, .computing = 1, .gil_share = 1, .in_futex = 6 }, GD_VERDICT_COMPUTING, GD_ACTION_PROCESSES },
	{ "from outside processes that wake each other all the time are not judged",
	  { BASE, .from_outside = true, .has_picture = false, .is_tree = true, .computing = 1, .cpu_per_block_s = 10e-6 }, GD_VERDICT_UNKNOWN, GD_ACTION_CANNOT_SAY },
	{ "from outside a process that sleeps while others wait for it is not judged",
	  { BASE, .from_outside = true, .has_family = true, .sleeping = 1, .overlap = 1 }, GD_VERDICT_UNKNOWN, GD_ACTION_CANNOT_SAY },
	{ "computing on all CPUs is left alone",
	  { BASE, .computing = 1, .gil_share = 0.02, .running = 1.9, .wanting = 1.95 }, GD_VERDICT_COMPUTING, GD_ACTION_LEAVE },
	{ "an unknown GIL does not keep processes from being advised",
	  { BASE, .is_gil_known = false, .computing = 1 }, GD_VERDICT_COMPUTING, GD_ACTION_PROCESSES },
	{ "many more threads than CPUs want fewer workers",
	  { BASE, .computing = 1, .running = 1.9, .wanting = 12, .starved = 0.8 }, GD_VERDICT_COMPUTING, GD_ACTION_FEWER_WORKERS },
	{ "one thread that gets half a CPU wants more CPU",
	  { BASE, .computing = 1, .gil_share = 1, .running = 0.5, .starved = 0.5 }, GD_VERDICT_COMPUTING, GD_ACTION_MORE_CPU },
	{ "one thread under a quota of half a CPU wants more CPU",
	  { BASE, .cpus = 0.5, .computing = 1, .gil_share = 1, .running = 0.5, .starved = 0.5 }, GD_VERDICT_COMPUTING, GD_ACTION_MORE_CPU },
	{ "one thread that gets nine tenths of a CPU is computing",
	  { BASE, .computing = 1, .gil_share = 1, .running = 0.9, .starved = 0.1 }, GD_VERDICT_COMPUTING, GD_ACTION_PROCESSES },
	{ "waiting in turn wants threads",
	  { BASE, .outside = 0.96, .computing = 0.04, .overlap = 1, .wait_per_cpu = 24 }, GD_VERDICT_WAITING, GD_ACTION_THREADS },
	{ "waiting overlapped is left alone",
	  { BASE, .outside = 0.96, .computing = 0.04, .overlap = 14 }, GD_VERDICT_WAITING, GD_ACTION_LEAVE },
	{ "a loop that awaits in turn wants gather",
	  { BASE, .outside = 0.96, .computing = 0.04, .overlap = 1, .looped = 1 }, GD_VERDICT_WAITING, GD_ACTION_ASYNCIO },
	{ "hundreds of waits that cost no CPU want asyncio",
	  { BASE, .outside = 0.99, .computing = 0.01, .overlap = 1, .wait_per_cpu = 500, .operations = 1000 }, GD_VERDICT_WAITING, GD_ACTION_ASYNCIO },
	{ "waiting for files is fixed at the files",
	  { BASE, .outside = 0.96, .computing = 0.04, .overlap = 1, .files = 1 }, GD_VERDICT_WAITING, GD_ACTION_FIX_IO },
	{ "sleeping in turn wants threads",
	  { BASE, .sleeping = 0.98, .computing = 0.02, .sleepers = 1 }, GD_VERDICT_WAITING, GD_ACTION_THREADS },
	{ "sleeping side by side is left alone",
	  { BASE, .sleeping = 0.98, .computing = 0.02, .sleepers = 2 }, GD_VERDICT_WAITING, GD_ACTION_LEAVE },
	{ "a loop that waits for its own timers is left alone",
	  { BASE, .loop_timer = 0.95, .computing = 0.05 }, GD_VERDICT_WAITING, GD_ACTION_LEAVE },
	{ "waiting for a child is decided there",
	  { BASE, .child = 0.99, .computing = 0.01 }, GD_VERDICT_WAITING, GD_ACTION_LOOK_IN_CHILD },
	{ "waiting with the GIL held wants it freed",
	  { BASE, .outside = 0.9, .computing = 0.1, .overlap = 1, .holder_waits = 0.5 }, GD_VERDICT_WAITING, GD_ACTION_FREE_GIL },
	{ "threads that wait for one lock want it fixed",
	  { BASE, .is_python = false, .computing = 1, .lock = &a_lock, .lock_waiters = 6.7 }, GD_VERDICT_COMPUTING, GD_ACTION_FIX_LOCK },
	{ "sleeps under a lock are fixed at the lock, whatever runs beside them",
	  { BASE, .sleeping = 0.98, .computing = 0.02, .running = 1.8, .sleepers = 1, .lock = &a_lock, .lock_waiters = 3 }, GD_VERDICT_WAITING, GD_ACTION_FIX_LOCK },
	{ "sleeps side by side are not one lock's fault",
	  { BASE, .sleeping = 0.98, .computing = 0.02, .sleepers = 2, .lock = &a_lock, .lock_waiters = 3 }, GD_VERDICT_WAITING, GD_ACTION_LEAVE },
	{ "a lock under the GIL changes nothing: the GIL is the limit",
	  { BASE, .computing = 1, .gil_share = 1, .lock = &a_lock, .lock_waiters = 3 }, GD_VERDICT_COMPUTING, GD_ACTION_PROCESSES },
	{ "a lock beside which others work is none to fix",
	  { BASE, .is_python = false, .computing = 1, .running = 1.9, .wanting = 1.9, .lock = &a_lock, .lock_waiters = 0.6 }, GD_VERDICT_COMPUTING, GD_ACTION_LEAVE },
	{ "threads that wait for a place want more of them",
	  { BASE, .outside = 0.96, .computing = 0.04, .overlap = 2, .contenders = 16, .contenders_wait = 7, .contenders_wake = 1 }, GD_VERDICT_WAITING, GD_ACTION_RAISE_LIMIT },
	{ "threads that wait for work which somebody hands out are left alone",
	  { BASE, .outside = 0.96, .computing = 0.04, .overlap = 2, .contenders = 16, .contenders_wait = 7, .contenders_wake = 0.1 }, GD_VERDICT_WAITING, GD_ACTION_LEAVE },
	{ "nor where those threads wake each other for something else",
	  { BASE, .outside = 0.96, .computing = 0.04, .overlap = 2, .contenders = 16, .contenders_wait = 7, .contenders_wake = 1.2, .others_wake = 1 }, GD_VERDICT_WAITING, GD_ACTION_LEAVE },
	{ "as many places as threads are enough",
	  { BASE, .outside = 0.96, .computing = 0.04, .overlap = 8, .contenders = 8, .contenders_wait = 0.4, .contenders_wake = 1 }, GD_VERDICT_WAITING, GD_ACTION_LEAVE },
	{ "input through one pipe comes at its own pace",
	  { BASE, .outside = 0.96, .computing = 0.04, .overlap = 1, .stream = 0.98 }, GD_VERDICT_WAITING, GD_ACTION_LEAVE },
	{ "a child that writes into a pipe and computes is where to look",
	  { BASE, .outside = 0.96, .computing = 0.04, .overlap = 1, .stream = 0.98, .unfollowed = 0.9 }, GD_VERDICT_WAITING, GD_ACTION_LOOK_IN_CHILD },
	{ "the kernel's work for files goes with the waits for them",
	  { BASE, .outside = 0.4, .computing = 0.6, .file_cpu = 0.5, .overlap = 1, .files = 1 }, GD_VERDICT_MIXED, GD_ACTION_FIX_IO },
	{ "messages that carry nothing want to be larger",
	  { BASE, .is_python = false, .computing = 1, .computing_processes = 1, .pipe_calls = 200000, .cpu_per_pipe_call_s = 6e-6, .pipe_bytes_per_cpu_s = 3e5 }, GD_VERDICT_COMPUTING, GD_ACTION_LARGER_TASKS },
	{ "messages that carry much are a pipeline",
	  { BASE, .is_python = false, .computing = 1, .computing_processes = 1, .pipe_calls = 200000, .cpu_per_pipe_call_s = 9e-6, .pipe_bytes_per_cpu_s = 5e9 }, GD_VERDICT_COMPUTING, GD_ACTION_THREADS },
	{ "yielding all the time is polling",
	  { BASE, .computing = 0.6, .sleeping = 0.4, .yields_per_s = 12000 }, GD_VERDICT_MIXED, GD_ACTION_FIX_SPIN },
	{ "three fifths of computing with the GIL want processes",
	  { BASE, .computing = 0.6, .outside = 0.4, .gil_share = 1, .overlap = 1 }, GD_VERDICT_MIXED, GD_ACTION_PROCESSES },
	{ "two fifths of computing with the GIL want threads",
	  { BASE, .computing = 0.4, .outside = 0.6, .gil_share = 1, .overlap = 1 }, GD_VERDICT_MIXED, GD_ACTION_THREADS },
	{ "mixed and overlapped is left alone",
	  { BASE, .computing = 0.3, .outside = 0.7, .gil_share = 1, .overlap = 6 }, GD_VERDICT_MIXED, GD_ACTION_LEAVE },
	{ "idle is not judged",
	  { BASE, .active_s = 0.1, .idle = 0.97, .computing = 1, .gil_share = 1 }, GD_VERDICT_IDLE, GD_ACTION_LEAVE },
	{ "too little is not judged",
	  { BASE, .wall_s = 0.05, .active_s = 0.05, .instants = 12, .computing = 1 }, GD_VERDICT_UNKNOWN, GD_ACTION_CANNOT_SAY },
	{ "what nobody saw is not judged",
	  { BASE, .unknown = 0.9, .computing = 0.1 }, GD_VERDICT_UNKNOWN, GD_ACTION_CANNOT_SAY },
	{ "nineteen per cent of computing is waiting",
	  { BASE, .outside = 0.81, .computing = 0.19, .overlap = 1 }, GD_VERDICT_WAITING, GD_ACTION_THREADS },
	{ "twenty-one per cent of computing is mixed",
	  { BASE, .outside = 0.79, .computing = 0.21, .overlap = 1 }, GD_VERDICT_MIXED, GD_ACTION_THREADS },
};
/* clang-format on */

static void every_row_of_facts_gets_its_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gd_verdict verdict = gd_verdict_judge(&rows[i].facts);

		if (verdict.class != rows[i].class || verdict.advice.action != rows[i].action)
			print_error("%s: class %d, action %d by rule %s\n", rows[i].name,
				    verdict.class, verdict.advice.action, verdict.rule);
		assert_int_equal(verdict.class, rows[i].class);
		assert_int_equal(verdict.advice.action, rows[i].action);
	}
}

static void confidence_is_high_only_where_the_verdict_would_stay(void **state)
{
	struct gd_facts sure = { BASE, .computing = 1, .gil_share = 1 };
	struct gd_facts border = { BASE, .outside = 0.81, .computing = 0.19, .overlap = 1 };
	struct gd_facts no_picture = { BASE, .computing = 1, .gil_share = 1 };
	struct gd_facts unseen = { BASE, .outside = 0.6, .computing = 0.05, .overlap = 1,
				   .unknown = 0.35 };

	(void)state;
	no_picture.has_picture = false;
	assert_int_equal(gd_verdict_judge(&sure).confidence, GD_CONFIDENCE_HIGH);
	assert_int_equal(gd_verdict_judge(&border).confidence, GD_CONFIDENCE_LOW);
	assert_true(gd_verdict_judge(&no_picture).confidence < GD_CONFIDENCE_HIGH);
	assert_true(gd_verdict_judge(&unseen).confidence < GD_CONFIDENCE_HIGH);
}

static void workers_follow_what_is_useful(void **state)
{
	struct gd_facts waits = { BASE, .outside = 0.95, .computing = 0.05, .overlap = 1,
				  .wait_per_cpu = 19 };
	struct gd_facts computes = { BASE, .cpus = 4, .computing = 1, .gil_share = 1 };

	(void)state;
	assert_int_equal(gd_verdict_judge(&waits).advice.workers, 20);
	waits.operations = 3;
	assert_int_equal(gd_verdict_judge(&waits).advice.workers, 3);
	waits.operations = 100000;
	waits.wait_per_cpu = 100;
	assert_int_equal(gd_verdict_judge(&waits).advice.workers, 32);
	assert_int_equal(gd_verdict_judge(&computes).advice.workers, 4);
}

static void ceilings_are_what_no_number_of_workers_can_exceed(void **state)
{
	struct gd_facts gil = { BASE, .computing = 1, .gil_share = 1 };
	struct gd_facts mixed = { BASE, .computing = 0.25, .outside = 0.75, .gil_share = 1,
				  .overlap = 1 };

	(void)state;
	assert_true(gd_ceilings_find(&gil).threads == 1.0);
	assert_true(gd_ceilings_find(&gil).processes == 2.0);
	assert_true(gd_ceilings_find(&mixed).threads == 4.0);
	assert_true(gd_ceilings_find(&mixed).processes == 8.0);
}

/* But for a lock under the GIL: that is ruled out as the limit, not as a fact. */
static void a_share_that_is_ruled_out_is_not_most_of_the_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gd_verdict verdict = gd_verdict_judge(&rows[i].facts);

		for (size_t k = 0; k < verdict.ruled_out_count; k++) {
			const struct gd_reason *reason = &verdict.ruled_out[k];

			if (reason->evidence != GD_EVIDENCE_LOCK && reason->value >= 0.5)
				fail_msg("%s: evidence %d is %g", rows[i].name, reason->evidence,
					 reason->value);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_facts_gets_its_verdict),
		cmocka_unit_test(confidence_is_high_only_where_the_verdict_would_stay),
		cmocka_unit_test(workers_follow_what_is_useful),
		cmocka_unit_test(ceilings_are_what_no_number_of_workers_can_exceed),
		cmocka_unit_test(a_share_that_is_ruled_out_is_not_most_of_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
