/* SPDX-License-Identifier: MIT */
/* From the joint picture, or without one from sums, to the quantities that a verdict rests on. */
#include <facts.h>
#include <string.h>
#include <unit/near.h>

#define NEAR 1e-9

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A Python process of ten seconds in which the picture has seen all. */
#define PROCESS(cells)                                                                             \
	.runtime = "CPython", .gil_state = GD_GIL_ON, .start_s = 100, .end_s = 110,                \
	.steady_s = NAN, .cpus = 2, .cpus_online = 4, .joints = (cells),                           \
	.joint_count = COUNT(cells)

/* ---- What an instant counts as --------------------------------------------------------------- */

struct kind {
	const char *name;
	struct gd_joint_key key;
	size_t share; /* offset in struct gd_facts of the share that is all */
};

#define IS(share) offsetof(struct gd_facts, share)

/* clang-format off */
static const struct kind kinds[] = {
	{ "computing beats everything",     { .computing = 1, .outside = 3, .child = 1, .sleeping = 2, .unseen = 1, .locked = 2 }, IS(computing) },
	{ "who is queued for a CPU counts as computing", { .starved = 1, .outside = 1 }, IS(computing) },
	{ "waiting outside beats a child",  { .outside = 1, .child = 1, .sleeping = 1 }, IS(outside) },
	{ "a child beats sleeping",         { .child = 1, .sleeping = 2 },     IS(child) },
	{ "sleeping beats a loop's timer",  { .sleeping = 1, .loop_timer = 1 }, IS(sleeping) },
	{ "a loop's timer beats the unseen", { .loop_timer = 1, .unseen = 1 }, IS(loop_timer) },
	{ "the unseen is unknown",          { .unseen = 1, .locked = 2 },      IS(unknown) },
	{ "lock waits alone are idle",      { .locked = 1 },                   IS(idle) },
	{ "a GIL is handed over to compute", { .locked = 1, .gil_wait = 1 },   IS(computing) },
	{ "nothing at all is idle",         { .computing = 0 },                IS(idle) },
};
/* clang-format on */

static double share_at(const struct gd_facts *facts, size_t offset)
{
	return *(const double *)(const void *)((const char *)facts + offset);
}

static void who_computes_decides_then_who_waits_outside(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct gd_joint_model cells[] = {
			{ .key = kinds[i].key, .instants = 100, .weight_s = 1 }
		};
		struct gd_process_model process = { PROCESS(cells) };
		struct gd_facts facts = gd_facts_gather(&process, false, 0);

		if (share_at(&facts, kinds[i].share) < 1)
			print_error("%s\n", kinds[i].name);
		assert_near(share_at(&facts, kinds[i].share), 1, NEAR);
		assert_near(facts.wall_s, 1, NEAR);
		assert_near(facts.instants, kinds[i].share == IS(idle) ? 0 : 100, NEAR);
	}
}

static void shares_add_up_and_idle_is_left_out(void **state)
{
	struct gd_joint_model cells[] = {
		{ .key = { .computing = 1 }, .weight_s = 1, .instants = 10 },
		{ .key = { .outside = 1 }, .weight_s = 2, .instants = 20 },
		{ .key = { .child = 1 }, .weight_s = 0.5, .instants = 5 },
		{ .key = { .sleeping = 1 }, .weight_s = 0.25, .instants = 2 },
		{ .key = { .loop_timer = 1 }, .weight_s = 0.15, .instants = 2 },
		{ .key = { .unseen = 1 }, .weight_s = 0.1, .instants = 1 },
		{ .key = { .locked = 1 }, .weight_s = 6, .instants = 60 },
	};
	struct gd_process_model process = { PROCESS(cells) };
	struct gd_facts f = gd_facts_gather(&process, false, 0);

	(void)state;
	assert_near(f.wall_s, 10, NEAR);
	assert_near(f.active_s, 4, NEAR);
	assert_near(f.idle, 0.6, NEAR);
	assert_near(f.computing, 0.25, NEAR);
	assert_near(f.outside, 0.5, NEAR);
	assert_near(f.instants, 40, NEAR);
	assert_near(f.computing + f.outside + f.child + f.sleeping + f.loop_timer + f.unknown, 1,
		    NEAR);
}

/* ---- The start ------------------------------------------------------------------------------- */

static struct gd_facts with_start(double start_s, double steady_s)
{
	struct gd_joint_model cells[] = {
		{ .key = { .computing = 1, .phase = GD_PHASE_START },
		  .weight_s = start_s,
		  .instants = 1 },
		{ .key = { .outside = 1, .phase = GD_PHASE_STEADY },
		  .weight_s = steady_s,
		  .instants = 1 },
	};
	struct gd_process_model process = { PROCESS(cells) };

	process.steady_s = process.start_s + start_s;
	process.end_s = process.steady_s + steady_s;
	return gd_facts_gather(&process, false, 0);
}

static void the_start_is_left_out_where_it_is_one(void **state)
{
	(void)state;
	assert_near(with_start(0.1, 5).computing, 0, NEAR);
	assert_near(with_start(0.5, 0.5).computing, 0, NEAR);
}

static void a_start_that_is_long_or_all_there_is_counts(void **state)
{
	struct gd_joint_model cells[] = {
		{ .key = { .computing = 1 }, .weight_s = 0.3, .instants = 1 }
	};
	struct gd_process_model never_steady = { PROCESS(cells) };

	(void)state;
	assert_near(with_start(0.6, 5.4).computing, 0.1, NEAR);  /* too long to be a start */
	assert_near(with_start(0.3, 0.1).computing, 0.75, NEAR); /* longer than the rest */
	assert_near(gd_facts_gather(&never_steady, false, 0).computing, 1, NEAR);
}

/* ---- Quantities of the picture --------------------------------------------------------------- */

static void threads_and_gil_are_means_over_the_computing_time(void **state)
{
	struct gd_thread_model threads[] = {
		{ .threads = 1, .times = { .cause_s = { [GD_CAUSE_CPU_GIL] = 20 } } }
	};
	struct gd_joint_model cells[] = {
		{ .key = { .computing = 2,
			   .gil_computing = 1,
			   .holder = GD_HOLDER_RUNS,
			   .gil_wait = 8 },
		  .weight_s = 1,
		  .instants = 1,
		  .gil_wait_mean = 30 },
		{ .key = { .computing = 1, .starved = 1 }, .weight_s = 3, .instants = 3 },
	};
	struct gd_process_model process = { PROCESS(cells) };
	struct gd_facts f;

	(void)state;
	process.threads = threads;
	process.thread_count = 1;
	f = gd_facts_gather(&process, false, 0);
	assert_near(f.running, 5.0 / 4, NEAR);
	assert_near(f.wanting, 8.0 / 4, NEAR);
	assert_near(f.starved, 3.0 / 8, NEAR);
	assert_near(f.gil_share, 1.0 / 5, NEAR);
	assert_near(f.gil_held, 0.25, NEAR);
	assert_near(f.gil_wanted, 0.25, NEAR);
	assert_near(f.gil_waiters, 7.5, NEAR); /* not capped as the key is */
}

static void overlap_and_its_kinds_are_means_over_the_waiting_time(void **state)
{
	struct gd_joint_model cells[] = {
		{ .key = { .outside = 8, .looped = 1 },
		  .weight_s = 1,
		  .instants = 1,
		  .outside_mean = 40 },
		{ .key = { .outside = 1, .file = 1 },
		  .weight_s = 3,
		  .instants = 1,
		  .outside_mean = 1 },
		{ .key = { .sleeping = 2 }, .weight_s = 1, .instants = 1 },
		{ .key = { .sleeping = 1 }, .weight_s = 3, .instants = 1 },
	};
	struct gd_process_model process = { PROCESS(cells) };
	struct gd_facts f = gd_facts_gather(&process, false, 0);

	(void)state;
	assert_near(f.overlap, 43.0 / 4, NEAR);
	assert_near(f.looped, 0.25, NEAR);
	assert_near(f.files, 0.75, NEAR);
	assert_near(f.sleepers, 1.25, NEAR);
}

static void a_holder_that_waits_counts_where_others_want_the_gil(void **state)
{
	struct gd_joint_model cells[] = {
		{ .key = { .outside = 1, .holder = GD_HOLDER_WAITS, .gil_wait = 1 },
		  .weight_s = 3,
		  .instants = 1 },
		{ .key = { .outside = 1, .holder = GD_HOLDER_WAITS },
		  .weight_s = 5,
		  .instants = 1 },
		{ .key = { .outside = 1, .gil_wait = 1 }, .weight_s = 2, .instants = 1 },
	};
	struct gd_process_model process = { PROCESS(cells) };

	(void)state;
	assert_near(gd_facts_gather(&process, false, 0).holder_waits, 0.3, NEAR);
}

static void no_more_threads_run_than_the_clocks_allow(void **state)
{
	struct gd_thread_model threads[] = {
		{ .threads = 1, .times = { .cause_s = { [GD_CAUSE_CPU_GIL] = 11 } } }
	};
	struct gd_joint_model cells[] = {
		{ .key = { .computing = 2, .gil_computing = 2 }, .weight_s = 10, .instants = 1 }
	};
	struct gd_process_model process = { PROCESS(cells) };
	struct gd_facts f;

	(void)state;
	process.threads = threads;
	process.thread_count = 1;
	f = gd_facts_gather(&process, false, 0);
	assert_near(f.running, 1.1, NEAR);
	assert_near(f.gil_share, 1, NEAR);
	/* One thread at least ran whenever one did. */
	threads[0].times.cause_s[GD_CAUSE_CPU_GIL] = 3;
	assert_near(gd_facts_gather(&process, false, 0).running, 1, NEAR);
	/* Clocks that have seen more correct nothing. */
	threads[0].times.cause_s[GD_CAUSE_CPU_GIL] = 25;
	assert_near(gd_facts_gather(&process, false, 0).running, 2, NEAR);
}

/* ---- Without a picture ----------------------------------------------------------------------- */

static struct gd_facts from_sums(struct gd_thread_model *threads, size_t count)
{
	struct gd_process_model process = { .runtime = "CPython",
					    .gil_state = GD_GIL_ON,
					    .start_s = 100,
					    .end_s = 110,
					    .steady_s = NAN,
					    .threads = threads,
					    .thread_count = count };

	return gd_facts_gather(&process, false, 0);
}

static void sums_fill_the_run_with_computing_first(void **state)
{
	struct gd_thread_model threads[] = {
		{ .is_main = true,
		  .threads = 1,
		  .times = { .cause_s = { [GD_CAUSE_CPU_GIL] = 4, [GD_CAUSE_RECV] = 6 } } },
		{ .threads = 1,
		  .times = { .cause_s = { [GD_CAUSE_CPU_FREE] = 3, [GD_CAUSE_RECV] = 7 } } },
	};
	struct gd_facts f = from_sums(threads, 2);

	(void)state;
	assert_false(f.has_picture);
	assert_near(f.wall_s, 10, NEAR);
	assert_near(f.computing, 0.7, NEAR);
	assert_near(f.outside, 0.3, NEAR);
	assert_near(f.running, 1, NEAR);
	assert_near(f.gil_share, 4.0 / 7, NEAR);
	assert_near(f.overlap, 13.0 / 3, NEAR);
}

static void sums_longer_than_the_run_are_cut(void **state)
{
	struct gd_thread_model threads[] = {
		{ .is_main = true,
		  .threads = 1,
		  .times = { .cause_s = { [GD_CAUSE_CPU_FREE] = 10 } } },
		{ .threads = 1, .times = { .cause_s = { [GD_CAUSE_CPU_FREE] = 10 } } },
		{ .threads = 1, .times = { .cause_s = { [GD_CAUSE_SLEEP] = 10 } } },
	};
	struct gd_facts f = from_sums(threads, 3);

	(void)state;
	assert_near(f.computing, 1, NEAR);
	assert_near(f.sleeping, 0, NEAR);
	assert_near(f.idle, 0, NEAR);
	assert_near(f.running, 2, NEAR);
}

static void what_no_sum_explains_was_idle(void **state)
{
	struct gd_thread_model threads[] = {
		{ .is_main = true,
		  .threads = 1,
		  .times = { .cause_s = { [GD_CAUSE_FILE] = 1,
					  [GD_CAUSE_SLEEP] = 2,
					  [GD_CAUSE_LOOP_TIMER] = 1,
					  [GD_CAUSE_CHILD] = 1,
					  [GD_CAUSE_ACCEPT] = 5 } } },
	};
	struct gd_facts f = from_sums(threads, 1);

	(void)state;
	assert_near(f.idle, 0.5, NEAR);
	assert_near(f.outside, 0.2, NEAR);
	assert_near(f.files, 1, NEAR);
	assert_near(f.sleeping, 0.4, NEAR);
	assert_near(f.loop_timer, 0.2, NEAR);
	assert_near(f.child, 0.2, NEAR);
}

static void no_share_of_sums_is_below_zero(void **state)
{
	/* A loop's timers that hardly waited: the time went into the CPU. */
	struct gd_thread_model threads[] = {
		{ .is_main = true,
		  .threads = 1,
		  .times = { .cause_s = { [GD_CAUSE_LOOP_TIMER] = 4, [GD_CAUSE_FILE] = 4 },
			     .cpu_in_s = { [GD_CAUSE_LOOP_TIMER] = 3.5, [GD_CAUSE_FILE] = 3 } } },
	};
	struct gd_facts f = from_sums(threads, 1);

	(void)state;
	assert_near(f.sleeping, 0, NEAR);
	assert_near(f.computing, 6.5 / 8, NEAR);
	assert_near(f.loop_timer, 0.5 / 8, NEAR);
	assert_near(f.outside, 1.0 / 8, NEAR);
	assert_near(f.files, 1, NEAR);
}

/* ---- Threads that contend, and locks --------------------------------------------------------- */

#define WORKER(works, waits, times_)                                                               \
	{                                                                                          \
		.threads = 1, .times = {                                                           \
			.life_s = 10,                                                              \
			.cause_s = { [GD_CAUSE_CPU_FREE] = (works), [GD_CAUSE_COND] = (waits) },   \
			.count = { [GD_CAUSE_COND] = (times_) },                                   \
			.wakes = (times_),                                                         \
		}                                                                                  \
	}

static struct gd_facts of_threads(struct gd_thread_model *threads, size_t count)
{
	struct gd_joint_model cells[] = {
		{ .key = { .computing = 1 }, .weight_s = 10, .instants = 1 }
	};
	struct gd_process_model process = { PROCESS(cells) };

	process.threads = threads;
	process.thread_count = count;
	return gd_facts_gather(&process, false, 0);
}

static void contenders_work_and_are_kept_from_it_by_locks(void **state)
{
	struct gd_thread_model threads[] = {
		WORKER(5, 5, 100),
		WORKER(4, 6, 90),
		WORKER(9, 1, 100),   /* hardly waits */
		WORKER(0.5, 9.5, 5), /* hardly works */
		{ .threads = 4,      /* folded ones count each */
		  .times = { .life_s = 40,
			     .cause_s = { [GD_CAUSE_CPU_FREE] = 20, [GD_CAUSE_MUTEX] = 20 },
			     .count = { [GD_CAUSE_MUTEX] = 40 } } },
	};
	struct gd_facts f = of_threads(threads, COUNT(threads));

	(void)state;
	assert_int_equal(f.contenders, 6);
	assert_false(f.has_coordinator);
}

static void a_coordinator_hands_out_work_and_does_none(void **state)
{
	struct gd_thread_model threads[] = { WORKER(0.1, 9.9, 60), WORKER(5, 5, 100),
					     WORKER(5, 5, 100) };

	(void)state;
	assert_true(of_threads(threads, 3).has_coordinator);
	threads[0].times.wakes = 40; /* for less than half of their waits */
	assert_false(of_threads(threads, 3).has_coordinator);
}

struct lock_row {
	const char *name;
	struct gd_lock_model lock;
	bool has_turns; /* two threads that work take turns, nobody hands out work */
	bool is_lock;
};

/* clang-format off */
static const struct lock_row lock_rows[] = {
	{ "a mutex",                              { .cause = GD_CAUSE_MUTEX, .waits = 1 }, false, true },
	{ "a reader-writer lock",                 { .cause = GD_CAUSE_RWLOCK, .waits = 1 }, false, true },
	{ "a semaphore given back",               { .cause = GD_CAUSE_SEM, .waits = 9, .released = 8, .posted = 1, .hold_s = 4 }, false, true },
	{ "a semaphore whose holds explain no wait", { .cause = GD_CAUSE_SEM, .waits = 9, .released = 8, .posted = 1, .hold_s = 0.1 }, false, false },
	{ "a semaphore posted by others",         { .cause = GD_CAUSE_SEM, .waits = 9, .released = 1, .posted = 8 }, true, false },
	{ "a semaphore as often posted as given back", { .cause = GD_CAUSE_SEM, .waits = 9, .released = 4, .posted = 4 }, true, false },
	{ "a semaphore waited for three times",   { .cause = GD_CAUSE_SEM, .waits = 3, .released = 3 }, true, false },
	{ "a condition among workers",            { .cause = GD_CAUSE_COND, .waits = 9 }, true, true },
	{ "a futex among workers",                { .cause = GD_CAUSE_FUTEX, .waits = 9 }, true, true },
	{ "a condition that hands out work",      { .cause = GD_CAUSE_COND, .waits = 9 }, false, false },
	{ "a barrier",                            { .cause = GD_CAUSE_BARRIER, .waits = 9 }, true, false },
};
/* clang-format on */

static void what_counts_as_a_lock(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lock_rows); i++) {
		struct gd_thread_model threads[] = { WORKER(5, 5, 100), WORKER(5, 5, 100),
						     WORKER(0.1, 9.9, 100) };
		struct gd_joint_model cells[] = {
			{ .key = { .computing = 1 }, .weight_s = 10, .instants = 1 }
		};
		struct gd_process_model process = { PROCESS(cells) };
		struct gd_lock_model lock = lock_rows[i].lock;
		struct gd_facts facts;

		lock.wait_s = 5;
		process.threads = threads;
		process.thread_count = lock_rows[i].has_turns ? 2 : 3;
		process.locks = &lock;
		process.lock_count = 1;
		facts = gd_facts_gather(&process, false, 0);
		if ((facts.lock != NULL) != lock_rows[i].is_lock)
			print_error("%s\n", lock_rows[i].name);
		assert_int_equal(facts.lock != NULL, lock_rows[i].is_lock);
		assert_near(facts.lock_waiters, lock_rows[i].is_lock ? 0.5 : 0, NEAR);
	}
}

static void one_waiter_makes_a_lock_of_what_the_program_itself_holds(void **state)
{
	static const struct {
		const char *runtime;
		struct gd_place place;
		bool is_lock;
	} rows[] = {
		{ "CPython", { .file = "app.py", .module = "" }, true },
		{ "CPython", { .file = "queue.py", .module = "", .is_library = true }, false },
		{ "CPython",
		  { .file = "thread_pthread.h", .module = "/lib/libpython3.so" },
		  false },
		{ "", { .file = "app.c", .module = "/bin/app" }, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gd_thread_model threads[] = { WORKER(9, 1, 100), WORKER(5, 5, 100) };
		struct gd_joint_model cells[] = {
			{ .key = { .computing = 1 }, .weight_s = 10, .instants = 1 }
		};
		struct gd_process_model process = { PROCESS(cells) };
		struct gd_lock_model lock = { .cause = GD_CAUSE_SEM,
					      .waits = 9,
					      .released = 9,
					      .hold_s = 6,
					      .wait_s = 5,
					      .holders = { { .place = &rows[i].place,
							     .blame_s = 5 } },
					      .holder_count = 1 };

		process.runtime = rows[i].runtime;
		process.threads = threads, process.thread_count = COUNT(threads);
		process.locks = &lock, process.lock_count = 1;
		assert_int_equal(gd_facts_gather(&process, false, 0).lock != NULL, rows[i].is_lock);
	}
}

static void of_several_locks_the_costliest_is_named(void **state)
{
	struct gd_lock_model locks[] = {
		{ .key = 1, .cause = GD_CAUSE_MUTEX, .wait_s = 1 },
		{ .key = 2, .cause = GD_CAUSE_BARRIER, .wait_s = 9 },
		{ .key = 3, .cause = GD_CAUSE_MUTEX, .wait_s = 4 },
		{ .key = 4, .cause = GD_CAUSE_MUTEX, .wait_s = 3 },
	};
	struct gd_joint_model cells[] = {
		{ .key = { .computing = 1 }, .weight_s = 8, .instants = 1 }
	};
	struct gd_process_model process = { PROCESS(cells) };
	struct gd_facts f;

	(void)state;
	process.locks = locks;
	process.lock_count = COUNT(locks);
	f = gd_facts_gather(&process, false, 0);
	assert_int_equal(f.lock->key, 3);
	assert_near(f.lock_waiters, 0.5, NEAR);
}

/* ---- Threads and the machine ----------------------------------------------------------------- */

static void operations_are_waits_of_a_millisecond_at_least(void **state)
{
	struct gd_thread_model threads[] = { { .is_main = true,
					       .threads = 1,
					       .times = { .yields = 30,
							  .holding_gil_s = 1,
							  .cause_s = { [GD_CAUSE_RECV] = 2,
								       [GD_CAUSE_SEND] = 0.01,
								       [GD_CAUSE_SLEEP] = 2,
								       [GD_CAUSE_SEM] = 1 },
							  .count = { [GD_CAUSE_RECV] = 50,
								     [GD_CAUSE_SEND] = 100000,
								     [GD_CAUSE_SLEEP] = 7,
								     [GD_CAUSE_SEM] = 1000 } } } };
	struct gd_facts f = of_threads(threads, 1);

	(void)state;
	assert_near(f.operations, 50 + 10 + 7, NEAR);
	assert_near(f.yields_per_s, 3, NEAR);
	assert_near(f.held_waits, 1 / 4.01, NEAR);
	assert_true(isinf(f.wait_per_cpu));
	threads[0].times.cause_s[GD_CAUSE_CPU_FREE] = 2;
	assert_near(of_threads(threads, 1).wait_per_cpu, 4.01 / 2, NEAR);
}

static void cpus_are_those_that_may_be_used(void **state)
{
	static const struct {
		uint32_t affinity, online;
		double quota, cpus;
	} rows[] = {
		{ 2, 4, 0, 2 }, { 0, 4, 0, 4 }, { 0, 0, 0, 1 }, { 2, 4, 0.5, 0.5 }, { 2, 4, 3, 2 }
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gd_process_model process = { .runtime = "",
						    .cpus = rows[i].affinity,
						    .cpus_online = rows[i].online,
						    .cpu_quota = rows[i].quota };

		assert_near(gd_facts_gather(&process, false, 0).cpus, rows[i].cpus, NEAR);
	}
}

static void the_runtime_is_told_by_name_or_by_its_gil(void **state)
{
	static const struct {
		const char *runtime;
		size_t gils;
		enum gd_gil_state gil;
		bool is_python, is_free_threaded, is_known;
	} rows[] = {
		{ "", 0, GD_GIL_NONE, false, false, true },
		{ "", 1, GD_GIL_ON, true, false, true },
		{ "CPython", 1, GD_GIL_ON, true, false, true },
		{ "CPython", 0, GD_GIL_OFF, true, true, true },
		{ "CPython", 0, GD_GIL_UNKNOWN, true, false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gd_gil_model gils[1] = { { .takes = 1 } };
		struct gd_process_model process = { .runtime = rows[i].runtime,
						    .gil_state = rows[i].gil,
						    .gils = gils,
						    .gil_count = rows[i].gils };
		struct gd_facts f = gd_facts_gather(&process, false, 0);

		assert_int_equal(f.is_python, rows[i].is_python);
		assert_int_equal(f.is_free_threaded, rows[i].is_free_threaded);
		assert_int_equal(f.is_gil_known, rows[i].is_known);
	}
}

static void an_empty_process_has_no_shares_and_no_nonsense(void **state)
{
	struct gd_process_model process = { .runtime = "" };
	struct gd_facts f = gd_facts_gather(&process, false, 0);

	(void)state;
	assert_near(f.active_s, 0, 0);
	assert_near(f.computing + f.outside + f.idle + f.overlap + f.running + f.gil_held, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_computes_decides_then_who_waits_outside),
		cmocka_unit_test(shares_add_up_and_idle_is_left_out),
		cmocka_unit_test(the_start_is_left_out_where_it_is_one),
		cmocka_unit_test(a_start_that_is_long_or_all_there_is_counts),
		cmocka_unit_test(threads_and_gil_are_means_over_the_computing_time),
		cmocka_unit_test(overlap_and_its_kinds_are_means_over_the_waiting_time),
		cmocka_unit_test(a_holder_that_waits_counts_where_others_want_the_gil),
		cmocka_unit_test(no_more_threads_run_than_the_clocks_allow),
		cmocka_unit_test(sums_fill_the_run_with_computing_first),
		cmocka_unit_test(sums_longer_than_the_run_are_cut),
		cmocka_unit_test(what_no_sum_explains_was_idle),
		cmocka_unit_test(no_share_of_sums_is_below_zero),
		cmocka_unit_test(contenders_work_and_are_kept_from_it_by_locks),
		cmocka_unit_test(a_coordinator_hands_out_work_and_does_none),
		cmocka_unit_test(what_counts_as_a_lock),
		cmocka_unit_test(one_waiter_makes_a_lock_of_what_the_program_itself_holds),
		cmocka_unit_test(of_several_locks_the_costliest_is_named),
		cmocka_unit_test(operations_are_waits_of_a_millisecond_at_least),
		cmocka_unit_test(cpus_are_those_that_may_be_used),
		cmocka_unit_test(the_runtime_is_told_by_name_or_by_its_gil),
		cmocka_unit_test(an_empty_process_has_no_shares_and_no_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
