/* SPDX-License-Identifier: MIT */
/* An image is packed to a file and read again. */
#include <base/cleanup.h>
#include <errno.h>
#include <gildiag/image.h>
#include <reader.h>
#include <string.h>
#include <sys/mman.h>
#include <unit/cmocka_begin.h>

static void *image;

static int map_image(void **state)
{
	(void)state;
	image = mmap(NULL, GD_IMAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	if (image == MAP_FAILED)
		return -1;
	gd_image_init(image);
	return 0;
}

static int unmap_image(void **state)
{
	(void)state;
	return munmap(image, GD_IMAGE_BYTES);
}

#define SINK_BYTES (2u << 20)

/* A file in memory, zeros where nothing was written; fails at the call of that number. */
struct sink {
	unsigned char *bytes;
	size_t size_bytes;
	int calls, fails_at;
};

static struct sink make_sink(int fails_at)
{
	struct sink sink = { .bytes = calloc(1, SINK_BYTES), .fails_at = fails_at };

	assert_non_null(sink.bytes);
	return sink;
}

static int write_to_sink(void *to, const void *from, size_t size_bytes, uint64_t offset)
{
	struct sink *sink = to;

	if (++sink->calls == sink->fails_at)
		return -ENOSPC;
	assert_true(offset + size_bytes <= SINK_BYTES);
	memcpy(sink->bytes + offset, from, size_bytes);
	if (offset + size_bytes > sink->size_bytes)
		sink->size_bytes = offset + size_bytes;
	return 0;
}

static struct gd_section *section(uint32_t kind)
{
	return &gd_image_sections(image)[kind - 1];
}

static void an_image_is_laid_out_without_overlap(void **state)
{
	uint64_t end =
		sizeof(struct gd_file_header) + GD_IMAGE_SECTIONS * sizeof(struct gd_section);

	(void)state;
	for (uint32_t kind = 1; kind <= GD_IMAGE_SECTIONS; kind++) {
		assert_int_equal(section(kind)->kind, kind);
		assert_true(section(kind)->offset >= end);
		assert_int_equal(section(kind)->offset % 64, 0); /* a cache line's */
		end = section(kind)->offset +
		      (uint64_t)section(kind)->entry_size * section(kind)->capacity;
	}
	assert_true(end <= GD_IMAGE_BYTES);
	assert_int_equal(section(GD_SECTION_PROCESS)->used, 1);
}

/* Marks the first and the last byte of an entry. */
static void mark(uint32_t kind, uint32_t index, unsigned char byte)
{
	unsigned char *entry = (unsigned char *)gd_image_entries(image, kind) +
			       (size_t)section(kind)->entry_size * index;

	entry[0] = byte;
	entry[section(kind)->entry_size - 1] = byte;
}

static void what_is_in_use_is_packed_and_read_again(void **state)
{
	struct sink sink = make_sink(0);
	struct gd_diag diag = { "" };
	unsigned char entry[4096];
	struct gd_file file;
	size_t expected = sizeof(struct gd_file_header) + GD_IMAGE_SECTIONS * 32;

	(void)state;
	for (uint32_t kind = 1; kind <= GD_IMAGE_SECTIONS; kind++) {
		section(kind)->used = kind == GD_SECTION_PROCESS ? 1 : kind;
		section(kind)->lost = 10 * kind;
		for (uint32_t i = 0; i < section(kind)->used; i++)
			mark(kind, i, (unsigned char)(16 * kind + i));
		expected += (size_t)section(kind)->entry_size * section(kind)->used;
	}
	assert_int_equal(gd_image_write(image, GD_STATE_CLOSED, 777, write_to_sink, &sink), 0);
	assert_int_equal(sink.size_bytes, expected);
	if (gd_file_check(sink.bytes, sink.size_bytes, "x", &file, &diag) != 0)
		fail_msg("%s", diag.text);
	assert_int_equal(file.header->state, GD_STATE_CLOSED);
	assert_int_equal(file.header->copied_ns, 777);
	for (uint32_t kind = 1; kind <= GD_IMAGE_SECTIONS; kind++) {
		assert_int_equal(gd_file_count(&file, kind), section(kind)->used);
		assert_int_equal(file.sections[kind].lost, 10 * kind);
		for (uint32_t i = 0; i < section(kind)->used; i++) {
			gd_file_entry(&file, kind, i, entry, section(kind)->entry_size);
			assert_int_equal(entry[0], 16 * kind + i);
			assert_int_equal(entry[section(kind)->entry_size - 1], 16 * kind + i);
		}
	}
	free(sink.bytes);
}

static void the_image_itself_stays_as_it_was(void **state)
{
	struct gd_file_header before = *(struct gd_file_header *)image;
	struct sink sink = make_sink(0);

	(void)state;
	assert_int_equal(gd_image_write(image, GD_STATE_CLOSED, 777, write_to_sink, &sink), 0);
	assert_memory_equal(image, &before, sizeof(before));
	assert_int_equal(before.state, GD_STATE_OPEN);
	free(sink.bytes);
}

static void a_file_that_was_not_finished_is_no_recording(void **state)
{
	int err = -1;

	(void)state;
	section(GD_SECTION_THREADS)->used = 2;
	for (int fails_at = 1; err; fails_at++) {
		struct sink sink = make_sink(fails_at);
		struct gd_diag diag;
		struct gd_file file;

		err = gd_image_write(image, GD_STATE_CLOSED, 1, write_to_sink, &sink);
		assert_int_equal(gd_file_check(sink.bytes, sink.size_bytes, "x", &file, &diag),
				 err ? -EMEDIUMTYPE : 0);
		if (err) {
			assert_int_equal(err, -ENOSPC);
			assert_int_equal(sink.calls, fails_at); /* and nothing was tried after */
		}
		free(sink.bytes);
	}
}

/* ---- An image whose owner is broken or hostile ----------------------------------------------- */

static void counts_beyond_the_table_are_cut(void **state)
{
	struct sink sink = make_sink(0);
	struct gd_diag diag = { "" };
	struct gd_file file;

	(void)state;
	section(GD_SECTION_ENDED)->used = UINT32_MAX;
	assert_int_equal(gd_image_write(image, GD_STATE_OPEN, 1, write_to_sink, &sink), 0);
	assert_int_equal(gd_file_check(sink.bytes, sink.size_bytes, "x", &file, &diag), 0);
	assert_int_equal(gd_file_count(&file, GD_SECTION_ENDED), GD_ENDED_CAPACITY);
	free(sink.bytes);
}

static void nothing_beyond_the_image_is_copied(void **state)
{
	static const struct {
		uint64_t offset;
		uint32_t entry_size, used;
	} rows[] = {
		{ GD_IMAGE_BYTES, 8, 1 },       { GD_IMAGE_BYTES - 7, 8, 1 },
		{ UINT64_MAX, 8, 1 },           { UINT64_MAX - 7, 8, 1 },
		{ UINT64_MAX - 7, 8, 2 },       { 4096, UINT32_MAX, 1000 },
		{ 1ull << 63, 1u << 31, 1000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sink sink = make_sink(0);

		section(GD_SECTION_ENDED)->offset = rows[i].offset;
		section(GD_SECTION_ENDED)->entry_size = rows[i].entry_size;
		section(GD_SECTION_ENDED)->used = rows[i].used;
		assert_int_equal(gd_image_write(image, GD_STATE_OPEN, 1, write_to_sink, &sink),
				 -EINVAL);
		free(sink.bytes);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, map_image, unmap_image)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_image_is_laid_out_without_overlap),
		TEST(what_is_in_use_is_packed_and_read_again),
		TEST(the_image_itself_stays_as_it_was),
		TEST(a_file_that_was_not_finished_is_no_recording),
		TEST(counts_beyond_the_table_are_cut),
		TEST(nothing_beyond_the_image_is_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
