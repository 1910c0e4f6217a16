/* SPDX-License-Identifier: MIT */
/*
 * Condition variables: those of a GIL become its takes, drops and waits; all others are waits for
 * another thread.
 */
#include "gil.h"
#include "span.h"
#include <errno.h>

/* Runs the GIL's side of a signal, before libc's: the signal is the instant of take or drop. */
static inline void see_signal(uintptr_t cond)
{
	struct gd_gil_known *gil;

	if (cond - gd_gils[0].cond == GD_GIL_SWITCH_COND)
		gd_gil_take(&gd_gils[0]);
	else if (cond == gd_gils[0].cond)
		gd_gil_drop(&gd_gils[0]);
	else if ((gil = gd_gil_at(cond, GD_GIL_SWITCH_COND)) || (gil = gd_gil_inspect(cond)))
		gd_gil_take(gil);
	else if ((gil = gd_gil_at(cond, 0)))
		gd_gil_drop(gil);
}

GD_EXPORT int pthread_cond_signal(pthread_cond_t *cond)
{
	see_signal((uintptr_t)cond);
	return GD_REAL(pthread_cond_signal)(cond);
}

GD_EXPORT int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	struct gd_gil_known *gil = gd_gil_at((uintptr_t)cond, GD_GIL_SWITCH_COND);
	struct gd_span span;
	int ret;

	if (gil) {
		bool begun = gd_gil_yield_begin(gil);

		ret = GD_REAL(pthread_cond_wait)(cond, mutex);
		gd_gil_yield_end(gil, begun);
		return ret;
	}
	span = gd_span_begin_lock(GD_CAUSE_COND, (uintptr_t)cond);
	ret = GD_REAL(pthread_cond_wait)(cond, mutex);
	gd_span_end_lock(&span, false);
	return ret;
}

GD_EXPORT int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
				     const struct timespec *deadline)
{
	struct gd_gil_known *gil = gd_gil_at((uintptr_t)cond, 0);
	struct gd_span span;
	int ret;

	if (gil) {
		gd_gil_wait(gil); /* ends with the take */
		return GD_REAL(pthread_cond_timedwait)(cond, mutex, deadline);
	}
	span = gd_span_begin_lock(GD_CAUSE_COND, (uintptr_t)cond);
	ret = GD_REAL(pthread_cond_timedwait)(cond, mutex, deadline);
	gd_span_end_lock(&span, ret == ETIMEDOUT);
	return ret;
}

GD_EXPORT int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
				     const struct timespec *deadline)
{
	struct gd_span span;
	int ret;

	if (!GD_REAL(pthread_cond_clockwait))
		return ENOSYS;
	span = gd_span_begin_lock(GD_CAUSE_COND, (uintptr_t)cond);
	ret = gd_real.pthread_cond_clockwait(cond, mutex, clock, deadline);
	gd_span_end_lock(&span, ret == ETIMEDOUT);
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
	struct gd_span span;
	int ret;

	if (!GD_REAL(cnd_wait))
		return thrd_error;
	span = gd_span_begin_lock(GD_CAUSE_COND, (uintptr_t)cond);
	ret = gd_real.cnd_wait(cond, mutex);
	gd_span_end_lock(&span, false);
	return ret;
}

GD_EXPORT int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex,
			    const struct timespec *restrict deadline)
{
	struct gd_span span;
	int ret;

	if (!GD_REAL(cnd_timedwait))
		return thrd_error;
	span = gd_span_begin_lock(GD_CAUSE_COND, (uintptr_t)cond);
	ret = gd_real.cnd_timedwait(cond, mutex, deadline);
	gd_span_end_lock(&span, ret == thrd_timedout);
	return ret;
}
