/* SPDX-License-Identifier: MIT */
/* A plug-in that may be loaded out of everybody's sight: its calls and its host's meet. */
#include <pthread.h>
#include <semaphore.h>
#include <time.h>
#include <unistd.h>

int plugin_work(pthread_mutex_t *mutex, pthread_cond_t *cond, int *turn, sem_t *sem, int fd);

struct work {
	pthread_mutex_t *mutex;
	pthread_cond_t *cond;
	int *turn;
	sem_t *sem;
};

static void *take_turns(void *arg)
{
	struct work *work = arg;

	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(work->mutex);
		while (*work->turn % 2 == 0)
			pthread_cond_wait(work->cond, work->mutex);
		++*work->turn;
		pthread_cond_broadcast(work->cond);
		pthread_mutex_unlock(work->mutex);
	}
	sem_post(work->sem);
	return NULL;
}

/* Takes every second turn, in a thread of its own, and writes a byte to fd. */
int plugin_work(pthread_mutex_t *mutex, pthread_cond_t *cond, int *turn, sem_t *sem, int fd)
{
	static struct work work;
	struct timespec brief = { 0, 1000000 };
	pthread_t thread;

	work = (struct work){ mutex, cond, turn, sem };
	nanosleep(&brief, NULL);
	if (pthread_create(&thread, NULL, take_turns, &work) != 0 || pthread_detach(thread) != 0)
		return 1;
	return write(fd, "x", 1) == 1 ? 0 : 2;
}
