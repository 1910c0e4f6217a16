/* SPDX-License-Identifier: MIT */
/* Ten seconds each, of which the first tenth of a second is the start. */
#include "stories.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL(weight_s, ...)                                                                        \
	gd_recording_add_joint(r, (struct gd_joint_key){ .phase = GD_PHASE_STEADY, __VA_ARGS__ },  \
			       weight_s)

static void spend(struct gd_thread *thread, enum gd_cause cause, double s, uint32_t count)
{
	thread->ticks[cause] = GD_RECORDING_TICKS(s);
	thread->count[cause] = count;
}

static void compute(struct gd_thread *thread, enum gd_cause cause, double s)
{
	spend(thread, cause, s, 0);
	thread->cpu_ns = GD_RECORDING_NS(s);
}

/* Its sampler looked, and its GIL was seen. */
static void begin(struct gd_recording *r)
{
	gd_recording_init(r);
	gd_recording_collect(r);
	r->gil_count = 1;
	r->gils[0] = (struct gd_gil){ .alive = 1,
				      .takes = 2000,
				      .drops = 2000,
				      .hold = GD_RECORDING_TICKS(9.8),
				      .hold_max = GD_RECORDING_TICKS(0.0081),
				      .wait_max = GD_RECORDING_TICKS(0.02) };
	r->gils[0].hold_hist[170] = 1900;
	r->gils[0].hold_hist[175] = 100;
	r->gils[0].wait_hist[180] = 1900;
	gd_recording_add_joint(r, (struct gd_joint_key){ .computing = 1, .gil_computing = 1 }, 0.1);
}

static void begin_native(struct gd_recording *r)
{
	begin(r);
	r->gil_count = 0;
	memset(r->process.runtime, 0, sizeof(r->process.runtime));
	memset(r->process.script, 0, sizeof(r->process.script));
	strcpy(r->process.command, "/usr/local/bin/solver");
	r->joint_count = 0;
}

/* ---- Computing ------------------------------------------------------------------------------- */

static void tell_crunch(struct gd_recording *r)
{
	begin(r);
	spend(&r->threads[0], GD_CAUSE_SEM, 9.8, 4);
	for (int32_t i = 1; i <= 4; i++) {
		struct gd_thread *thread = gd_recording_add_thread(r, GD_RECORDING_PID + i);

		compute(thread, GD_CAUSE_CPU_GIL, 2.475);
		spend(thread, GD_CAUSE_GIL, 7.5, 500);
	}
	r->process.threads_born = 5;
	CELL(9.8, .computing = 1, .gil_computing = 1, .holder = GD_HOLDER_RUNS, .gil_wait = 3,
	     .locked = 1);
	CELL(0.1, .outside = 1, .file = 1);
}

static void tell_hash(struct gd_recording *r)
{
	begin(r);
	compute(&r->threads[0], GD_CAUSE_CPU_FREE, 9.9);
	CELL(9.9, .computing = 1);
}

static void tell_hash_pool(struct gd_recording *r)
{
	begin(r);
	spend(&r->threads[0], GD_CAUSE_JOIN, 9.9, 1);
	for (int32_t i = 1; i <= 2; i++)
		compute(gd_recording_add_thread(r, GD_RECORDING_PID + i), GD_CAUSE_CPU_FREE, 9.8);
	CELL(9.8, .computing = 2);
	CELL(0.1, .computing = 1, .gil_computing = 1, .holder = GD_HOLDER_RUNS);
}

static void tell_one_mutex(struct gd_recording *r)
{
	begin_native(r);
	spend(&r->threads[0], GD_CAUSE_JOIN, 9.9, 1);
	for (int32_t i = 1; i <= 8; i++) {
		struct gd_thread *thread = gd_recording_add_thread(r, GD_RECORDING_PID + i);

		compute(thread, GD_CAUSE_CPU_FREE, 1.2);
		spend(thread, GD_CAUSE_MUTEX, 8.7, 620);
	}
	r->lock_count = 1;
	r->locks[0] = (struct gd_lock){ .key = 0x55d0c0ffee00,
					.cause = GD_CAUSE_MUTEX,
					.waits = 4960,
					.wait = GD_RECORDING_TICKS(69.6),
					.wait_max = GD_RECORDING_TICKS(0.1),
					.released = 4960,
					.hold = GD_RECORDING_TICKS(9.6),
					.holders = { { .site = 0x55d0c0de1234,
						       .blame = GD_RECORDING_TICKS(66.7),
						       .times = 4960 } },
					.holder_hold = { GD_RECORDING_TICKS(9.6) } };
	CELL(9.9, .computing = 1, .locked = 2);
}

static void tell_too_many(struct gd_recording *r)
{
	begin(r);
	for (int32_t i = 1; i <= 12; i++) {
		struct gd_thread *thread = gd_recording_add_thread(r, GD_RECORDING_PID + i);

		compute(thread, GD_CAUSE_CPU_FREE, 9.8);
		thread->off_in[1] = GD_RECORDING_TICKS(8.1);
		thread->run_delay_ns = GD_RECORDING_NS(8.1);
	}
	CELL(9.9, .computing = 2, .starved = 10);
}

static void tell_quota(struct gd_recording *r)
{
	begin(r);
	r->process.cpu_quota_milli = 500;
	compute(&r->threads[0], GD_CAUSE_CPU_GIL, 9.9);
	r->threads[0].off_in[0] = GD_RECORDING_TICKS(5);
	r->threads[0].run_delay_ns = GD_RECORDING_NS(5);
	CELL(5, .computing = 1, .gil_computing = 1, .holder = GD_HOLDER_RUNS);
	CELL(4.9, .starved = 1, .holder = GD_HOLDER_STARVES);
}

static void tell_spin(struct gd_recording *r)
{
	begin(r);
	compute(&r->threads[0], GD_CAUSE_CPU_GIL, 6);
	spend(&r->threads[0], GD_CAUSE_SLEEP, 3.9, 90000);
	r->threads[0].yields = 90000;
	CELL(6, .computing = 1, .gil_computing = 1, .holder = GD_HOLDER_RUNS);
	CELL(3.9, .sleeping = 1);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static void tell_fetch(struct gd_recording *r)
{
	begin(r);
	compute(&r->threads[0], GD_CAUSE_CPU_GIL, 0.4);
	spend(&r->threads[0], GD_CAUSE_RECV, 9.3, 620);
	spend(&r->threads[0], GD_CAUSE_CONNECT, 0.2, 620);
	CELL(9.5, .outside = 1);
	CELL(0.4, .computing = 1, .gil_computing = 1, .holder = GD_HOLDER_RUNS);
}

static void tell_fetch_pool(struct gd_recording *r)
{
	begin(r);
	for (int32_t i = 1; i <= 16; i++)
		spend(gd_recording_add_thread(r, GD_RECORDING_PID + i), GD_CAUSE_RECV, 9.5, 620);
	compute(&r->threads[0], GD_CAUSE_CPU_GIL, 0.4);
	spend(&r->threads[0], GD_CAUSE_SEM, 9.5, 600);
	CELL(9.5, .outside = 8)->outside_sum = 2375 * 15;
	CELL(0.4, .computing = 1, .gil_computing = 1, .outside = 8);
}

static void tell_loop(struct gd_recording *r)
{
	begin(r);
	compute(&r->threads[0], GD_CAUSE_CPU_GIL, 0.4);
	spend(&r->threads[0], GD_CAUSE_POLL, 9.5, 700);
	CELL(9.5, .outside = 1, .looped = 1);
	CELL(0.4, .computing = 1, .gil_computing = 1);
}

static void tell_loop_timers(struct gd_recording *r)
{
	begin(r);
	compute(&r->threads[0], GD_CAUSE_CPU_GIL, 0.1);
	spend(&r->threads[0], GD_CAUSE_LOOP_TIMER, 9.8, 120);
	CELL(9.8, .loop_timer = 1);
	CELL(0.1, .computing = 1, .gil_computing = 1);
}

static void tell_sleep(struct gd_recording *r)
{
	begin(r);
	spend(&r->threads[0], GD_CAUSE_SLEEP, 9.9, 100);
	CELL(9.9, .sleeping = 1);
}

static void tell_sleep_pool(struct gd_recording *r)
{
	begin(r);
	for (int32_t i = 1; i <= 8; i++)
		spend(gd_recording_add_thread(r, GD_RECORDING_PID + i), GD_CAUSE_SLEEP, 9.9, 100);
	CELL(9.9, .sleeping = 2, .locked = 1);
}

static void tell_child(struct gd_recording *r)
{
	begin(r);
	spend(&r->threads[0], GD_CAUSE_CHILD, 9.9, 1);
	CELL(9.9, .child = 1);
}

static void tell_files(struct gd_recording *r)
{
	begin(r);
	spend(&r->threads[0], GD_CAUSE_FILE, 9.9, 4000);
	CELL(9.9, .outside = 1, .file = 1);
}

static void tell_gil_held(struct gd_recording *r)
{
	begin(r);
	spend(&r->threads[0], GD_CAUSE_SLEEP, 9.9, 100);
	r->threads[0].holding_gil = GD_RECORDING_TICKS(9.8);
	spend(gd_recording_add_thread(r, GD_RECORDING_PID + 1), GD_CAUSE_GIL, 9.8, 100);
	r->gils[0].holders[0] = (struct gd_lock_holder){ .site = 0x7f10c0de1234,
							 .blame = GD_RECORDING_TICKS(9.7),
							 .times = 100 };
	r->gils[0].holder_hold[0] = GD_RECORDING_TICKS(9.8);
	CELL(9.8, .sleeping = 1, .holder = GD_HOLDER_WAITS, .gil_wait = 1);
	CELL(0.1, .computing = 1, .gil_computing = 1, .holder = GD_HOLDER_RUNS);
}

/* ---- Neither --------------------------------------------------------------------------------- */

static void tell_mixed(struct gd_recording *r)
{
	struct gd_thread *thread;

	begin(r);
	thread = &r->threads[0];
	compute(thread, GD_CAUSE_CPU_GIL, 3);
	spend(thread, GD_CAUSE_RECV, 2, 311234);
	spend(thread, GD_CAUSE_SLEEP, 1, 12345);
	spend(thread, GD_CAUSE_LOOP_TIMER, 0.5, 77);
	spend(thread, GD_CAUSE_CHILD, 0.5, 2);
	spend(thread, GD_CAUSE_SEM, 2, 990);
	thread->ticks[GD_CAUSE_CPU_FREE] = GD_RECORDING_TICKS(1);
	thread->off_in[1] = GD_RECORDING_TICKS(0.8);
	CELL(2.5, .computing = 1, .gil_computing = 1, .holder = GD_HOLDER_RUNS, .gil_wait = 2);
	CELL(0.8, .computing = 2, .gil_computing = 1, .holder = GD_HOLDER_RUNS);
	CELL(2, .outside = 2, .locked = 1);
	CELL(1, .sleeping = 2);
	CELL(0.5, .loop_timer = 1);
	CELL(0.5, .child = 1);
	CELL(0.6, .unseen = 1);
	CELL(2, .locked = 2);
}

/* The longest report: a bit of everything, and more computing. */
static void tell_everything(struct gd_recording *r)
{
	tell_mixed(r);
	for (uint32_t i = 0; i < r->joint_count; i++)
		if (r->joints[i].key.gil_computing) {
			r->joints[i].weight_ns *= 3;
			r->joints[i].instants *= 3;
		}
	r->process.lost[GD_LOST_FDS] = 12;
}

static void tell_idle(struct gd_recording *r)
{
	begin(r);
	compute(&r->threads[0], GD_CAUSE_CPU_GIL, 0.2);
	spend(&r->threads[0], GD_CAUSE_ACCEPT, 9.7, 3);
	CELL(9.7, .computing = 0);
	CELL(0.2, .computing = 1, .gil_computing = 1);
}

static void tell_thin(struct gd_recording *r)
{
	begin(r);
	r->process.end_ticks = GD_RECORDING_AT(0.05);
	r->process.steady_ns = 0;
	r->joints[0].weight_ns = GD_RECORDING_NS(0.04);
	r->joints[0].instants = 10;
	compute(&r->threads[0], GD_CAUSE_CPU_GIL, 0.05);
}

static void tell_hidden(struct gd_recording *r)
{
	begin_native(r);
	compute(&r->threads[0], GD_CAUSE_CPU_FREE, 9.9);
	r->threads[0].off_in[1] = GD_RECORDING_TICKS(9);
	CELL(9, .unseen = 1);
	CELL(0.9, .computing = 1);
}

/* ---- Doubts ---------------------------------------------------------------------------------- */

/* Killed together with the sampler, on an unknown Python, under a filter, with losses. */
static void tell_doubtful(struct gd_recording *r)
{
	struct gd_thread *thread;

	gd_recording_init(r);
	strcpy(r->process.runtime_version, "3.99.0");
	r->header.state = GD_STATE_OPEN;
	r->process.end = GD_END_RUNNING;
	r->process.clock = GD_CLOCK_MONOTONIC;
	r->process.flags = GD_FLAG_SECCOMP | GD_FLAG_NO_SAMPLER;
	r->process.lost[GD_LOST_THREADS] = 12345678;
	thread = &r->threads[0];
	thread->since = r->process.first.ticks + GD_RECORDING_NS(9.9);
	thread->ticks[GD_CAUSE_CPU_FREE] = GD_RECORDING_NS(9);
	thread->off_in[1] = GD_RECORDING_NS(1);
	thread->ticks[GD_CAUSE_RECV] = GD_RECORDING_NS(0.9);
	thread->count[GD_CAUSE_RECV] = 10;
}

/* Names that would like to be read by a terminal. */
static void tell_hostile(struct gd_recording *r)
{
	tell_fetch(r);
	snprintf(r->process.script, sizeof(r->process.script), "/tmp/%s",
		 "\033]0;title\007\033[2Jx\r\n\xc2\x9b"
		 "31m\xe2\x80\xae\xff\xfe end of it, long enough to be cut somewhere before");
	memset(r->process.command, 0x1b, sizeof(r->process.command));
	memset(r->process.runtime_version, 0x9b, sizeof(r->process.runtime_version));
	memcpy(r->threads[0].name, "\033[31mred\xe2\x80\xae\xe2\x80\xae\xe2", 16);
}

const struct gd_story gd_stories[] = {
	{ "crunch", tell_crunch },
	{ "hash", tell_hash },
	{ "hash-pool", tell_hash_pool },
	{ "one-mutex", tell_one_mutex },
	{ "too-many", tell_too_many },
	{ "quota", tell_quota },
	{ "spin", tell_spin },
	{ "fetch", tell_fetch },
	{ "fetch-pool", tell_fetch_pool },
	{ "loop", tell_loop },
	{ "loop-timers", tell_loop_timers },
	{ "sleep", tell_sleep },
	{ "sleep-pool", tell_sleep_pool },
	{ "child", tell_child },
	{ "files", tell_files },
	{ "gil-held", tell_gil_held },
	{ "mixed", tell_mixed },
	{ "everything", tell_everything },
	{ "idle", tell_idle },
	{ "thin", tell_thin },
	{ "hidden", tell_hidden },
	{ "doubtful", tell_doubtful },
	{ "hostile", tell_hostile },
};
const size_t gd_story_count = sizeof(gd_stories) / sizeof(gd_stories[0]);

void gd_story_tell(const char *name, struct gd_recording *ret_recording)
{
	for (size_t i = 0; i < gd_story_count; i++)
		if (strcmp(gd_stories[i].name, name) == 0) {
			gd_stories[i].tell(ret_recording);
			return;
		}
	abort();
}
