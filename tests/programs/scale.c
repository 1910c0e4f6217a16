/* SPDX-License-Identifier: MIT */
/*
 * Many of everything: threads that live at once, threads that are born, processes, locks.  What each
 * does is known exactly.  scale CASE COUNT [SECONDS]
 */
#include "cases.h"
#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STACK_BYTES 65536
#define AT_ONCE     8

static long count;
static time_t seconds = 1; /* that all are there at once */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static bool may_go;
static long arrived, left;

static pthread_t start(void *(*body)(void *), void *arg)
{
	pthread_attr_t attributes;
	pthread_t thread;

	CHECK(pthread_attr_init(&attributes) == 0);
	CHECK(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
	CHECK(pthread_create(&thread, &attributes, body, arg) == 0);
	CHECK(pthread_attr_destroy(&attributes) == 0);
	return thread;
}

static void *wait_for_all(void *arg)
{
	pthread_mutex_lock(&mutex);
	arrived++;
	while (!may_go)
		pthread_cond_wait(&cond, &mutex);
	left++;
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void stay(void)
{
	struct timespec time = { .tv_sec = seconds };

	CHECK(nanosleep(&time, NULL) == 0);
}

static long read_arrived(void)
{
	long n;

	pthread_mutex_lock(&mutex);
	n = arrived;
	pthread_mutex_unlock(&mutex);
	return n;
}

/* All wait at the same time. */
static void alive(void)
{
	pthread_t *threads = calloc((size_t)count, sizeof(*threads));

	CHECK(threads);
	for (long i = 0; i < count; i++)
		threads[i] = start(wait_for_all, NULL);
	while (read_arrived() < count)
		usleep(1000);
	stay();
	pthread_mutex_lock(&mutex);
	may_go = true;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&mutex);
	for (long i = 0; i < count; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	free(threads);
	printf("%ld threads\n", left);
}

static void *be_born(void *arg)
{
	pthread_mutex_lock(&mutex);
	left++;
	pthread_mutex_unlock(&mutex);
	return arg;
}

/* A few at once, each with a single line to do. */
static void births(void)
{
	pthread_t threads[AT_ONCE];

	for (long i = 0; i < count; i += AT_ONCE) {
		for (int k = 0; k < AT_ONCE; k++)
			threads[k] = start(be_born, NULL);
		for (int k = 0; k < AT_ONCE; k++)
			CHECK(pthread_join(threads[k], NULL) == 0);
	}
	printf("%ld threads\n", left);
}

/* All are alive when the last one has come; each has a code of its own. */
static void processes(void)
{
	int ready[2], go[2], status;
	long sum = 0;
	char byte;

	CHECK(pipe(ready) == 0 && pipe(go) == 0);
	fflush(stdout);
	for (long i = 0; i < count; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			close(go[1]);
			CHECK(write(ready[1], "", 1) == 1);
			CHECK(read(go[0], &byte, 1) == 0);
			_exit((int)(i % 100) + 1);
		}
	}
	for (long i = 0; i < count; i++)
		CHECK(read(ready[0], &byte, 1) == 1);
	stay();
	close(go[1]);
	for (long i = 0; i < count; i++) {
		CHECK(wait(&status) > 0 && WIFEXITED(status));
		sum += WEXITSTATUS(status);
	}
	printf("%ld processes, codes %ld\n", count, sum);
}

static void *wait_for_each(void *arg)
{
	pthread_mutex_t *locks = arg;
	struct timespec past = { .tv_sec = 1 };

	for (long i = 0; i < count; i++)
		CHECK(pthread_mutex_timedlock(&locks[i], &past) == ETIMEDOUT);
	return NULL;
}

/* Each is held by one thread and waited for once, in vain, by another. */
static void locks(void)
{
	pthread_mutex_t *all = calloc((size_t)count, sizeof(*all));

	CHECK(all);
	for (long i = 0; i < count; i++)
		CHECK(pthread_mutex_init(&all[i], NULL) == 0 && pthread_mutex_lock(&all[i]) == 0);
	CHECK(pthread_join(start(wait_for_each, all), NULL) == 0);
	for (long i = 0; i < count; i++)
		CHECK(pthread_mutex_unlock(&all[i]) == 0);
	free(all);
	printf("%ld locks\n", count);
}

/* ---- Something of everything, over and over ------------------------------------------------------ */

#define BUSY_LOCKS 16 /* each is waited for within a second, also while others press */

static void *be_busy(void *arg)
{
	static pthread_mutex_t few[BUSY_LOCKS]; /* zero is PTHREAD_MUTEX_INITIALIZER */
	unsigned int dice = (unsigned int)(long)arg + 1;
	struct timespec now, end;
	volatile long work = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	do {
		pthread_mutex_t *one = &few[rand_r(&dice) % BUSY_LOCKS];

		pthread_mutex_lock(one);
		for (int i = 0; i < 20000; i++)
			work += i;
		pthread_mutex_unlock(one);
		if (rand_r(&dice) % 4 == 0)
			usleep(100);
		if (rand_r(&dice) % 16 == 0)
			CHECK(pthread_join(start(be_born, NULL), NULL) == 0);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec ||
		 (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	return NULL;
}

static void busy(void)
{
	pthread_t *threads = calloc((size_t)count, sizeof(*threads));

	CHECK(threads);
	for (long i = 0; i < count; i++)
		threads[i] = start(be_busy, (void *)i);
	for (long i = 0; i < count; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	free(threads);
	printf("%ld threads\n", count);
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = { { "alive", alive },         { "births", births },
						{ "processes", processes }, { "locks", locks },
						{ "busy", busy },           { NULL, NULL } };

	count = argc > 2 ? atol(argv[2]) : 0;
	seconds = argc > 3 ? atol(argv[3]) : seconds;
	CHECK(count > 0 && seconds > 0);
	return run_case(rows, argc, argv);
}
