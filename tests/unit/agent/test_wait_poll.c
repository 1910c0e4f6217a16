/* SPDX-License-Identifier: MIT */
/* What a wait on many descriptors is for. */
#include <builders/awake.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unit/cmocka_begin.h>
#include <wait_poll.h>

/* A call from this function's frame, or from one so far below. */
#define HERE         GD_HERE()
#define BELOW(bytes) ((struct gd_here){ GD_HERE().frame - (bytes), 0 })

struct rule {
	const char *name;
	struct gd_fd_set set;
	enum gd_timeout timeout;
	bool is_loop, was_io;
	uint16_t cause;
	uint32_t outside;
	bool is_guess;
};

/* clang-format off */
#define NONE GD_TIMEOUT_NONE
#define SOME GD_TIMEOUT_SOME
static const struct rule rules[] = {
	/* what                                          in the set                                    timeout loop was_io  cause                outside guess */
	{ "an answer that is outstanding decides",       { .clients = 3, .outstanding = 2, .servers = 1, .own = 1 }, SOME, true, false, GD_CAUSE_POLL, 2, false },
	{ "a single client is waited for",               { .clients = 1 },                             NONE, false, false, GD_CAUSE_POLL,       1, false },
	{ "with a timeout too",                          { .clients = 1 },                             SOME, false, false, GD_CAUSE_POLL,       1, false },
	{ "servers wait for clients",                    { .servers = 1 },                             NONE, false, false, GD_CAUSE_SERVE,      0, false },
	{ "whatever else they wait for",                 { .servers = 1, .clients = 5, .own = 1, .timers = 1 }, SOME, true, false, GD_CAUSE_SERVE, 0, false },
	{ "but not one whose answer is outstanding",     { .servers = 1, .clients = 5, .outstanding = 1 }, SOME, true, false, GD_CAUSE_POLL,   1, false },
	{ "a loop with quiet clients and no timer",      { .clients = 2, .own = 1 },                   NONE, true,  false, GD_CAUSE_POLL,       1, true },
	{ "a loop with quiet clients and a timer",       { .clients = 2, .own = 1 },                   SOME, true,  false, GD_CAUSE_LOOP_TIMER, 0, true },
	{ "as the last time, when that was an answer",   { .clients = 2, .own = 1 },                   SOME, true,  true,  GD_CAUSE_POLL,       1, true },
	{ "a pipe to elsewhere",                         { .pipes = 2, .own = 1 },                     NONE, false, false, GD_CAUSE_PIPE,       2, false },
	{ "a child's end",                               { .children = 1, .own = 1 },                  NONE, true,  false, GD_CAUSE_CHILD,      0, false },
	{ "a pipe to a child, before its end",           { .children = 1, .pipes = 1 },                NONE, true,  false, GD_CAUSE_PIPE,       1, false },
	{ "somebody at the terminal",                    { .terminals = 1, .own = 1 },                 NONE, false, false, GD_CAUSE_TTY,        0, false },
	{ "a timer descriptor",                          { .timers = 1, .own = 1 },                    NONE, true,  false, GD_CAUSE_LOOP_TIMER, 0, false },
	{ "an idle loop with a timer",                   { .own = 1 },                                 SOME, true,  false, GD_CAUSE_LOOP_TIMER, 0, false },
	{ "an idle loop without",                        { .own = 1 },                                 NONE, true,  false, GD_CAUSE_INTERNAL,   0, false },
	{ "anything else",                               { .others = 1 },                              NONE, true,  false, GD_CAUSE_OTHER,      1, false },
	{ "nothing, for a while: a sleep",               { 0 },                                        SOME, false, false, GD_CAUSE_SLEEP,      0, false },
	{ "nothing, for a while, in a loop",             { 0 },                                        SOME, true,  false, GD_CAUSE_LOOP_TIMER, 0, false },
	{ "nothing, for ever",                           { 0 },                                        NONE, false, false, GD_CAUSE_SIGNAL,     0, false },
};
/* clang-format on */

static void who_is_in_the_set_tells_what_it_is_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *rule = &rules[i];
		struct gd_poll poll;

		gd_self->poll_was_io = rule->was_io;
		poll = gd_wait_poll_begin(&rule->set, rule->timeout, rule->is_loop, HERE);
		if (poll.span.cause != rule->cause || gd_self->slot->outside != rule->outside)
			print_error("%s: cause %u\n", rule->name, poll.span.cause);
		assert_int_equal(poll.span.cause, rule->cause);
		assert_int_equal(gd_self->slot->cause, rule->cause);
		assert_int_equal(gd_self->slot->outside, rule->outside);
		assert_int_equal(poll.is_guess, rule->is_guess);
		gd_wait_poll_end(&poll, 0);
	}
}

static void how_a_guess_ended_is_the_next_one(void **state)
{
	static const struct {
		int ready;
		uint16_t booked, next;
	} rows[] = {
		{ 1, GD_CAUSE_POLL, GD_CAUSE_POLL },
		{ 0, GD_CAUSE_LOOP_TIMER, GD_CAUSE_LOOP_TIMER },
		{ 2, GD_CAUSE_POLL, GD_CAUSE_POLL },
		{ -1, GD_CAUSE_POLL, GD_CAUSE_POLL }, /* interrupted: nothing was learnt */
	};
	struct gd_fd_set set = { .clients = 1, .own = 1 };

	(void)state;
	gd_self->poll_was_io = false;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t before = gd_self->slot->count[rows[i].booked];
		struct gd_poll poll = gd_wait_poll_begin(&set, GD_TIMEOUT_SOME, true, HERE);

		gd_wait_poll_end(&poll, rows[i].ready);
		assert_int_equal(gd_self->slot->count[rows[i].booked], before + 1);
		poll = gd_wait_poll_begin(&set, GD_TIMEOUT_SOME, true, HERE);
		assert_int_equal(poll.span.cause, rows[i].next);
		gd_wait_poll_end(&poll, -1);
	}
}

static void a_wait_inside_a_wait_is_not_booked(void **state)
{
	struct gd_fd_set set = { .servers = 1 };
	struct gd_poll outer = gd_wait_poll_begin(&set, GD_TIMEOUT_NONE, false, HERE);
	struct gd_poll inner = gd_wait_poll_begin(&set, GD_TIMEOUT_NONE, false, BELOW(64));

	(void)state;
	assert_null(inner.span.self);
	gd_wait_poll_end(&inner, 1);
	assert_int_equal(gd_self->slot->cause, GD_CAUSE_SERVE);
	gd_wait_poll_end(&outer, 1);
	assert_int_equal(gd_self->slot->cause, GD_CAUSE_CPU_FREE);
}

static void timeouts_are_read_in_every_form(void **state)
{
	struct timespec zero = { 0, 0 }, short_one = { 0, 1 }, long_one = { 1, 0 };

	(void)state;
	assert_int_equal(gd_timeout_of_ms(-1), GD_TIMEOUT_NONE);
	assert_int_equal(gd_timeout_of_ms(0), GD_TIMEOUT_ZERO);
	assert_int_equal(gd_timeout_of_ms(1), GD_TIMEOUT_SOME);
	assert_int_equal(gd_timeout_of_spec(NULL), GD_TIMEOUT_NONE);
	assert_int_equal(gd_timeout_of_spec(&zero), GD_TIMEOUT_ZERO);
	assert_int_equal(gd_timeout_of_spec(&short_one), GD_TIMEOUT_SOME);
	assert_int_equal(gd_timeout_of_spec(&long_one), GD_TIMEOUT_SOME);
}

/* ---- Through the wrappers -------------------------------------------------------------------- */

static uint32_t waits(void)
{
	uint32_t sum = 0;

	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++)
		sum += gd_self->slot->count[cause];
	return sum;
}

static void a_call_that_cannot_wait_is_computing(void **state)
{
	struct timeval zero = { 0, 0 };
	struct epoll_event event;
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	struct pollfd fd = { .fd = epfd, .events = POLLIN };
	uint32_t before = waits();

	(void)state;
	assert_int_equal(poll(&fd, 1, 0), 0);
	assert_int_equal(epoll_wait(epfd, &event, 1, 0), 0);
	assert_int_equal(select(0, NULL, NULL, NULL, &zero), 0);
	assert_int_equal(waits(), before);
	assert_int_equal(gd_self->slot->yields, 1); /* time.sleep(0) up to Python 3.10 */
	close(epfd);
}

static void what_is_polled_is_looked_up(void **state)
{
	struct itimerspec soon = { .it_value = { 0, 1 } };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), ends[2];
	struct pollfd fds[] = { { .fd = -1 }, { .fd = timer, .events = POLLIN } };
	struct timeval brief = { 0, 1 };
	fd_set set;

	(void)state;
	assert_int_equal(timerfd_settime(timer, 0, &soon, NULL), 0);
	assert_int_equal(poll(fds, 2, -1), 1);
	assert_int_equal(gd_self->slot->count[GD_CAUSE_LOOP_TIMER], 1);
	assert_int_equal(pipe(ends), 0);
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	assert_int_equal(select(ends[0] + 1, &set, NULL, NULL, &brief), 0);
	assert_int_equal(gd_self->slot->count[GD_CAUSE_LOOP_TIMER], 2); /* a pipe of our own */
	brief = (struct timeval){ 0, 1 }; /* Linux leaves there what was left */
	assert_int_equal(select(0, NULL, NULL, NULL, &brief), 0);
	assert_int_equal(gd_self->slot->count[GD_CAUSE_SLEEP], 1);
	close(timer);
	close(ends[0]);
	close(ends[1]);
}

#define TEST(name) cmocka_unit_test_setup(name, gd_awake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_in_the_set_tells_what_it_is_for),
		TEST(how_a_guess_ended_is_the_next_one),
		TEST(a_wait_inside_a_wait_is_not_booked),
		cmocka_unit_test(timeouts_are_read_in_every_form),
		TEST(a_call_that_cannot_wait_is_computing),
		TEST(what_is_polled_is_looked_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
