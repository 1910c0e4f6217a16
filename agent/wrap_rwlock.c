/* SPDX-License-Identifier: MIT */
/*
 * Reader-writer locks.  Trying first is exact and cheap; their words have no simple meaning.  A
 * writer keeps others waiting as the holder of a mutex does; of several readers the last to leave.
 */
#include "span.h"
#include <errno.h>

static void hold(const pthread_rwlock_t *lock, uintptr_t returns_to)
{
	struct gd_local *self = gd_thread_get();

	if (self && !self->is_busy)
		gd_lock_hold(self, (uintptr_t)lock, gd_ticks(), GD_LOCK_UNKNOWN, returns_to);
}

#define RETURNS_TO ((uintptr_t)__builtin_return_address(0))

GD_EXPORT int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	struct gd_span span;
	int ret = GD_REAL(pthread_rwlock_tryrdlock)(lock);

	if (ret == 0)
		hold(lock, RETURNS_TO);
	if (ret != EBUSY && ret != EAGAIN)
		return ret;
	span = gd_span_begin_lock(GD_CAUSE_RWLOCK, (uintptr_t)lock);
	ret = GD_REAL(pthread_rwlock_rdlock)(lock);
	gd_span_end_acquired(&span, (uintptr_t)lock, ret, false);
	return ret;
}

GD_EXPORT int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	struct gd_span span;
	int ret = GD_REAL(pthread_rwlock_trywrlock)(lock);

	if (ret == 0)
		hold(lock, RETURNS_TO);
	if (ret != EBUSY)
		return ret;
	span = gd_span_begin_lock(GD_CAUSE_RWLOCK, (uintptr_t)lock);
	ret = GD_REAL(pthread_rwlock_wrlock)(lock);
	gd_span_end_acquired(&span, (uintptr_t)lock, ret, false);
	return ret;
}

GD_EXPORT int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
	int ret = GD_REAL(pthread_rwlock_tryrdlock)(lock);

	if (ret == 0)
		hold(lock, RETURNS_TO);
	return ret;
}

GD_EXPORT int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
	int ret = GD_REAL(pthread_rwlock_trywrlock)(lock);

	if (ret == 0)
		hold(lock, RETURNS_TO);
	return ret;
}

/* ---- With a deadline ------------------------------------------------------------------------- */

/* Trying first is locking only where the deadline could not be refused. */
static bool is_valid(clockid_t clock, const struct timespec *deadline)
{
	return (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC) && deadline->tv_nsec >= 0 &&
	       deadline->tv_nsec < 1000000000;
}

GD_EXPORT int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *deadline)
{
	struct gd_span span;
	int ret;

	if (is_valid(CLOCK_REALTIME, deadline) && GD_REAL(pthread_rwlock_tryrdlock)(lock) == 0) {
		hold(lock, RETURNS_TO);
		return 0;
	}
	span = gd_span_begin_lock(GD_CAUSE_RWLOCK, (uintptr_t)lock);
	ret = GD_REAL(pthread_rwlock_timedrdlock)(lock, deadline);
	gd_span_end_acquired(&span, (uintptr_t)lock, ret, ret == ETIMEDOUT);
	return ret;
}

GD_EXPORT int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *deadline)
{
	struct gd_span span;
	int ret;

	if (is_valid(CLOCK_REALTIME, deadline) && GD_REAL(pthread_rwlock_trywrlock)(lock) == 0) {
		hold(lock, RETURNS_TO);
		return 0;
	}
	span = gd_span_begin_lock(GD_CAUSE_RWLOCK, (uintptr_t)lock);
	ret = GD_REAL(pthread_rwlock_timedwrlock)(lock, deadline);
	gd_span_end_acquired(&span, (uintptr_t)lock, ret, ret == ETIMEDOUT);
	return ret;
}

GD_EXPORT int pthread_rwlock_clockrdlock(pthread_rwlock_t *lock, clockid_t clock,
					 const struct timespec *deadline)
{
	struct gd_span span;
	int ret;

	if (!GD_REAL(pthread_rwlock_clockrdlock))
		return ENOSYS;
	if (is_valid(clock, deadline) && GD_REAL(pthread_rwlock_tryrdlock)(lock) == 0) {
		hold(lock, RETURNS_TO);
		return 0;
	}
	span = gd_span_begin_lock(GD_CAUSE_RWLOCK, (uintptr_t)lock);
	ret = gd_real.pthread_rwlock_clockrdlock(lock, clock, deadline);
	gd_span_end_acquired(&span, (uintptr_t)lock, ret, ret == ETIMEDOUT);
	return ret;
}

GD_EXPORT int pthread_rwlock_clockwrlock(pthread_rwlock_t *lock, clockid_t clock,
					 const struct timespec *deadline)
{
	struct gd_span span;
	int ret;

	if (!GD_REAL(pthread_rwlock_clockwrlock))
		return ENOSYS;
	if (is_valid(clock, deadline) && GD_REAL(pthread_rwlock_trywrlock)(lock) == 0) {
		hold(lock, RETURNS_TO);
		return 0;
	}
	span = gd_span_begin_lock(GD_CAUSE_RWLOCK, (uintptr_t)lock);
	ret = gd_real.pthread_rwlock_clockwrlock(lock, clock, deadline);
	gd_span_end_acquired(&span, (uintptr_t)lock, ret, ret == ETIMEDOUT);
	return ret;
}

/* ---- Giving it back -------------------------------------------------------------------------- */

/*
 * A reader that leaves others behind frees nobody.  Readers that wait for a writer are counted
 * among the readers (nptl/pthread_rwlock_common.c), so a writer is known by its name.
 */
static bool leaves_readers(const pthread_rwlock_t *lock)
{
	return !__atomic_load_n(&lock->__data.__cur_writer, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&lock->__data.__readers, __ATOMIC_RELAXED) >> 3 > 1;
}

GD_EXPORT int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
	struct gd_local *self = gd_thread_get();
	struct gd_release release = { .row = NULL };
	struct gd_held held;
	int ret;

	if (!self || self->is_busy)
		return GD_REAL(pthread_rwlock_unlock)(lock);
	if (leaves_readers(lock))
		gd_lock_give(self, (uintptr_t)lock, &held);
	else
		release = gd_lock_release(self, (uintptr_t)lock, GD_CAUSE_RWLOCK, RETURNS_TO);
	ret = GD_REAL(pthread_rwlock_unlock)(lock);
	if (ret == 0)
		gd_lock_released(self, &release, RETURNS_TO);
	return ret;
}
