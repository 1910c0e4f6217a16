/* SPDX-License-Identifier: MIT */
/* What all threads did at an instant becomes one cell; who really runs is told by the test. */
#include <builders/watched.h>
#include <joint.h>
#include <string.h>
#include <unit/cmocka_begin.h>

#define MS 1000000u

static struct gd_target *target;

/* The kernel, played: answers in order of the slots that are asked for. */
struct kernel {
	enum gd_on_cpu answers[GD_JOINT_ASKED_MAX];
	size_t asked;
};

static void ask(struct gd_target *asked, const uint32_t *slots, size_t count,
		enum gd_on_cpu *ret_answers, void *arg)
{
	struct kernel *kernel = arg;

	assert_ptr_equal(asked, target);
	assert_true(count <= GD_JOINT_ASKED_MAX);
	for (size_t i = 1; i < count; i++)
		assert_true(slots[i - 1] < slots[i]);
	kernel->asked = count;
	memcpy(ret_answers, kernel->answers, count * sizeof(*ret_answers));
}

static int make_target(void **state)
{
	(void)state;
	target = gd_watched_new();
	return 0;
}

static int free_target(void **state)
{
	(void)state;
	gd_target_free(target);
	return 0;
}

static const struct gd_joint *cells(void)
{
	return gd_image_entries(target->image, GD_SECTION_JOINT);
}

static uint32_t cell_count(void)
{
	return target->sections[GD_SECTION_JOINT - 1].used;
}

static bool no_pipe_is_followed(void *arg, const struct gd_target *asked, uint64_t inode)
{
	(void)arg;
	(void)asked;
	(void)inode;
	return false;
}

static bool no_child_is_followed(void *arg, const struct gd_target *asked)
{
	(void)arg;
	(void)asked;
	return false;
}

static void add(uint64_t instant, uint64_t weight_ns, struct kernel *kernel)
{
	struct gd_joint_world world = { ask, no_pipe_is_followed, no_child_is_followed, kernel };
	struct gd_picture picture;

	gd_picture_take(target, instant, &world, &picture);
	gd_picture_store(&picture, weight_ns, &target->sections[GD_SECTION_JOINT - 1],
			 target->joints);
}

/* The picture of an instant when nothing has changed since, in a cell of its own. */
static struct gd_joint look(struct kernel *kernel)
{
	struct kernel all_run = { .asked = 0 };

	add(1000, 4 * MS, kernel ? kernel : &all_run);
	assert_int_equal(cell_count(), 1);
	return cells()[0];
}

/* ---- Cells ----------------------------------------------------------------------------------- */

static void computing_threads_are_what_the_kernel_says(void **state)
{
	struct kernel kernel = { .answers = { GD_ON_CPU, GD_STARVED, GD_BLOCKED, GD_BLOCKED_DISK,
					      GD_STOPPED, GD_ON_CPU } };
	struct gd_joint cell;

	(void)state;
	for (int i = 0; i < 5; i++)
		gd_watched_add(target, GD_CAUSE_CPU_FREE);
	gd_watched_add(target, GD_CAUSE_CPU_GIL);
	cell = look(&kernel);
	assert_int_equal(kernel.asked, 6);
	assert_int_equal(cell.key.computing, 2);
	assert_int_equal(cell.key.gil_computing, 1);
	assert_int_equal(cell.key.starved, 1);
	assert_int_equal(cell.key.unseen, 0);  /* others are known */
	assert_int_equal(cell.key.outside, 1); /* a page fault, most likely */
	assert_int_equal(cell.key.file, 1);
	assert_int_equal(cell.key.looped, 0);
	assert_int_equal(cell.computing_sum, 2);
}

struct wait_row {
	const char *name;
	uint16_t cause;
	struct gd_joint_key key;
};

/* clang-format off */
static const struct wait_row waits[] = {
	{ "GIL",           GD_CAUSE_GIL,        { .gil_wait = 1 } },
	{ "mutex",         GD_CAUSE_MUTEX,      { .locked = 1, .phase = GD_PHASE_STEADY } },
	{ "join",          GD_CAUSE_JOIN,       { .locked = 1, .phase = GD_PHASE_STEADY } },
	{ "own pipe",      GD_CAUSE_INTERNAL,   { .locked = 1, .phase = GD_PHASE_STEADY } },
	{ "sleep",         GD_CAUSE_SLEEP,      { .sleeping = 1, .phase = GD_PHASE_STEADY } },
	{ "loop's timer",  GD_CAUSE_LOOP_TIMER, { .loop_timer = 1, .phase = GD_PHASE_STEADY } },
	{ "receive",       GD_CAUSE_RECV,       { .outside = 1, .outside_processes = 1, .phase = GD_PHASE_STEADY } },
	{ "poll",          GD_CAUSE_POLL,       { .outside = 1, .outside_processes = 1, .looped = 1, .phase = GD_PHASE_STEADY } },
	{ "file",          GD_CAUSE_FILE,       { .outside = 1, .outside_processes = 1, .file = 1 } },
	{ "child",         GD_CAUSE_CHILD,      { .child = 1, .phase = GD_PHASE_STEADY } },
	{ "accept",        GD_CAUSE_ACCEPT,     { .phase = GD_PHASE_STEADY } },
	{ "signal",        GD_CAUSE_SIGNAL,     { .phase = GD_PHASE_STEADY } },
	{ "of a younger version", 200,          { .outside = 1, .outside_processes = 1, .phase = GD_PHASE_STEADY } },
};
/* clang-format on */

static void every_wait_has_its_place_in_the_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct gd_joint cell;

		make_target(NULL);
		gd_watched_add(target, waits[i].cause);
		cell = look(NULL);
		if (memcmp(&cell.key, &waits[i].key, sizeof(cell.key)) != 0)
			print_error("%s\n", waits[i].name);
		assert_memory_equal(&cell.key, &waits[i].key, sizeof(cell.key));
		free_target(NULL);
	}
}

static void equal_pictures_share_a_cell(void **state)
{
	struct kernel kernel = { .answers = { GD_ON_CPU } };
	struct gd_thread *thread = gd_watched_add(target, GD_CAUSE_RECV);

	(void)state;
	add(1000, 4 * MS, &kernel);
	add(2000, 6 * MS, &kernel);
	assert_int_equal(cell_count(), 1);
	assert_int_equal(cells()[0].instants, 2);
	assert_int_equal(cells()[0].weight_ns, 10 * MS);
	thread->cause = GD_CAUSE_CPU_FREE;
	add(3000, 1 * MS, &kernel);
	assert_int_equal(cell_count(), 2);
	assert_int_equal(cells()[0].instants, 2);
	assert_int_equal(cells()[1].instants, 1);
	assert_int_equal(target->process->samples, 3);
}

static void only_live_threads_are_in_the_picture(void **state)
{
	static const uint32_t others[] = { GD_THREAD_FREE, GD_THREAD_ENDED, GD_THREAD_CLAIMED, 77 };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		gd_watched_add(target, GD_CAUSE_RECV)->state = others[i];
	gd_watched_add(target, GD_CAUSE_RECV);
	assert_int_equal(look(NULL).outside_sum, 1);
}

/* ---- Counts and their caps ------------------------------------------------------------------- */

static void operations_outside_are_added_up_uncapped(void **state)
{
	struct gd_joint cell;

	(void)state;
	gd_watched_add(target, GD_CAUSE_POLL)->outside = 30;
	gd_watched_add(target, GD_CAUSE_RECV)->outside = 1;
	gd_watched_add(target, GD_CAUSE_FILE)->outside = 0; /* one all the same */
	cell = look(NULL);
	assert_int_equal(cell.outside_sum, 32);
	assert_int_equal(cell.key.outside, 1);
	assert_int_equal(cell.key.file, 0);
	assert_int_equal(cell.key.looped, 0);
}

static void all_files_and_all_polls_are_told(void **state)
{
	(void)state;
	gd_watched_add(target, GD_CAUSE_FILE);
	gd_watched_add(target, GD_CAUSE_FILE);
	gd_watched_add(target, GD_CAUSE_SLEEP);
	assert_int_equal(look(NULL).key.file, 1);
	free_target(NULL);
	make_target(NULL);
	gd_watched_add(target, GD_CAUSE_POLL)->outside = 4;
	gd_watched_add(target, GD_CAUSE_POLL);
	assert_int_equal(look(NULL).key.looped, 1);
}

static void waiting_threads_are_counted_to_the_cap_and_summed_beyond(void **state)
{
	struct gd_joint cell;

	(void)state;
	for (int i = 0; i < 12; i++) {
		gd_watched_add(target, GD_CAUSE_GIL);
		gd_watched_add(target, GD_CAUSE_MUTEX);
		gd_watched_add(target, GD_CAUSE_SLEEP);
	}
	cell = look(NULL);
	assert_int_equal(cell.key.gil_wait, 1);
	assert_int_equal(cell.gil_wait_sum, 12);
	assert_int_equal(cell.key.locked, 0); /* others sleep */
	assert_int_equal(cell.locked_sum, 12);
	assert_int_equal(cell.key.sleeping, 2);
}

static void beyond_those_asked_for_threads_are_taken_to_run(void **state)
{
	struct kernel kernel = { .asked = 0 };
	struct gd_joint cell;

	(void)state;
	for (int i = 0; i < GD_JOINT_ASKED_MAX + 300; i++)
		gd_watched_add(target, GD_CAUSE_CPU_FREE);
	for (int i = 0; i < GD_JOINT_ASKED_MAX; i++)
		kernel.answers[i] = GD_STARVED;
	cell = look(&kernel);
	assert_int_equal(kernel.asked, GD_JOINT_ASKED_MAX);
	assert_int_equal(cell.key.starved, GD_JOINT_ASKED_MAX);
	assert_int_equal(cell.key.computing, 255);
	assert_int_equal(cell.computing_sum, 300);
}

static void a_full_table_is_counted(void **state)
{
	struct gd_joint *all = gd_image_entries(target->image, GD_SECTION_JOINT);
	struct kernel kernel = { .answers = { GD_ON_CPU } };

	(void)state;
	for (uint32_t i = 0; i < GD_JOINT_CAPACITY; i++) /* all different, none like ours */
		memcpy(&all[i].key, &(uint32_t){ i + 0x01010101u }, sizeof(uint32_t));
	target->sections[GD_SECTION_JOINT - 1].used = GD_JOINT_CAPACITY;
	gd_watched_add(target, GD_CAUSE_CPU_FREE);
	add(1000, 4 * MS, &kernel);
	add(2000, 4 * MS, &kernel);
	assert_int_equal(target->sections[GD_SECTION_JOINT - 1].lost, 2);
	assert_int_equal(cell_count(), GD_JOINT_CAPACITY);
	assert_int_equal(target->process->samples, 2);
}

static void counts_that_the_target_made_up_are_bounded(void **state)
{
	struct kernel kernel = { .answers = { GD_ON_CPU } };

	(void)state;
	gd_watched_add(target, GD_CAUSE_RECV);
	target->sections[GD_SECTION_THREADS - 1].used = UINT32_MAX;
	target->sections[GD_SECTION_JOINT - 1].used = UINT32_MAX;
	add(1000, 4 * MS, &kernel);
	assert_int_equal(target->sections[GD_SECTION_JOINT - 1].lost, 1);
}

static void tables_stay_where_they_were_taken_over(void **state)
{
	struct gd_joint *taken = gd_image_entries(target->image, GD_SECTION_JOINT);
	struct kernel kernel = { .asked = 0 };

	(void)state;
	gd_watched_add(target, GD_CAUSE_RECV);
	target->sections[GD_SECTION_JOINT - 1].offset = GD_IMAGE_BYTES + (1ull << 40);
	add(1000, 4 * MS, &kernel);
	assert_int_equal(taken[0].outside_sum, 1);
}

/* ---- The instant ----------------------------------------------------------------------------- */

static void a_slot_is_read_as_of_the_instant(void **state)
{
	static const struct {
		uint64_t born, since_prev, since, instant;
		bool existed, missed;
		uint16_t cause;
	} rows[] = {
		{ 10, 20, 30, 40, true, false, GD_CAUSE_RECV },  /* nothing happened since */
		{ 10, 20, 30, 30, true, false, GD_CAUSE_RECV },  /* it began at that tick */
		{ 10, 20, 30, 29, true, false, GD_CAUSE_MUTEX }, /* changed once since */
		{ 10, 20, 30, 20, true, false, GD_CAUSE_MUTEX },
		{ 10, 20, 30, 19, true, true, GD_CAUSE_RECV }, /* changed twice: as it is now */
		{ 10, 20, 30, 10, true, true, GD_CAUSE_RECV },
		{ 10, 20, 30, 9, false, false, 0 }, /* not born yet */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gd_thread slot = { .born = rows[i].born,
					  .since = rows[i].since,
					  .since_prev = rows[i].since_prev,
					  .cause = GD_CAUSE_RECV,
					  .cause_prev = GD_CAUSE_MUTEX };
		bool missed = false;
		uint16_t cause = 0;

		assert_int_equal(gd_joint_cause_at(&slot, rows[i].instant, &cause, &missed),
				 rows[i].existed);
		assert_int_equal(cause, rows[i].cause);
		assert_int_equal(missed, rows[i].missed);
	}
}

static void a_slot_that_is_being_written_for_ever_is_read_all_the_same(void **state)
{
	struct gd_thread slot = { .seq = 1, .cause = GD_CAUSE_RECV };
	uint16_t cause = 0;
	bool missed;

	(void)state;
	assert_true(gd_joint_cause_at(&slot, 10, &cause, &missed));
	assert_int_equal(cause, GD_CAUSE_RECV);
}

static void threads_that_changed_twice_are_counted_as_missed(void **state)
{
	struct gd_thread *thread = gd_watched_add(target, GD_CAUSE_RECV);

	(void)state;
	thread->cause_prev = GD_CAUSE_SLEEP;
	thread->since = 3000;
	thread->since_prev = 2000;
	gd_watched_add(target, GD_CAUSE_RECV)->born = 5000;
	assert_int_equal(look(NULL).key.outside, 1);
	assert_int_equal(target->process->samples_missed, 1);
}

/* ---- Waits on the CPU ------------------------------------------------------------------------ */

static uint32_t looks_that_computed(struct gd_thread *thread, uint64_t cpu_per_look, uint64_t looks,
				    struct kernel *kernel)
{
	uint64_t from = target->pictured_ticks;
	struct gd_joint_world world = { ask, no_pipe_is_followed, no_child_is_followed, kernel };
	struct gd_picture picture;
	uint32_t computed = 0;

	for (uint64_t i = 1; i <= looks; i++) {
		thread->cpu_in[thread->cause] += cpu_per_look;
		gd_picture_take(target, from + i * 1000, &world, &picture);
		assert_int_equal(picture.computing + picture.outside, 1);
		computed += picture.computing;
	}
	return computed;
}

static void waits_compute_in_as_many_instants_as_they_did(void **state)
{
	struct gd_thread *thread = gd_watched_add(target, GD_CAUSE_RECV);
	struct kernel kernel = { .asked = 0 };

	(void)state;
	looks_that_computed(thread, 0, 1, &kernel); /* from here on time has a length */
	assert_in_range(looks_that_computed(thread, 300, 100, &kernel), 29, 30);
	assert_in_range(looks_that_computed(thread, 0, 100, &kernel), 0, 1);
	assert_in_range(looks_that_computed(thread, 1000, 50, &kernel), 49, 51);
	assert_int_equal(kernel.asked, 0); /* the books know */
}

static void a_long_call_for_a_file_is_what_the_kernel_says_and_is_not_counted_twice(void **state)
{
	struct gd_thread *thread = gd_watched_add(target, GD_CAUSE_FILE);
	struct kernel kernel = { .answers = { GD_ON_CPU } };

	(void)state;
	thread->since = 1;
	looks_that_computed(thread, 0, 1, &kernel);
	assert_int_equal(looks_that_computed(thread, 0, 20, &kernel), 20);
	thread->cpu_in[GD_CAUSE_FILE] += 20000; /* it ended, and was booked */
	thread->since = UINT64_MAX / 2;
	thread->since_prev = UINT64_MAX / 2;
	assert_in_range(looks_that_computed(thread, 0, 20, &kernel), 0, 1);
	thread->since = 1;
	kernel.answers[0] = GD_BLOCKED;
	assert_int_equal(looks_that_computed(thread, 0, 20, &kernel), 0);
}

/* ---- The holder ------------------------------------------------------------------------------ */

static void the_holder_of_the_first_gil_is_what_its_thread_does(void **state)
{
	static const struct {
		const char *name;
		uint16_t cause;
		uint32_t gil;
		enum gd_on_cpu answer;
		uint8_t holder;
	} rows[] = {
		{ "computes", GD_CAUSE_CPU_GIL, 1, GD_ON_CPU, GD_HOLDER_RUNS },
		{ "is queued", GD_CAUSE_CPU_GIL, 1, GD_STARVED, GD_HOLDER_STARVES },
		{ "is blocked unseen", GD_CAUSE_CPU_GIL, 1, GD_BLOCKED, GD_HOLDER_WAITS },
		{ "waits for a page", GD_CAUSE_CPU_GIL, 1, GD_BLOCKED_DISK, GD_HOLDER_WAITS },
		{ "was stopped", GD_CAUSE_CPU_GIL, 1, GD_STOPPED, GD_HOLDER_NONE },
		{ "receives", GD_CAUSE_RECV, 1, GD_ON_CPU, GD_HOLDER_WAITS },
		{ "sleeps", GD_CAUSE_SLEEP, 1, GD_ON_CPU, GD_HOLDER_WAITS },
		{ "accepts", GD_CAUSE_ACCEPT, 1, GD_ON_CPU, GD_HOLDER_WAITS },
		{ "wants it again", GD_CAUSE_GIL, 1, GD_ON_CPU, GD_HOLDER_NONE },
		{ "holds the second one", GD_CAUSE_CPU_GIL, 2, GD_ON_CPU, GD_HOLDER_NONE },
		{ "holds none", GD_CAUSE_CPU_FREE, 0, GD_ON_CPU, GD_HOLDER_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kernel kernel = { .answers = { rows[i].answer } };
		struct gd_joint cell;

		make_target(NULL);
		gd_watched_add(target, rows[i].cause)->gil = rows[i].gil;
		gd_watched_add(target, GD_CAUSE_MUTEX);
		cell = look(&kernel);
		if (cell.key.holder != rows[i].holder)
			print_error("%s\n", rows[i].name);
		assert_int_equal(cell.key.holder, rows[i].holder);
		free_target(NULL);
	}
}

/* ---- Together -------------------------------------------------------------------------------- */

static bool pipe_7_is_followed(void *arg, const struct gd_target *asked, uint64_t inode)
{
	(void)arg;
	assert_ptr_equal(asked, target);
	return inode == 7;
}

static bool a_child_is_followed(void *arg, const struct gd_target *asked)
{
	(void)arg;
	assert_ptr_equal(asked, target);
	return true;
}

static struct gd_picture look_as_parent(void)
{
	struct kernel kernel = { .answers = { GD_ON_CPU } };
	struct gd_joint_world world = { ask, pipe_7_is_followed, a_child_is_followed, &kernel };
	struct gd_picture picture;

	gd_picture_take(target, 1000, &world, &picture);
	return picture;
}

static void waits_for_those_who_are_followed_are_inside(void **state)
{
	struct gd_thread *thread = gd_watched_add(target, GD_CAUSE_PIPE);
	struct gd_picture picture;

	(void)state;
	thread->object = 7;
	picture = look_as_parent();
	assert_int_equal(picture.locked, 1);
	assert_int_equal(picture.outside, 0);
	thread->object = 8;
	picture = look_as_parent();
	assert_int_equal(picture.locked, 0);
	assert_int_equal(picture.outside, 1);
	thread->cause = GD_CAUSE_CHILD;
	picture = look_as_parent();
	assert_int_equal(picture.locked, 1);
	assert_int_equal(picture.key.child, 0);
}

static void pictures_of_processes_add_up(void **state)
{
	struct gd_picture tree = { .computing = 0 };
	struct gd_picture one;

	(void)state;
	gd_watched_add(target, GD_CAUSE_CPU_FREE);
	gd_watched_add(target, GD_CAUSE_RECV)->outside = 5;
	gd_watched_add(target, GD_CAUSE_CHILD);
	one = look_as_parent();
	gd_picture_merge(&tree, &one);
	gd_picture_merge(&tree, &one);
	assert_int_equal(tree.computing, 2);
	assert_int_equal(tree.computing_processes, 2);
	assert_int_equal(tree.outside, 10);
	assert_int_equal(tree.outside_processes, 2);
	assert_int_equal(tree.locked, 2);
	assert_int_equal(tree.key.phase, GD_PHASE_STEADY);
}

/* A holder that keeps others waiting says more than one that nobody waits for. */
static void the_holder_of_all_is_the_one_who_is_waited_for(void **state)
{
	struct gd_picture tree = { .computing = 0 };
	struct gd_picture runs = { .key.holder = GD_HOLDER_RUNS };
	struct gd_picture blocks = { .key.holder = GD_HOLDER_WAITS, .gil_wait = 1 };

	(void)state;
	gd_picture_merge(&tree, &runs);
	assert_int_equal(tree.key.holder, GD_HOLDER_RUNS);
	gd_picture_merge(&tree, &blocks);
	gd_picture_merge(&tree, &runs);
	assert_int_equal(tree.key.holder, GD_HOLDER_WAITS);
}

/* ---- Phases ---------------------------------------------------------------------------------- */

static void the_start_ends_with_the_first_wait_and_does_not_come_back(void **state)
{
	struct gd_thread *thread = gd_watched_add(target, GD_CAUSE_CPU_FREE);
	static const uint16_t still_start[] = { GD_CAUSE_CPU_FREE, GD_CAUSE_FILE, GD_CAUSE_GIL };
	struct kernel kernel = { .answers = { GD_ON_CPU } };
	uint64_t steady_ns;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		thread->cause = still_start[i];
		kernel.answers[0] = i == 1 ? GD_BLOCKED_DISK : GD_ON_CPU;
		add(1000, 4 * MS, &kernel);
		assert_int_equal(cells()[i].key.phase, GD_PHASE_START);
		assert_int_equal(target->process->steady_ns, 0);
	}
	thread->cause = GD_CAUSE_SLEEP;
	add(1000, 4 * MS, &kernel);
	assert_int_equal(cells()[3].key.phase, GD_PHASE_STEADY);
	steady_ns = target->process->steady_ns;
	assert_true(steady_ns > 0);
	thread->cause = GD_CAUSE_CPU_FREE;
	kernel.answers[0] = GD_ON_CPU;
	add(1000, 4 * MS, &kernel);
	assert_int_equal(cells()[4].key.phase, GD_PHASE_STEADY);
	assert_int_equal(target->process->steady_ns, steady_ns);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_target, free_target)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(computing_threads_are_what_the_kernel_says),
		cmocka_unit_test(every_wait_has_its_place_in_the_key),
		TEST(equal_pictures_share_a_cell),
		TEST(only_live_threads_are_in_the_picture),
		TEST(operations_outside_are_added_up_uncapped),
		TEST(all_files_and_all_polls_are_told),
		TEST(waiting_threads_are_counted_to_the_cap_and_summed_beyond),
		TEST(beyond_those_asked_for_threads_are_taken_to_run),
		TEST(a_full_table_is_counted),
		TEST(counts_that_the_target_made_up_are_bounded),
		TEST(tables_stay_where_they_were_taken_over),
		cmocka_unit_test(a_slot_is_read_as_of_the_instant),
		cmocka_unit_test(a_slot_that_is_being_written_for_ever_is_read_all_the_same),
		TEST(threads_that_changed_twice_are_counted_as_missed),
		TEST(waits_compute_in_as_many_instants_as_they_did),
		TEST(a_long_call_for_a_file_is_what_the_kernel_says_and_is_not_counted_twice),
		cmocka_unit_test(the_holder_of_the_first_gil_is_what_its_thread_does),
		TEST(waits_for_those_who_are_followed_are_inside),
		TEST(pictures_of_processes_add_up),
		cmocka_unit_test(the_holder_of_all_is_the_one_who_is_waited_for),
		TEST(the_start_ends_with_the_first_wait_and_does_not_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
