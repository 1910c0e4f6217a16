/* SPDX-License-Identifier: MIT */
/* Mutexes with a deadline, and C11's. */
#include "gil.h"
#include "mutex_word.h"
#include "span.h"
#include <errno.h>

#define RETURNS_TO ((uintptr_t)__builtin_return_address(0))

/*
 * Locks it if it is free and notes who has it now.  False: its caller locks it, and waits or learns
 * why not.
 */
static inline bool take_free(pthread_mutex_t *mutex, uintptr_t returns_to)
{
	if (!gd_mutex_is_free(mutex) || !gd_mutex_is_simple(mutex) ||
	    GD_REAL(pthread_mutex_trylock)(mutex) != 0)
		return false;
	gd_mutex_hold(mutex, returns_to);
	return true;
}

/* A wait for it, unless there is nobody to wait for. */
static inline __attribute__((always_inline)) struct gd_span begin_wait(pthread_mutex_t *mutex,
								       struct gd_here here)
{
	if (gd_mutex_is_mine(mutex) || gd_mutex_is_free(mutex) ||
	    gd_mutex_is_free_below_ceiling(mutex))
		return gd_span_none();
	return gd_span_begin_lock_at(GD_CAUSE_MUTEX, (uintptr_t)mutex, here);
}

static inline void end_wait(const struct gd_span *span, pthread_mutex_t *mutex, int ret,
			    bool timed_out, uintptr_t returns_to)
{
	bool has_it = ret == 0 || ret == EOWNERDEAD;

	gd_span_end_acquired(span, (uintptr_t)mutex, has_it ? 0 : ret, timed_out);
	if (has_it && !span->self && gd_thread_is_one_of_many && gd_mutex_is_outermost(mutex))
		gd_mutex_hold(mutex, returns_to);
}

GD_EXPORT int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *deadline)
{
	struct gd_span span;
	int ret;

	if (take_free(mutex, RETURNS_TO))
		return 0;
	span = begin_wait(mutex, GD_HERE());
	ret = GD_REAL(pthread_mutex_timedlock)(mutex, deadline);
	end_wait(&span, mutex, ret, ret == ETIMEDOUT, RETURNS_TO);
	return ret;
}

GD_EXPORT int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock,
				      const struct timespec *deadline)
{
	bool is_known = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC; /* others: EINVAL */
	struct gd_span span;
	int ret;

	if (!GD_REAL(pthread_mutex_clocklock))
		return ENOSYS;
	if (is_known && take_free(mutex, RETURNS_TO))
		return 0;
	span = is_known ? begin_wait(mutex, GD_HERE()) : gd_span_none();
	ret = gd_real.pthread_mutex_clocklock(mutex, clock, deadline);
	end_wait(&span, mutex, ret, ret == ETIMEDOUT, RETURNS_TO);
	return ret;
}

/* ---- C11 ------------------------------------------------------------------------------------- */

/* C11 mutexes are pthread mutexes inside, but glibc does not come back through our symbols. */
GD_EXPORT int mtx_lock(mtx_t *mutex)
{
	struct gd_span span;
	int ret;

	if (!GD_REAL(mtx_lock))
		return thrd_error;
	if (take_free((pthread_mutex_t *)mutex, RETURNS_TO))
		return thrd_success;
	span = begin_wait((pthread_mutex_t *)mutex, GD_HERE());
	ret = gd_real.mtx_lock(mutex);
	end_wait(&span, (pthread_mutex_t *)mutex, ret, false, RETURNS_TO);
	return ret;
}

GD_EXPORT int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict deadline)
{
	struct gd_span span;
	int ret;

	if (!GD_REAL(mtx_timedlock))
		return thrd_error;
	if (take_free((pthread_mutex_t *)mutex, RETURNS_TO))
		return thrd_success;
	span = begin_wait((pthread_mutex_t *)mutex, GD_HERE());
	ret = gd_real.mtx_timedlock(mutex, deadline);
	end_wait(&span, (pthread_mutex_t *)mutex, ret, ret == thrd_timedout, RETURNS_TO);
	return ret;
}

GD_EXPORT int mtx_trylock(mtx_t *mutex)
{
	int ret;

	if (!GD_REAL(mtx_trylock))
		return thrd_error;
	ret = gd_real.mtx_trylock(mutex);
	if (ret == thrd_success && gd_thread_is_one_of_many &&
	    gd_mutex_is_outermost((pthread_mutex_t *)mutex))
		gd_mutex_hold((pthread_mutex_t *)mutex, RETURNS_TO);
	return ret;
}
