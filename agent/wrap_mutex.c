/* SPDX-License-Identifier: MIT */
/*
 * Mutexes and reader-writer locks.  The uncontended path of a mutex looks at the lock word and goes
 * on: it reads no clock.  A GIL's two mutexes pass untouched: gil.c sees its takes and drops.
 */
#include "gil.h"
#include "span.h"
#include <errno.h>

/*
 * glibc's lock word (nptl/lowlevellock.h): 0 free, 1 taken, 2 taken and waited for.  Robust,
 * priority-inheriting and other special ones keep a thread id there: not 0 while taken, so the
 * question has the same answer.
 */
static inline bool is_free(const pthread_mutex_t *mutex)
{
	return __atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED) == 0;
}

/* Normal, recursive, error-checking, adaptive: trying and then locking is the same as locking. */
static inline bool is_simple(const pthread_mutex_t *mutex)
{
	return (mutex->__data.__kind & 0x7f) <= PTHREAD_MUTEX_ADAPTIVE_NP;
}

/* A recursive mutex that the thread has already is not waited for. */
static bool is_mine(const pthread_mutex_t *mutex)
{
	const struct gd_local *self = gd_self;

	return (mutex->__data.__kind & 0x7f) == PTHREAD_MUTEX_RECURSIVE_NP && self &&
	       __atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED) == self->slot->tid;
}

static __attribute__((noinline)) int lock_contended(pthread_mutex_t *mutex)
{
	struct gd_span span;
	int ret;

	if (is_mine(mutex))
		return GD_REAL(pthread_mutex_lock)(mutex);
	span = gd_span_begin_lock(GD_CAUSE_MUTEX, (uintptr_t)mutex);
	ret = GD_REAL(pthread_mutex_lock)(mutex);
	gd_span_end_lock(&span, false);
	return ret;
}

/*
 * In a process with one thread nothing contends, and glibc's lock needs no atomic operation.  With
 * more, a lock that looked free may be gone: trying tells, and costs no more than locking.
 */
GD_EXPORT int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	int ret;

	if (gd_gil_owns_mutex(mutex))
		return GD_REAL(pthread_mutex_lock)(mutex);
	if (!is_free(mutex))
		return lock_contended(mutex);
	if (!gd_thread_is_one_of_many || !is_simple(mutex))
		return GD_REAL(pthread_mutex_lock)(mutex);
	ret = GD_REAL(pthread_mutex_trylock)(mutex);
	return ret == EBUSY ? lock_contended(mutex) : ret;
}

GD_EXPORT int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *deadline)
{
	struct gd_span span;
	int ret;

	if (is_free(mutex) || is_mine(mutex))
		return GD_REAL(pthread_mutex_timedlock)(mutex, deadline);
	span = gd_span_begin_lock(GD_CAUSE_MUTEX, (uintptr_t)mutex);
	ret = GD_REAL(pthread_mutex_timedlock)(mutex, deadline);
	gd_span_end_lock(&span, ret == ETIMEDOUT);
	return ret;
}

GD_EXPORT int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock,
				      const struct timespec *deadline)
{
	struct gd_span span;
	int ret;

	if (!GD_REAL(pthread_mutex_clocklock))
		return ENOSYS;
	if (is_free(mutex) || is_mine(mutex))
		return gd_real.pthread_mutex_clocklock(mutex, clock, deadline);
	span = gd_span_begin_lock(GD_CAUSE_MUTEX, (uintptr_t)mutex);
	ret = gd_real.pthread_mutex_clocklock(mutex, clock, deadline);
	gd_span_end_lock(&span, ret == ETIMEDOUT);
	return ret;
}

/* C11 mutexes are pthread mutexes inside, but glibc does not come back through our symbols. */
GD_EXPORT int mtx_lock(mtx_t *mutex)
{
	struct gd_span span;
	int ret;

	if (!GD_REAL(mtx_lock))
		return thrd_error;
	if (is_free((pthread_mutex_t *)mutex) || is_mine((pthread_mutex_t *)mutex))
		return gd_real.mtx_lock(mutex);
	span = gd_span_begin_lock(GD_CAUSE_MUTEX, (uintptr_t)mutex);
	ret = gd_real.mtx_lock(mutex);
	gd_span_end_lock(&span, false);
	return ret;
}

GD_EXPORT int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict deadline)
{
	struct gd_span span;
	int ret;

	if (!GD_REAL(mtx_timedlock))
		return thrd_error;
	if (is_free((pthread_mutex_t *)mutex) || is_mine((pthread_mutex_t *)mutex))
		return gd_real.mtx_timedlock(mutex, deadline);
	span = gd_span_begin_lock(GD_CAUSE_MUTEX, (uintptr_t)mutex);
	ret = gd_real.mtx_timedlock(mutex, deadline);
	gd_span_end_lock(&span, ret == thrd_timedout);
	return ret;
}

/* ---- Reader-writer locks: trying first is exact and cheap, their word has no simple meaning
 * ------ */

GD_EXPORT int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	struct gd_span span;
	int ret = GD_REAL(pthread_rwlock_tryrdlock)(lock);

	if (ret != EBUSY)
		return ret == EAGAIN ? GD_REAL(pthread_rwlock_rdlock)(lock) : ret;
	span = gd_span_begin_lock(GD_CAUSE_RWLOCK, (uintptr_t)lock);
	ret = GD_REAL(pthread_rwlock_rdlock)(lock);
	gd_span_end_lock(&span, false);
	return ret;
}

GD_EXPORT int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	struct gd_span span;
	int ret = GD_REAL(pthread_rwlock_trywrlock)(lock);

	if (ret != EBUSY)
		return ret;
	span = gd_span_begin_lock(GD_CAUSE_RWLOCK, (uintptr_t)lock);
	ret = GD_REAL(pthread_rwlock_wrlock)(lock);
	gd_span_end_lock(&span, false);
	return ret;
}

GD_EXPORT int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *deadline)
{
	struct gd_span span = gd_span_begin_lock(GD_CAUSE_RWLOCK, (uintptr_t)lock);
	int ret = GD_REAL(pthread_rwlock_timedrdlock)(lock, deadline);

	gd_span_end_lock(&span, ret == ETIMEDOUT);
	return ret;
}

GD_EXPORT int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *deadline)
{
	struct gd_span span = gd_span_begin_lock(GD_CAUSE_RWLOCK, (uintptr_t)lock);
	int ret = GD_REAL(pthread_rwlock_timedwrlock)(lock, deadline);

	gd_span_end_lock(&span, ret == ETIMEDOUT);
	return ret;
}

GD_EXPORT int pthread_rwlock_clockrdlock(pthread_rwlock_t *lock, clockid_t clock,
					 const struct timespec *deadline)
{
	struct gd_span span;
	int ret;

	if (!GD_REAL(pthread_rwlock_clockrdlock))
		return ENOSYS;
	span = gd_span_begin_lock(GD_CAUSE_RWLOCK, (uintptr_t)lock);
	ret = gd_real.pthread_rwlock_clockrdlock(lock, clock, deadline);
	gd_span_end_lock(&span, ret == ETIMEDOUT);
	return ret;
}

GD_EXPORT int pthread_rwlock_clockwrlock(pthread_rwlock_t *lock, clockid_t clock,
					 const struct timespec *deadline)
{
	struct gd_span span;
	int ret;

	if (!GD_REAL(pthread_rwlock_clockwrlock))
		return ENOSYS;
	span = gd_span_begin_lock(GD_CAUSE_RWLOCK, (uintptr_t)lock);
	ret = gd_real.pthread_rwlock_clockwrlock(lock, clock, deadline);
	gd_span_end_lock(&span, ret == ETIMEDOUT);
	return ret;
}
