/* SPDX-License-Identifier: MIT */
/*
 * pingpong [CPU [SECONDS]]: two processes on one CPU hand a byte to and fro through pipes: two
 * switches and two wakings a round.  Prints nanoseconds per switch: the fastest tenth of its
 * batches, and the median; what neighbours take shows in neither for long.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

static void answer(int from, int to)
{
	char byte;

	while (read(from, &byte, 1) == 1)
		if (write(to, &byte, 1) != 1)
			break;
	_exit(0);
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

int main(int argc, char **argv)
{
	double end_ns, seconds = argc > 2 ? atof(argv[2]) : 0.25;
	static double sorted[BATCHES];
	int there[2], back[2], count = 0;
	cpu_set_t set;
	pid_t child;

	CPU_ZERO(&set);
	CPU_SET(argc > 1 ? atoi(argv[1]) : 0, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || pipe(there) || pipe(back))
		return 1;
	child = fork();
	if (child == 0) {
		close(there[1]);
		answer(there[0], back[1]);
	}
	for (int i = 0; i < WARM_UP; i++)
		batch(back[0], there[1]);
	for (end_ns = now_ns() + seconds * 1e9; now_ns() < end_ns && count < BATCHES;)
		sorted[count++] = batch(back[0], there[1]);
	close(there[1]);
	waitpid(child, NULL, 0);
	qsort(sorted, (size_t)count, sizeof(*sorted), compare);
	printf("%.1f %.1f\n", sorted[count / 10], sorted[count / 2]);
	return 0;
}
