/* SPDX-License-Identifier: MIT */
/* Every tick goes to one cause, and the CPU clock settles what the wall clock cannot tell. */
#include <account.h>
#include <builders/awake.h>
#include <stdlib.h>
#include <string.h>
#include <unit/near.h>

/* Against the CPU that the test itself burns: a span lasts minutes of its own clock. */
#define NEAR_S 0.5

/* A call from this function's frame, or from one so far below. */
#define HERE         GD_HERE()
#define BELOW(bytes) ((struct gd_here){ GD_HERE().frame - (bytes), 0 })

static double seconds(uint64_t ticks)
{
	return (double)ticks / 1e9;
}

static void compute(double s)
{
	gd_awake_ns += GD_AWAKE_S(s);
}

static void wait_for(uint16_t cause, double s)
{
	assert_true(gd_account_begin(gd_self, cause, 0, 0, HERE));
	gd_awake_ns += GD_AWAKE_S(s);
	assert_int_equal(gd_account_end(gd_self, cause), GD_AWAKE_S(s));
}

/* Books what is open and settles the span. */
static struct gd_thread *settle(void)
{
	gd_account_enter(gd_self, gd_self->slot->cause, gd_awake_ns);
	gd_account_flush(gd_self, gd_awake_ns);
	return gd_self->slot;
}

static double sum_of_ticks(const struct gd_thread *slot)
{
	double sum = 0;

	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++)
		sum += seconds(slot->ticks[cause]);
	return sum;
}

/* ---- Booking --------------------------------------------------------------------------------- */

static void every_tick_goes_to_what_the_thread_did(void **state)
{
	struct gd_thread *slot;

	(void)state;
	gd_awake_begin_span(0);
	compute(3);
	wait_for(GD_CAUSE_RECV, 5);
	compute(2);
	wait_for(GD_CAUSE_SLEEP, 7);
	wait_for(GD_CAUSE_RECV, 1);
	slot = settle();
	assert_int_equal(slot->ticks[GD_CAUSE_CPU_FREE], GD_AWAKE_S(5));
	assert_int_equal(slot->ticks[GD_CAUSE_RECV], GD_AWAKE_S(6));
	assert_int_equal(slot->ticks[GD_CAUSE_SLEEP], GD_AWAKE_S(7));
	assert_int_equal(slot->count[GD_CAUSE_RECV], 2);
	assert_int_equal(slot->count[GD_CAUSE_SLEEP], 1);
	assert_near(sum_of_ticks(slot), 18, 1e-9);
}

static void a_slot_shows_what_the_thread_does_and_did_before(void **state)
{
	struct gd_thread *slot = gd_self->slot;
	uint64_t began = gd_awake_ns;

	(void)state;
	gd_awake_begin_span(0);
	compute(3);
	assert_true(gd_account_begin(gd_self, GD_CAUSE_POLL, 77, 4, HERE));
	assert_int_equal(slot->cause, GD_CAUSE_POLL);
	assert_int_equal(slot->cause_prev, GD_CAUSE_CPU_FREE);
	assert_int_equal(slot->since, began + GD_AWAKE_S(3));
	assert_int_equal(slot->since_prev, began);
	assert_int_equal(slot->object, 77);
	assert_int_equal(slot->outside, 4);
	assert_int_equal(slot->seq % 2, 0);
	gd_account_end(gd_self, GD_CAUSE_POLL);
	assert_int_equal(slot->cause, GD_CAUSE_CPU_FREE);
	assert_int_equal(slot->object, 0);
}

static void a_wait_may_turn_out_to_have_been_for_something_else(void **state)
{
	struct gd_thread *slot = gd_self->slot;

	(void)state;
	gd_awake_begin_span(0);
	assert_true(gd_account_begin(gd_self, GD_CAUSE_POLL, 0, 1, HERE));
	compute(4);
	gd_account_end(gd_self, GD_CAUSE_LOOP_TIMER);
	assert_int_equal(slot->ticks[GD_CAUSE_POLL], 0);
	assert_int_equal(slot->count[GD_CAUSE_POLL], 0);
	assert_int_equal(slot->ticks[GD_CAUSE_LOOP_TIMER], GD_AWAKE_S(4));
	assert_int_equal(slot->count[GD_CAUSE_LOOP_TIMER], 1);
}

static void what_waits_inside_a_wait_is_part_of_it(void **state)
{
	struct gd_thread *slot = gd_self->slot;

	(void)state;
	gd_awake_begin_span(0);
	assert_true(gd_account_begin(gd_self, GD_CAUSE_DNS, 0, 1, HERE));
	compute(1);
	assert_false(
		gd_account_begin(gd_self, GD_CAUSE_RECV, 0, 1, BELOW(1000))); /* called by it */
	compute(1);
	gd_account_end(gd_self, GD_CAUSE_DNS);
	assert_int_equal(slot->ticks[GD_CAUSE_DNS], GD_AWAKE_S(2));
	assert_int_equal(slot->count[GD_CAUSE_RECV], 0);
}

static void a_wait_that_was_left_by_a_jump_ends_with_the_next(void **state)
{
	struct gd_thread *slot = gd_self->slot;

	(void)state;
	gd_awake_begin_span(0);
	assert_true(gd_account_begin(gd_self, GD_CAUSE_RECV, 0, 1, BELOW(1000)));
	compute(2);
	wait_for(GD_CAUSE_SLEEP, 3); /* from a frame above */
	assert_int_equal(slot->ticks[GD_CAUSE_RECV], GD_AWAKE_S(2));
	assert_int_equal(slot->ticks[GD_CAUSE_SLEEP], GD_AWAKE_S(3));
	assert_false(gd_self->in_wait);
}

static void an_end_without_a_beginning_books_nothing(void **state)
{
	uint32_t seq;

	(void)state;
	gd_awake_begin_span(0);
	seq = gd_self->slot->seq;
	compute(1);
	assert_int_equal(gd_account_end(gd_self, GD_CAUSE_RECV), 0);
	assert_int_equal(gd_self->slot->seq, seq);
	assert_int_equal(gd_self->slot->cause, GD_CAUSE_CPU_FREE);
}

static void a_signal_handler_inside_our_books_stays_out(void **state)
{
	(void)state;
	gd_awake_begin_span(0);
	gd_self->is_busy = true;
	assert_false(gd_account_begin(gd_self, GD_CAUSE_RECV, 0, 1, HERE));
	gd_self->is_busy = false;
	assert_int_equal(gd_process->lost[GD_LOST_NESTED], 1);
	assert_int_equal(gd_self->slot->count[GD_CAUSE_RECV], 0);
}

static void waits_that_hold_the_gil_are_added_up_unless_brief(void **state)
{
	struct gd_thread *slot = gd_self->slot;

	(void)state;
	gd_awake_begin_span(0);
	slot->gil = 1;
	wait_for(GD_CAUSE_RECV, GD_BRIEF_US - 1);
	assert_int_equal(slot->holding_gil, 0);
	wait_for(GD_CAUSE_RECV, GD_BRIEF_US + 1);
	assert_int_equal(slot->holding_gil, GD_AWAKE_S(GD_BRIEF_US + 1));
	assert_int_equal(slot->cause, GD_CAUSE_CPU_GIL);
	slot->gil = 0;
	wait_for(GD_CAUSE_RECV, GD_BRIEF_US + 1);
	assert_int_equal(slot->holding_gil, GD_AWAKE_S(GD_BRIEF_US + 1));
	assert_int_equal(slot->cause, GD_CAUSE_CPU_FREE);
}

static void a_nap_is_a_yield(void **state)
{
	(void)state;
	gd_awake_begin_span(0);
	wait_for(GD_CAUSE_SLEEP, GD_NAP_US - 1);
	wait_for(GD_CAUSE_RECV, GD_NAP_US - 1);
	wait_for(GD_CAUSE_SLEEP, GD_NAP_US + 1);
	assert_int_equal(gd_self->slot->yields, 1);
}

/* ---- Settling -------------------------------------------------------------------------------- */

struct settled {
	const char *name;
	double gil_s, free_s;    /* computed */
	double recv_s, file_s;   /* waited, the latter in pieces of 5 s: brief */
	double cpu_s;            /* by the CPU clock */
	double recv_in, file_in; /* of the waits, on the CPU */
	double off_gil, off_free;
};

/* clang-format off */
static const struct settled settlings[] = {
	/* name                                         gil free recv file  cpu | recv file  gil free */
	{ "clocks that agree",                            0,  60,  40,   0,  60,    0,   0,   0,   0 },
	{ "a wait that was partly on the CPU",            0,  60,  40,   0,  75,   15,   0,   0,   0 },
	{ "a wait that was all on the CPU",               0,  60,  40,   0, 100,   40,   0,   0,   0 },
	{ "more CPU than wall: a coarse clock",           0,  60,  40,   0, 130,   40,   0,   0,   0 },
	{ "computing that was partly off the CPU",        0,  60,  40,   0,  30,    0,   0,   0,  30 },
	{ "computing that was all off the CPU",           0,  60,  40,   0,   0,    0,   0,   0,  60 },
	{ "brief waits give way first",                   0,  50,  40,  10,  58,    0,   8,   0,   0 },
	{ "then the others",                              0,  50,  40,  10,  65,    5,  10,   0,   0 },
	{ "what was lost is shared by what was computed", 45, 15,  40,   0,  40,    0,   0,  15,   5 },
	{ "computing alone",                              80, 20,   0,   0,  50,    0,   0,  40,  10 },
	{ "waiting alone",                                0,   0, 100,   0,   0,    0,   0,   0,   0 },
};
/* clang-format on */

static void spend(const struct settled *row)
{
	struct gd_thread *slot = gd_self->slot;

	slot->gil = row->gil_s > 0;
	slot->cause = slot->gil ? GD_CAUSE_CPU_GIL : GD_CAUSE_CPU_FREE;
	compute(row->gil_s);
	slot->gil = 0;
	gd_account_enter(gd_self, GD_CAUSE_CPU_FREE, gd_awake_ns);
	compute(row->free_s);
	for (double left = row->file_s; left > 0; left -= 5)
		wait_for(GD_CAUSE_FILE, 5);
	if (row->recv_s > 0)
		wait_for(GD_CAUSE_RECV, row->recv_s);
}

static void a_span_is_settled_by_the_cpu_clock(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(settlings) / sizeof(settlings[0]); i++) {
		const struct settled *row = &settlings[i];
		struct gd_thread *slot;

		gd_awake_begin_span(row->cpu_s);
		spend(row);
		slot = settle();
		if (fabs(seconds(slot->cpu_in[GD_CAUSE_RECV]) - row->recv_in) > NEAR_S ||
		    fabs(seconds(slot->off_in[1]) - row->off_free) > NEAR_S)
			print_error("%s\n", row->name);
		assert_near(seconds(slot->cpu_in[GD_CAUSE_RECV]), row->recv_in, NEAR_S);
		assert_near(seconds(slot->cpu_in[GD_CAUSE_FILE]), row->file_in, NEAR_S);
		assert_near(seconds(slot->off_in[0]), row->off_gil, NEAR_S);
		assert_near(seconds(slot->off_in[1]), row->off_free, NEAR_S);
		assert_near(sum_of_ticks(slot), 100, 1e-9);
	}
}

static void a_span_settles_itself_when_it_is_long_enough(void **state)
{
	(void)state;
	gd_awake_begin_span(0);
	compute(GD_FLUSH_US);
	wait_for(GD_CAUSE_RECV, 0);
	assert_int_equal(gd_self->slot->off_in[1], 0); /* not yet */
	compute(1);
	wait_for(GD_CAUSE_RECV, 0);
	assert_near(seconds(gd_self->slot->off_in[1]), GD_FLUSH_US + 1, NEAR_S);
	assert_int_equal(gd_self->flushed, gd_awake_ns);
}

static void a_span_knows_nothing_of_the_one_before(void **state)
{
	struct gd_thread *slot = gd_self->slot;

	(void)state;
	gd_awake_begin_span(0);
	compute(50);
	wait_for(GD_CAUSE_FILE, 10);
	wait_for(GD_CAUSE_RECV, 100);
	settle(); /* 50 s lost, 110 s waited */
	gd_self->flushed_cpu -= GD_AWAKE_S(25);
	wait_for(GD_CAUSE_RECV, 40);
	settle();
	assert_near(seconds(slot->off_in[1]), 50, NEAR_S);
	assert_near(seconds(slot->cpu_in[GD_CAUSE_RECV]), 25, NEAR_S);
	assert_near(seconds(slot->cpu_in[GD_CAUSE_FILE]), 0, NEAR_S);
}

static void under_a_filter_no_system_call_is_made(void **state)
{
	struct gd_thread *slot;

	(void)state;
	gd_awake_begin_span(50);
	gd_process->flags |= GD_FLAG_SECCOMP;
	compute(60);
	wait_for(GD_CAUSE_RECV, 40);
	slot = settle();
	assert_int_equal(slot->cpu_ns, 0);
	assert_int_equal(slot->off_in[1], 0);
	assert_int_equal(slot->ticks[GD_CAUSE_RECV], GD_AWAKE_S(40));
	gd_process->flags &= ~GD_FLAG_SECCOMP;
}

static void a_child_on_our_image_writes_nothing_more(void **state)
{
	static const uint32_t not_ours;
	const uint32_t *ours = gd_arena_owner_word;

	(void)state;
	gd_awake_begin_span(0);
	gd_arena_owner_word = &not_ours; /* as a bare clone sees the page */
	compute(1);
	gd_account_flush(gd_self, gd_awake_ns);
	gd_arena_owner_word = ours;
	assert_int_equal(gd_vfork_open, 1);
	assert_int_equal(gd_self->slot->cpu_ns, 0);
	gd_vfork_open = 0;
}

/* ---- Sums ------------------------------------------------------------------------------------ */

static double draw(double at_most)
{
	return at_most * rand() / RAND_MAX;
}

static void whatever_happens_the_sums_add_up(void **state)
{
	static const uint16_t causes[] = { GD_CAUSE_RECV, GD_CAUSE_FILE, GD_CAUSE_SEM,
					   GD_CAUSE_SLEEP };

	(void)state;
	srand(5);
	for (int i = 0; i < 500; i++) {
		uint64_t began = gd_awake_ns;
		double cpu_s = draw(250), on_cpu_s = 0, wall_s;
		struct gd_thread *slot;

		gd_awake_begin_span(cpu_s);
		gd_self->flushed_ns = gd_self->flushed = began;
		/* One span: it would settle itself. */
		for (wall_s = 0; wall_s < 150;) {
			compute(draw(20));
			wait_for(causes[rand() % 4], draw(30));
			wall_s = seconds(gd_awake_ns - began);
		}
		slot = settle();
		assert_near(sum_of_ticks(slot), wall_s, 1e-6);
		for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++) {
			assert_true(slot->cpu_in[cause] <= slot->ticks[cause] + 1);
			on_cpu_s += seconds(slot->cpu_in[cause]);
		}
		assert_true(slot->off_in[1] <= slot->ticks[GD_CAUSE_CPU_FREE] + 1);
		on_cpu_s += seconds(slot->ticks[GD_CAUSE_CPU_FREE]) - seconds(slot->off_in[1]);
		assert_near(on_cpu_s, fmin(cpu_s, wall_s), NEAR_S);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, gd_awake_with_clock)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_tick_goes_to_what_the_thread_did),
		TEST(a_slot_shows_what_the_thread_does_and_did_before),
		TEST(a_wait_may_turn_out_to_have_been_for_something_else),
		TEST(what_waits_inside_a_wait_is_part_of_it),
		TEST(a_wait_that_was_left_by_a_jump_ends_with_the_next),
		TEST(an_end_without_a_beginning_books_nothing),
		TEST(a_signal_handler_inside_our_books_stays_out),
		TEST(waits_that_hold_the_gil_are_added_up_unless_brief),
		TEST(a_nap_is_a_yield),
		TEST(a_span_is_settled_by_the_cpu_clock),
		TEST(a_span_settles_itself_when_it_is_long_enough),
		TEST(a_span_knows_nothing_of_the_one_before),
		TEST(under_a_filter_no_system_call_is_made),
		TEST(a_child_on_our_image_writes_nothing_more),
		TEST(whatever_happens_the_sums_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
