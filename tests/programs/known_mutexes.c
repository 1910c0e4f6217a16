/* SPDX-License-Identifier: MIT */
/* Plain mutexes.  Who holds one is a function of its own, so that its site tells it. */
#include "known.h"

/* ---- A chain: the first keeps two waiting, the second one, the third nobody ------------------ */

static pthread_mutex_t chained = PTHREAD_MUTEX_INITIALIZER;
static struct place second_place;
static double second_taken;

static int chain_second(void)
{
	int ret = AT(second_place, pthread_mutex_lock(&chained));

	second_taken = now_s();
	return ret;
}

static void second_goes_on(void)
{
	double held;

	sleep_s(8 * MS);
	held = now_s() - second_taken;
	pthread_mutex_unlock(&chained);
	known_hold(KNOWN(chained, "mutex"), second_place, held, held);
}

static int chain_third(void)
{
	return pthread_mutex_lock(&chained);
}

static void third_goes_on(void)
{
	sleep_s(2 * MS);
	pthread_mutex_unlock(&chained);
}

void mutex_chain(void)
{
	struct known *known = KNOWN(chained, "mutex");
	struct person waiting[2] = {
		{ .call = chain_second, .after = second_goes_on, .known = known },
		{ .call = chain_third, .after = third_goes_on, .known = known },
	};
	struct place place;
	double taken, released;

	AT(place, pthread_mutex_lock(&chained));
	taken = now_s();
	for (int i = 0; i < 2; i++) {
		begin(&waiting[i]);
		wait_until_it_waits(&waiting[i]);
	}
	sleep_s(10 * MS);
	released = now_s();
	pthread_mutex_unlock(&chained);
	known_hold(known, place, waited_by(waiting, 2, released), released - taken);
	for (int i = 0; i < 2; i++)
		end(&waiting[i]);
}

/* ---- Time-outs: two give up during a hold, one lasts it out; and one gives up alone ---------- */

static pthread_mutex_t tried = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t in_vain = PTHREAD_MUTEX_INITIALIZER;

static int give_up_timed(void)
{
	struct timespec until = in_s(CLOCK_REALTIME, 5 * MS);

	return pthread_mutex_timedlock(&tried, &until);
}

static int give_up_clocked(void)
{
	struct timespec until = in_s(CLOCK_MONOTONIC, 7 * MS);

	return pthread_mutex_clocklock(&tried, CLOCK_MONOTONIC, &until);
}

static int succeed_timed(void)
{
	struct timespec until = in_s(CLOCK_REALTIME, 900 * MS);

	return pthread_mutex_timedlock(&tried, &until);
}

static void let_tried_go(void)
{
	pthread_mutex_unlock(&tried);
}

static int give_up_alone(void)
{
	struct timespec until = in_s(CLOCK_REALTIME, 6 * MS);

	return pthread_mutex_timedlock(&in_vain, &until);
}

static void keep_three_waiting(void)
{
	struct known *known = KNOWN(tried, "mutex");
	struct person waiting[3] = {
		{ .call = succeed_timed, .after = let_tried_go, .known = known },
		{ .call = give_up_timed, .gives_up = true, .known = known },
		{ .call = give_up_clocked, .gives_up = true, .known = known },
	};
	struct timespec until = in_s(CLOCK_MONOTONIC, 900 * MS);
	struct place place;
	double taken, released;

	AT(place, pthread_mutex_clocklock(&tried, CLOCK_MONOTONIC, &until)); /* it is free */
	taken = now_s();
	for (int i = 0; i < 3; i++)
		begin(&waiting[i]);
	end(&waiting[1]);
	end(&waiting[2]);
	sleep_s(5 * MS);
	released = now_s();
	/* So far only those who gave up have ended their waits. */
	known_hold(known, place, known->wait_s + waited_by(waiting, 1, released), released - taken);
	pthread_mutex_unlock(&tried);
	end(&waiting[0]);
}

static void keep_one_in_vain(void)
{
	struct known *known = KNOWN(in_vain, "mutex");
	struct person waiting = { .call = give_up_alone, .gives_up = true, .known = known };
	struct place place;
	double taken;

	CHECK(AT(place, pthread_mutex_trylock(&in_vain)) == 0);
	taken = now_s();
	begin(&waiting);
	CHECK(pthread_mutex_trylock(&in_vain) == EBUSY); /* and does not wait */
	end(&waiting);
	known_hold(known, place, known->wait_s, now_s() - taken);
	pthread_mutex_unlock(&in_vain);
	pthread_mutex_lock(&in_vain); /* is free: nobody is to blame */
	pthread_mutex_unlock(&in_vain);
}

void mutex_timeouts(void)
{
	keep_one_in_vain();
	keep_three_waiting();
}

/* ---- Several: a short hold that many wait for costs more than a long one that one waits for -- */

static pthread_mutex_t held_long = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t wanted_by_many = PTHREAD_MUTEX_INITIALIZER;

static int want_long(void)
{
	return pthread_mutex_lock(&held_long);
}

static void let_long_go(void)
{
	pthread_mutex_unlock(&held_long);
}

static struct place turn_place;
static double turn_taken;
static int still_waiting;

static int want_short(void)
{
	int ret = AT(turn_place, pthread_mutex_lock(&wanted_by_many));

	turn_taken = now_s();
	still_waiting--;
	return ret;
}

/* It too keeps those behind it waiting. */
static void let_short_go(void)
{
	int waiting = still_waiting;
	double held;

	sleep_s(1 * MS);
	held = now_s() - turn_taken;
	pthread_mutex_unlock(&wanted_by_many);
	if (waiting)
		known_hold(KNOWN(wanted_by_many, "mutex"), turn_place, waiting * held, held);
}

void mutex_several(void)
{
	struct known *longest = KNOWN(held_long, "mutex"), *most = KNOWN(wanted_by_many, "mutex");
	struct person one = { .call = want_long, .after = let_long_go, .known = longest };
	struct person many[4];
	struct place long_place, short_place;
	double long_taken, short_taken, released;

	AT(long_place, pthread_mutex_lock(&held_long));
	long_taken = now_s();
	begin(&one);
	wait_until_it_waits(&one);
	AT(short_place, pthread_mutex_lock(&wanted_by_many));
	short_taken = now_s();
	still_waiting = 4;
	for (int i = 0; i < 4; i++) {
		many[i] =
			(struct person){ .call = want_short, .after = let_short_go, .known = most };
		begin(&many[i]);
		wait_until_it_waits(&many[i]);
	}
	sleep_s(10 * MS);
	released = now_s();
	pthread_mutex_unlock(&wanted_by_many);
	known_hold(most, short_place, waited_by(many, 4, released), released - short_taken);
	for (int i = 0; i < 4; i++)
		end(&many[i]);
	sleep_s(10 * MS);
	released = now_s();
	pthread_mutex_unlock(&held_long);
	known_hold(longest, long_place, waited_by(&one, 1, released), released - long_taken);
	end(&one);
}
