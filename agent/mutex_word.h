/* SPDX-License-Identifier: MIT */
/* What glibc's mutexes tell of themselves, and who has one now; for wrap_mutex*.c. */
#ifndef GD_MUTEX_WORD_H
#define GD_MUTEX_WORD_H

#include "thread.h"
#include <pthread.h>

/*
 * glibc's lock word (nptl/lowlevellock.h): 0 free, 1 taken, 2 taken and waited for.  Robust,
 * priority-inheriting and other special ones keep a thread id there: not 0 while taken, so the
 * question has the same answer.
 */
static inline bool gd_mutex_is_free(const pthread_mutex_t *mutex)
{
	return __atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED) == 0;
}

/* Normal, recursive, error-checking, adaptive: trying and then locking is the same as locking. */
static inline bool gd_mutex_is_simple(const pthread_mutex_t *mutex)
{
	return (mutex->__data.__kind & 0x7f) <= PTHREAD_MUTEX_ADAPTIVE_NP;
}

/* Its type without what else is special about it. */
static inline int gd_mutex_type_of(const pthread_mutex_t *mutex)
{
	return mutex->__data.__kind & 3;
}

/* A mutex that the thread has already is not waited for, where its type looks who has it. */
static inline bool gd_mutex_is_mine(const pthread_mutex_t *mutex)
{
	const struct gd_local *self = gd_self;

	return (gd_mutex_type_of(mutex) == PTHREAD_MUTEX_RECURSIVE_NP ||
		gd_mutex_type_of(mutex) == PTHREAD_MUTEX_ERRORCHECK_NP) &&
	       self && __atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED) == self->slot->tid;
}

/* The outermost of a recursive mutex's locks: the one that acquires it and gives it back. */
static inline bool gd_mutex_is_outermost(const pthread_mutex_t *mutex)
{
	return gd_mutex_type_of(mutex) != PTHREAD_MUTEX_RECURSIVE_NP || mutex->__data.__count <= 1;
}

/* With a priority ceiling the word of a free one is not 0: the ceiling stands above bit 19. */
static inline bool gd_mutex_is_free_below_ceiling(const pthread_mutex_t *mutex)
{
	return mutex->__data.__kind & 64 &&
	       !(__atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED) & 0x7ffff);
}

/*
 * The acquisition of a lock that was free: its time and its caller, so that a release that others
 * wait for knows how long it was held and by whom.  A vfork child's locks are its parent's, too.
 * Returns 0, for its callers to jump here.
 */
int gd_mutex_hold(const pthread_mutex_t *mutex, uintptr_t returns_to);

#endif
