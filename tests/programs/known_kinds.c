/* SPDX-License-Identifier: MIT */
/*
 * Mutexes that are not plain: C11's, recursive, robust, priority-inheriting; and one that was
 * locked before there was a second thread, so that nobody saw its hold begin.
 */
#include "known.h"
#include <threads.h>

/* ---- C11 ------------------------------------------------------------------------------------- */

static mtx_t c11_mutex;
static cnd_t c11_cond;
static bool is_told;

static int want_c11(void)
{
	return mtx_lock(&c11_mutex) == thrd_success ? 0 : EINVAL;
}

static int give_up_c11(void)
{
	struct timespec until = in_s(CLOCK_REALTIME, 5 * MS);

	return mtx_timedlock(&c11_mutex, &until) == thrd_timedout ? ETIMEDOUT : EINVAL;
}

static void take_c11(void)
{
	mtx_lock(&c11_mutex);
}

static void let_c11_go(void)
{
	mtx_unlock(&c11_mutex);
}

static int be_told(void)
{
	while (!is_told)
		cnd_wait(&c11_cond, &c11_mutex);
	return 0;
}

/* The condition alone is waited for: its mutex is free. */
static void tell(void)
{
	struct known *known = KNOWN(c11_cond, "condition");
	struct person told = {
		.before = take_c11, .call = be_told, .after = let_c11_go, .known = known
	};
	struct place place;

	begin(&told);
	wait_until_it_waits(&told);
	sleep_s(9 * MS);
	mtx_lock(&c11_mutex);
	is_told = true;
	mtx_unlock(&c11_mutex);
	AT(place, cnd_signal(&c11_cond));
	end(&told);
	known_wake(known, place, known->wait_s);
}

void mutex_c11(void)
{
	struct known *known = KNOWN(c11_mutex, "mutex");
	struct person waiting[2] = {
		{ .call = want_c11, .after = let_c11_go, .known = known },
		{ .call = give_up_c11, .gives_up = true, .known = known },
	};
	struct place place;
	double taken, released;

	CHECK(mtx_init(&c11_mutex, mtx_timed) == thrd_success);
	CHECK(cnd_init(&c11_cond) == thrd_success);
	AT(place, mtx_lock(&c11_mutex));
	taken = now_s();
	for (int i = 0; i < 2; i++)
		begin(&waiting[i]);
	end(&waiting[1]);
	sleep_s(5 * MS);
	released = now_s();
	known_hold(known, place, known->wait_s + waited_by(waiting, 1, released), released - taken);
	mtx_unlock(&c11_mutex);
	end(&waiting[0]);
	tell();
}

/* ---- Recursive, robust, inheriting ----------------------------------------------------------- */

static pthread_mutex_t recursive, robust, inheriting;

static int want_recursive(void)
{
	return pthread_mutex_lock(&recursive);
}

static void let_recursive_go(void)
{
	pthread_mutex_unlock(&recursive);
}

static int want_robust(void)
{
	return pthread_mutex_lock(&robust);
}

static void let_robust_go(void)
{
	pthread_mutex_unlock(&robust);
}

static int want_inheriting(void)
{
	return pthread_mutex_lock(&inheriting);
}

static void let_inheriting_go(void)
{
	pthread_mutex_unlock(&inheriting);
}

static void make(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	CHECK(pthread_mutex_init(&recursive, &attr) == 0);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_NORMAL);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	CHECK(pthread_mutex_init(&robust, &attr) == 0);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_STALLED);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	CHECK(pthread_mutex_init(&inheriting, &attr) == 0);
}

/* The outermost lock and the outermost unlock are the hold; those within are nothing. */
static void hold_recursive(void)
{
	struct known *known = KNOWN(recursive, "mutex");
	struct person waiting = { .call = want_recursive,
				  .after = let_recursive_go,
				  .known = known };
	struct place place;
	double taken, released;

	AT(place, pthread_mutex_lock(&recursive));
	taken = now_s();
	begin(&waiting);
	wait_until_it_waits(&waiting);
	CHECK(pthread_mutex_lock(&recursive) == 0);
	CHECK(pthread_mutex_trylock(&recursive) == 0);
	sleep_s(8 * MS);
	CHECK(pthread_mutex_unlock(&recursive) == 0);
	CHECK(pthread_mutex_unlock(&recursive) == 0);
	released = now_s();
	pthread_mutex_unlock(&recursive);
	known_hold(known, place, waited_by(&waiting, 1, released), released - taken);
	end(&waiting);
}

static void hold_robust(void)
{
	struct known *known = KNOWN(robust, "mutex");
	struct person waiting = { .call = want_robust, .after = let_robust_go, .known = known };
	struct place place;
	double taken, released;

	AT(place, pthread_mutex_lock(&robust));
	taken = now_s();
	begin(&waiting);
	wait_until_it_waits(&waiting);
	sleep_s(8 * MS);
	released = now_s();
	pthread_mutex_unlock(&robust);
	known_hold(known, place, waited_by(&waiting, 1, released), released - taken);
	end(&waiting);
}

static void hold_inheriting(void)
{
	struct known *known = KNOWN(inheriting, "mutex");
	struct person waiting = { .call = want_inheriting,
				  .after = let_inheriting_go,
				  .known = known };
	struct place place;
	double taken, released;

	AT(place, pthread_mutex_lock(&inheriting));
	taken = now_s();
	begin(&waiting);
	wait_until_it_waits(&waiting);
	sleep_s(8 * MS);
	released = now_s();
	pthread_mutex_unlock(&inheriting);
	known_hold(known, place, waited_by(&waiting, 1, released), released - taken);
	end(&waiting);
}

void mutex_kinds(void)
{
	make();
	hold_recursive();
	hold_robust();
	hold_inheriting();
}

/* ---- Locked while there was one thread ------------------------------------------------------- */

static pthread_mutex_t unseen = PTHREAD_MUTEX_INITIALIZER;

static int want_unseen(void)
{
	return pthread_mutex_lock(&unseen);
}

static void let_unseen_go(void)
{
	pthread_mutex_unlock(&unseen);
}

/* Its wait is known, and who let it go; how long it was held is not. */
void mutex_unseen(void)
{
	struct known *known = KNOWN(unseen, "mutex");
	struct person waiting = { .call = want_unseen, .after = let_unseen_go, .known = known };
	struct place place;
	double released;

	pthread_mutex_lock(&unseen);
	begin(&waiting);
	wait_until_it_waits(&waiting);
	sleep_s(8 * MS);
	released = now_s();
	AT(place, pthread_mutex_unlock(&unseen));
	known_hold(known, place, waited_by(&waiting, 1, released), 0);
	end(&waiting);
}
