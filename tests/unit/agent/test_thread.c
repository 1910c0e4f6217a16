/* SPDX-License-Identifier: MIT */
/* Threads come and go; what they did stays. */
#include <account.h>
#include <builders/awake.h>
#include <limits.h>
#include <lock.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <thread.h>
#include <unit/cmocka_begin.h>

#define SLOTS_KEPT 64 /* before an ended one is used again */

static struct gd_section *section(uint32_t kind)
{
	return &gd_sections[kind - 1];
}

static const struct gd_ended *ended(void)
{
	return gd_image_entries(gd_arena_image(), GD_SECTION_ENDED);
}

static void run(void *(*start)(void *), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, start, arg), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void *yield(void *arg)
{
	sched_yield();
	return arg;
}

static void *sleep_briefly(void *arg)
{
	usleep(1);
	if (gd_self)
		gd_self->slot->pipe_bytes += 3;
	return arg;
}

/* ---- One thread ------------------------------------------------------------------------------ */

static void *look_at_self(void *arg)
{
	memcpy(arg, gd_self->slot, sizeof(struct gd_thread));
	return NULL;
}

static void a_thread_has_its_slot_from_birth_to_end(void **state)
{
	const struct gd_thread *slot = &gd_threads[1];
	struct gd_thread seen;

	(void)state;
	assert_int_equal(section(GD_SECTION_THREADS)->used, 1);
	assert_int_equal(gd_threads[0].tid, getpid());
	run(look_at_self, &seen);
	assert_int_equal(section(GD_SECTION_THREADS)->used, 2);
	assert_int_equal(seen.state, GD_THREAD_LIVE);
	assert_int_not_equal(seen.tid, getpid());
	assert_int_equal(seen.start_function, (uintptr_t)look_at_self);
	assert_true(seen.born > 0);
	assert_int_equal(slot->tid, seen.tid);
	assert_int_equal(slot->state, GD_THREAD_ENDED);
	assert_true(slot->ended >= slot->born);
	assert_true(slot->cpu_ns > 0);
	assert_int_equal(gd_process->threads_born, 2);
	assert_true(gd_thread_is_one_of_many);
}

static void *end_by_call(void *arg)
{
	pthread_exit(arg);
}

static void a_thread_may_end_by_any_way(void **state)
{
	(void)state;
	run(end_by_call, NULL);
	assert_int_equal(gd_threads[1].state, GD_THREAD_ENDED);
}

static pthread_key_t others_key;
static int others_calls;

/* Comes again until libc gives up, and waits each time: also after we have closed our books. */
static void destroy_stubbornly(void *value)
{
	others_calls++;
	sleep_briefly(NULL);
	pthread_setspecific(others_key, value);
}

static void *leave_something(void *arg)
{
	pthread_setspecific(others_key, &others_key);
	return arg;
}

static void a_thread_that_ended_is_not_born_again(void **state)
{
	(void)state;
	others_calls = 0;
	assert_int_equal(pthread_key_create(&others_key, destroy_stubbornly), 0);
	run(leave_something, NULL);
	pthread_key_delete(others_key);
	assert_int_equal(others_calls, PTHREAD_DESTRUCTOR_ITERATIONS);
	assert_int_equal(gd_process->threads_born, 2);
	assert_int_equal(section(GD_SECTION_THREADS)->used, 2);
	assert_int_equal(gd_threads[1].state, GD_THREAD_ENDED);
	/* The destructors of others are watched as long as can be. */
	assert_true(gd_threads[1].count[GD_CAUSE_SLEEP] >= PTHREAD_DESTRUCTOR_ITERATIONS - 1);
}

/* ---- Many, one after another ----------------------------------------------------------------- */

struct sums {
	uint64_t threads, sleeps, yields, ticks, life, cpu_ns, pipe_bytes;
};

static void add_slot(struct sums *sums, const struct gd_thread *slot)
{
	sums->threads++;
	sums->sleeps += slot->count[GD_CAUSE_SLEEP];
	sums->yields += slot->yields;
	sums->life += slot->ended - slot->born;
	sums->cpu_ns += slot->cpu_ns;
	sums->pipe_bytes += slot->pipe_bytes;
	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++)
		sums->ticks += slot->ticks[cause];
}

/* Over all slots but the main thread's, and all rows of folded ones. */
static struct sums sum_all(void)
{
	struct sums sums = { 0 };

	for (uint32_t i = 1; i < section(GD_SECTION_THREADS)->used; i++)
		if (gd_threads[i].state == GD_THREAD_ENDED && gd_threads[i].tid)
			add_slot(&sums, &gd_threads[i]);
	for (uint32_t i = 0; i < section(GD_SECTION_ENDED)->used; i++) {
		sums.threads += ended()[i].threads;
		sums.sleeps += ended()[i].count[GD_CAUSE_SLEEP];
		sums.yields += ended()[i].yields;
		sums.life += ended()[i].life;
		sums.cpu_ns += ended()[i].cpu_ns;
		sums.pipe_bytes += ended()[i].pipe_bytes;
		for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++)
			sums.ticks += ended()[i].ticks[cause];
	}
	return sums;
}

static void slots_are_used_again_and_their_sums_are_kept(void **state)
{
	enum { MANY = 150 };
	struct sums sums;

	(void)state;
	for (int i = 0; i < MANY; i++)
		run(i % 3 ? sleep_briefly : yield, NULL);
	assert_int_equal(section(GD_SECTION_THREADS)->used, SLOTS_KEPT);
	assert_int_equal(section(GD_SECTION_ENDED)->used, 2); /* one for each start function */
	assert_int_equal(gd_process->threads_born, 1 + MANY);
	assert_int_equal(gd_process->lost[GD_LOST_THREADS], 0);
	sums = sum_all();
	assert_int_equal(sums.threads, MANY);
	assert_int_equal(sums.sleeps, MANY / 3 * 2);
	assert_int_equal(sums.ticks, sums.life); /* every tick of every life */
	assert_true(sums.cpu_ns > 0);
	assert_int_equal(sums.pipe_bytes, MANY / 3 * 2 * 3);
}

static void folded_threads_are_kept_by_start_function(void **state)
{
	const struct gd_ended *rows = ended();

	(void)state;
	for (int i = 0; i < SLOTS_KEPT; i++)
		run(yield, NULL);
	for (int i = 0; i < 30; i++)
		run(sleep_briefly, NULL);
	assert_int_equal(rows[0].start_function, (uintptr_t)yield);
	assert_int_equal(rows[0].threads + rows[1].threads, SLOTS_KEPT + 30 - (SLOTS_KEPT - 1));
	assert_int_equal(rows[0].yields, rows[0].threads);
	assert_int_equal(rows[0].count[GD_CAUSE_SLEEP], 0);
}

static void start_functions_beyond_the_table_are_counted(void **state)
{
	(void)state;
	section(GD_SECTION_ENDED)->capacity = 0;
	for (int i = 0; i < SLOTS_KEPT + 5; i++)
		run(yield, NULL);
	assert_int_equal(section(GD_SECTION_ENDED)->lost, 6);
	assert_int_equal(sum_all().threads, SLOTS_KEPT - 1);
}

static void threads_beyond_the_slots_are_counted_and_run(void **state)
{
	(void)state;
	section(GD_SECTION_THREADS)->capacity = 2;
	for (int i = 0; i < 3; i++)
		run(sleep_briefly, NULL);
	assert_int_equal(section(GD_SECTION_THREADS)->used, 2);
	assert_int_equal(gd_process->lost[GD_LOST_THREADS], 2);
	assert_int_equal(gd_process->threads_born, 2);
}

static void a_thread_that_could_not_be_made_leaves_nothing(void **state)
{
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t none;

	(void)state;
	CPU_ZERO(&none);
	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setaffinity_np(&attr, sizeof(none), &none), 0);
	for (int i = 0; i < SLOTS_KEPT + 10; i++)
		assert_int_not_equal(pthread_create(&thread, &attr, yield, NULL), 0);
	pthread_attr_destroy(&attr);
	assert_int_equal(gd_process->threads_born, 1);
	assert_int_equal(sum_all().threads, 0);
	run(yield, NULL);
	assert_int_equal(sum_all().threads, 1);
}

/* ---- A child on our memory ------------------------------------------------------------------- */

static void a_mark_of_a_child_that_is_gone_is_taken_away(void **state)
{
	(void)state;
	gd_vfork_open = 1;
	assert_ptr_equal(gd_thread_get(), gd_self);
	assert_int_equal(gd_vfork_open, 0);
}

static void a_child_that_vfork_made_passes_through(void **state)
{
	uint32_t before = gd_self->slot->count[GD_CAUSE_SLEEP];
	int status;
	pid_t pid;

	(void)state;
	gd_vfork_open = 1;
	pid = fork(); /* its image is ours, as a vfork child's is */
	if (pid == 0) {
		bool passes = !gd_thread_get() && gd_thread_is_vfork_child();

		usleep(1);
		_exit(passes ? 42 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	assert_int_equal(gd_self->slot->count[GD_CAUSE_SLEEP], before);
}

/* ---- A thread that nobody announced ---------------------------------------------------------- */

static int run_unannounced(void *(*start)(void *))
{
	pthread_t thread;

	if (gd_real.pthread_create(&thread, NULL, start, NULL) != 0)
		return -1;
	return pthread_join(thread, NULL);
}

static void a_thread_made_by_somebody_else_registers_at_its_first_call(void **state)
{
	(void)state;
	gd_thread_is_one_of_many = false;
	assert_int_equal(run_unannounced(sleep_briefly), 0);
	assert_int_equal(section(GD_SECTION_THREADS)->used, 2);
	assert_int_equal(gd_threads[1].state, GD_THREAD_ENDED);
	assert_int_equal(gd_threads[1].count[GD_CAUSE_SLEEP], 1);
	assert_true(gd_thread_is_one_of_many);
}

static void while_asleep_nobody_is_registered(void **state)
{
	struct gd_process *process = gd_process;
	struct gd_local *self = gd_self;

	(void)state;
	gd_process = NULL;
	gd_self = NULL;
	assert_int_equal(run_unannounced(sleep_briefly), 0);
	run(sleep_briefly, NULL);
	gd_process = process;
	gd_self = self;
	assert_int_equal(section(GD_SECTION_THREADS)->used, 1);
}

#define TEST(name) cmocka_unit_test_setup(name, gd_awake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_thread_has_its_slot_from_birth_to_end),
		TEST(a_thread_may_end_by_any_way),
		TEST(a_thread_that_ended_is_not_born_again),
		TEST(slots_are_used_again_and_their_sums_are_kept),
		TEST(folded_threads_are_kept_by_start_function),
		TEST(start_functions_beyond_the_table_are_counted),
		TEST(threads_beyond_the_slots_are_counted_and_run),
		TEST(a_thread_that_could_not_be_made_leaves_nothing),
		TEST(a_mark_of_a_child_that_is_gone_is_taken_away),
		TEST(a_child_that_vfork_made_passes_through),
		TEST(a_thread_made_by_somebody_else_registers_at_its_first_call),
		TEST(while_asleep_nobody_is_registered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
