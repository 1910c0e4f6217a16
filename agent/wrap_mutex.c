/* SPDX-License-Identifier: MIT */
/*
 * Mutexes.  The uncontended path looks at the lock word, tries, and notes when and from where: no
 * table, no system call.  A GIL's two mutexes pass untouched: gil.c sees its takes and drops.
 */
#include "gil.h"
#include "span.h"
#include <errno.h>

#define RETURNS_TO ((uintptr_t)__builtin_return_address(0))

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

/* Its type without what else is special about it. */
static inline int type_of(const pthread_mutex_t *mutex)
{
	return mutex->__data.__kind & 3;
}

/* A mutex that the thread has already is not waited for, where its type looks who has it. */
static bool is_mine(const pthread_mutex_t *mutex)
{
	const struct gd_local *self = gd_self;

	return (type_of(mutex) == PTHREAD_MUTEX_RECURSIVE_NP ||
		type_of(mutex) == PTHREAD_MUTEX_ERRORCHECK_NP) &&
	       self && __atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED) == self->slot->tid;
}

/* The outermost of a recursive mutex's locks: the one that acquires it and gives it back. */
static inline bool is_outermost(const pthread_mutex_t *mutex)
{
	return type_of(mutex) != PTHREAD_MUTEX_RECURSIVE_NP || mutex->__data.__count <= 1;
}

/* With a priority ceiling the word of a free one is not 0: the ceiling stands above bit 19. */
static bool is_free_below_ceiling(const pthread_mutex_t *mutex)
{
	return mutex->__data.__kind & 64 &&
	       !(__atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED) & 0x7ffff);
}

/*
 * The acquisition of a lock that was free: its time and its caller, so that a release that others
 * wait for knows how long it was held and by whom.  A vfork child's locks are its parent's, too.
 * Returns 0, for its callers to jump here.
 */
static __attribute__((noinline)) int hold(const pthread_mutex_t *mutex, uintptr_t returns_to)
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
		return hold(mutex, returns_to);
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

	if ((ret == 0 || ret == EOWNERDEAD) && gd_thread_is_one_of_many && is_outermost(mutex))
		hold(mutex, returns_to);
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

	if (is_mine(mutex) || is_free_below_ceiling(mutex))
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
	if (!is_free(mutex))
		return lock_contended(mutex, RETURNS_TO);
	if (!gd_thread_is_one_of_many || !gd_real.pthread_mutex_trylock)
		return pass_lock(mutex);
	if (!is_simple(mutex))
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
	    is_outermost(mutex))
		return hold(mutex, RETURNS_TO);
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
	if (!is_outermost(mutex))
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
	    is_outermost(mutex)) {
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

/* ---- With a deadline ------------------------------------------------------------------------- */

/*
 * Locks it if it is free and notes who has it now.  False: its caller locks it, and waits or learns
 * why not.
 */
static inline bool take_free(pthread_mutex_t *mutex, uintptr_t returns_to)
{
	if (!is_free(mutex) || !is_simple(mutex) || GD_REAL(pthread_mutex_trylock)(mutex) != 0)
		return false;
	hold(mutex, returns_to);
	return true;
}

/* A wait for it, unless there is nobody to wait for. */
static inline __attribute__((always_inline)) struct gd_span begin_wait(pthread_mutex_t *mutex,
								       struct gd_here here)
{
	if (is_mine(mutex) || is_free(mutex) || is_free_below_ceiling(mutex))
		return gd_span_none();
	return gd_span_begin_lock_at(GD_CAUSE_MUTEX, (uintptr_t)mutex, here);
}

static inline void end_wait(const struct gd_span *span, pthread_mutex_t *mutex, int ret,
			    bool timed_out, uintptr_t returns_to)
{
	bool has_it = ret == 0 || ret == EOWNERDEAD;

	gd_span_end_acquired(span, (uintptr_t)mutex, has_it ? 0 : ret, timed_out);
	if (has_it && !span->self && gd_thread_is_one_of_many && is_outermost(mutex))
		hold(mutex, returns_to);
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
	    is_outermost((pthread_mutex_t *)mutex))
		hold((pthread_mutex_t *)mutex, RETURNS_TO);
	return ret;
}

GD_EXPORT int mtx_unlock(mtx_t *mutex)
{
	return unlock((pthread_mutex_t *)mutex) == 0 ? thrd_success : thrd_error;
}
