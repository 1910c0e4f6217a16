/* SPDX-License-Identifier: MIT */
/*
 * Dense rows in the image, private open-addressing indices of ids.  A row is filled before its id
 * is published; two threads may add the same content at once, the reader merges what is equal.
 */
#include "intern.h"
#include "clock.h"
#include <string.h>
#include <sys/mman.h>

#define PROBES 32

enum { TEXTS, FRAMES, STACKS, SAMPLES, INDICES }; /* as the sections, from STRINGS on */

static const uint32_t index_sizes[INDICES] = { 65536, 2 * GD_FRAME_CAPACITY, 2 * GD_STACK_CAPACITY,
					       2 * GD_SAMPLE_CAPACITY };
static uint32_t *indices[INDICES];

struct lookup {
	int index;
	uint32_t hash;
	bool (*equals)(uint32_t id, const void *content);
	uint32_t (*add)(const void *content);
};

static uint32_t *map_index(int which)
{
	uint32_t *expected = NULL;
	uint32_t *map;

	if (__builtin_expect(indices[which] != NULL, 1))
		return indices[which];
	map = gd_arena_map(index_sizes[which] * sizeof(uint32_t));
	if (!map)
		return NULL;
	if (!__atomic_compare_exchange_n(&indices[which], &expected, map, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		gd_syscall(SYS_munmap, map, index_sizes[which] * sizeof(uint32_t));
	return indices[which];
}

static uint32_t intern(const struct lookup *lookup, const void *content)
{
	uint32_t *index = map_index(lookup->index);
	uint32_t size = index_sizes[lookup->index];
	uint32_t added = 0;

	for (uint32_t i = 0; index && i < PROBES; i++) {
		uint32_t *slot = &index[(lookup->hash + i) % size];
		uint32_t id = __atomic_load_n(slot, __ATOMIC_ACQUIRE);

		if (!id) {
			if (!added)
				added = lookup->add(content);
			if (!added ||
			    __atomic_compare_exchange_n(slot, &id, added, false, __ATOMIC_RELEASE,
							__ATOMIC_ACQUIRE))
				return added;
		}
		if (lookup->equals(id, content))
			return id;
	}
	if (!added) /* no memory for an index, or it is crowded there */
		__atomic_fetch_add(&gd_sections[GD_SECTION_STRINGS + lookup->index - 1].lost, 1,
				   __ATOMIC_RELAXED);
	return added;
}

static uint32_t hash_bytes(const void *bytes, size_t size_bytes)
{
	const unsigned char *at = bytes;
	uint64_t hash = 0xcbf29ce484222325ull; /* FNV-1a */

	for (size_t i = 0; i < size_bytes; i++)
		hash = (hash ^ at[i]) * 0x100000001b3ull;
	return (uint32_t)(hash ^ hash >> 32);
}

/* ---- Texts ----------------------------------------------------------------------------------- */

static char *texts(void)
{
	return gd_image_entries(gd_arena_image(), GD_SECTION_STRINGS);
}

static bool text_equals(uint32_t id, const void *content)
{
	return strcmp(texts() + id, content) == 0;
}

static uint32_t text_add(const void *content)
{
	uint32_t size = (uint32_t)strlen(content) + 1;
	uint32_t at = gd_arena_take_many(GD_SECTION_STRINGS, size + 1);

	if (at == UINT32_MAX)
		return 0;
	/* The byte before stays zero: offset 0 is no text, whoever came first. */
	memcpy(texts() + at + 1, content, size);
	return at + 1;
}

uint32_t gd_intern_text(const char *text)
{
	struct lookup lookup = { TEXTS, hash_bytes(text, strlen(text)), text_equals, text_add };

	return intern(&lookup, text);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void *row_of(uint32_t kind, uint32_t id)
{
	return (char *)gd_image_entries(gd_arena_image(), kind) +
	       (uint64_t)gd_sections[kind - 1].entry_size * (id - 1);
}

static uint32_t row_add(uint32_t kind, const void *content, size_t size_bytes)
{
	uint32_t index;
	void *row = gd_arena_take(kind, &index);

	if (!row)
		return 0;
	memcpy(row, content, size_bytes);
	return index + 1;
}

static bool frame_equals(uint32_t id, const void *content)
{
	return memcmp(row_of(GD_SECTION_FRAMES, id), content, sizeof(struct gd_frame)) == 0;
}

static uint32_t frame_add(const void *content)
{
	return row_add(GD_SECTION_FRAMES, content, sizeof(struct gd_frame));
}

uint32_t gd_intern_frame(const struct gd_frame *frame)
{
	struct lookup lookup = { FRAMES, hash_bytes(frame, sizeof(*frame)), frame_equals,
				 frame_add };

	return intern(&lookup, frame);
}

static size_t stack_size(const struct gd_stack *stack)
{
	return offsetof(struct gd_stack, frames) + stack->count * sizeof(stack->frames[0]);
}

static bool stack_equals(uint32_t id, const void *content)
{
	const struct gd_stack *wanted = content;
	const struct gd_stack *row = row_of(GD_SECTION_STACKS, id);

	return row->hash == wanted->hash && memcmp(row, wanted, stack_size(wanted)) == 0;
}

static uint32_t stack_add(const void *content)
{
	return row_add(GD_SECTION_STACKS, content, stack_size(content));
}

uint32_t gd_intern_stack(struct gd_stack *stack)
{
	struct lookup lookup = { STACKS, 0, stack_equals, stack_add };

	stack->hash = hash_bytes(stack->frames, stack->count * sizeof(stack->frames[0]));
	lookup.hash = stack->hash;
	return intern(&lookup, stack);
}

static bool sample_equals(uint32_t id, const void *content)
{
	return memcmp(row_of(GD_SECTION_SAMPLES, id), content,
		      offsetof(struct gd_sample, weight)) == 0;
}

static uint32_t sample_add(const void *content)
{
	return row_add(GD_SECTION_SAMPLES, content, sizeof(struct gd_sample));
}

struct gd_sample *gd_intern_sample(uint32_t stack, uint32_t cause, uint64_t address)
{
	struct gd_sample wanted = { .stack = stack, .cause = cause, .address = address };
	struct lookup lookup = { SAMPLES, hash_bytes(&wanted, offsetof(struct gd_sample, weight)),
				 sample_equals, sample_add };
	uint32_t id = intern(&lookup, &wanted);

	return id ? row_of(GD_SECTION_SAMPLES, id) : NULL;
}

void gd_intern_reset(void)
{
	for (int i = 0; i < INDICES; i++)
		if (indices[i])
			gd_syscall(SYS_madvise, indices[i], index_sizes[i] * sizeof(uint32_t),
				   MADV_DONTNEED);
}
