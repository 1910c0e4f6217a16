/* SPDX-License-Identifier: MIT */
/* What the constructor does, step by step; an agent that does not wake makes no test: abort. */
#include "awake.h"
#include <clock.h>
#include <fd.h>
#include <intern.h>
#include <lock.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

uint64_t gd_awake_ns;

int gd_awake(void **state)
{
	static bool is_mapped;
	int memfd;

	(void)state;
	memset(&gd_real, 0, sizeof(gd_real));
	gd_hooks_resolve();
	gd_clock_ticks_per_us = 2500;
	gd_clock_init();
	memfd = gd_arena_open();
	if (memfd < 0)
		abort();
	gd_syscall(SYS_close, memfd);
	if (!is_mapped) {
		gd_fd_init();
		gd_lock_init();
		gd_thread_init_key();
		is_mapped = true;
	}
	gd_lock_reset();
	gd_intern_reset();
	gd_fd_fork_child();
	gd_thread_init_main(gd_process->start_ticks);
	if (!gd_self)
		abort();
	return 0;
}

static int read_clock(clockid_t clock, struct timespec *ret_now)
{
	(void)clock;
	*ret_now = (struct timespec){ (time_t)(gd_awake_ns / 1000000000u),
				      (long)(gd_awake_ns % 1000000000u) };
	return 0;
}

int gd_awake_with_clock(void **state)
{
	gd_awake(state);
	gd_awake_ns = GD_AWAKE_S(100000);
	gd_clock_is_tsc = false;
	gd_clock_ticks_per_us = GD_AWAKE_S(1);
	gd_real.clock_gettime = read_clock;
	gd_process->clock = GD_CLOCK_MONOTONIC;
	gd_awake_begin_span(0);
	return 0;
}

void gd_awake_begin_span(double cpu_s)
{
	struct gd_thread *slot = gd_self->slot;
	int32_t tid = slot->tid;

	memset(slot, 0, sizeof(*slot));
	slot->tid = tid;
	slot->state = GD_THREAD_LIVE;
	slot->cause = slot->cause_prev = GD_CAUSE_CPU_FREE;
	slot->born = slot->since = slot->since_prev = gd_awake_ns;
	memset(gd_self->mark, 0, sizeof(gd_self->mark));
	memset(gd_self->brief, 0, sizeof(gd_self->brief));
	gd_self->in_wait = gd_self->is_busy = gd_self->is_waiting_gil = false;
	gd_self->flushed = gd_self->flushed_ns = gd_awake_ns;
	gd_self->flushed_cpu = gd_clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - GD_AWAKE_S(cpu_s);
}
