/* SPDX-License-Identifier: MIT */
/* Conditions.  Who wakes is a function of its own; it is blamed for the waits that it ends. */
#include "known.h"

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t signalled = PTHREAD_COND_INITIALIZER;
static pthread_cond_t called = PTHREAD_COND_INITIALIZER;
static pthread_cond_t silent = PTHREAD_COND_INITIALIZER;
static bool is_open;

static void take_guard(void)
{
	pthread_mutex_lock(&guard);
}

static void let_guard_go(void)
{
	pthread_mutex_unlock(&guard);
}

static int wait_for_signal(void)
{
	while (!is_open)
		pthread_cond_wait(&signalled, &guard);
	return 0;
}

static int wait_for_call(void)
{
	struct timespec until = in_s(CLOCK_MONOTONIC, 900 * MS);
	int ret = 0;

	while (!is_open && !ret)
		ret = pthread_cond_clockwait(&called, &guard, CLOCK_MONOTONIC, &until);
	return ret;
}

static int wait_in_vain(void)
{
	struct timespec until = in_s(CLOCK_REALTIME, 5 * MS);

	return pthread_cond_timedwait(&silent, &guard, &until);
}

static int wait_in_vain_clocked(void)
{
	struct timespec until = in_s(CLOCK_MONOTONIC, 7 * MS);

	return pthread_cond_clockwait(&silent, &guard, CLOCK_MONOTONIC, &until);
}

static void open_it(bool open)
{
	pthread_mutex_lock(&guard);
	is_open = open;
	pthread_mutex_unlock(&guard);
}

/* Of two signals in a row, and more while the woken one is on its way, one wakes. */
static void signal_first(struct person *waiting)
{
	struct known *known = KNOWN(signalled, "condition");
	struct place place;

	begin(waiting);
	wait_until_it_waits(waiting);
	sleep_s(8 * MS);
	open_it(true);
	AT(place, pthread_cond_signal(&signalled));
	end(waiting);
	known_wake(known, place, known->wait_s);
	open_it(false);
}

static void signal_second(struct person *waiting)
{
	struct known *known = KNOWN(signalled, "condition");
	double before = known->wait_s;
	struct place place;

	begin(waiting);
	wait_until_it_waits(waiting);
	sleep_s(5 * MS);
	open_it(true);
	AT(place, pthread_cond_signal(&signalled));
	end(waiting);
	known_wake(known, place, known->wait_s - before);
	pthread_cond_signal(&signalled); /* nobody waits: wakes nobody */
}

void cond_signals(void)
{
	struct person waiting = { .before = take_guard,
				  .call = wait_for_signal,
				  .after = let_guard_go,
				  .known = KNOWN(signalled, "condition") };

	signal_first(&waiting);
	atomic_store(&waiting.tid, 0);
	signal_second(&waiting);
}

void cond_broadcast(void)
{
	struct known *known = KNOWN(called, "condition");
	struct person waiting[3];
	struct place place;

	for (int i = 0; i < 3; i++) {
		waiting[i] = (struct person){ .before = take_guard,
					      .call = wait_for_call,
					      .after = let_guard_go,
					      .known = known };
		begin(&waiting[i]);
		wait_until_it_waits(&waiting[i]);
		sleep_s(2 * MS);
	}
	sleep_s(6 * MS);
	open_it(true);
	AT(place, pthread_cond_broadcast(&called));
	for (int i = 0; i < 3; i++)
		end(&waiting[i]);
	known_wake(known, place, known->wait_s);
}

void cond_timeouts(void)
{
	struct known *known = KNOWN(silent, "condition");
	struct person waiting[2] = {
		{ .before = take_guard,
		  .call = wait_in_vain,
		  .after = let_guard_go,
		  .gives_up = true,
		  .known = known },
		{ .before = take_guard,
		  .call = wait_in_vain_clocked,
		  .after = let_guard_go,
		  .gives_up = true,
		  .known = known },
	};

	for (int i = 0; i < 2; i++) {
		begin(&waiting[i]);
		end(&waiting[i]);
	}
}
