/* SPDX-License-Identifier: MIT */
/* Who belongs together, and who did too little for a file of his own. */
#include <builders/watched.h>
#include <string.h>
#include <tree.h>
#include <unit/cmocka_begin.h>

static struct gd_tree tree;
static struct gd_target *first, *second;

static struct gd_target *add_target(int32_t pid, int32_t ppid)
{
	struct gd_target *target = gd_watched_new();

	target->pid = target->process->pid = pid;
	target->process->ppid = ppid;
	target->next = tree.targets;
	tree.targets = target;
	return target;
}

static int open_tree(void **state)
{
	(void)state;
	assert_int_equal(gd_tree_open(&tree), 0);
	first = add_target(100, 1);
	second = add_target(200, 100);
	return 0;
}

static int close_tree(void **state)
{
	(void)state;
	while (tree.targets) {
		struct gd_target *next = tree.targets->next;

		gd_target_free(tree.targets);
		tree.targets = next;
	}
	gd_tree_close(&tree);
	return 0;
}

/* ---- Pipes ----------------------------------------------------------------------------------- */

static void add_pipe(struct gd_target *target, uint64_t inode)
{
	target->pipes[target->sections[GD_SECTION_PIPES - 1].used++].inode = inode;
}

static bool is_followed(const struct gd_target *target, uint64_t inode)
{
	return gd_tree_is_pipe_followed(&tree, target, inode);
}

static void a_pipe_of_one_process_leads_outside(void **state)
{
	(void)state;
	add_pipe(first, 7);
	gd_tree_note_pipes(&tree);
	assert_false(is_followed(first, 7));
	assert_false(is_followed(first, 8));
	assert_int_equal(tree.pipe_section->used, 0);
}

static void a_pipe_between_two_is_followed_by_both(void **state)
{
	(void)state;
	add_pipe(first, 7);
	add_pipe(first, 8);
	gd_tree_note_pipes(&tree);
	add_pipe(second, 8);
	assert_false(is_followed(first, 8)); /* not noted yet */
	gd_tree_note_pipes(&tree);
	assert_true(is_followed(first, 8));
	assert_true(is_followed(second, 8));
	assert_false(is_followed(first, 7));
	assert_true(is_followed(second, 7)); /* the other end is in the first */
	assert_int_equal(tree.pipe_section->used, 1);
	assert_int_equal(tree.shared[0].inode, 8);
}

static void a_pipe_of_a_program_that_nobody_follows_leads_outside(void **state)
{
	(void)state;
	add_pipe(first, 7);
	add_pipe(second, 7);
	add_pipe(second, 9);
	gd_tree_note_pipes(&tree);
	assert_true(is_followed(first, 7));
	assert_true(is_followed(first, 9));
	second->process->end = GD_END_EXEC;
	gd_tree_note_pipes(&tree);
	assert_true(is_followed(first, 7)); /* its successor may say so yet */
	second->exec_ns -= 1000000000u;
	gd_tree_note_pipes(&tree);
	assert_false(is_followed(first, 7));
	assert_false(is_followed(first, 9));
	assert_int_equal(tree.shared[0].inode, 0);
	add_pipe(second, 7); /* another process with its number */
	gd_tree_note_pipes_of(&tree, second);
	assert_true(is_followed(first, 7));
}

static void of_two_that_have_it_the_one_that_stays_is_known(void **state)
{
	(void)state;
	add_pipe(first, 7);
	add_pipe(second, 7);
	gd_tree_note_pipes(&tree);
	gd_tree_leave_pipes(&tree, first);
	assert_false(is_followed(second, 7));
	assert_true(is_followed(first, 7));
}

static void a_pipe_of_three_stands_in_the_file_once(void **state)
{
	struct gd_target *third = add_target(300, 100);

	(void)state;
	add_pipe(first, 7);
	add_pipe(second, 7);
	add_pipe(third, 7);
	gd_tree_note_pipes(&tree);
	assert_int_equal(tree.pipe_section->used, 1);
}

static void a_pipe_is_remembered_when_its_process_is_gone(void **state)
{
	struct gd_target *third = add_target(300, 100);

	(void)state;
	add_pipe(third, 7);
	gd_tree_note_pipes_of(&tree, third);
	tree.targets = third->next;
	gd_target_free(third);
	add_pipe(first, 7);
	gd_tree_note_pipes(&tree);
	assert_true(is_followed(first, 7));
}

static void a_row_that_is_about_to_be_filled_is_read_the_next_time(void **state)
{
	(void)state;
	add_pipe(first, 0);
	add_pipe(first, 8);
	gd_tree_note_pipes(&tree);
	assert_int_equal(first->pipes_seen, 0);
	first->pipes[0].inode = 7;
	gd_tree_note_pipes(&tree);
	assert_int_equal(first->pipes_seen, 2);
	assert_true(is_followed(second, 7));
	assert_true(is_followed(second, 8));
}

static void a_target_that_claims_too_many_pipes_is_read_to_its_table_s_end(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < GD_PIPE_CAPACITY; i++)
		add_pipe(first, i + 1);
	first->sections[GD_SECTION_PIPES - 1].used = UINT32_MAX;
	gd_tree_note_pipes(&tree);
	assert_int_equal(first->pipes_seen, GD_PIPE_CAPACITY);
	assert_true(is_followed(second, GD_PIPE_CAPACITY));
}

static void shared_pipes_that_find_no_room_are_counted(void **state)
{
	(void)state;
	add_pipe(first, 7);
	add_pipe(second, 7);
	tree.pipe_section->used = GD_PIPE_CAPACITY;
	gd_tree_note_pipes(&tree);
	assert_int_equal(tree.pipe_section->used, GD_PIPE_CAPACITY);
	assert_int_equal(tree.pipe_section->lost, 1);
	assert_true(is_followed(first, 7)); /* the picture knows it all the same */
}

static void more_pipes_than_fit_are_not_followed(void **state)
{
	uint32_t followed = 0;

	(void)state;
	for (uint64_t inode = 1; inode <= 100000;) {
		first->pipes_seen = first->sections[GD_SECTION_PIPES - 1].used = 0;
		for (uint32_t i = 0; i < GD_PIPE_CAPACITY; i++)
			add_pipe(first, inode++);
		gd_tree_note_pipes(&tree);
	}
	for (uint64_t inode = 1; inode <= 100000; inode++)
		followed += is_followed(second, inode);
	assert_in_range(followed, 60000, 65536);
}

/* ---- Children -------------------------------------------------------------------------------- */

static void a_parent_has_the_child_that_names_it(void **state)
{
	(void)state;
	assert_true(gd_tree_has_child(&tree, first));
	assert_false(gd_tree_has_child(&tree, second));
	first->process->ppid = 100; /* in a namespace where it is its own */
	second->process->ppid = 1;
	assert_false(gd_tree_has_child(&tree, first));
}

static void a_child_that_became_another_program_counts_when_that_is_there(void **state)
{
	(void)state;
	second->process->end = GD_END_EXEC;
	assert_false(gd_tree_has_child(&tree, first));
	add_target(200, 100);
	assert_true(gd_tree_has_child(&tree, first));
}

/* ---- Short records --------------------------------------------------------------------------- */

#define MS 1000000ull

/* A shell of 50 ms. */
static void make_short(struct gd_target *target)
{
	struct gd_process *process = target->process;

	process->first = (struct gd_clock_pair){ 1000 * MS, 1000 * MS };
	process->last = (struct gd_clock_pair){ 1050 * MS, 1050 * MS };
	process->end = GD_END_EXIT;
	process->threads_born = 1;
	gd_watched_add(target, GD_CAUSE_CPU_FREE);
}

static void live_for(struct gd_target *target, uint64_t ns)
{
	target->process->last.ticks = target->process->first.ticks + ns;
	target->process->last.monotonic_ns = target->process->first.monotonic_ns + ns;
}

static void a_shell_is_short(void **state)
{
	(void)state;
	make_short(first);
	assert_true(gd_tree_is_short(first));
	live_for(first, 99 * MS);
	assert_true(gd_tree_is_short(first));
	live_for(first, 101 * MS);
	assert_false(gd_tree_is_short(first));
}

static void waiting_for_others_of_the_tree_is_no_life_of_its_own(void **state)
{
	static const struct {
		uint16_t cause;
		bool is_short;
	} causes[] = {
		{ GD_CAUSE_CHILD, true }, { GD_CAUSE_MUTEX, true },  { GD_CAUSE_INTERNAL, true },
		{ GD_CAUSE_RECV, false }, { GD_CAUSE_SLEEP, false }, { GD_CAUSE_CPU_FREE, false },
	};

	(void)state;
	make_short(first);
	live_for(first, 10000 * MS);
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		first->threads[0].ticks[causes[i].cause] = 9950 * MS;
		assert_int_equal(gd_tree_is_short(first), causes[i].is_short);
		first->threads[0].ticks[causes[i].cause] = 0;
	}
	/* Ticks are not always nanoseconds. */
	first->process->last.ticks = first->process->first.ticks + 30000 * MS;
	first->threads[0].ticks[GD_CAUSE_CHILD] = 29850 * MS;
	assert_true(gd_tree_is_short(first));
}

static void who_computed_or_ran_python_or_threads_or_still_runs_is_not_short(void **state)
{
	(void)state;
	make_short(first);
	first->process->cpu_ns = 51 * MS;
	assert_false(gd_tree_is_short(first));
	first->process->cpu_ns = 0;
	first->threads[0].cpu_ns = 51 * MS;
	assert_false(gd_tree_is_short(first));
	first->threads[0].cpu_ns = 0;
	strcpy(first->process->runtime, "CPython");
	assert_false(gd_tree_is_short(first));
	first->process->runtime[0] = 0;
	first->process->threads_born = 2;
	assert_false(gd_tree_is_short(first));
	first->process->threads_born = 1;
	first->process->end = GD_END_RUNNING;
	assert_false(gd_tree_is_short(first));
	first->process->end = GD_END_EXIT;
	assert_true(gd_tree_is_short(first));
}

static void a_clock_that_went_back_is_no_short_life(void **state)
{
	(void)state;
	make_short(first);
	first->process->last = (struct gd_clock_pair){ 0, 0 };
	assert_false(gd_tree_is_short(first));
}

static void a_short_record_says_who_it_was(void **state)
{
	const struct gd_short *row = &tree.shorts[0];

	(void)state;
	make_short(second);
	second->process->exit_code = 3;
	second->process->children_cpu_ns = 5;
	second->threads[0].cpu_ns = 40;
	second->process->cpu_ns = 30;
	strcpy(second->process->command, "/usr/bin/sh");
	gd_tree_add_short(&tree, second);
	assert_int_equal(tree.short_section->used, 1);
	assert_int_equal(row->pid, 200);
	assert_int_equal(row->ppid, 100);
	assert_int_equal(row->end, GD_END_EXIT);
	assert_int_equal(row->exit_code, 3);
	assert_int_equal(row->start_ns, 1000 * MS);
	assert_int_equal(row->end_ns, 1050 * MS);
	assert_int_equal(row->cpu_ns, 40);
	assert_int_equal(row->children_cpu_ns, 5);
	assert_string_equal(row->command, "/usr/bin/sh");
}

static void of_a_long_command_the_end_is_kept(void **state)
{
	static const char command[] = "/home/ada/a/very/long/way/to/something/called/prog";

	(void)state;
	make_short(first);
	strcpy(first->process->command, command);
	gd_tree_add_short(&tree, first);
	assert_string_equal(tree.shorts[0].command,
			    command + sizeof(command) - sizeof(tree.shorts[0].command));
	memset(first->process->command, 'x', sizeof(first->process->command)); /* no end at all */
	gd_tree_add_short(&tree, first);
	assert_int_equal(strlen(tree.shorts[1].command), sizeof(tree.shorts[1].command) - 1);
}

static void a_short_record_that_finds_no_room_is_counted(void **state)
{
	(void)state;
	make_short(first);
	tree.short_section->used = GD_SHORT_CAPACITY;
	gd_tree_add_short(&tree, first);
	assert_int_equal(tree.short_section->used, GD_SHORT_CAPACITY);
	assert_int_equal(tree.short_section->lost, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_tree, close_tree)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pipe_of_one_process_leads_outside),
		TEST(a_pipe_between_two_is_followed_by_both),
		TEST(a_pipe_of_a_program_that_nobody_follows_leads_outside),
		TEST(of_two_that_have_it_the_one_that_stays_is_known),
		TEST(a_pipe_of_three_stands_in_the_file_once),
		TEST(a_pipe_is_remembered_when_its_process_is_gone),
		TEST(a_row_that_is_about_to_be_filled_is_read_the_next_time),
		TEST(a_target_that_claims_too_many_pipes_is_read_to_its_table_s_end),
		TEST(shared_pipes_that_find_no_room_are_counted),
		TEST(more_pipes_than_fit_are_not_followed),
		TEST(a_parent_has_the_child_that_names_it),
		TEST(a_child_that_became_another_program_counts_when_that_is_there),
		TEST(a_shell_is_short),
		TEST(waiting_for_others_of_the_tree_is_no_life_of_its_own),
		TEST(who_computed_or_ran_python_or_threads_or_still_runs_is_not_short),
		TEST(a_clock_that_went_back_is_no_short_life),
		TEST(a_short_record_says_who_it_was),
		TEST(of_a_long_command_the_end_is_kept),
		TEST(a_short_record_that_finds_no_room_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
