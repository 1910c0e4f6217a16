/* SPDX-License-Identifier: MIT */
/*
 * Frames, stacks and samples become places; numbers that lead nowhere lead nowhere.  The file is
 * written as agent and sampler write it, so its tables have their true sizes.
 */
#include <gildiag/image.h>
#include <load.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unit/near.h>

#define NEAR_S 1e-9
#define S      1000000000ull

static unsigned char *image;
static struct gd_pool *pool;
static struct gd_process_model process;

static int make_image(void **state)
{
	struct gd_process *row;

	(void)state;
	pool = gd_pool_new();
	image = mmap(NULL, GD_IMAGE_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!pool || image == MAP_FAILED)
		return -1;
	gd_image_init(image);
	row = gd_image_entries(image, GD_SECTION_PROCESS);
	row->clock = GD_CLOCK_MONOTONIC;
	row->first = (struct gd_clock_pair){ S, S };
	row->last = (struct gd_clock_pair){ 11 * S, 11 * S };
	gd_image_sections(image)[GD_SECTION_STRINGS - 1].used = 1;
	return 0;
}

static int free_image(void **state)
{
	(void)state;
	gd_pool_free(pool);
	return munmap(image, GD_IMAGE_BYTES);
}

static struct gd_section *section(uint32_t kind)
{
	return &gd_image_sections(image)[kind - 1];
}

/* ---- What is in the file --------------------------------------------------------------------- */

static void *add(uint32_t kind)
{
	return (char *)gd_image_entries(image, kind) +
	       (size_t)section(kind)->entry_size * section(kind)->used++;
}

static uint32_t add_text(const char *text)
{
	uint32_t at = section(GD_SECTION_STRINGS)->used;

	strcpy((char *)gd_image_entries(image, GD_SECTION_STRINGS) + at, text);
	section(GD_SECTION_STRINGS)->used += (uint32_t)strlen(text) + 1;
	return at;
}

static uint32_t add_frame(const char *file, const char *function, int32_t line)
{
	struct gd_frame frame = { .line = line, .first_line = line - 1 };

	frame.file = add_text(file);
	frame.function = add_text(function);
	*(struct gd_frame *)add(GD_SECTION_FRAMES) = frame;
	return section(GD_SECTION_FRAMES)->used - 1;
}

static struct gd_stack *add_stack(uint32_t inner, uint32_t outer)
{
	struct gd_stack *stack = add(GD_SECTION_STACKS);

	*stack = (struct gd_stack){ .count = 2, .frames = { inner, outer } };
	return stack;
}

static void add_sample(uint32_t stack, uint64_t address, uint32_t cause)
{
	*(struct gd_sample *)add(GD_SECTION_SAMPLES) = (struct gd_sample){
		.stack = stack, .address = address, .cause = cause, .weight = 2 * S, .samples = 9
	};
}

static void add_module(uint64_t start, uint64_t end, const char *path)
{
	struct gd_module *module = add(GD_SECTION_MODULES);

	module->start = start;
	module->end = end;
	strncpy(module->path, path, sizeof(module->path) - 1);
}

static void add_lock(uint64_t site)
{
	struct gd_lock *lock = add(GD_SECTION_LOCKS);

	lock->key = section(GD_SECTION_LOCKS)->used;
	lock->waits = 1;
	lock->site = site;
}

/* ---- Loading it ------------------------------------------------------------------------------ */

/* Exactly as long as it must be, so that the sanitizers see what reads beyond. */
struct bytes {
	unsigned char *at;
	size_t size;
};

static int write_bytes(void *to, const void *from, size_t size_bytes, uint64_t offset)
{
	struct bytes *bytes = to;

	if (offset + size_bytes > bytes->size) {
		bytes->size = offset + size_bytes;
		bytes->at = realloc(bytes->at, bytes->size);
		assert_non_null(bytes->at);
	}
	memcpy(bytes->at + offset, from, size_bytes);
	return 0;
}

static void load(void)
{
	struct bytes bytes = { NULL, 0 };
	struct gd_diag diag = { "" };
	struct gd_file file;

	assert_int_equal(gd_image_write(image, GD_STATE_CLOSED, 11 * S, write_bytes, &bytes), 0);
	if (gd_file_check(bytes.at, bytes.size, "x", &file, &diag) != 0)
		fail_msg("%s", diag.text);
	assert_int_equal(gd_load_process(&file, pool, &process), 0);
	free(bytes.at); /* the model needs it no more */
}

static const struct gd_place *place_of(size_t sample, size_t depth)
{
	assert_true(sample < process.sampled_count);
	assert_true(depth < process.sampled[sample].stack->count);
	return process.sampled[sample].stack->places[depth];
}

/* ---- As it should be ------------------------------------------------------------------------- */

static void a_sample_has_its_stack_cause_and_seconds(void **state)
{
	uint32_t inner = add_frame("/usr/lib/python3.11/queue.py", "get", 171);
	uint32_t outer = add_frame("/home/ada/app.py", "fetch", 12);

	(void)state;
	add_stack(inner, outer)->is_cut = 1;
	add_sample(1, 0, GD_CAUSE_COND);
	load();
	assert_int_equal(process.sampled_count, 1);
	assert_int_equal(process.sampled[0].cause, GD_CAUSE_COND);
	assert_int_equal(process.sampled[0].samples, 9);
	assert_near(process.sampled[0].weight_s, 2, NEAR_S);
	assert_int_equal(process.sampled[0].stack->count, 2);
	assert_true(process.sampled[0].stack->is_cut);
	assert_string_equal(place_of(0, 0)->file, "/usr/lib/python3.11/queue.py");
	assert_string_equal(place_of(0, 0)->function, "get");
	assert_true(place_of(0, 0)->is_library);
	assert_string_equal(place_of(0, 1)->file, "/home/ada/app.py");
	assert_int_equal(place_of(0, 1)->line, 12);
	assert_int_equal(place_of(0, 1)->first_line, 11);
	assert_false(place_of(0, 1)->is_library);
	assert_string_equal(place_of(0, 1)->module, "");
}

static void a_native_sample_is_a_place_in_a_module(void **state)
{
	(void)state;
	add_module(0x1000, 0x2000, "/usr/bin/prog");
	add_module(0x5000, 0x9000, "/usr/lib/libpq.so.5");
	add_sample(0, 0x5123, GD_CAUSE_RECV);
	add_sample(0, 0x5123, GD_CAUSE_SEND);
	add_sample(0, 0x1fff, GD_CAUSE_RECV);
	add_sample(0, 0x2000, GD_CAUSE_RECV); /* just behind it */
	load();
	assert_int_equal(process.sampled_count, 4);
	assert_string_equal(place_of(0, 0)->module, "/usr/lib/libpq.so.5");
	assert_int_equal(place_of(0, 0)->offset, 0x123);
	assert_ptr_equal(place_of(1, 0), place_of(0, 0));
	assert_string_equal(place_of(2, 0)->module, "/usr/bin/prog");
	assert_int_equal(place_of(2, 0)->offset, 0xfff);
	assert_string_equal(place_of(3, 0)->module, "");
	assert_int_equal(place_of(3, 0)->address, 0x2000);
	assert_int_equal(process.native_count, 3);
	assert_ptr_equal(process.natives[0], place_of(0, 0));
}

static void a_site_is_a_frame_or_an_address_or_nothing(void **state)
{
	(void)state;
	add_frame("a.py", "f", 1);
	add_frame("b.py", "g", 2);
	add_lock(GD_SITE_FRAME | 1);
	add_lock(0x1234);
	add_lock(0);
	add_lock(GD_SITE_OTHERS);
	add_lock(GD_SITE_FRAME | 2); /* there is none */
	add_lock(GD_SITE_FRAME | 1ull << 32);
	load();
	assert_int_equal(process.lock_count, 6);
	for (size_t i = 0; i < 6; i++) {
		const struct gd_place *place = process.locks[i].place;

		switch (process.locks[i].key) {
		case 1:
			assert_string_equal(place->function, "g");
			break;
		case 2:
			assert_int_equal(place->address, 0x1234);
			break;
		default:
			assert_null(place);
		}
	}
}

/* ---- As it should not ------------------------------------------------------------------------ */

static void texts_that_are_not_there_are_empty(void **state)
{
	struct gd_frame *frame = gd_image_entries(image, GD_SECTION_FRAMES);

	(void)state;
	add_frame("a.py", "f", 1);
	add_frame("b.py", "end", 2);
	add_stack(0, 1);
	frame[0].file = section(GD_SECTION_STRINGS)->used;
	frame[0].function = UINT32_MAX;
	section(GD_SECTION_STRINGS)->used--; /* the last one's zero is gone */
	add_sample(1, 0, GD_CAUSE_RECV);
	load();
	assert_string_equal(place_of(0, 0)->file, "");
	assert_string_equal(place_of(0, 0)->function, "");
	assert_string_equal(place_of(0, 1)->function, "end");
}

static void texts_of_another_size_of_entry_are_none(void **state)
{
	(void)state;
	add_stack(add_frame("a.py", "f", 1), 0);
	section(GD_SECTION_STRINGS)->entry_size = 2;
	add_sample(1, 0, GD_CAUSE_RECV);
	load();
	assert_string_equal(place_of(0, 0)->file, "");
}

/* Two megabytes without a zero, and sixteen thousand frames that name them. */
static void one_long_text_of_many_frames_is_kept_once(void **state)
{
	struct gd_frame *frames = gd_image_entries(image, GD_SECTION_FRAMES);

	(void)state;
	memset(gd_image_entries(image, GD_SECTION_STRINGS), 'x', GD_STRING_CAPACITY);
	section(GD_SECTION_STRINGS)->used = GD_STRING_CAPACITY;
	section(GD_SECTION_FRAMES)->used = GD_FRAME_CAPACITY;
	add_stack(0, GD_FRAME_CAPACITY - 1);
	add_sample(1, 0, GD_CAUSE_RECV);
	frames[0].file = 0;
	frames[GD_FRAME_CAPACITY - 1].file = 5;
	load();
	assert_int_equal(strlen(place_of(0, 0)->file), GD_STRING_CAPACITY);
	assert_int_equal(strlen(place_of(0, 1)->file), GD_STRING_CAPACITY - 5);
	assert_ptr_equal(place_of(0, 0)->file + 5, place_of(0, 1)->file);
}

static void frames_that_are_not_there_are_left_out(void **state)
{
	uint32_t frame = add_frame("a.py", "f", 1);
	struct gd_stack *stack;

	(void)state;
	add_stack(1, frame);
	add_stack(UINT32_MAX, frame);
	add_sample(1, 0, GD_CAUSE_RECV);
	add_sample(2, 0, GD_CAUSE_RECV);
	stack = add_stack(frame, frame);
	stack->count = UINT32_MAX;
	add_sample(3, 0, GD_CAUSE_RECV);
	load();
	assert_int_equal(process.sampled[0].stack->count, 1);
	assert_string_equal(place_of(0, 0)->function, "f");
	assert_int_equal(process.sampled[1].stack->count, 1);
	assert_int_equal(process.sampled[2].stack->count, GD_STACK_DEPTH);
}

static void samples_of_nowhere_are_left_out(void **state)
{
	(void)state;
	add_frame("a.py", "f", 1);
	add_stack(7, 8); /* no frame of it is there */
	add_stack(0, 0);
	add_sample(0, 0, GD_CAUSE_RECV);
	add_sample(3, 0, GD_CAUSE_RECV);
	add_sample(UINT32_MAX, 0, GD_CAUSE_RECV);
	add_sample(1, 0, GD_CAUSE_RECV);
	add_sample(0, GD_SITE_OTHERS, GD_CAUSE_RECV);
	add_sample(0, GD_SITE_FRAME | 1, GD_CAUSE_RECV);
	add_sample(2, 0, GD_CAUSE_COUNT);
	add_sample(2, 0, UINT32_MAX);
	load();
	assert_int_equal(process.sampled_count, 0);
}

static void a_module_s_path_ends_where_its_field_does(void **state)
{
	(void)state;
	add_module(0x1000, 0x2000, "");
	memset(((struct gd_module *)gd_image_entries(image, GD_SECTION_MODULES))->path, 'y',
	       GD_PATH_BYTES);
	add_sample(0, 0x1100, GD_CAUSE_RECV);
	load();
	assert_int_equal(strlen(place_of(0, 0)->module), GD_PATH_BYTES);
}

static void of_very_many_native_places_all_are_kept(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < GD_SAMPLE_CAPACITY; i++)
		add_sample(0, 0x1000 + i, GD_CAUSE_RECV);
	load();
	assert_int_equal(process.sampled_count, GD_SAMPLE_CAPACITY);
	assert_int_equal(process.native_count, GD_SAMPLE_CAPACITY);
}

static void without_tables_there_are_no_places(void **state)
{
	(void)state;
	for (uint32_t kind = GD_SECTION_STRINGS; kind <= GD_SECTION_MODULES; kind++)
		section(kind)->kind = 1000 + kind;
	add_lock(GD_SITE_FRAME | 0);
	load();
	assert_int_equal(process.sampled_count, 0);
	assert_null(process.locks[0].place);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_image, free_image)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sample_has_its_stack_cause_and_seconds),
		TEST(a_native_sample_is_a_place_in_a_module),
		TEST(a_site_is_a_frame_or_an_address_or_nothing),
		TEST(texts_that_are_not_there_are_empty),
		TEST(texts_of_another_size_of_entry_are_none),
		TEST(one_long_text_of_many_frames_is_kept_once),
		TEST(frames_that_are_not_there_are_left_out),
		TEST(samples_of_nowhere_are_left_out),
		TEST(a_module_s_path_ends_where_its_field_does),
		TEST(of_very_many_native_places_all_are_kept),
		TEST(without_tables_there_are_no_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
