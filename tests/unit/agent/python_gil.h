/* SPDX-License-Identifier: MIT */
/*
 * A GIL as CPython's struct _gil_runtime_state (Include/internal/pycore_gil.h) is laid out, taken and
 * dropped as Python/ceval_gil.c does it, by libc's own mutexes and conditions.
 */
#ifndef PYTHON_GIL_H
#define PYTHON_GIL_H

#include <builders/awake.h>
#include <errno.h>
#include <gil.h>
#include <string.h>
#include <unit/cmocka_begin.h>

struct python_gil {
	unsigned long interval;
	void *last_holder;
	int locked;
	unsigned long switch_number;
	pthread_cond_t cond;
	pthread_mutex_t mutex;
	pthread_cond_t switch_cond;
	pthread_mutex_t switch_mutex;
};
_Static_assert(offsetof(struct python_gil, mutex) - offsetof(struct python_gil, cond) ==
		       GD_GIL_MUTEX,
	       "as gil.h has it");
_Static_assert(offsetof(struct python_gil, switch_cond) - offsetof(struct python_gil, cond) ==
		       GD_GIL_SWITCH_COND,
	       "as gil.h has it");
_Static_assert(offsetof(struct python_gil, switch_mutex) - offsetof(struct python_gil, cond) ==
		       GD_GIL_SWITCH_MUTEX,
	       "as gil.h has it");

static inline void make(struct python_gil *gil)
{
	memset(gil, 0, sizeof(*gil));
	gil->interval = 5000;
	pthread_mutex_init(&gil->mutex, NULL);
	pthread_mutex_init(&gil->switch_mutex, NULL);
	pthread_cond_init(&gil->cond, NULL);
	pthread_cond_init(&gil->switch_cond, NULL);
}

static inline void destroy(struct python_gil *gil)
{
	pthread_cond_destroy(&gil->cond);
	pthread_cond_destroy(&gil->switch_cond);
	pthread_mutex_destroy(&gil->mutex);
	pthread_mutex_destroy(&gil->switch_mutex);
}

/* A timed wait for a GIL that another thread holds: its interval runs out. */
static inline void wait_once(struct python_gil *gil, double s)
{
	struct timespec past = { 1, 0 };

	assert_int_equal(pthread_mutex_lock(&gil->mutex), 0);
	assert_int_equal(pthread_cond_timedwait(&gil->cond, &gil->mutex, &past), ETIMEDOUT);
	gd_awake_ns += GD_AWAKE_S(s);
	assert_int_equal(pthread_mutex_unlock(&gil->mutex), 0);
}

static inline void take(struct python_gil *gil)
{
	assert_int_equal(pthread_mutex_lock(&gil->mutex), 0);
	gil->locked = 1;
	assert_int_equal(pthread_mutex_lock(&gil->switch_mutex), 0);
	gil->last_holder = gil;
	gil->switch_number++;
	assert_int_equal(pthread_cond_signal(&gil->switch_cond), 0);
	assert_int_equal(pthread_mutex_unlock(&gil->switch_mutex), 0);
	assert_int_equal(pthread_mutex_unlock(&gil->mutex), 0);
}

static inline void drop(struct python_gil *gil)
{
	assert_int_equal(pthread_mutex_lock(&gil->mutex), 0);
	gil->locked = 0;
	assert_int_equal(pthread_cond_signal(&gil->cond), 0);
	assert_int_equal(pthread_mutex_unlock(&gil->mutex), 0);
}

static inline void pass(double s)
{
	gd_awake_ns += GD_AWAKE_S(s);
}

static inline struct gd_gil *row_of(const struct python_gil *gil)
{
	struct gd_gil_known *known = gd_gil_at((uintptr_t)&gil->cond, 0);

	return known ? known->row : NULL;
}

static inline struct gd_section *section(void)
{
	return &gd_sections[GD_SECTION_GILS - 1];
}

/* No GIL is known from a test before. */
static inline int wake(void **state)
{
	memset(gd_gils, 0, sizeof(gd_gils));
	gd_gil_count = 0;
	return gd_awake_with_clock(state);
}

#endif
