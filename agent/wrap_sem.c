/* SPDX-License-Identifier: MIT */
/*
 * Semaphores, and with them Python's locks: sem_t on the heap up to 3.12, waits in the parking lot
 * from 3.13 on.  An uncontended acquire only notes who has it, so that the release can be told from
 * a signal.  Barriers and joins are here too: waits for threads that need nothing more.
 */
#include "span.h"
#include <errno.h>

/*
 * glibc's struct new_sem on 64 bits: value in the low half of one word, waiters in the high half.
 */
static inline uint32_t value_of(sem_t *sem)
{
	return (uint32_t)__atomic_load_n((uint64_t *)sem, __ATOMIC_RELAXED);
}

static inline uint32_t waiters_of(sem_t *sem)
{
	return (uint32_t)(__atomic_load_n((uint64_t *)sem, __ATOMIC_RELAXED) >> 32);
}

static inline void hold(struct gd_local *self, uintptr_t key, uintptr_t returns_to)
{
	if (self && !self->is_busy)
		gd_lock_hold(self, key, gd_ticks(), GD_LOCK_UNKNOWN, returns_to);
}

#define RETURNS_TO ((uintptr_t)__builtin_return_address(0))

GD_EXPORT int sem_trywait(sem_t *sem)
{
	int ret = GD_REAL(sem_trywait)(sem);

	if (ret == 0)
		hold(gd_thread_get(), (uintptr_t)sem, RETURNS_TO);
	return ret;
}

GD_EXPORT int sem_wait(sem_t *sem)
{
	uintptr_t key;
	struct gd_span span;
	int ret;

	if (value_of(sem) > 0) {
		ret = GD_REAL(sem_wait)(sem);
		if (ret == 0)
			hold(gd_thread_get(), (uintptr_t)sem, RETURNS_TO);
		return ret;
	}
	key = gd_lock_park((uintptr_t)sem, (uintptr_t)__builtin_frame_address(0));
	span = gd_span_begin_lock(GD_CAUSE_SEM, key);
	ret = GD_REAL(sem_wait)(sem);
	gd_span_end_acquired(&span, key, ret, false);
	return ret;
}

GD_EXPORT int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict deadline)
{
	uintptr_t key = gd_lock_park((uintptr_t)sem, (uintptr_t)__builtin_frame_address(0));
	bool was_free = value_of(sem) > 0;
	struct gd_span span = gd_span_begin_lock(GD_CAUSE_SEM, key);
	int ret;

	span.was_free = was_free;
	ret = GD_REAL(sem_timedwait)(sem, deadline);
	gd_span_end_acquired(&span, key, ret, ret != 0 && errno == ETIMEDOUT);
	return ret;
}

GD_EXPORT int sem_clockwait(sem_t *restrict sem, clockid_t clock,
			    const struct timespec *restrict deadline)
{
	uintptr_t key;
	struct gd_span span;
	bool was_free;
	int ret;

	if (!GD_REAL(sem_clockwait)) {
		errno = ENOSYS;
		return -1;
	}
	key = gd_lock_park((uintptr_t)sem, (uintptr_t)__builtin_frame_address(0));
	was_free = value_of(sem) > 0;
	span = gd_span_begin_lock(GD_CAUSE_SEM, key);
	span.was_free = was_free;
	ret = gd_real.sem_clockwait(sem, clock, deadline);
	gd_span_end_acquired(&span, key, ret, ret != 0 && errno == ETIMEDOUT);
	return ret;
}

GD_EXPORT int sem_post(sem_t *sem)
{
	struct gd_local *self = gd_thread_get();
	struct gd_release release;
	struct gd_held held;
	uintptr_t key;
	int ret;

	if (!self || self->is_busy)
		return GD_REAL(sem_post)(sem);
	key = gd_lock_parked((uintptr_t)sem);
	if (!waiters_of(sem) && !gd_lock_gave_up) {
		gd_lock_give(self, key, &held);
		return GD_REAL(sem_post)(sem);
	}
	release = gd_lock_release(self, key, GD_CAUSE_SEM, RETURNS_TO);
	ret = GD_REAL(sem_post)(sem);
	gd_lock_released(self, &release, RETURNS_TO);
	return ret;
}

/* The last to arrive lets the others go, and waits for nobody. */
GD_EXPORT int pthread_barrier_wait(pthread_barrier_t *barrier)
{
	struct gd_span span = gd_span_begin_lock(GD_CAUSE_BARRIER, (uintptr_t)barrier);
	struct gd_release release = { .row = NULL };
	int ret;

	/* It has arrived itself by now: what the others have waited so far is all of it. */
	if (span.self)
		release = gd_lock_release(span.self, (uintptr_t)barrier, GD_CAUSE_BARRIER,
					  RETURNS_TO);
	ret = GD_REAL(pthread_barrier_wait)(barrier);
	gd_span_end_lock(&span, ret == PTHREAD_BARRIER_SERIAL_THREAD ? GD_LOCK_NOT_WAITED
								     : GD_LOCK_OBTAINED);
	if (ret == PTHREAD_BARRIER_SERIAL_THREAD)
		gd_lock_released(span.self, &release, RETURNS_TO);
	return ret;
}

GD_EXPORT int pthread_join(pthread_t thread, void **value)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_JOIN, (uint64_t)thread, 0);
	int ret = GD_REAL(pthread_join)(thread, value);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int pthread_timedjoin_np(pthread_t thread, void **value, const struct timespec *deadline)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_JOIN, (uint64_t)thread, 0);
	int ret = GD_REAL(pthread_timedjoin_np)(thread, value, deadline);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int pthread_clockjoin_np(pthread_t thread, void **value, clockid_t clock,
				   const struct timespec *deadline)
{
	struct gd_span span;
	int ret;

	if (!GD_REAL(pthread_clockjoin_np))
		return ENOSYS;
	span = gd_span_begin(GD_CAUSE_JOIN, (uint64_t)thread, 0);
	ret = gd_real.pthread_clockjoin_np(thread, value, clock, deadline);
	gd_span_end(&span);
	return ret;
}

GD_EXPORT int thrd_join(thrd_t thread, int *value)
{
	struct gd_span span;
	int ret;

	if (!GD_REAL(thrd_join))
		return thrd_error;
	span = gd_span_begin(GD_CAUSE_JOIN, (uint64_t)thread, 0);
	ret = gd_real.thrd_join(thread, value);
	gd_span_end(&span);
	return ret;
}
