/* SPDX-License-Identifier: MIT */
/* Who held a GIL while others waited for it, and what that cost them. */
#include <account.h>
#include <builders/awake.h>
#include <gil.h>
#include <lock.h>
#include <unit/agent/python_gil.h>
#include <unit/near.h>

#define NOBODY (GD_GIL_HOLDERS - 1) /* without Python the site is not known */

/* Others that wait for the GIL from now on, as their own calls would book them. */
static void others_arrive(struct gd_gil_known *known, uint32_t count)
{
	known->row->waiters += count;
	known->queue.count += count;
	known->queue.arrivals += count * gd_awake_ns;
}

static void a_holder_is_blamed_for_what_others_waited_while_it_held(void **state)
{
	struct gd_gil_known *known;
	struct python_gil gil;
	struct gd_gil *row;

	(void)state;
	make(&gil);
	take(&gil);
	known = gd_gil_at((uintptr_t)&gil.cond, 0);
	row = known->row;
	pass(10);
	others_arrive(known, 2);
	pass(30);
	drop(&gil); /* two that waited for 30 each, in a hold of 40 */
	assert_int_equal(row->holders[NOBODY].times, 1);
	assert_int_equal(row->holders[NOBODY].blame, GD_AWAKE_S(60));
	assert_int_equal(row->holder_hold[NOBODY], GD_AWAKE_S(40));
	pass(5);
	take(&gil); /* they had waited for 70 by then, which is not this hold's fault */
	pass(3);
	drop(&gil); /* 6: too little to look at, and not forgotten */
	assert_int_equal(row->holders[NOBODY].times, 1);
	take(&gil);
	pass(9);
	drop(&gil);
	assert_int_equal(row->holders[NOBODY].times, 2);
	assert_int_equal(row->holders[NOBODY].blame, GD_AWAKE_S(60 + 6 + 18));
	assert_int_equal(row->holder_hold[NOBODY], GD_AWAKE_S(40 + 3 + 9));
	destroy(&gil);
}

static void a_wait_within_a_hold_is_blamed_where_it_is(void **state)
{
	struct gd_gil_known *known;
	struct python_gil gil;
	struct gd_gil *row;

	(void)state;
	make(&gil);
	take(&gil);
	known = gd_gil_at((uintptr_t)&gil.cond, 0);
	row = known->row;
	others_arrive(known, 1);
	assert_true(gd_account_begin(gd_self, GD_CAUSE_SLEEP, 0, 0, GD_HERE()));
	pass(50);
	gd_account_end(gd_self, GD_CAUSE_SLEEP);
	assert_int_equal(row->holders[NOBODY].times, 1);
	assert_int_equal(row->holders[NOBODY].blame, GD_AWAKE_S(50));
	assert_int_equal(row->holder_hold[NOBODY], GD_AWAKE_S(50));
	pass(25);
	drop(&gil); /* the rest of the hold is blamed once */
	assert_int_equal(row->holders[NOBODY].times, 2);
	assert_int_equal(row->holders[NOBODY].blame, GD_AWAKE_S(75));
	assert_int_equal(row->holder_hold[NOBODY], GD_AWAKE_S(75));
	assert_int_equal(row->hold, GD_AWAKE_S(75));
	destroy(&gil);
}

static void a_hold_that_nobody_waits_for_is_blamed_for_nothing(void **state)
{
	struct python_gil gil;

	(void)state;
	make(&gil);
	for (int i = 0; i < 2; i++) {
		wait_once(&gil, 7); /* its own wait is not its fault */
		take(&gil);
		pass(100);
		drop(&gil);
	}
	assert_int_equal(row_of(&gil)->holders[NOBODY].times, 0);
	destroy(&gil);
}

static void a_site_that_is_known_takes_over_no_blame_of_others(void **state)
{
	struct gd_lock_holder list[4] = { 0 };
	uint64_t holds[4] = { 0 };
	const struct gd_lock_holders holders = { list, holds, 4 };

	(void)state;
	gd_lock_blame(&holders, 0, 50, 6);
	gd_lock_blame(&holders, 7, 10, 3);
	gd_lock_blame(&holders, 0, 50, 6);
	assert_int_equal(list[0].site, 7);
	assert_int_equal(list[0].blame, 10);
	assert_int_equal(holds[0], 3);
	assert_int_equal(list[3].site, GD_SITE_OTHERS);
	assert_int_equal(list[3].blame, 100);
	assert_int_equal(list[3].times, 2);
}

#define TEST(name) cmocka_unit_test_setup(name, wake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_holder_is_blamed_for_what_others_waited_while_it_held),
		TEST(a_wait_within_a_hold_is_blamed_where_it_is),
		TEST(a_hold_that_nobody_waits_for_is_blamed_for_nothing),
		TEST(a_site_that_is_known_takes_over_no_blame_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
