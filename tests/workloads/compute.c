/* SPDX-License-Identifier: MIT */
/*
 * compute THREADS [mutex|turns]: THREADS threads compute; under one mutex; or taking turns by a
 * condition.  No runtime, no GIL.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static int threads, turn, takes_turns, takes_mutex;
static double end;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t compute(double seconds)
{
	double stop = now() + seconds;
	uint64_t x = 88172645463325252ull;

	while (now() < stop)
		for (int i = 0; i < 2000; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
	return x;
}

static void take_turn(int me)
{
	pthread_mutex_lock(&mutex);
	while (turn != me && now() < end)
		pthread_cond_wait(&turn_changed, &mutex);
	pthread_mutex_unlock(&mutex);
	compute(0.005);
	pthread_mutex_lock(&mutex);
	turn = (me + 1) % threads;
	pthread_cond_broadcast(&turn_changed);
	pthread_mutex_unlock(&mutex);
}

static void *body(void *arg)
{
	uint64_t sum = 0;

	while (now() < end) {
		if (takes_turns) {
			take_turn((int)(intptr_t)arg);
		} else if (takes_mutex) {
			pthread_mutex_lock(&mutex);
			sum += compute(0.002);
			pthread_mutex_unlock(&mutex);
		} else {
			sum += compute(0.01);
		}
	}
	return (void *)(uintptr_t)(sum == 42);
}

int main(int argc, char **argv)
{
	pthread_t ids[64];

	threads = argc > 1 ? atoi(argv[1]) : 1;
	takes_mutex = argc > 2 && strcmp(argv[2], "mutex") == 0;
	takes_turns = argc > 2 && strcmp(argv[2], "turns") == 0;
	end = now() + 0.9;
	if (threads == 0)
		return body(NULL) != NULL;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, body, (void *)(intptr_t)i))
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	return 0;
}
