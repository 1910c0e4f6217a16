/* SPDX-License-Identifier: MIT */
/* Who is on a CPU: what the kernel says, and what a thread has booked before. */
#include <base/cleanup.h>
#include <builders/watched.h>
#include <on_cpu.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unit/near.h>

/* A child that has gone to sleep where no wrapper stands. */
static pid_t start_sleeper(void)
{
	int ends[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also where the test fails */
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) != 0);
	}
	close(ends[0]);
	return pid; /* the other end stays open until we exit */
}

static void wait_for_state(pid_t pid, char wanted)
{
	char path[64], text[512] = "", *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	do {
		gd_autofclose FILE *file = fopen(path, "re");

		assert_non_null(file);
		assert_non_null(fgets(text, sizeof(text), file));
		end = strrchr(text, ')');
		sched_yield();
	} while (end[2] != wanted);
}

static struct gd_target *watch(pid_t pid)
{
	struct gd_target *target = gd_watched_process(pid);
	struct gd_thread *thread;

	thread = gd_watched_add(target, GD_CAUSE_CPU_FREE);
	thread->tid = pid;
	return target;
}

static enum gd_on_cpu ask(struct gd_target *target)
{
	struct gd_on_cpu_when when = { .now_ns = gd_target_ticks(target),
				       .now_ticks = gd_target_ticks(target),
				       .ticks_per_ns = 1,
				       .random = 1 };
	enum gd_on_cpu answer;
	uint32_t slot = 0;

	target->when = &when;
	gd_on_cpu_ask(target, &slot, 1, &answer, NULL);
	return answer;
}

static void a_thread_that_sleeps_or_was_stopped_is_on_no_cpu(void **state)
{
	pid_t pid = start_sleeper();
	struct gd_target *target = watch(pid);

	(void)state;
	wait_for_state(pid, 'S');
	target->threads[0].since = 1;
	assert_int_equal(ask(target), GD_ON_CPU); /* at first sight the slot is believed */
	assert_int_equal(ask(target), GD_BLOCKED);
	kill(pid, SIGSTOP);
	wait_for_state(pid, 'T');
	ask(target); /* it ran a little in order to stop */
	assert_int_equal(ask(target), GD_STOPPED);
	/* One that has begun to compute since the last look has done nothing wrong yet. */
	target->threads[0].since = UINT64_MAX;
	assert_int_equal(ask(target), GD_ON_CPU);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	gd_target_free(target);
}

/* The share of answers that say so, of a thread that began to compute a moment ago. */
static double share_starved(struct gd_target *target)
{
	int starved = 0;

	for (int i = 0; i < 1000; i++) {
		struct gd_on_cpu_when when = { .now_ticks = 0,
					       .ticks_per_ns = 1,
					       .random =
						       0x9e3779b97f4a7c15ull * (uint64_t)(i + 1) };
		enum gd_on_cpu answer;
		uint32_t slot = 0;

		target->when = &when;
		gd_on_cpu_ask(target, &slot, 1, &answer, NULL);
		starved += answer == GD_STARVED;
	}
	return starved / 1000.0;
}

static void one_that_was_queued_after_each_wait_is_queued_again(void **state)
{
	struct gd_target *target = watch(getpid());
	struct gd_thread *thread = &target->threads[0];

	(void)state;
	thread->since = UINT64_MAX;
	assert_near(share_starved(target), 0, 0); /* nothing is known yet */
	thread->ticks[GD_CAUSE_CPU_FREE] = 1000;
	thread->off_in[GD_CAUSE_CPU_FREE] = 750;
	assert_near(share_starved(target), 0.75, 0.06);
	/* A stretch of 20 ms later the older one does not matter any more. */
	thread->ticks[GD_CAUSE_CPU_FREE] += 30 * 1000000;
	thread->off_in[GD_CAUSE_CPU_FREE] += 15 * 1000000;
	assert_near(share_starved(target), 0.5, 0.06);
	thread->ticks[GD_CAUSE_CPU_FREE] += 30 * 1000000;
	assert_near(share_starved(target), 0, 0);
	/* With the GIL it is another matter. */
	thread->gil = 1;
	thread->ticks[GD_CAUSE_CPU_GIL] = 1000;
	thread->off_in[GD_CAUSE_CPU_GIL] = 1000;
	assert_near(share_starved(target), 1, 0);
	gd_target_free(target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_that_sleeps_or_was_stopped_is_on_no_cpu),
		cmocka_unit_test(one_that_was_queued_after_each_wait_is_queued_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
