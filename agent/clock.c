/* SPDX-License-Identifier: MIT */
/*
 * Which clock.  An invariant TSC alone is not enough: only the kernel knows whether the CPUs' TSCs
 * agree, and it says so by using the TSC as its own clock source.
 */
#include "clock.h"
#include "env.h"
#include <fcntl.h>
#include <string.h>

bool gd_clock_is_tsc;
uint64_t gd_clock_ticks_per_us = 2500;

static bool kernel_trusts_tsc(void)
{
	char name[8] = "";
	long fd = gd_syscall(SYS_openat, AT_FDCWD,
			     "/sys/devices/system/clocksource/clocksource0/current_clocksource",
			     O_RDONLY | O_CLOEXEC, 0);
	long n;

	if (fd < 0)
		return false;
	n = gd_syscall(SYS_read, fd, name, sizeof(name));
	gd_syscall(SYS_close, fd);
	return n == 4 && memcmp(name, "tsc\n", 4) == 0;
}

void gd_clock_init(void)
{
	const char *wish = gd_env_get(GD_ENV_CLOCK);
	bool distrust = wish && strcmp(wish, "monotonic") == 0;

	gd_clock_is_tsc = !distrust && gd_arch_tsc_is_invariant() && kernel_trusts_tsc();
	if (!gd_clock_is_tsc)
		gd_clock_ticks_per_us = 1000;
}

uint64_t gd_clock_monotonic_ns(void)
{
	return gd_clock_read_ns(CLOCK_MONOTONIC);
}

void gd_clock_learn(uint64_t ticks, uint64_t ns)
{
	if (gd_clock_is_tsc && ns > 10000000)
		__atomic_store_n(&gd_clock_ticks_per_us, ticks * 1000 / ns, __ATOMIC_RELAXED);
}
