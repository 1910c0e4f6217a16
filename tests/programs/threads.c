/* SPDX-License-Identifier: MIT */
/*
 * Threads in numbers, threads that end in odd ways, and processes that end around them.
 */
#include "cases.h"
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <threads.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long sum;
static sem_t done;

static struct timespec soon(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += 1000000;
	time.tv_sec += time.tv_nsec / 1000000000;
	time.tv_nsec %= 1000000000;
	return time;
}

static void *add_one(void *arg)
{
	pthread_mutex_lock(&mutex);
	sum++;
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void short_ones(void)
{
	for (int i = 0; i < 1250; i++) {
		pthread_t threads[4];

		for (int k = 0; k < 4; k++)
			CHECK(pthread_create(&threads[k], NULL, add_one, (void *)(long)k) == 0);
		for (int k = 0; k < 4; k++) {
			void *value;

			CHECK(pthread_join(threads[k], &value) == 0 && value == (void *)(long)k);
		}
	}
	printf("%ld threads\n", sum);
}

static void *add_and_post(void *arg)
{
	add_one(arg);
	sem_post(&done);
	return arg;
}

static void detached(void)
{
	pthread_attr_t attr;

	CHECK(sem_init(&done, 0, 0) == 0);
	pthread_attr_init(&attr);
	CHECK(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0);
	for (int i = 0; i < 1000; i++) {
		pthread_t thread;

		while (pthread_create(&thread, &attr, add_and_post, NULL) != 0)
			sched_yield();
		if (i % 16 == 15)
			for (int k = 0; k < 16; k++)
				sem_wait(&done);
	}
	for (int k = 0; k < 1000 % 16; k++)
		sem_wait(&done);
	printf("%ld threads\n", sum);
}

/* More than there are slots kept for ended threads. */
static void failing(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	CHECK(pthread_attr_setstacksize(&attr, 1ul << 46) == 0);
	for (int i = 0; i < 100; i++)
		CHECK(pthread_create(&thread, &attr, add_one, NULL) == EAGAIN);
	for (int i = 0; i < 100; i++) {
		CHECK(pthread_create(&thread, NULL, add_one, NULL) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
	}
	printf("%ld threads\n", sum);
}

static mtx_t c11_mutex;
static cnd_t c11_cond;
static int turn;

static int take_turn(void *arg)
{
	int me = (int)(long)arg;

	mtx_lock(&c11_mutex);
	while (turn != me)
		cnd_wait(&c11_cond, &c11_mutex);
	turn++;
	cnd_broadcast(&c11_cond);
	mtx_unlock(&c11_mutex);
	return me;
}

static void c11(void)
{
	thrd_t threads[50];
	int code, codes = 0;

	CHECK(mtx_init(&c11_mutex, mtx_plain) == thrd_success);
	CHECK(cnd_init(&c11_cond) == thrd_success);
	for (long i = 49; i >= 0; i--)
		CHECK(thrd_create(&threads[i], take_turn, (void *)i) == thrd_success);
	for (int i = 0; i < 50; i++) {
		CHECK(thrd_join(threads[i], &code) == thrd_success);
		codes += code;
	}
	printf("turn %d, codes %d\n", turn, codes);
}

/* ---- Destructors ----------------------------------------------------------------------------- */

#define KEYS 40

static pthread_key_t keys[KEYS];
static atomic_int destroyed;

/* Comes again as often as it may, and waits each time. */
static void destroy(void *value)
{
	struct timespec until = soon();
	pthread_key_t key = *(pthread_key_t *)value;

	pthread_mutex_lock(&mutex);
	pthread_cond_timedwait(&cond, &mutex, &until);
	pthread_mutex_unlock(&mutex);
	atomic_fetch_add(&destroyed, 1);
	pthread_setspecific(key, value);
}

static void *set_keys(void *arg)
{
	for (int i = 0; i < KEYS; i += 13)
		CHECK(pthread_setspecific(keys[i], &keys[i]) == 0);
	return arg;
}

static void destructors(void)
{
	pthread_t threads[20];

	for (int i = 0; i < KEYS; i++)
		CHECK(pthread_key_create(&keys[i], destroy) == 0);
	for (int i = 0; i < 20; i++)
		CHECK(pthread_create(&threads[i], NULL, set_keys, NULL) == 0);
	for (int i = 0; i < 20; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	printf("destroyed %d\n", atomic_load(&destroyed));
}

/* ---- Many at once ---------------------------------------------------------------------------- */

static pthread_barrier_t barrier;

static void *meet(void *arg)
{
	pthread_barrier_wait(&barrier);
	return add_one(arg);
}

static void many(void)
{
	pthread_t threads[500];
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	CHECK(pthread_attr_setstacksize(&attr, 65536) == 0);
	CHECK(pthread_barrier_init(&barrier, NULL, 500) == 0);
	for (int i = 0; i < 500; i++)
		CHECK(pthread_create(&threads[i], &attr, meet, NULL) == 0);
	for (int i = 0; i < 500; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	printf("%ld threads\n", sum);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void *wait_for_ever(void *arg)
{
	pthread_mutex_lock(&mutex);
	sem_post(&done);
	for (;;)
		pthread_cond_wait(&cond, &mutex);
	return arg;
}

static void start_waiters(void)
{
	pthread_t thread;

	CHECK(sem_init(&done, 0, 0) == 0);
	for (int i = 0; i < 4; i++) {
		CHECK(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
		sem_wait(&done);
	}
}

static pthread_t main_thread;

static void *end_after_main(void *arg)
{
	CHECK(pthread_join(main_thread, NULL) == 0);
	puts("main has ended");
	exit(9);
	return arg;
}

static void main_exits(void)
{
	pthread_t thread;

	main_thread = pthread_self();
	CHECK(pthread_create(&thread, NULL, end_after_main, NULL) == 0);
	pthread_exit(NULL);
}

static void last_thread_ends(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, add_one, NULL) == 0);
	pthread_exit(NULL);
}

static void *exit_three(void *arg)
{
	exit(3);
	return arg;
}

static void thread_exits(void)
{
	pthread_t thread;

	start_waiters();
	CHECK(pthread_create(&thread, NULL, exit_three, NULL) == 0);
	pthread_join(thread, NULL);
}

static void say_and_wait(void)
{
	struct timespec until = soon();

	pthread_mutex_lock(&mutex);
	printf("handler: %d\n", pthread_cond_timedwait(&cond, &mutex, &until));
	pthread_mutex_unlock(&mutex);
	fflush(stdout);
}

static void say_status(int status, void *arg)
{
	printf("status %d, %s\n", status, (const char *)arg);
}

static void at_exit(void)
{
	CHECK(atexit(say_and_wait) == 0);
	CHECK(on_exit(say_status, (void *)"handed on") == 0);
	exit(17);
}

static void at_quick_exit_only(void)
{
	CHECK(atexit(say_and_wait) == 0);
	CHECK(at_quick_exit(say_and_wait) == 0);
	quick_exit(18);
}

static void at_once(void)
{
	CHECK(atexit(say_and_wait) == 0);
	start_waiters();
	_exit(19);
}

static void at_once_c99(void)
{
	CHECK(atexit(say_and_wait) == 0);
	_Exit(20);
}

static void bare_exit(void)
{
	syscall(SYS_exit_group, 21);
}

static void aborts(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	start_waiters();
	abort();
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = {
		{ "short", short_ones },
		{ "detached", detached },
		{ "failing", failing },
		{ "c11", c11 },
		{ "destructors", destructors },
		{ "many", many },
		{ "main-exits", main_exits },
		{ "last-thread-ends", last_thread_ends },
		{ "thread-exits", thread_exits },
		{ "at-exit", at_exit },
		{ "quick-exit", at_quick_exit_only },
		{ "at-once", at_once },
		{ "at-once-c99", at_once_c99 },
		{ "bare-exit", bare_exit },
		{ "aborts", aborts },
		{ NULL, NULL },
	};

	return run_case(rows, argc, argv);
}
