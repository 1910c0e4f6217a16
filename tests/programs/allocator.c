/* SPDX-License-Identifier: MIT */
/*
 * A program with an allocator of its own, which takes a lock that is wrapped, and says so when it
 * is entered while it works.
 */
#include "cases.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread int depth __attribute__((tls_model("initial-exec")));
static char room[64 << 20] __attribute__((aligned(16)));
static size_t used;

static void *take(size_t size)
{
	void *taken = NULL;

	if (depth)
		abort(); /* whoever took the lock for us allocates himself */
	depth = 1;
	pthread_mutex_lock(&mutex);
	size = (size + 31) & ~(size_t)15;
	if (size <= sizeof(room) - used) {
		*(size_t *)(void *)(room + used) = size - 16;
		taken = room + used + 16;
		used += size;
	}
	pthread_mutex_unlock(&mutex);
	depth = 0;
	return taken;
}

void *malloc(size_t size)
{
	return take(size);
}

void *calloc(size_t count, size_t size)
{
	return take(count * size); /* fresh memory is zero, and none is used twice */
}

void *realloc(void *old, size_t size)
{
	void *taken = take(size);
	size_t before = old ? ((size_t *)old)[-2] : 0;

	if (taken && old)
		memcpy(taken, old, before < size ? before : size);
	return taken;
}

void free(void *old)
{
	(void)old;
}

static void *allocate(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		char *text = malloc((size_t)i % 100 + 1);

		CHECK(text);
		text[i % 100] = 'x';
		if (i % 10 == 0)
			dlsym(RTLD_DEFAULT, "no_such_symbol"); /* an error text is allocated */
		free(text);
	}
	return arg;
}

static void allocates(void)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, allocate, NULL) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	puts("allocated");
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = { { "allocates", allocates }, { NULL, NULL } };

	return run_case(rows, argc, argv);
}
