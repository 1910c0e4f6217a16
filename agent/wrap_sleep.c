/* SPDX-License-Identifier: MIT */
/*
 * Sleeps, waits for signals, name lookups.
 */
#include "readable.h"
#include "span.h"
#include <errno.h>

static void note_yield(void)
{
	struct gd_local *self = gd_thread_get();

	if (self)
		self->slot->yields++;
}

/* A sleep of zero is a yield: it does not wait. */
static inline __attribute__((always_inline)) struct gd_span begin_sleep(bool is_zero)
{
	if (!is_zero)
		return gd_span_begin(GD_CAUSE_SLEEP, 0, 0);
	note_yield();
	return gd_span_none();
}

static inline bool is_zero(const struct timespec *time)
{
	return gd_can_read(time, sizeof(*time)) && time->tv_sec == 0 && time->tv_nsec == 0;
}

GD_EXPORT unsigned int sleep(unsigned int seconds)
{
	struct gd_span span = begin_sleep(seconds == 0);
	unsigned int ret = GD_REAL(sleep)(seconds);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int usleep(useconds_t us)
{
	struct gd_span span = begin_sleep(us == 0);
	int ret = GD_REAL(usleep)(us);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int nanosleep(const struct timespec *time, struct timespec *left)
{
	struct gd_span span = begin_sleep(is_zero(time));
	int ret = GD_REAL(nanosleep)(time, left);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
			      struct timespec *left)
{
	struct gd_span span = begin_sleep(is_zero(time) && !(flags & TIMER_ABSTIME));
	int ret = GD_REAL(clock_nanosleep)(clock, flags, time, left);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int thrd_sleep(const struct timespec *time, struct timespec *left)
{
	struct gd_span span = begin_sleep(is_zero(time));
	int ret = GD_REAL(thrd_sleep) ? gd_real.thrd_sleep(time, left) : -2;

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int sched_yield(void)
{
	note_yield();
	return GD_REAL(sched_yield)();
}

/* ---- Signals --------------------------------------------------------------------------------- */

GD_EXPORT int pause(void)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_SIGNAL, 0, 0);
	int ret = GD_REAL(pause)();

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int sigsuspend(const sigset_t *mask)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_SIGNAL, 0, 0);
	int ret = GD_REAL(sigsuspend)(mask);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int sigwait(const sigset_t *restrict mask, int *restrict signal)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_SIGNAL, 0, 0);
	int ret = GD_REAL(sigwait)(mask, signal);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int sigwaitinfo(const sigset_t *restrict mask, siginfo_t *restrict info)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_SIGNAL, 0, 0);
	int ret = GD_REAL(sigwaitinfo)(mask, info);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int sigtimedwait(const sigset_t *restrict mask, siginfo_t *restrict info,
			   const struct timespec *restrict timeout)
{
	struct gd_span span =
		is_zero(timeout) ? gd_span_none() : gd_span_begin(GD_CAUSE_SIGNAL, 0, 0);
	int ret = GD_REAL(sigtimedwait)(mask, info, timeout);

	gd_span_end(&span);
	return ret;
}

/* ---- Names ----------------------------------------------------------------------------------- */

GD_EXPORT int getaddrinfo(const char *restrict host, const char *restrict service,
			  const struct addrinfo *restrict hints,
			  struct addrinfo **restrict ret_list)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_DNS, 0, 1);
	int ret = GD_REAL(getaddrinfo)(host, service, hints, ret_list);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int getnameinfo(const struct sockaddr *restrict addr, socklen_t addr_len,
			  char *restrict host, socklen_t host_len, char *restrict service,
			  socklen_t service_len, int flags)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_DNS, 0, 1);
	int ret = GD_REAL(getnameinfo)(addr, addr_len, host, host_len, service, service_len, flags);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT struct hostent *gethostbyname(const char *name)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_DNS, 0, 1);
	struct hostent *ret = GD_REAL(gethostbyname)(name);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int gethostbyname_r(const char *restrict name, struct hostent *restrict entry,
			      char *restrict buf, size_t size, struct hostent **restrict result,
			      int *restrict error)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_DNS, 0, 1);
	int ret = GD_REAL(gethostbyname_r)(name, entry, buf, size, result, error);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int gethostbyname2_r(const char *restrict name, int family,
			       struct hostent *restrict entry, char *restrict buf, size_t size,
			       struct hostent **restrict result, int *restrict error)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_DNS, 0, 1);
	int ret = GD_REAL(gethostbyname2_r)(name, family, entry, buf, size, result, error);

	gd_span_end(&span);
	return ret;
}

GD_EXPORT int gethostbyaddr_r(const void *restrict addr, socklen_t len, int family,
			      struct hostent *restrict entry, char *restrict buf, size_t size,
			      struct hostent **restrict result, int *restrict error)
{
	struct gd_span span = gd_span_begin(GD_CAUSE_DNS, 0, 1);
	int ret = GD_REAL(gethostbyaddr_r)(addr, len, family, entry, buf, size, result, error);

	gd_span_end(&span);
	return ret;
}
