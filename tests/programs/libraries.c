/* SPDX-License-Identifier: MIT */
/*
 * Libraries that come early, hide, or speak an older ABI.
 */
#include "cases.h"
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

int early_result(void);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;
static sem_t sem;

static void early(void)
{
	printf("early %d\n", early_result());
}

typedef int plugin_work_fn(pthread_mutex_t *, pthread_cond_t *, int *, sem_t *, int);

static void work_with(int flags)
{
	char path[PATH_MAX + 16], self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	plugin_work_fn *work;
	char byte = 0;
	int ends[2];
	void *library;

	CHECK(n > 0 && pipe(ends) == 0 && sem_init(&sem, 0, 0) == 0);
	self[n] = 0;
	*strrchr(self, '/') = 0;
	snprintf(path, sizeof(path), "%s/libplugin.so", self);
	library = dlopen(path, flags);
	CHECK(library);
	*(void **)&work = dlsym(library, "plugin_work");
	CHECK(work && work(&mutex, &cond, &turn, &sem, ends[1]) == 0);
	CHECK(read(ends[0], &byte, 1) == 1 && byte == 'x');
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % 2 == 1)
			pthread_cond_wait(&cond, &mutex);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	CHECK(sem_wait(&sem) == 0);
	printf("turn %d\n", turn);
}

static void hidden(void)
{
	work_with(RTLD_NOW | RTLD_DEEPBIND);
}

static void local(void)
{
	work_with(RTLD_NOW | RTLD_LOCAL);
}

/*
 * The condition variables of glibc before 2.3.2, which a program linked then still gets: a pointer,
 * not the structure of today.
 */
int old_wait(void **old, pthread_mutex_t *lock);
int old_signal(void **old);
int old_broadcast(void **old);
int old_timedwait(void **old, pthread_mutex_t *lock, const struct timespec *until);
int old_destroy(void **old);
__asm__(".symver old_wait,pthread_cond_wait@GLIBC_2.2.5");
__asm__(".symver old_signal,pthread_cond_signal@GLIBC_2.2.5");
__asm__(".symver old_broadcast,pthread_cond_broadcast@GLIBC_2.2.5");
__asm__(".symver old_timedwait,pthread_cond_timedwait@GLIBC_2.2.5");
__asm__(".symver old_destroy,pthread_cond_destroy@GLIBC_2.2.5");

/* What lies behind the pointer is not the condition's: whoever writes there is found out. */
static struct {
	void *old;
	unsigned char guard[128];
} condition;

static void *take_odd_turns(void *arg)
{
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % 2 == 0)
			old_wait(&condition.old, &mutex);
		turn++;
		old_signal(&condition.old);
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void old_abi(void)
{
	struct timespec past = { 1, 0 };
	pthread_t thread;

	memset(condition.guard, 0x5a, sizeof(condition.guard));
	CHECK(pthread_create(&thread, NULL, take_odd_turns, NULL) == 0);
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % 2 == 1)
			old_wait(&condition.old, &mutex);
		turn++;
		old_broadcast(&condition.old);
		pthread_mutex_unlock(&mutex);
	}
	CHECK(pthread_join(thread, NULL) == 0);
	pthread_mutex_lock(&mutex);
	printf("timed %d\n", old_timedwait(&condition.old, &mutex, &past));
	pthread_mutex_unlock(&mutex);
	for (size_t i = 0; i < sizeof(condition.guard); i++)
		CHECK(condition.guard[i] == 0x5a);
	printf("turn %d, destroyed %d\n", turn, old_destroy(&condition.old));
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = {
		{ "early", early },     { "hidden", hidden }, { "local", local },
		{ "old-abi", old_abi }, { NULL, NULL },
	};

	return run_case(rows, argc, argv);
}
