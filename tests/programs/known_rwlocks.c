/* SPDX-License-Identifier: MIT */
/* Reader-writer locks: a writer keeps all others waiting; of several readers it is the last. */
#include "known.h"

/* ---- Readers behind a writer ----------------------------------------------------------------- */

static pthread_rwlock_t written = PTHREAD_RWLOCK_INITIALIZER;

static int want_to_read(void)
{
	return pthread_rwlock_rdlock(&written);
}

static int want_to_write_too(void)
{
	return pthread_rwlock_wrlock(&written);
}

static void let_written_go(void)
{
	pthread_rwlock_unlock(&written);
}

void rwlock_writer(void)
{
	struct known *known = KNOWN(written, "rwlock");
	struct person readers[3];
	struct person writer = { .call = want_to_write_too,
				 .after = let_written_go,
				 .known = known };
	struct place place;
	double taken, released;

	for (int round = 0; round < 2; round++) {
		AT(place, pthread_rwlock_wrlock(&written));
		taken = now_s();
		for (int i = 0; i < 3 - 3 * round; i++) {
			readers[i] = (struct person){ .call = want_to_read,
						      .after = let_written_go,
						      .known = known };
			begin(&readers[i]);
			wait_until_it_waits(&readers[i]);
		}
		if (round) {
			begin(&writer);
			wait_until_it_waits(&writer);
		}
		sleep_s(8 * MS);
		released = now_s();
		pthread_rwlock_unlock(&written);
		known_hold(known, place,
			   round ? waited_by(&writer, 1, released)
				 : waited_by(readers, 3, released),
			   released - taken);
		for (int i = 0; i < 3 - 3 * round; i++)
			end(&readers[i]);
	}
	end(&writer);
}

/* ---- A writer behind readers ----------------------------------------------------------------- */

static pthread_rwlock_t read_by_two = PTHREAD_RWLOCK_INITIALIZER;
static atomic_bool first_has_it;
static double last_read;

static void *read_and_leave_early(void *arg)
{
	CHECK(pthread_rwlock_rdlock(&read_by_two) == 0);
	atomic_store(&first_has_it, true);
	sleep_s(12 * MS);
	CHECK(pthread_rwlock_unlock(&read_by_two) == 0);
	last_read = now_s();
	return arg;
}

static int want_to_write(void)
{
	return pthread_rwlock_wrlock(&read_by_two);
}

static void let_read_go(void)
{
	pthread_rwlock_unlock(&read_by_two);
}

void rwlock_readers(void)
{
	struct known *known = KNOWN(read_by_two, "rwlock");
	struct person writer = { .call = want_to_write, .after = let_read_go, .known = known };
	struct place place;
	pthread_t early;
	double taken, released;

	AT(place, pthread_rwlock_rdlock(&read_by_two));
	taken = now_s();
	CHECK(pthread_create(&early, NULL, read_and_leave_early, NULL) == 0);
	while (!atomic_load(&first_has_it))
		sched_yield();
	begin(&writer);
	wait_until_it_waits(&writer);
	CHECK(pthread_join(early, NULL) == 0);
	sleep_s(8 * MS);
	released = now_s();
	pthread_rwlock_unlock(&read_by_two);
	known_hold(known, place, waited_by(&writer, 1, released), released - taken);
	end(&writer);
}

/* ---- Time-outs ------------------------------------------------------------------------------- */

static pthread_rwlock_t refused = PTHREAD_RWLOCK_INITIALIZER;

static int give_up_reading(void)
{
	struct timespec until = in_s(CLOCK_REALTIME, 5 * MS);

	return pthread_rwlock_timedrdlock(&refused, &until);
}

static int give_up_reading_clocked(void)
{
	struct timespec until = in_s(CLOCK_MONOTONIC, 6 * MS);

	return pthread_rwlock_clockrdlock(&refused, CLOCK_MONOTONIC, &until);
}

static int give_up_writing(void)
{
	struct timespec until = in_s(CLOCK_REALTIME, 7 * MS);

	return pthread_rwlock_timedwrlock(&refused, &until);
}

static int write_in_time(void)
{
	struct timespec until = in_s(CLOCK_MONOTONIC, 900 * MS);

	return pthread_rwlock_clockwrlock(&refused, CLOCK_MONOTONIC, &until);
}

static void let_refused_go(void)
{
	pthread_rwlock_unlock(&refused);
}

/* A writer that two readers give up on. */
static void refuse_readers(void)
{
	struct known *known = KNOWN(refused, "rwlock");
	struct person readers[2] = {
		{ .call = give_up_reading, .gives_up = true, .known = known },
		{ .call = give_up_reading_clocked, .gives_up = true, .known = known },
	};
	struct timespec until = in_s(CLOCK_REALTIME, 900 * MS);
	struct place place;
	double taken;

	AT(place, pthread_rwlock_timedwrlock(&refused, &until)); /* it is free */
	taken = now_s();
	for (int i = 0; i < 2; i++)
		begin(&readers[i]);
	for (int i = 0; i < 2; i++)
		end(&readers[i]);
	known_hold(known, place, known->wait_s, now_s() - taken);
	pthread_rwlock_unlock(&refused);
}

/* A reader that one writer gives up on, and another lasts out. */
static void refuse_writers(void)
{
	struct known *known = KNOWN(refused, "rwlock");
	struct person writers[2] = {
		{ .call = write_in_time, .after = let_refused_go, .known = known },
		{ .call = give_up_writing, .gives_up = true, .known = known },
	};
	struct timespec until = in_s(CLOCK_MONOTONIC, 900 * MS);
	double before = known->wait_s, taken, released;
	struct place place;

	AT(place, pthread_rwlock_clockrdlock(&refused, CLOCK_MONOTONIC, &until)); /* free too */
	taken = now_s();
	for (int i = 0; i < 2; i++)
		begin(&writers[i]);
	end(&writers[1]);
	sleep_s(4 * MS);
	released = now_s();
	known_hold(known, place, known->wait_s - before + waited_by(writers, 1, released),
		   released - taken);
	pthread_rwlock_unlock(&refused);
	end(&writers[0]);
}

void rwlock_timeouts(void)
{
	refuse_readers();
	refuse_writers();
}
