/* SPDX-License-Identifier: MIT */
/* Semaphores, as signals and as locks, and barriers. */
#include "known.h"
#include <semaphore.h>

/* ---- Semaphores ------------------------------------------------------------------------------ */

static sem_t posted, one_at_a_time;

static int result_of(int ret)
{
	return ret == 0 ? 0 : errno;
}

static int wait_for_post(void)
{
	return result_of(sem_wait(&posted));
}

static int wait_for_post_clocked(void)
{
	struct timespec until = in_s(CLOCK_MONOTONIC, 900 * MS);

	return result_of(sem_clockwait(&posted, CLOCK_MONOTONIC, &until));
}

static int give_up_post(void)
{
	struct timespec until = in_s(CLOCK_REALTIME, 6 * MS);

	return result_of(sem_timedwait(&posted, &until));
}

static void post_first(struct person *waiting)
{
	struct known *known = KNOWN(posted, "semaphore");
	struct place place;

	begin(waiting);
	wait_until_it_waits(waiting);
	sleep_s(8 * MS);
	AT(place, sem_post(&posted));
	end(waiting);
	known_wake(known, place, known->wait_s);
}

static void post_second(struct person *waiting)
{
	struct known *known = KNOWN(posted, "semaphore");
	double before = known->wait_s;
	struct place place;

	begin(waiting);
	wait_until_it_waits(waiting);
	sleep_s(5 * MS);
	AT(place, sem_post(&posted));
	end(waiting);
	known_wake(known, place, known->wait_s - before);
}

void sem_signals(void)
{
	struct known *known = KNOWN(posted, "semaphore");
	struct person plain = { .call = wait_for_post, .known = known };
	struct person clocked = { .call = wait_for_post_clocked, .known = known };
	struct person giving_up = { .call = give_up_post, .gives_up = true, .known = known };
	struct timespec until = in_s(CLOCK_REALTIME, 900 * MS);

	CHECK(sem_init(&posted, 0, 0) == 0);
	post_first(&plain);
	post_second(&clocked);
	begin(&giving_up);
	end(&giving_up);
	CHECK(sem_post(&posted) == 0);
	CHECK(sem_timedwait(&posted, &until) == 0); /* nobody had to wait */
}

static int want_turn(void)
{
	return result_of(sem_wait(&one_at_a_time));
}

static int give_up_turn(void)
{
	struct timespec until = in_s(CLOCK_REALTIME, 5 * MS);

	return result_of(sem_timedwait(&one_at_a_time, &until));
}

static void end_turn(void)
{
	sem_post(&one_at_a_time);
}

/* Acquired and given back by the same thread: a lock, with a holder. */
static void keep_the_turn(struct person *waiting, int lasting)
{
	struct known *known = KNOWN(one_at_a_time, "semaphore");
	double before = known->wait_s, taken, released;
	struct place place;

	AT(place, sem_wait(&one_at_a_time));
	taken = now_s();
	for (int i = 0; i < 2; i++)
		begin(&waiting[i]);
	end(&waiting[1]);
	if (lasting)
		wait_until_it_waits(&waiting[0]);
	else
		end(&waiting[0]);
	sleep_s(5 * MS);
	released = now_s();
	known_hold(known, place, known->wait_s - before + waited_by(waiting, lasting, released),
		   released - taken);
	sem_post(&one_at_a_time);
	if (lasting)
		end(&waiting[0]);
}

void sem_as_lock(void)
{
	struct known *known = KNOWN(one_at_a_time, "semaphore");
	struct person turns[4] = {
		{ .call = want_turn, .after = end_turn, .known = known },
		{ .call = give_up_turn, .gives_up = true, .known = known },
		{ .call = give_up_turn, .gives_up = true, .known = known },
		{ .call = give_up_turn, .gives_up = true, .known = known },
	};

	CHECK(sem_init(&one_at_a_time, 0, 1) == 0);
	keep_the_turn(turns, 1);
	keep_the_turn(turns + 2, 0);
}

/* ---- Barriers -------------------------------------------------------------------------------- */

static pthread_barrier_t meeting;

static int meet(void)
{
	return pthread_barrier_wait(&meeting) == 0 ? 0 : EINVAL; /* none of them is the last */
}

static void come_last_first_time(struct person *early)
{
	struct known *known = KNOWN(meeting, "barrier");
	struct place place;
	double arrived = now_s();

	AT(place, pthread_barrier_wait(&meeting));
	known_wake(known, place, waited_by(early, 2, arrived));
}

static void come_last_second_time(struct person *early)
{
	struct known *known = KNOWN(meeting, "barrier");
	struct place place;
	double arrived = now_s();

	AT(place, pthread_barrier_wait(&meeting));
	known_wake(known, place, waited_by(early, 2, arrived));
}

void barrier_rounds(void)
{
	struct known *known = KNOWN(meeting, "barrier");

	CHECK(pthread_barrier_init(&meeting, NULL, 3) == 0);
	for (int round = 0; round < 2; round++) {
		struct person early[2] = { { .call = meet, .known = known },
					   { .call = meet, .known = known } };

		for (int i = 0; i < 2; i++) {
			begin(&early[i]);
			wait_until_it_waits(&early[i]);
			sleep_s(4 * MS);
		}
		(round ? come_last_second_time : come_last_first_time)(early);
		for (int i = 0; i < 2; i++)
			end(&early[i]);
	}
}
