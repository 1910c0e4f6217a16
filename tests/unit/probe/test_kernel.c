/* SPDX-License-Identifier: MIT */
/* What the kernel says of a process that stands still, is stopped, or is this one. */
#include <base/cleanup.h>
#include <builders/watched.h>
#include <kernel.h>
#include <machine.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unit/cmocka_begin.h>

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

static struct gd_target *watch(pid_t pid)
{
	struct gd_target *target;
	struct gd_thread *thread;

	assert_int_equal(gd_target_new(gd_watched_memfd(), pid, &target), 0);
	thread = gd_watched_add(target, GD_CAUSE_CPU_FREE);
	thread->tid = pid;
	return target;
}

static void the_machine_is_what_affinity_says(void **state)
{
	struct gd_target *target = watch(getpid());
	cpu_set_t set;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	gd_machine_note(target);
	assert_int_equal(target->process->cpus, CPU_COUNT(&set));
	assert_int_equal(target->process->cpus_online, sysconf(_SC_NPROCESSORS_ONLN));
	gd_target_free(target);
}

static void totals_come_with_the_threads_name(void **state)
{
	struct gd_target *target = watch(getpid());
	struct gd_thread *thread = &target->threads[0];

	(void)state;
	prctl(PR_SET_NAME, "a (name) x");
	gd_kernel_note_totals(target);
	assert_string_equal(thread->name, "a (name) x");
	assert_true(thread->seen_ticks > 0);
	assert_true(thread->seen_cpu_ns > 0);
	assert_true(target->process->cpu_ns > 0);
	assert_true(target->process->sampler_pair.ticks >= thread->seen_ticks);
	gd_target_free(target);
}

static void a_process_that_is_gone_leaves_the_figures_as_they_were(void **state)
{
	pid_t pid = start_sleeper();
	struct gd_target *target = watch(pid);

	(void)state;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	target->threads[0].seen_cpu_ns = 42;
	target->process->cpu_ns = 43;
	gd_kernel_note_totals(target);
	assert_int_equal(target->threads[0].seen_cpu_ns, 42);
	assert_int_equal(target->process->cpu_ns, 43);
	gd_target_free(target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_machine_is_what_affinity_says),
		cmocka_unit_test(totals_come_with_the_threads_name),
		cmocka_unit_test(a_process_that_is_gone_leaves_the_figures_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
