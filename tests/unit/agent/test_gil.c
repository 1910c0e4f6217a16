/* SPDX-License-Identifier: MIT */
/*
 * A GIL is recognised by its calls and by what lies around its condition.  The one here is laid out
 * as CPython has it (python_gil.h).
 */
#include <account.h>
#include <builders/awake.h>
#include <errno.h>
#include <gil.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unit/agent/python_gil.h>
#include <unit/near.h>

/* ---- Recognising ----------------------------------------------------------------------------- */

static void the_first_take_makes_a_gil_known(void **state)
{
	struct python_gil gil;

	(void)state;
	make(&gil);
	assert_null(row_of(&gil));
	take(&gil);
	assert_non_null(row_of(&gil));
	assert_int_equal(section()->used, 1);
	assert_int_equal(row_of(&gil)->cond, (uintptr_t)&gil.cond);
	assert_int_equal(row_of(&gil)->alive, 1);
	assert_true(gd_gil_owns_mutex(&gil.mutex));
	assert_true(gd_gil_owns_mutex(&gil.switch_mutex));
	assert_false(gd_gil_owns_mutex(&gil.cond));
	drop(&gil);
	destroy(&gil);
}

struct miss {
	const char *name;
	void (*spoil)(struct python_gil *gil);
};

static void not_locked(struct python_gil *gil)
{
	gil->locked = 0;
}

static void locked_twice(struct python_gil *gil)
{
	gil->locked = 2;
}

static void no_interval(struct python_gil *gil)
{
	gil->interval = 0;
}

static void interval_of_a_pointer(struct python_gil *gil)
{
	gil->interval = (uintptr_t)gil;
}

static void no_owners(struct python_gil *gil)
{
	gil->mutex.__data.__owner = gil->switch_mutex.__data.__owner = 0;
}

static void other_owner(struct python_gil *gil)
{
	gil->mutex.__data.__owner++;
}

static void only_inner_owner(struct python_gil *gil)
{
	gil->mutex.__data.__owner = 0;
}

/* clang-format off */
static const struct miss misses[] = {
	{ "not locked",                       not_locked },
	{ "locked, but not by one",           locked_twice },
	{ "without a switch interval",        no_interval },
	{ "a pointer for a switch interval",  interval_of_a_pointer },
	{ "mutexes that nobody holds",        no_owners },
	{ "mutexes that two threads hold",    other_owner },
	{ "only the switch mutex held",       only_inner_owner },
};
/* clang-format on */

static void near_misses_are_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(misses) / sizeof(misses[0]); i++) {
		struct python_gil *gil = malloc(sizeof(*gil));
		struct gd_gil_known *known;

		make(gil);
		gil->locked = 1;
		gil->mutex.__data.__owner = gil->switch_mutex.__data.__owner = 4711;
		misses[i].spoil(gil);
		known = gd_gil_inspect((uintptr_t)&gil->switch_cond);
		if (known)
			print_error("%s\n", misses[i].name);
		assert_null(known);
		free(gil);
	}
	assert_int_equal(section()->used, 0);
}

static void a_condition_of_anybody_else_is_none(void **state)
{
	pthread_cond_t *conds = calloc(64, sizeof(*conds));

	(void)state;
	for (int i = 4; i < 60; i++)
		assert_int_equal(pthread_cond_signal(&conds[i]), 0);
	assert_int_equal(section()->used, 0);
	assert_int_equal(gd_self->slot->cause, GD_CAUSE_CPU_FREE);
	free(conds);
}

static void what_was_none_stays_none_until_a_condition_is_born_there(void **state)
{
	struct python_gil gil;

	(void)state;
	make(&gil);
	gil.locked = 1;
	assert_null(gd_gil_inspect((uintptr_t)&gil.switch_cond));
	gil.mutex.__data.__owner = gil.switch_mutex.__data.__owner = 4711;
	assert_null(gd_gil_inspect((uintptr_t)&gil.switch_cond)); /* not looked at again */
	make(&gil);
	gil.locked = 1;
	gil.mutex.__data.__owner = gil.switch_mutex.__data.__owner = 4711;
	assert_non_null(gd_gil_inspect((uintptr_t)&gil.switch_cond));
}

/* ---- At the edge of a mapping ---------------------------------------------------------------- */

#define EDGE_PAGES 4

static unsigned char *map_pages(void)
{
	unsigned char *pages = mmap(NULL, EDGE_PAGES * GD_PAGE_BYTES, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(pages, MAP_FAILED);
	return pages;
}

static void beside_an_unmapped_page_nothing_is_touched(void **state)
{
	unsigned char *pages = map_pages();
	unsigned char *page = pages + GD_PAGE_BYTES;

	(void)state;
	assert_int_equal(munmap(pages, GD_PAGE_BYTES), 0);
	assert_int_equal(munmap(pages + 2 * GD_PAGE_BYTES, GD_PAGE_BYTES), 0);
	for (size_t at = 0; at + sizeof(pthread_cond_t) <= GD_PAGE_BYTES; at += 8) {
		/* Only the condition itself is known to be there. */
		if (at < 120 || at + 60 > GD_PAGE_BYTES)
			assert_null(gd_gil_inspect((uintptr_t)page + at));
	}
	assert_int_equal(munmap(page, GD_PAGE_BYTES), 0);
	assert_int_equal(munmap(page + 2 * GD_PAGE_BYTES, GD_PAGE_BYTES), 0);
}

static void across_two_mapped_pages_it_is_found(void **state)
{
	unsigned char *pages = map_pages();
	size_t crossings = 0;

	(void)state;
	for (size_t back = 8; back < sizeof(struct python_gil); back += 8) {
		void *at = pages + GD_PAGE_BYTES - back;
		struct python_gil *gil = at;

		make(gil);
		take(gil);
		assert_non_null(row_of(gil));
		drop(gil);
		destroy(gil);
		crossings++;
		/* Room for the next one: it moves by eight bytes, the rows are few. */
		memset(gd_gils, 0, sizeof(gd_gils));
		gd_gil_count = 0;
		section()->used = 0;
	}
	assert_true(crossings > 20);
	assert_int_equal(munmap(pages, EDGE_PAGES * GD_PAGE_BYTES), 0);
}

static void under_a_filter_it_is_not_looked_for_across_pages(void **state)
{
	unsigned char *pages = map_pages();
	void *at = pages + GD_PAGE_BYTES - 64;
	struct python_gil *gil = at;

	(void)state;
	gd_process->flags |= GD_FLAG_SECCOMP;
	make(gil);
	take(gil);
	gd_process->flags &= ~GD_FLAG_SECCOMP;
	assert_null(row_of(gil));
	assert_int_equal(munmap(pages, EDGE_PAGES * GD_PAGE_BYTES), 0);
}

/* ---- Booking --------------------------------------------------------------------------------- */

/* The step of the format: see GD_HIST_STEPS. */
static unsigned int step_of(uint64_t ticks)
{
	uint64_t low = 8, width = 1;
	unsigned int step = 8;

	for (; ticks >= 2 * low; low *= 2, width *= 2)
		step += 8;
	return ticks < 8 ? (unsigned int)ticks : step + (unsigned int)((ticks - low) / width);
}

static void holds_are_exact(void **state)
{
	struct gd_thread *slot = gd_self->slot;
	struct python_gil gil;
	struct gd_gil *row;

	(void)state;
	make(&gil);
	gd_awake_begin_span(0);
	pass(1);
	take(&gil);
	row = row_of(&gil);
	assert_int_equal(slot->gil, 1);
	assert_int_equal(row->holder, gd_self->index + 1);
	assert_int_equal(slot->cause, GD_CAUSE_CPU_GIL);
	pass(2);
	drop(&gil);
	assert_int_equal(slot->gil, 0);
	assert_int_equal(row->holder, 0);
	assert_int_equal(slot->cause, GD_CAUSE_CPU_FREE);
	take(&gil);
	pass(200);
	drop(&gil);
	assert_int_equal(row->takes, 2);
	assert_int_equal(row->drops, 2);
	assert_int_equal(row->waits, 0);
	assert_int_equal(row->hold, GD_AWAKE_S(202));
	assert_int_equal(row->hold_max, GD_AWAKE_S(200));
	assert_int_equal(row->hold_long, GD_AWAKE_S(200)); /* 100 us and longer, of that clock */
	assert_int_equal(row->hold_hist[step_of(GD_AWAKE_S(2))], 1);
	assert_int_equal(row->hold_hist[step_of(GD_AWAKE_S(200))], 1);
	assert_int_equal(slot->gil_takes, 2);
	assert_int_equal(slot->gil_drops, 2);
	assert_int_equal(slot->gil_hold, GD_AWAKE_S(202));
	gd_account_enter(gd_self, slot->cause, gd_awake_ns);
	assert_int_equal(slot->ticks[GD_CAUSE_CPU_GIL], GD_AWAKE_S(202));
	assert_int_equal(slot->ticks[GD_CAUSE_CPU_FREE], GD_AWAKE_S(1));
	destroy(&gil);
}

static void a_wait_lasts_from_the_first_timed_wait_to_the_take(void **state)
{
	struct gd_thread *slot = gd_self->slot;
	struct python_gil gil;
	struct gd_gil *row;

	(void)state;
	make(&gil);
	take(&gil);
	drop(&gil);
	row = row_of(&gil);
	gd_awake_begin_span(0);
	for (int i = 0; i < 3; i++)
		wait_once(&gil, 5);
	assert_int_equal(slot->cause, GD_CAUSE_GIL);
	take(&gil);
	pass(1);
	drop(&gil);
	assert_int_equal(row->waits, 1);
	assert_int_equal(row->wait, GD_AWAKE_S(15));
	assert_int_equal(row->wait_max, GD_AWAKE_S(15));
	assert_int_equal(row->wait_hist[step_of(GD_AWAKE_S(15))], 1);
	assert_int_equal(slot->ticks[GD_CAUSE_GIL], GD_AWAKE_S(15));
	assert_int_equal(slot->count[GD_CAUSE_GIL], 1);
	assert_int_equal(slot->ticks[GD_CAUSE_COND], 0);
	take(&gil); /* the next one had not to wait */
	drop(&gil);
	assert_int_equal(row->waits, 1);
	assert_int_equal(row->takes, 3);
	destroy(&gil);
}

static void a_holder_that_makes_room_waits_too(void **state)
{
	struct gd_thread *slot = gd_self->slot;
	struct gd_gil_known *known;
	struct python_gil gil;
	bool begun;

	(void)state;
	make(&gil);
	take(&gil);
	drop(&gil);
	known = gd_gil_at((uintptr_t)&gil.cond, 0);
	gd_awake_begin_span(0);
	begun = gd_gil_yield_begin(known);
	assert_true(begun);
	pass(3);
	gd_gil_yield_end(known, begun);
	assert_int_equal(slot->ticks[GD_CAUSE_GIL], GD_AWAKE_S(3));
	assert_int_equal(slot->gil_forced, 1);
	assert_int_equal(known->row->forced, 1);
	assert_int_equal(known->row->wait, GD_AWAKE_S(3));
	assert_int_equal(slot->cause, GD_CAUSE_CPU_FREE);
	/* In a signal handler that hit our own books nothing begins, and nothing ends. */
	gd_self->is_busy = true;
	begun = gd_gil_yield_begin(known);
	gd_gil_wait(known);
	gd_gil_take(known);
	gd_self->is_busy = false;
	assert_false(begun);
	gd_gil_yield_end(known, begun);
	assert_int_equal(slot->gil_forced, 1);
	assert_int_equal(known->row->takes, 1);
	assert_int_equal(slot->count[GD_CAUSE_GIL], 0);
	destroy(&gil);
}

static void waits_with_the_gil_held_are_told(void **state)
{
	struct gd_thread *slot = gd_self->slot;
	struct python_gil gil;

	(void)state;
	make(&gil);
	gd_awake_begin_span(0);
	take(&gil);
	assert_true(gd_account_begin(gd_self, GD_CAUSE_SLEEP, 0, 0, GD_HERE()));
	pass(30);
	gd_account_end(gd_self, GD_CAUSE_SLEEP);
	assert_int_equal(slot->holding_gil, GD_AWAKE_S(30));
	assert_int_equal(slot->cause, GD_CAUSE_CPU_GIL);
	drop(&gil);
	destroy(&gil);
}

static void a_signal_by_who_does_not_hold_it_is_no_drop(void **state)
{
	struct python_gil gil;

	(void)state;
	make(&gil);
	take(&gil);
	drop(&gil);
	pass(9);
	drop(&gil); /* a free-threaded build that switches its GIL off */
	assert_int_equal(row_of(&gil)->drops, 1);
	assert_int_equal(row_of(&gil)->hold, 0);
	destroy(&gil);
}

/* ---- Several, and their end ------------------------------------------------------------------ */

static void every_interpreter_has_its_row(void **state)
{
	struct python_gil gils[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		make(&gils[i]);
		take(&gils[i]);
		pass(i + 1);
		drop(&gils[i]);
	}
	for (int i = 0; i < 3; i++) {
		take(&gils[i]);
		assert_int_equal(gd_self->slot->gil, i + 1);
		pass(i + 1);
		drop(&gils[i]);
	}
	assert_int_equal(section()->used, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(row_of(&gils[i])->takes, 2);
		assert_int_equal(row_of(&gils[i])->hold, GD_AWAKE_S(2 * (i + 1)));
		destroy(&gils[i]);
	}
}

static void an_interpreter_that_ended_leaves_its_row_to_the_next_there(void **state)
{
	struct gd_gil *rows = gd_image_entries(gd_arena_image(), GD_SECTION_GILS);
	struct python_gil gil;

	(void)state;
	for (int i = 0; i < 2; i++) {
		make(&gil);
		take(&gil);
		assert_int_equal(rows[0].alive, 1);
		drop(&gil);
		destroy(&gil);
		assert_null(row_of(&gil));
		assert_int_equal(rows[0].alive, 0);
		assert_int_equal(rows[0].holder, 0);
	}
	assert_int_equal(section()->used, 1);
	assert_int_equal(rows[0].takes, 2);
}

static void an_interpreter_elsewhere_gets_a_row_of_its_own(void **state)
{
	struct python_gil gils[2];

	(void)state;
	make(&gils[0]);
	take(&gils[0]);
	drop(&gils[0]);
	destroy(&gils[0]);
	make(&gils[1]);
	take(&gils[1]);
	assert_int_equal(section()->used, 2);
	assert_int_equal(row_of(&gils[1])->cond, (uintptr_t)&gils[1].cond);
	assert_int_equal(row_of(&gils[1])->takes, 1);
	drop(&gils[1]);
	destroy(&gils[1]);
}

static void gils_beyond_the_table_are_counted(void **state)
{
	struct python_gil *gils = calloc(GD_GIL_CAPACITY + 2, sizeof(*gils));

	(void)state;
	for (int i = 0; i < GD_GIL_CAPACITY + 2; i++) {
		make(&gils[i]);
		take(&gils[i]);
		drop(&gils[i]);
	}
	assert_int_equal(section()->used, GD_GIL_CAPACITY);
	assert_int_equal(section()->lost, 2);
	assert_non_null(row_of(&gils[GD_GIL_CAPACITY - 1]));
	assert_null(row_of(&gils[GD_GIL_CAPACITY]));
	free(gils);
}

static void after_a_fork_the_same_gil_has_a_fresh_row(void **state)
{
	struct python_gil gil;

	(void)state;
	make(&gil);
	take(&gil);
	drop(&gil);
	gd_awake_with_clock(state); /* as the child opens its own image */
	gd_gil_reset();
	assert_int_equal(row_of(&gil)->takes, 0);
	assert_int_equal(row_of(&gil)->cond, (uintptr_t)&gil.cond);
	pthread_cond_init(&gil.cond, NULL); /* CPython makes it anew */
	take(&gil);
	assert_int_equal(row_of(&gil)->takes, 1);
	assert_int_equal(section()->used, 1);
	drop(&gil);
	destroy(&gil);
}

#define TEST(name) cmocka_unit_test_setup(name, wake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_take_makes_a_gil_known),
		TEST(near_misses_are_none),
		TEST(a_condition_of_anybody_else_is_none),
		TEST(what_was_none_stays_none_until_a_condition_is_born_there),
		TEST(beside_an_unmapped_page_nothing_is_touched),
		TEST(across_two_mapped_pages_it_is_found),
		TEST(under_a_filter_it_is_not_looked_for_across_pages),
		TEST(holds_are_exact),
		TEST(a_wait_lasts_from_the_first_timed_wait_to_the_take),
		TEST(a_holder_that_makes_room_waits_too),
		TEST(waits_with_the_gil_held_are_told),
		TEST(a_signal_by_who_does_not_hold_it_is_no_drop),
		TEST(every_interpreter_has_its_row),
		TEST(an_interpreter_that_ended_leaves_its_row_to_the_next_there),
		TEST(an_interpreter_elsewhere_gets_a_row_of_its_own),
		TEST(gils_beyond_the_table_are_counted),
		TEST(after_a_fork_the_same_gil_has_a_fresh_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
