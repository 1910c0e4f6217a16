/* SPDX-License-Identifier: MIT */
/*
 * Mutexes.  The uncontended path looks at the lock word, tries, and notes when and from where: no
 * table, no system call.  A GIL's two mutexes pass untouched: its conditions tell what happens.
 */
#include "gil.h"
#include "mutex_word.h"
#include "span.h"
#include <errno.h>

#define RETURNS_TO ((uintptr_t)__builtin_return_address(0))

__attribute__((noinline)) int gd_mutex_hold(const pthread_mutex_t *mutex, uintptr_t returns_to)
{
	struct gd_local *self = gd_self;

	if (self)
		gd_lock_hold(self, (uintptr_t)mutex, gd_ticks(), GD_LOCK_UNKNOWN, returns_to);
	return 0;
}

/* The same where nothing is rare, in as few steps as can be. */
static inline int hold_quickly(const pthread_mutex_t *mutex, uintptr_t returns_to)
{
	struct gd_local *self = gd_self;

	if (__builtin_expect(!self || self->held_last.key || !gd_clock_is_tsc, 0))
		return gd_mutex_hold(mutex, returns_to);
	self->held_last.key = (uintptr_t)mutex;
	self->held_last.accrued = GD_LOCK_UNKNOWN;
	self->held_last.returns_to = returns_to;
	GD_COMPILER_BARRIER(); /* the clock comes last: it holds up what stands behind it */
	self->held_last.taken = gd_arch_tsc();
	return 0;
}

/* A mutex that tells more than free and taken: what it has is its own, it may have waited unseen. */
static __attribute__((noinline)) int lock_special(pthread_mutex_t *mutex, uintptr_t returns_to)
{
	int ret = GD_REAL(pthread_mutex_lock)(mutex);

	if ((ret == 0 || ret == EOWNERDEAD) && gd_thread_is_one_of_many &&
	    gd_mutex_is_outermost(mutex))
		gd_mutex_hold(mutex, returns_to);
	return ret;
}

/* Before our constructor. */
static __attribute__((noinline, cold)) int lock_unresolved(pthread_mutex_t *mutex)
{
	return GD_REAL(pthread_mutex_lock)(mutex);
}

static __attribute__((noinline, cold)) int unlock_unresolved(pthread_mutex_t *mutex)
{
	return GD_REAL(pthread_mutex_unlock)(mutex);
}

/* As a jump: a caller that only passes on saves no register. */
static inline int pass_lock(pthread_mutex_t *mutex)
{
	return __builtin_expect(gd_real.pthread_mutex_lock != NULL, 1)
		       ? gd_real.pthread_mutex_lock(mutex)
		       : lock_unresolved(mutex);
}

static inline int pass_unlock(pthread_mutex_t *mutex)
{
	return __builtin_expect(gd_real.pthread_mutex_unlock != NULL, 1)
		       ? gd_real.pthread_mutex_unlock(mutex)
		       : unlock_unresolved(mutex);
}

static __attribute__((noinline)) int lock_contended(pthread_mutex_t *mutex, uintptr_t returns_to)
{
	struct gd_here here = { (uintptr_t)__builtin_frame_address(0), returns_to };
	struct gd_span span;
	int ret;

	if (gd_mutex_is_mine(mutex) || gd_mutex_is_free_below_ceiling(mutex))
		return lock_special(mutex, returns_to);
	span = gd_span_begin_lock_at(GD_CAUSE_MUTEX, (uintptr_t)mutex, here);
	ret = GD_REAL(pthread_mutex_lock)(mutex);
	gd_span_end_acquired(&span, (uintptr_t)mutex, ret == EOWNERDEAD ? 0 : ret, false);
	return ret;
}

/*
 * In a process with one thread nothing contends, and glibc's lock needs no atomic operation.  With
 * more, a lock that looked free may be gone: trying tells, and costs no more than locking.
 */
GD_EXPORT int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	int ret;

	if (gd_gil_may_own_mutex(mutex) && gd_gil_owns_mutex(mutex))
		return pass_lock(mutex);
	if (!gd_mutex_is_free(mutex))
		return lock_contended(mutex, RETURNS_TO);
	if (!gd_thread_is_one_of_many || !gd_real.pthread_mutex_trylock)
		return pass_lock(mutex);
	if (!gd_mutex_is_simple(mutex))
		return lock_special(mutex, RETURNS_TO);
	ret = gd_real.pthread_mutex_trylock(mutex);
	if (__builtin_expect(ret == 0, 1))
		return hold_quickly(mutex, RETURNS_TO);
	return ret == EBUSY ? lock_contended(mutex, RETURNS_TO) : ret;
}

GD_EXPORT int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	int ret = GD_REAL(pthread_mutex_trylock)(mutex);

	if (ret == 0 && gd_thread_is_one_of_many && !gd_gil_owns_mutex(mutex) &&
	    gd_mutex_is_outermost(mutex))
		return gd_mutex_hold(mutex, RETURNS_TO);
	return ret;
}

/* A release that others wait for. */
static __attribute__((noinline)) int unlock_watched(pthread_mutex_t *mutex, struct gd_local *self,
						    uintptr_t returns_to)
{
	struct gd_release release =
		gd_lock_release(self, (uintptr_t)mutex, GD_CAUSE_MUTEX, returns_to);
	int ret = GD_REAL(pthread_mutex_unlock)(mutex);

	if (ret == 0)
		gd_lock_released(self, &release, returns_to);
	return ret;
}

/* A GIL's, or one that nobody else could want. */
static inline bool passes_untouched(const pthread_mutex_t *mutex)
{
	return gd_gil_owns_mutex(mutex) || !gd_thread_is_one_of_many;
}

static __attribute__((noinline)) int unlock_otherwise(pthread_mutex_t *mutex, struct gd_local *self,
						      uintptr_t returns_to)
{
	struct gd_held held;
	int ret;

	if (gd_vfork_open || self->is_busy)
		return pass_unlock(mutex);
	if (gd_gil_owns_mutex(mutex)) {
		ret = GD_REAL(pthread_mutex_unlock)(mutex);
		if (gd_gil_mutex_is(mutex))
			gd_gil_settle(self);
		return ret;
	}
	if (!gd_mutex_is_outermost(mutex))
		return pass_unlock(mutex);
	if (mutex->__data.__lock != 1)
		return unlock_watched(mutex, self, returns_to);
	gd_lock_give(self, (uintptr_t)mutex, &held);
	return pass_unlock(mutex);
}

/* Inlined, so that the caller's address is that of the wrapper's caller. */
static inline __attribute__((always_inline)) int unlock(pthread_mutex_t *mutex)
{
	struct gd_local *self = gd_self;

	if (!self)
		return pass_unlock(mutex);
	if (self->held_last.key == (uintptr_t)mutex && mutex->__data.__lock == 1 &&
	    gd_mutex_is_outermost(mutex)) {
		self->held_last.key = 0;
		return pass_unlock(mutex);
	}
	if (passes_untouched(mutex) && !self->has_gil_due)
		return pass_unlock(mutex);
	return unlock_otherwise(mutex, self, RETURNS_TO);
}

GD_EXPORT int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	return unlock(mutex);
}

/* C11 mutexes are pthread mutexes inside, but glibc does not come back through our symbols. */
GD_EXPORT int mtx_unlock(mtx_t *mutex)
{
	return unlock((pthread_mutex_t *)mutex) == 0 ? thrd_success : thrd_error;
}
