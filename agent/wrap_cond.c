/* SPDX-License-Identifier: MIT */
/*
 * Condition variables: those of a GIL become its takes, drops and waits; all others are waits for
 * another thread.
 */
#include "gil.h"
#include "span.h"
#include <errno.h>

/*
 * Runs the GIL's side of a signal, before libc's: the signal is the instant of take or drop. False:
 * it is no GIL's condition.
 */
static bool see_signal(uintptr_t cond)
{
	struct gd_gil_known *gil;

	if ((gil = gd_gil_at(cond, GD_GIL_SWITCH_COND)) || (gil = gd_gil_inspect(cond)))
		gd_gil_take(gil);
	else if ((gil = gd_gil_at(cond, 0)))
		gd_gil_drop(gil);
	else
		return false;
	return true;
}

/* glibc counts who waits, for destroy (nptl/pthread_cond_wait.c: __wrefs, in units of 8). */
static inline bool is_waited_for(const pthread_cond_t *cond)
{
	return __atomic_load_n(&cond->__data.__wrefs, __ATOMIC_RELAXED) >> 3 != 0;
}

static __attribute__((noinline)) int wake(pthread_cond_t *cond, bool wakes_all,
					  uintptr_t returns_to)
{
	struct gd_local *self = gd_thread_get();
	struct gd_release release = { .row = NULL };
	int ret;

	if (self && !self->is_busy)
		release = gd_lock_release(self, (uintptr_t)cond, GD_CAUSE_COND, returns_to);
	ret = wakes_all ? GD_REAL(pthread_cond_broadcast)(cond)
			: GD_REAL(pthread_cond_signal)(cond);
	if (release.row)
		gd_lock_released(self, &release, returns_to);
	return ret;
}

static __attribute__((noinline)) int signal_otherwise(pthread_cond_t *cond, uintptr_t returns_to)
{
	if (see_signal((uintptr_t)cond) || !is_waited_for(cond))
		return GD_REAL(pthread_cond_signal)(cond);
	return wake(cond, false, returns_to);
}

/* The first GIL's, known and awake, before all others. */
GD_EXPORT int pthread_cond_signal(pthread_cond_t *cond)
{
	if ((uintptr_t)cond - gd_gils[0].cond == GD_GIL_SWITCH_COND)
		gd_gil_take(&gd_gils[0]);
	else if ((uintptr_t)cond == gd_gils[0].cond)
		gd_gil_drop(&gd_gils[0]);
	else
		return signal_otherwise(cond, (uintptr_t)__builtin_return_address(0));
	return gd_real.pthread_cond_signal(cond);
}

GD_EXPORT int pthread_cond_broadcast(pthread_cond_t *cond)
{
	if (!is_waited_for(cond))
		return GD_REAL(pthread_cond_broadcast)(cond);
	return wake(cond, true, (uintptr_t)__builtin_return_address(0));
}

/*
 * Waiting for a condition gives the mutex back and takes it again, inside libc, where our wrappers
 * do not see it: its hold ends here and a new one begins.
 */
struct cond_wait {
	struct gd_span span;
	struct gd_release release;
};

static inline __attribute__((always_inline)) struct cond_wait begin_wait(pthread_cond_t *cond,
									 pthread_mutex_t *mutex)
{
	struct gd_local *self = gd_thread_get();
	struct cond_wait wait = { .release = { .row = NULL } };

	if (self && !self->is_busy && !self->in_wait)
		wait.release = gd_lock_release(self, (uintptr_t)mutex, GD_CAUSE_MUTEX, 0);
	wait.span = gd_span_begin_lock(GD_CAUSE_COND, (uintptr_t)cond);
	return wait;
}

static inline __attribute__((always_inline)) void end_wait(const struct cond_wait *wait,
							   pthread_mutex_t *mutex, bool timed_out)
{
	struct gd_local *self = wait->span.self;

	gd_span_end_lock(&wait->span, timed_out ? GD_LOCK_TIMED_OUT : GD_LOCK_OBTAINED);
	if (!self)
		return;
	gd_lock_released(self, &wait->release, (uintptr_t)__builtin_return_address(0));
	gd_lock_hold(self, (uintptr_t)mutex, gd_ticks(), GD_LOCK_UNKNOWN,
		     (uintptr_t)__builtin_return_address(0));
}

GD_EXPORT int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	struct gd_gil_known *gil = gd_gil_at((uintptr_t)cond, GD_GIL_SWITCH_COND);
	struct cond_wait wait;
	int ret;

	if (gil) {
		bool begun = gd_gil_yield_begin(gil);

		ret = GD_REAL(pthread_cond_wait)(cond, mutex);
		gd_gil_yield_end(gil, begun);
		return ret;
	}
	wait = begin_wait(cond, mutex);
	ret = GD_REAL(pthread_cond_wait)(cond, mutex);
	end_wait(&wait, mutex, false);
	return ret;
}

GD_EXPORT int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
				     const struct timespec *deadline)
{
	struct gd_gil_known *gil = gd_gil_at((uintptr_t)cond, 0);
	struct cond_wait wait;
	int ret;

	if (gil) {
		gd_gil_wait(gil); /* ends with the take */
		return GD_REAL(pthread_cond_timedwait)(cond, mutex, deadline);
	}
	wait = begin_wait(cond, mutex);
	ret = GD_REAL(pthread_cond_timedwait)(cond, mutex, deadline);
	end_wait(&wait, mutex, ret == ETIMEDOUT);
	return ret;
}

GD_EXPORT int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
				     const struct timespec *deadline)
{
	struct cond_wait wait;
	int ret;

	if (!GD_REAL(pthread_cond_clockwait))
		return ENOSYS;
	wait = begin_wait(cond, mutex);
	ret = gd_real.pthread_cond_clockwait(cond, mutex, clock, deadline);
	end_wait(&wait, mutex, ret == ETIMEDOUT);
	return ret;
}

GD_EXPORT int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
	/* A fork's child initialises its GIL again at the same address: still the same GIL. */
	if (!gd_gil_at((uintptr_t)cond, 0))
		gd_gil_forget((uintptr_t)cond);
	return GD_REAL(pthread_cond_init)(cond, attr);
}

GD_EXPORT int pthread_cond_destroy(pthread_cond_t *cond)
{
	gd_gil_forget((uintptr_t)cond);
	return GD_REAL(pthread_cond_destroy)(cond);
}

GD_EXPORT int cnd_wait(cnd_t *cond, mtx_t *mutex)
{
	struct cond_wait wait;
	int ret;

	if (!GD_REAL(cnd_wait))
		return thrd_error;
	wait = begin_wait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex);
	ret = gd_real.cnd_wait(cond, mutex);
	end_wait(&wait, (pthread_mutex_t *)mutex, false);
	return ret;
}

GD_EXPORT int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex,
			    const struct timespec *restrict deadline)
{
	struct cond_wait wait;
	int ret;

	if (!GD_REAL(cnd_timedwait))
		return thrd_error;
	wait = begin_wait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex);
	ret = gd_real.cnd_timedwait(cond, mutex, deadline);
	end_wait(&wait, (pthread_mutex_t *)mutex, ret == thrd_timedout);
	return ret;
}

GD_EXPORT int cnd_signal(cnd_t *cond)
{
	pthread_cond_t *inside = (pthread_cond_t *)cond;
	int ret = is_waited_for(inside)
			  ? wake(inside, false, (uintptr_t)__builtin_return_address(0))
			  : GD_REAL(pthread_cond_signal)(inside);

	return ret == 0 ? thrd_success : thrd_error;
}

GD_EXPORT int cnd_broadcast(cnd_t *cond)
{
	pthread_cond_t *inside = (pthread_cond_t *)cond;
	int ret = is_waited_for(inside) ? wake(inside, true, (uintptr_t)__builtin_return_address(0))
					: GD_REAL(pthread_cond_broadcast)(inside);

	return ret == 0 ? thrd_success : thrd_error;
}
