/* SPDX-License-Identifier: MIT */
/*
 * buckets : seconds, printed as a number: a hash table in memory whose buckets have a mutex each,
 * filled and asked by two threads: some ten million locks a second.
 */
#include "timing.h"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS    2
#define BUCKETS    1024
#define ENTRIES    8 /* of a bucket */
#define OPERATIONS 2000000
#define VALUE      96 /* bytes */

struct entry {
	uint64_t key;
	char value[VALUE];
};

struct bucket {
	pthread_mutex_t mutex;
	unsigned int next;
	struct entry entries[ENTRIES];
};

static struct bucket *table;

static struct bucket *bucket_of(uint64_t key)
{
	return &table[(key * 0x9e3779b97f4a7c15ull >> 32) % BUCKETS];
}

static struct entry *find(struct bucket *bucket, uint64_t key)
{
	for (unsigned int i = 0; i < ENTRIES; i++)
		if (bucket->entries[i].key == key)
			return &bucket->entries[i];
	return NULL;
}

static void put(uint64_t key, const char *value)
{
	struct bucket *bucket = bucket_of(key);
	struct entry *entry;

	pthread_mutex_lock(&bucket->mutex);
	entry = find(bucket, key);
	if (!entry)
		entry = &bucket->entries[bucket->next++ % ENTRIES];
	entry->key = key;
	memcpy(entry->value, value, VALUE);
	pthread_mutex_unlock(&bucket->mutex);
}

static int get(uint64_t key, char *value)
{
	struct bucket *bucket = bucket_of(key);
	struct entry *entry;

	pthread_mutex_lock(&bucket->mutex);
	entry = find(bucket, key);
	if (entry)
		memcpy(value, entry->value, VALUE);
	pthread_mutex_unlock(&bucket->mutex);
	return entry != NULL;
}

static void *run(void *arg)
{
	uint64_t random = (uint64_t)(uintptr_t)arg * 0x9e3779b97f4a7c15ull;
	char value[VALUE] = "";
	uintptr_t found = 0;

	for (int i = 0; i < OPERATIONS; i++) {
		uint64_t key;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		key = random % (BUCKETS * ENTRIES) + 1;
		for (unsigned int at = 0; at < VALUE; at++) /* what a value is worth */
			value[at] = (char)((uint64_t)value[at] * 31 + (key >> at % 8));
		if (i % 4 == 0)
			put(key, value);
		else
			found += (uintptr_t)get(key, value);
	}
	return (void *)found;
}

int main(void)
{
	pthread_t threads[THREADS];
	double began;

	table = calloc(BUCKETS, sizeof(*table));
	if (!table)
		return 1;
	for (unsigned int i = 0; i < BUCKETS; i++)
		pthread_mutex_init(&table[i].mutex, NULL);
	began = now_ns();
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, run, (void *)(i + 1));
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%.6f\n", (now_ns() - began) / 1e9);
	return 0;
}
