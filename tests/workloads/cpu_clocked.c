/* SPDX-License-Identifier: MIT */
/*
 * cpu_clocked compute|cached|mixed THREADS: threads that compute, read a cached file again and
 * again, or mix both with short sleeps.  Each prints its id, CPU clock, life and run delay at its
 * end.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LIFE_S 0.9

static const char *kind;

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void compute(double seconds)
{
	double stop = now(CLOCK_MONOTONIC) + seconds;
	volatile uint64_t x = 1;

	while (now(CLOCK_MONOTONIC) < stop)
		for (int i = 0; i < 1000; i++)
			x = x * 6364136223846793005ull + 1;
}

static void read_cached(double seconds)
{
	double stop = now(CLOCK_MONOTONIC) + seconds;
	int fd = open("/proc/self/exe", O_RDONLY);
	char block[65536];

	while (now(CLOCK_MONOTONIC) < stop)
		if (pread(fd, block, sizeof(block), 0) < 0)
			exit(1);
	close(fd);
}

static double run_delay(void)
{
	unsigned long long run, delay = 0;
	FILE *file = fopen("/proc/thread-self/schedstat", "r");

	if (!file || fscanf(file, "%llu %llu", &run, &delay) != 2)
		exit(1);
	fclose(file);
	return (double)delay / 1e9;
}

static void *body(void *arg)
{
	double born = now(CLOCK_MONOTONIC);

	while (now(CLOCK_MONOTONIC) - born < LIFE_S) {
		if (strcmp(kind, "cached") == 0) {
			read_cached(0.05);
		} else if (strcmp(kind, "mixed") == 0) {
			struct timespec nap = { 0, 700000 };

			compute(0.0008);
			nanosleep(&nap, NULL);
			read_cached(0.0005);
		} else {
			compute(0.05);
		}
	}
	printf("{\"tid\": %ld, \"cpu_s\": %.9f, \"life_s\": %.9f, \"run_delay_s\": %.9f}\n",
	       syscall(SYS_gettid), now(CLOCK_THREAD_CPUTIME_ID), now(CLOCK_MONOTONIC) - born,
	       run_delay());
	return arg;
}

int main(int argc, char **argv)
{
	int threads = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t ids[16];

	kind = argc > 1 ? argv[1] : "compute";
	for (int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, body, NULL))
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	return 0;
}
