/* SPDX-License-Identifier: MIT */
/*
 * pingpong [CPU [SECONDS [locks|holds]]]: two processes on one CPU hand a byte to and fro through
 * pipes; or two threads hand over by semaphores.  Two switches, two wakings and two waits a round.
 * holds: one thread tells, as the agent does, that a hold has ended, twice a round.  Prints nanoseconds
 * per switch, or per hold: the fastest tenth of its batches, and the median; what neighbours take
 * shows in neither for long.
 */
#include <dlfcn.h>
#include <gildiag/hold_point.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS  200 /* of a batch */
#define BATCHES 100000
#define WARM_UP 20 /* batches */

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static sem_t there_sem, back_sem;
static bool is_over;

static void *answer_locks(void *arg)
{
	while (!is_over) {
		sem_wait(&there_sem);
		sem_post(&back_sem);
	}
	return arg;
}

static double batch_locks(void)
{
	double began = now_ns();

	for (int i = 0; i < ROUNDS; i++) {
		sem_post(&there_sem);
		sem_wait(&back_sem);
	}
	return (now_ns() - began) / (2 * ROUNDS);
}

static void (*tell)(const struct gd_hold_told *told);

static double batch_holds(void)
{
	struct gd_hold_told told = { .key = (uintptr_t)&told, .cause = GD_CAUSE_MUTEX };
	double began = now_ns();

	for (int i = 0; i < 2 * ROUNDS; i++) {
		told.taken = told.released = told.told = (uint64_t)began;
		tell(&told);
	}
	return (now_ns() - began) / (2 * ROUNDS);
}

static double batch(int from, int to)
{
	double began = now_ns();
	char byte = 0;

	for (int i = 0; i < ROUNDS; i++)
		if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1)
			exit(1);
	return (now_ns() - began) / (2 * ROUNDS);
}

static double batch_of(const char *what, int from, int to)
{
	if (!what)
		return batch(from, to);
	return strcmp(what, "holds") == 0 ? batch_holds() : batch_locks();
}

static void answer(int from, int to)
{
	char byte;

	while (read(from, &byte, 1) == 1)
		if (write(to, &byte, 1) != 1)
			break;
	_exit(0);
}

int main(int argc, char **argv)
{
	double end_ns, seconds = argc > 2 ? atof(argv[2]) : 0.25;
	static double sorted[BATCHES];
	const char *what = argc > 3 ? argv[3] : NULL;
	int there[2], back[2], count = 0;
	pthread_t thread;
	cpu_set_t set;
	pid_t child = -1;

	CPU_ZERO(&set);
	CPU_SET(argc > 1 ? atoi(argv[1]) : 0, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || pipe(there) || pipe(back))
		return 1;
	tell = (void (*)(const struct gd_hold_told *))dlsym(RTLD_DEFAULT, "gildiag_hold_ended");
	if (what && strcmp(what, "holds") == 0 && !tell)
		return 1; /* only beside the agent */
	if (what) {
		sem_init(&there_sem, 0, 0);
		sem_init(&back_sem, 0, 0);
		if (pthread_create(&thread, NULL, answer_locks, NULL))
			return 1;
	} else {
		child = fork();
	}
	if (child == 0) {
		close(there[1]);
		answer(there[0], back[1]);
	}
	end_ns = now_ns() + seconds * 1e9;
	for (int warm = WARM_UP; now_ns() < end_ns && count<BATCHES; warm -= warm> 0) {
		sorted[count] = batch_of(what, back[0], there[1]);
		count += warm == 0;
	}
	is_over = true;
	if (what) {
		sem_post(&there_sem);
		pthread_join(thread, NULL);
	} else {
		close(there[1]);
		waitpid(child, NULL, 0);
	}
	qsort(sorted, (size_t)count, sizeof(*sorted), compare);
	printf("%.1f %.1f\n", sorted[count / 10], sorted[count / 2]);
	return 0;
}
