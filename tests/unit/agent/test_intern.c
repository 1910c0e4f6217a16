/* SPDX-License-Identifier: MIT */
/* Each content once, from however many threads; what finds no room is counted. */
#include <builders/awake.h>
#include <intern.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unit/cmocka_begin.h>

static struct gd_section *section(uint32_t kind)
{
	return &gd_sections[kind - 1];
}

static const char *text(uint32_t offset)
{
	return (const char *)gd_image_entries(gd_arena_image(), GD_SECTION_STRINGS) + offset;
}

/* ---- Texts ----------------------------------------------------------------------------------- */

static void equal_texts_share_an_entry(void **state)
{
	char copy[] = "/home/ada/app.py";
	uint32_t id = gd_intern_text("/home/ada/app.py"), used;

	(void)state;
	assert_int_not_equal(id, 0);
	assert_string_equal(text(id), copy);
	used = section(GD_SECTION_STRINGS)->used;
	assert_int_equal(gd_intern_text(copy), id);
	assert_int_equal(section(GD_SECTION_STRINGS)->used, used);
	assert_int_not_equal(gd_intern_text("/home/ada/app.p"), id);
	assert_int_not_equal(gd_intern_text("/home/ada/app.pyc"), id);
}

static void the_empty_text_is_one_and_no_text_is_not(void **state)
{
	uint32_t id = gd_intern_text("");

	(void)state;
	assert_int_not_equal(id, 0);
	assert_string_equal(text(id), "");
	assert_string_equal(text(0), "");
	assert_int_equal(gd_intern_text(""), id);
}

static void a_text_that_finds_no_room_is_counted(void **state)
{
	uint32_t id = gd_intern_text("first");

	(void)state;
	section(GD_SECTION_STRINGS)->capacity = section(GD_SECTION_STRINGS)->used + 5;
	assert_int_equal(gd_intern_text("12345"), 0);
	assert_int_equal(section(GD_SECTION_STRINGS)->lost, 1);
	assert_int_not_equal(gd_intern_text("123"), 0);
	assert_int_equal(gd_intern_text("x"), 0);
	assert_int_equal(section(GD_SECTION_STRINGS)->lost, 2);
	assert_int_equal(gd_intern_text("first"), id); /* what is there is found still */
	assert_int_equal(section(GD_SECTION_STRINGS)->lost, 2);
}

/* More texts than the index has places, in a table that has room for them. */
static void a_text_that_finds_no_place_in_the_index_is_counted(void **state)
{
	uint32_t found = 0, missed = 0;

	(void)state;
	for (uint32_t i = 0; i < 70000; i++) {
		char name[16];
		uint32_t id;

		snprintf(name, sizeof(name), "f%u", i);
		id = gd_intern_text(name);
		if (id)
			assert_string_equal(text(id), name);
		found += id != 0;
		missed += id == 0;
	}
	assert_true(section(GD_SECTION_STRINGS)->used < section(GD_SECTION_STRINGS)->capacity);
	assert_true(found > 50000 && missed > 0);
	assert_int_equal(section(GD_SECTION_STRINGS)->lost, missed);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void frames_differ_by_any_field(void **state)
{
	static const struct gd_frame frames[] = {
		{ 1, 2, 3, 4 }, { 2, 2, 3, 4 }, { 1, 1, 3, 4 }, { 1, 2, 4, 4 }, { 1, 2, 3, 3 },
	};
	const struct gd_frame *rows = gd_image_entries(gd_arena_image(), GD_SECTION_FRAMES);

	(void)state;
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 5; i++)
			assert_int_equal(gd_intern_frame(&frames[i]), i + 1);
	assert_int_equal(section(GD_SECTION_FRAMES)->used, 5);
	assert_memory_equal(rows, frames, sizeof(frames));
}

static void stacks_differ_by_their_frames_and_by_being_cut(void **state)
{
	struct gd_stack stacks[] = {
		{ .count = 2, .frames = { 7, 8 } },
		{ .count = 2, .frames = { 8, 7 } },
		{ .count = 1, .frames = { 7, 8 } }, /* what lies beyond is none of it */
		{ .count = 2, .frames = { 7, 8 }, .is_cut = 1 },
	};
	struct gd_stack same = { .count = 1, .frames = { 7, 9 } };

	(void)state;
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 4; i++)
			assert_int_equal(gd_intern_stack(&stacks[i]), i + 1);
	assert_int_equal(gd_intern_stack(&same), 3);
	assert_int_equal(section(GD_SECTION_STACKS)->used, 4);
}

static void samples_are_found_with_their_sums(void **state)
{
	struct gd_sample *row = gd_intern_sample(1, GD_CAUSE_RECV, 0);

	(void)state;
	assert_int_equal(row->weight, 0);
	row->weight = 7;
	assert_ptr_equal(gd_intern_sample(1, GD_CAUSE_RECV, 0), row);
	assert_int_equal(row->weight, 7);
	assert_ptr_not_equal(gd_intern_sample(2, GD_CAUSE_RECV, 0), row);
	assert_ptr_not_equal(gd_intern_sample(1, GD_CAUSE_FILE, 0), row);
	assert_ptr_not_equal(gd_intern_sample(1, GD_CAUSE_RECV, 5), row);
	assert_int_equal(section(GD_SECTION_SAMPLES)->used, 4);
}

static void a_row_that_finds_no_room_is_counted(void **state)
{
	struct gd_frame frame = { 1, 1, 1, 1 };
	struct gd_stack stack = { .count = 1 };

	(void)state;
	section(GD_SECTION_FRAMES)->capacity = section(GD_SECTION_STACKS)->capacity = 0;
	section(GD_SECTION_SAMPLES)->capacity = 0;
	assert_int_equal(gd_intern_frame(&frame), 0);
	assert_int_equal(gd_intern_stack(&stack), 0);
	assert_null(gd_intern_sample(1, GD_CAUSE_RECV, 0));
	assert_int_equal(section(GD_SECTION_FRAMES)->lost, 1);
	assert_int_equal(section(GD_SECTION_STACKS)->lost, 1);
	assert_int_equal(section(GD_SECTION_SAMPLES)->lost, 1);
}

static void a_child_s_image_begins_with_nothing(void **state)
{
	uint32_t id = gd_intern_text("a");

	gd_intern_text("parent's");
	gd_awake(state); /* as a fork's child does: another image, and the indices forget */
	assert_int_equal(gd_intern_text("child's"), id);
	assert_string_equal(text(id), "child's");
}

/* ---- Many threads ---------------------------------------------------------------------------- */

#define THREADS 4
#define TEXTS   3000
#define PASSES  3

static pthread_barrier_t barrier;
static uint32_t ids[THREADS][TEXTS];
static bool has_changed[THREADS];

/* All begin at once, each from another place, so that they meet again and again. */
static void *intern_all(void *arg)
{
	size_t me = (size_t)(uintptr_t)arg;

	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < TEXTS * PASSES; i++) {
		size_t which = (i + me * 7) % TEXTS;
		struct gd_sample *row;
		char name[16];
		uint32_t id;

		snprintf(name, sizeof(name), "f%zu", which);
		id = gd_intern_text(name);
		has_changed[me] |= ids[me][which] && ids[me][which] != id;
		ids[me][which] = id;
		row = gd_intern_sample((uint32_t)which + 1, GD_CAUSE_RECV, 0);
		__atomic_fetch_add(&row->weight, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void threads_that_intern_at_once_get_the_same_entries(void **state)
{
	const struct gd_sample *rows = gd_image_entries(gd_arena_image(), GD_SECTION_SAMPLES);
	uint64_t weights[TEXTS] = { 0 };
	pthread_t threads[THREADS];

	(void)state;
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, intern_all, (void *)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	for (size_t i = 0; i < THREADS; i++) {
		assert_false(has_changed[i]);
		assert_memory_equal(ids[i], ids[0], sizeof(ids[0]));
	}
	for (uint32_t i = 0; i < TEXTS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%u", i);
		assert_string_equal(text(ids[0][i]), name);
	}
	/* A race may leave rows twice, but all that was added to one of them is one sum. */
	for (uint32_t i = 0; i < section(GD_SECTION_SAMPLES)->used; i++) {
		uint32_t stack = rows[i].stack;

		if (!stack)
			continue; /* the barrier: these threads are watched themselves */
		assert_true(weights[stack - 1] == 0 || rows[i].weight == 0);
		weights[stack - 1] += rows[i].weight;
	}
	for (size_t i = 0; i < TEXTS; i++)
		assert_int_equal(weights[i], THREADS * PASSES);
	assert_int_equal(section(GD_SECTION_STRINGS)->lost, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, gd_awake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(equal_texts_share_an_entry),
		TEST(the_empty_text_is_one_and_no_text_is_not),
		TEST(a_text_that_finds_no_room_is_counted),
		TEST(a_text_that_finds_no_place_in_the_index_is_counted),
		TEST(frames_differ_by_any_field),
		TEST(stacks_differ_by_their_frames_and_by_being_cut),
		TEST(samples_are_found_with_their_sums),
		TEST(a_row_that_finds_no_room_is_counted),
		TEST(a_child_s_image_begins_with_nothing),
		TEST(threads_that_intern_at_once_get_the_same_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
