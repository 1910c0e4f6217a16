/* SPDX-License-Identifier: MIT */
/* How much a sample stands for, and where it says that the thread waited. */
#include <account.h>
#include <builders/awake.h>
#include <builders/python.h>
#include <intern.h>
#include <site.h>
#include <string.h>
#include <sys/mman.h>
#include <unit/near.h>

#define MS (1000 * gd_clock_ticks_per_us)

/* ---- Weights --------------------------------------------------------------------------------- */

static void begin_dice(struct gd_local *self, uint64_t seed)
{
	memset(self, 0, sizeof(*self));
	self->dice = seed * 0x9e3779b97f4a7c15ull;
	gd_site_draw(self);
}

/* What is drawn but has not been waited yet. */
static uint64_t progress(const struct gd_local *self)
{
	return self->sample_weight - self->until_sample;
}

static void every_tick_waited_is_sampled_once(void **state)
{
	struct gd_local self;
	uint64_t waited = 0, due = 0, before;

	(void)state;
	begin_dice(&self, 1);
	before = progress(&self);
	for (uint64_t i = 0; i < 100000; i++) {
		uint64_t wait = i * i * 7919 % (i % 100 == 0 ? 900 * MS : 3 * MS);

		waited += wait;
		due += gd_site_due(&self, wait);
		assert_true(self.until_sample > 0);
		assert_true(self.until_sample <= self.sample_weight);
	}
	assert_int_equal(due, waited + before - progress(&self));
}

/* The mean of batches, and how far it may be from the truth. */
struct estimate {
	double sum, squares;
	int count;
};

static void add_batch(struct estimate *estimate, double value)
{
	estimate->sum += value;
	estimate->squares += value * value;
	estimate->count++;
}

/* A right one is farther off than this once in 1.7 million times; and it is no loose bound. */
static void assert_unbiased(const struct estimate *estimate, double truth)
{
	double n = estimate->count, mean = estimate->sum / n;
	double error = sqrt((estimate->squares / n - mean * mean) / (n - 1));

	assert_true(error < truth / 100);
	assert_near(mean, truth, 5 * error);
}

#define BATCHES 200
#define ROUNDS  5000

/* A thread waits in turn at place 0 once and at place 1 times times. */
struct turns {
	double long_ms, short_ms;
	int times;
};

static void estimate_turns(const struct turns *turns, struct estimate ret_estimates[2])
{
	uint64_t waits[2] = { (uint64_t)(turns->long_ms * (double)MS),
			      (uint64_t)(turns->short_ms * (double)MS) };
	struct gd_local self;

	begin_dice(&self, 2);
	memset(ret_estimates, 0, 2 * sizeof(*ret_estimates));
	for (int batch = 0; batch < BATCHES; batch++) {
		uint64_t due[2] = { 0, 0 };

		for (int i = 0; i < ROUNDS; i++) {
			due[0] += gd_site_due(&self, waits[0]);
			for (int k = 0; k < turns->times; k++)
				due[1] += gd_site_due(&self, waits[1]);
		}
		for (int i = 0; i < 2; i++)
			add_batch(&ret_estimates[i], (double)due[i] / ROUNDS);
	}
}

static void a_place_weighs_what_was_waited_there_whatever_the_lengths(void **state)
{
	static const struct turns table[] = {
		{ 0.02, 0.01, 1 }, /* both far shorter than what is drawn */
		{ 0.7, 0.3, 1 },   /* together as long as the mean of it */
		{ 3, 0.1, 10 },    /* one completes it, others do not */
		{ 2, 0.4, 1 },     /* the short ones are shorter than the least that is drawn */
		{ 15, 0.4, 2 },    /* just shorter than what is looked at one by one, and longer */
		{ 50, 1, 3 },      { 1000, 10, 20 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct estimate estimates[2];

		estimate_turns(&table[i], estimates);
		assert_unbiased(&estimates[0], table[i].long_ms * (double)MS);
		assert_unbiased(&estimates[1], table[i].short_ms * table[i].times * (double)MS);
	}
}

static void threads_that_hardly_live_weigh_what_they_waited(void **state)
{
	struct estimate estimate = { 0 };
	uint64_t seed = 1;

	(void)state;
	for (int batch = 0; batch < BATCHES; batch++) {
		uint64_t due = 0;

		for (int i = 0; i < ROUNDS; i++) {
			struct gd_local self;

			begin_dice(&self, seed++);
			due += gd_site_due(&self, MS / 10);
			due += gd_site_due(&self, MS / 10);
		}
		add_batch(&estimate, (double)due / ROUNDS);
	}
	assert_unbiased(&estimate, 0.2 * (double)MS);
}

static void threads_do_not_throw_the_same(void **state)
{
	static struct gd_local locals[2];

	(void)state;
	gd_site_draw(&locals[0]);
	gd_site_draw(&locals[1]);
	assert_int_not_equal(locals[0].dice, locals[1].dice);
}

/* ---- Places: of native code ------------------------------------------------------------------ */

static const struct gd_sample *samples(void)
{
	return gd_image_entries(gd_arena_image(), GD_SECTION_SAMPLES);
}

static void native_waits_are_summed_by_their_call(void **state)
{
	(void)state;
	gd_self->returns_to = 0x1234;
	gd_site_sample(gd_self, GD_CAUSE_RECV, 10);
	gd_site_sample(gd_self, GD_CAUSE_RECV, 5);
	gd_site_sample(gd_self, GD_CAUSE_FILE, 1);
	gd_self->returns_to = 0x5678;
	gd_site_sample(gd_self, GD_CAUSE_RECV, 3);
	assert_int_equal(gd_sections[GD_SECTION_SAMPLES - 1].used, 3);
	assert_int_equal(samples()[0].address, 0x1234);
	assert_int_equal(samples()[0].cause, GD_CAUSE_RECV);
	assert_int_equal(samples()[0].stack, 0);
	assert_int_equal(samples()[0].weight, 15);
	assert_int_equal(samples()[0].samples, 2);
	assert_int_equal(samples()[1].cause, GD_CAUSE_FILE);
	assert_int_equal(samples()[2].address, 0x5678);
	assert_int_equal(gd_site_here(gd_self, 0x9abc), 0x9abc);
	assert_false(gd_self->is_busy);
}

/* ---- Places: of Python ----------------------------------------------------------------------- */

/* What an interpreter exports; the agent looks them up by name. */
extern const char PyCode_Type[8], PyUnicode_Type[8], PyBytes_Type[8];
__attribute__((visibility("default"))) const char PyCode_Type[8] = "code";
__attribute__((visibility("default"))) const char PyUnicode_Type[8] = "str";
__attribute__((visibility("default"))) const char PyBytes_Type[8] = "bytes";

static struct gd_python python;

static int start_python(void **state)
{
	struct gd_cpython_offsets offsets = gd_python_offsets(0x030b);
	struct gd_cpython_types types = { (uintptr_t)PyCode_Type, (uintptr_t)PyUnicode_Type,
					  (uintptr_t)PyBytes_Type };

	gd_awake(state);
	gd_python_init(&python, &offsets, types);
	gd_site_init("3.11.7");
	gd_self->tstate = python.tstate;
	return 0;
}

/* So that other tests find none. */
static int end_python(void **state)
{
	(void)state;
	gd_site_init("2.7.18");
	return 0;
}

static const struct gd_frame *frame_of(uint64_t site)
{
	const struct gd_frame *rows = gd_image_entries(gd_arena_image(), GD_SECTION_FRAMES);

	assert_true(site & GD_SITE_FRAME);
	return &rows[site & ~GD_SITE_FRAME];
}

static const char *text(uint32_t offset)
{
	return (const char *)gd_image_entries(gd_arena_image(), GD_SECTION_STRINGS) + offset;
}

static uint64_t call(const char *file, const char *function, int32_t line)
{
	uint64_t code = gd_python_add_function(&python, file, function, line);

	gd_python_call(&python, code, 4);
	return code;
}

static void a_wait_of_python_is_at_its_stack(void **state)
{
	const struct gd_stack *stack;

	(void)state;
	call("/home/ada/app.py", "<module>", 1);
	call("/home/ada/app.py", "fetch", 20);
	gd_self->returns_to = 0x1234;
	gd_site_sample(gd_self, GD_CAUSE_RECV, 10);
	gd_site_sample(gd_self, GD_CAUSE_RECV, 5);
	assert_int_equal(gd_sections[GD_SECTION_SAMPLES - 1].used, 1);
	assert_int_equal(samples()[0].stack, 1);
	assert_int_equal(samples()[0].address, 0);
	assert_int_equal(samples()[0].weight, 15);
	assert_int_equal(gd_self->slot->first_stack, 1);
	stack = gd_image_entries(gd_arena_image(), GD_SECTION_STACKS);
	assert_int_equal(stack->count, 2);
	assert_false(stack->is_cut);
	assert_string_equal(text(frame_of(GD_SITE_FRAME | stack->frames[0])->function), "fetch");
	assert_int_equal(frame_of(GD_SITE_FRAME | stack->frames[0])->line, 20);
	assert_string_equal(text(frame_of(GD_SITE_FRAME | stack->frames[1])->function), "<module>");
}

static void of_a_deep_stack_the_inner_part_is_kept(void **state)
{
	uint64_t code = gd_python_add_function(&python, "a.py", "f", 1);
	const struct gd_stack *stack;

	(void)state;
	for (int i = 0; i < GD_STACK_DEPTH; i++)
		gd_python_call(&python, code, 2);
	gd_site_sample(gd_self, GD_CAUSE_RECV, 1);
	gd_python_call(&python, code, 2);
	gd_site_sample(gd_self, GD_CAUSE_RECV, 1);
	stack = gd_image_entries(gd_arena_image(), GD_SECTION_STACKS);
	assert_int_equal(stack[0].count, GD_STACK_DEPTH);
	assert_false(stack[0].is_cut);
	assert_int_equal(stack[1].count, GD_STACK_DEPTH);
	assert_true(stack[1].is_cut);
}

static void a_place_is_the_innermost_line_of_the_program_s_own(void **state)
{
	const struct gd_frame *frame;

	(void)state;
	call("/home/ada/app.py", "serve", 7);
	call("/usr/lib/python3.11/queue.py", "get", 100);
	call("/usr/lib/python3.11/threading.py", "wait", 200);
	frame = frame_of(gd_site_here(gd_self, 0x1234));
	assert_string_equal(text(frame->function), "serve");
	assert_int_equal(frame->line, 7);
}

static void where_all_is_a_library_s_it_is_the_innermost_line(void **state)
{
	(void)state;
	call("/usr/lib/python3.11/runpy.py", "run", 100);
	call("/usr/lib/python3.11/threading.py", "wait", 200);
	assert_string_equal(text(frame_of(gd_site_here(gd_self, 0x1234))->function), "wait");
}

static void code_that_took_the_place_of_other_code_has_its_own_name(void **state)
{
	uint64_t code = call("a.py", "before", 1);
	uint64_t other = gd_python_add_function(&python, "a.py", "after", 2);

	(void)state;
	assert_string_equal(text(frame_of(gd_site_here(gd_self, 0))->function), "before");
	memcpy((void *)(uintptr_t)code, (const void *)(uintptr_t)other, 192);
	assert_string_equal(text(frame_of(gd_site_here(gd_self, 0))->function), "after");
}

static void bad_pointers_do_no_harm_before_the_first_walk_has_come_out_right(void **state)
{
	void *gone = mmap(NULL, GD_PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	call("a.py", "f", 1);
	gd_self->tstate = (uintptr_t)gone;
	assert_int_equal(gd_site_here(gd_self, 0x1234), 0x1234);
	gd_self->tstate = python.tstate;
	assert_int_not_equal(gd_site_here(gd_self, 0x1234), 0x1234);
	munmap(gone, GD_PAGE_BYTES);
}

static void an_interpreter_that_never_comes_out_right_is_given_up(void **state)
{
	(void)state;
	call("a.py", "f", 1);
	gd_self->tstate = 8;
	for (int i = 0; i < 19; i++)
		gd_site_here(gd_self, 0);
	gd_self->tstate = python.tstate;
	assert_int_not_equal(gd_site_here(gd_self, 0x1234), 0x1234); /* it was starting still */
	gd_site_init("3.11.7");
	gd_self->tstate = 8;
	for (int i = 0; i < 20; i++)
		gd_site_here(gd_self, 0);
	gd_self->tstate = python.tstate;
	assert_int_equal(gd_site_here(gd_self, 0x1234), 0x1234);
}

static void a_version_that_is_not_known_has_native_places(void **state)
{
	static const char *const versions[] = { "", "3", "3.", "3.7.17", "3.99.0", "PyPy" };

	(void)state;
	call("a.py", "f", 1);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		end_python(state);
		gd_site_init(versions[i]);
		assert_int_equal(gd_site_here(gd_self, 0x1234), 0x1234);
	}
}

static void a_signal_handler_inside_the_tables_stays_out(void **state)
{
	(void)state;
	call("a.py", "f", 1);
	gd_self->is_busy = true;
	assert_int_equal(gd_site_here(gd_self, 0x1234), 0x1234);
	gd_self->is_busy = false;
}

#define TEST(name)   cmocka_unit_test_setup(name, gd_awake)
#define PYTHON(name) cmocka_unit_test_setup_teardown(name, start_python, end_python)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_tick_waited_is_sampled_once),
		TEST(a_place_weighs_what_was_waited_there_whatever_the_lengths),
		TEST(threads_that_hardly_live_weigh_what_they_waited),
		TEST(threads_do_not_throw_the_same),
		TEST(native_waits_are_summed_by_their_call),
		PYTHON(a_wait_of_python_is_at_its_stack),
		PYTHON(of_a_deep_stack_the_inner_part_is_kept),
		PYTHON(a_place_is_the_innermost_line_of_the_program_s_own),
		PYTHON(where_all_is_a_library_s_it_is_the_innermost_line),
		PYTHON(code_that_took_the_place_of_other_code_has_its_own_name),
		PYTHON(bad_pointers_do_no_harm_before_the_first_walk_has_come_out_right),
		PYTHON(an_interpreter_that_never_comes_out_right_is_given_up),
		PYTHON(a_version_that_is_not_known_has_native_places),
		PYTHON(a_signal_handler_inside_the_tables_stays_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
