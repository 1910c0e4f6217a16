/* SPDX-License-Identifier: MIT */
/*
 * crowd THREADS SECONDS : something for a sampler to look at: one thread computes, the others sleep
 * a hundredth of a second at a time.
 */
#include "timing.h"
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static double until_ns;

static void *doze(void *arg)
{
	while (now_ns() < until_ns)
		usleep(10000);
	return arg;
}

int main(int argc, char **argv)
{
	int threads = argc == 3 ? atoi(argv[1]) : 0;
	pthread_t thread;

	if (threads < 1)
		return 2;
	until_ns = now_ns() + atof(argv[2]) * 1e9;
	for (int i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, doze, NULL) != 0)
			return 1;
	while (now_ns() < until_ns)
		;
	return 0;
}
