/* SPDX-License-Identifier: MIT */
/*
 * pairs one|two|contended : nanoseconds per pthread_mutex_lock and unlock, printed as a number.
 *
 *   one        a process with one thread
 *   two        two threads, each with a mutex of its own
 *   contended  two threads and one mutex, held and left alone for a moment each
 *
 * Where nothing contends, the best of many slices is the cost: what disturbs only adds to it.
 */
#include "timing.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define SLICES       40
#define PAIRS        50000 /* of a slice */
#define CONTENDED    400000
#define CACHE_LINE   64
#define MOMENT_STEPS 40

struct runner {
	pthread_t thread;
	double best_ns;
	pthread_mutex_t mutex;
} __attribute__((aligned(CACHE_LINE)));

static struct runner runners[2];
static pthread_mutex_t shared __attribute__((aligned(CACHE_LINE))) = PTHREAD_MUTEX_INITIALIZER;

static void *run_uncontended(void *arg)
{
	struct runner *runner = arg;

	for (int slice = 0; slice < SLICES; slice++) {
		double began = now_ns(), ns;

		for (int i = 0; i < PAIRS; i++) {
			pthread_mutex_lock(&runner->mutex);
			pthread_mutex_unlock(&runner->mutex);
		}
		ns = (now_ns() - began) / PAIRS;
		if (slice == 0 || ns < runner->best_ns)
			runner->best_ns = ns;
	}
	return NULL;
}

static void pass_a_moment(void)
{
	for (volatile int i = 0; i < MOMENT_STEPS; i++)
		;
}

static void *run_contended(void *arg)
{
	struct runner *runner = arg;
	double began = now_ns();

	for (int i = 0; i < CONTENDED; i++) {
		pthread_mutex_lock(&shared);
		pass_a_moment();
		pthread_mutex_unlock(&shared);
		pass_a_moment();
	}
	runner->best_ns = (now_ns() - began) / CONTENDED;
	return NULL;
}

static double run_two(void *(*run)(void *))
{
	for (int i = 0; i < 2; i++)
		pthread_create(&runners[i].thread, NULL, run, &runners[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(runners[i].thread, NULL);
	return (runners[0].best_ns + runners[1].best_ns) / 2;
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	for (int i = 0; i < 2; i++)
		pthread_mutex_init(&runners[i].mutex, NULL);
	if (strcmp(what, "one") == 0) {
		run_uncontended(&runners[0]);
		printf("%.3f\n", runners[0].best_ns);
	} else if (strcmp(what, "two") == 0) {
		printf("%.3f\n", run_two(run_uncontended));
	} else if (strcmp(what, "contended") == 0) {
		printf("%.3f\n", run_two(run_contended));
	} else {
		return 2;
	}
	return 0;
}
