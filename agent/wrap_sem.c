/* SPDX-License-Identifier: MIT */
/*
 * Semaphores, and with them Python's locks: sem_t on the heap up to 3.12, waits in the parking lot
 * from 3.13 on.  An uncontended acquire only notes who has it, so that the release can be told from
 * a signal.  Barriers and joins are here too: waits for threads that need nothing more.
 */
#include "span.h"
#include <errno.h>

/* glibc's struct new_sem on 64 bits: value in the low half of one word, waiters in the high half.
 */
static inline uint32_t value_of(sem_t *sem)
{
	return (uint32_t)__atomic_load_n((uint64_t *)sem, __ATOMIC_RELAXED);
}

static inline uint32_t waiters_of(sem_t *sem)
{
	return (uint32_t)(__atomic_load_n((uint64_t *)sem, __ATOMIC_RELAXED) >> 32);
}

static inline void acquired(const struct gd_span *span, uintptr_t key, int ret)
{
	if (span->self && ret == 0)
		gd_lock_hold(span->self, key);
}

GD_EXPORT int sem_trywait(sem_t *sem)
{
	int ret = GD_REAL(sem_trywait)(sem);
	struct gd_local *self = ret == 0 ? gd_thread_get() : NULL;

	if (self)
		gd_lock_hold(self, (uintptr_t)sem);
	return ret;
}

GD_EXPORT int sem_wait(sem_t *sem)
{
	uintptr_t key;
	struct gd_span span;
	int ret;

	if (value_of(sem) > 0) {
		struct gd_local *self = gd_thread_get();

		if (self)
			gd_lock_hold(self, (uintptr_t)sem);
		return GD_REAL(sem_wait)(sem);
	}
	key = gd_lock_park((uintptr_t)sem, (uintptr_t)__builtin_frame_address(0));
	span = gd_span_begin_lock(GD_CAUSE_SEM, key);
	ret = GD_REAL(sem_wait)(sem);
	acquired(&span, key, ret);
	gd_span_end_lock(&span, false);
	return ret;
}

GD_EXPORT int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict deadline)
{
	uintptr_t key = gd_lock_park((uintptr_t)sem, (uintptr_t)__builtin_frame_address(0));
	struct gd_span span = gd_span_begin_lock(GD_CAUSE_SEM, key);
	int ret = GD_REAL(sem_timedwait)(sem, deadline);

	acquired(&span, key, ret);
	gd_span_end_lock(&span, ret != 0 && errno == ETIMEDOUT);
	return ret;
}

GD_EXPORT int sem_clockwait(sem_t *restrict sem, clockid_t clock,
			    const struct timespec *restrict deadline)
{
	uintptr_t key;
	struct gd_span span;
	int ret;

	if (!GD_REAL(sem_clockwait)) {
		errno = ENOSYS;
		return -1;
	}
	key = gd_lock_park((uintptr_t)sem, (uintptr_t)__builtin_frame_address(0));
	span = gd_span_begin_lock(GD_CAUSE_SEM, key);
	ret = gd_real.sem_clockwait(sem, clock, deadline);
	acquired(&span, key, ret);
	gd_span_end_lock(&span, ret != 0 && errno == ETIMEDOUT);
	return ret;
}

GD_EXPORT int sem_post(sem_t *sem)
{
	struct gd_local *self = gd_thread_get();

	if (self) {
		uintptr_t key = gd_lock_parked((uintptr_t)sem);
		bool is_release = gd_lock_give(self, key);
		struct gd_lock *row = waiters_of(sem) ? gd_lock_find(key) : NULL;

		if (row)
			__atomic_fetch_add(is_release ? &row->released : &row->posted, 1,
					   __ATOMIC_RELAXED);
	}
	return GD_REAL(sem_post)(sem);
}

GD_EXPORT int pthread_barrier_wait(pthread_barrier_t *barrier)
{
	struct gd_span span = gd_span_begin_lock(GD_CAUSE_BARRIER, (uintptr_t)barrier);
	int ret = GD_REAL(pthread_barrier_wait)(barrier);

	gd_span_end_lock(&span, false);
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
