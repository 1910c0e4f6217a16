/* SPDX-License-Identifier: MIT */
/* A process without an agent: its threads' times split by the GIL, or left alone. */
#include <builders/probed.h>
#include <builders/probed_load.h>
#include <classes.h>
#include <string.h>
#include <unit/near.h>

#define S     1000000000ull
#define START (100 * S)
#define END   (110 * S)
#define PID   500
#define COND  0x1000ull

/* A Python of two threads, each on the CPU for 4 s of 10 and blocked in futex for the rest. */
struct probed {
	struct gd_file_header header;
	struct gd_section sections[6];
	struct gd_probed facts;
	struct gd_probed_image images[1];
	struct gd_probed_thread threads[2];
	struct gd_probed_cause causes[4];
	struct gd_probed_gil gils[1];
	struct gd_probed_gil_thread gil_threads[2];
};

static void init(struct probed *file)
{
	memset(file, 0, sizeof(*file));
	gd_probed_begin(&file->header, 6, END);
	GD_PROBED_SECTION(file, 0, GD_SECTION_PROBED, facts, 1);
	GD_PROBED_SECTION(file, 1, GD_SECTION_PROBED_IMAGES, images, 1);
	GD_PROBED_SECTION(file, 2, GD_SECTION_PROBED_THREADS, threads, 2);
	GD_PROBED_SECTION(file, 3, GD_SECTION_PROBED_GILS, gils, 1);
	GD_PROBED_SECTION(file, 4, GD_SECTION_PROBED_GIL_THREADS, gil_threads, 2);
	GD_PROBED_SECTION(file, 5, GD_SECTION_PROBED_CAUSES, causes, 4);
	file->images[0] = (struct gd_probed_image){
		.image = 1, .pid = PID, .flags = GD_PROBED_PYTHON, .start_ns = START
	};
	for (uint32_t i = 0; i < 2; i++) {
		struct gd_probed_thread *thread = &file->threads[i];

		thread->image = 1;
		thread->tid = PID + (int32_t)i;
		thread->threads = 1;
		thread->life_ns = END - START;
		thread->on_cpu_ns = 4 * S;
		file->causes[2 * i] = (struct gd_probed_cause){ .thread = i,
								.cause = GD_PROBED_NO_SLOT,
								.sums.blocked_ns = 6 * S };
		file->causes[2 * i + 1] = (struct gd_probed_cause){ .thread = i,
								    .cause = GD_CAUSE_FUTEX,
								    .sums.explained_ns = 6 * S };
	}
	file->gils[0] = (struct gd_probed_gil){ .image = 1,
						.first_holder = GD_PROBED_HOLDER_UNKNOWN,
						.cond = COND,
						.takes = 10,
						.drops = 9,
						.waits = 3,
						.hold_ns = 3 * S,
						.wait_ns = 5 * S };
	/* It held it for 3 s, of which 1 s asleep, and waited 5 s, of which 100 ms on the CPU. */
	file->gil_threads[0] = (struct gd_probed_gil_thread){ .image = 1,
							      .tid = PID,
							      .state = GD_PROBED_GIL_FREE,
							      .at = { .ns = END - S },
							      .hold = { 3 * S, 2 * S, 0 },
							      .wait = { 5 * S, S / 10, 0 },
							      .takes = 9,
							      .drops = 9,
							      .waits = 3 };
	file->gil_threads[1].image = 99; /* of another process */
}

static struct gd_session_model *load(const char *folder, const struct probed *file)
{
	return gd_probed_load(folder, file, sizeof(*file));
}

static struct gd_classes classes_of(const struct gd_session_model *session, size_t thread)
{
	return gd_classes_of(&session->processes[0].threads[thread]);
}

static void a_life_is_split_by_who_held_it(void **state)
{
	struct gd_session_model *session;
	struct gd_classes classes;
	struct probed file;

	(void)state;
	init(&file);
	session = load("split", &file);
	assert_int_equal(session->processes[0].gil_state, GD_GIL_ON);
	assert_int_equal(session->processes[0].gils[0].takes, 10);
	classes = classes_of(session, 0);
	assert_near(classes.s[GD_CLASS_CPU_GIL], 2, 1e-9);
	assert_near(classes.s[GD_CLASS_CPU_FREE], 2, 1e-9);
	assert_near(classes.s[GD_CLASS_GIL_WAIT], 4.9, 1e-9);
	assert_near(classes.s[GD_CLASS_LOCK_WAIT], 1.1,
		    1e-9); /* the futexes that were none of it */
	assert_near(gd_classes_total_s(&classes), 10, 1e-9);
	assert_near(classes.holding_gil_s, 1, 1e-9);
	gd_load_free(session);
}

static void who_never_touched_it_did_not_hold_it(void **state)
{
	struct gd_session_model *session;
	struct gd_classes classes;
	struct probed file;

	(void)state;
	init(&file);
	session = load("free", &file);
	classes = classes_of(session, 1);
	assert_near(classes.s[GD_CLASS_CPU_GIL], 0, 1e-9);
	assert_near(classes.s[GD_CLASS_CPU_FREE], 4, 1e-9);
	gd_load_free(session);
}

static void a_hold_to_the_end_counts_until_then(void **state)
{
	struct gd_session_model *session;
	struct gd_classes classes;
	struct probed file;

	(void)state;
	init(&file);
	file.gil_threads[0].state = GD_PROBED_GIL_HOLDS;
	file.gil_threads[0].cond = COND;
	file.gil_threads[0].at.cpu_ns = 3 * S; /* of 4 s on the CPU */
	session = load("open", &file);
	classes = classes_of(session, 0);
	assert_near(classes.s[GD_CLASS_CPU_GIL], 3, 1e-9);
	assert_near(session->processes[0].gils[0].hold_s, 4, 1e-9);
	gd_load_free(session);
}

static void who_held_it_all_along_is_known_from_the_beginning(void **state)
{
	struct gd_session_model *session;
	struct gd_classes classes;
	struct probed file;

	(void)state;
	init(&file);
	memset(file.gil_threads, 0, sizeof(file.gil_threads));
	file.gils[0] = (struct gd_probed_gil){ .image = 1, .first_holder = PID + 1, .cond = COND };
	session = load("silent", &file);
	assert_int_equal(session->processes[0].gil_state, GD_GIL_ON);
	classes = classes_of(session, 1);
	assert_near(classes.s[GD_CLASS_CPU_GIL], 4, 1e-9);
	classes = classes_of(session, 0);
	assert_near(classes.s[GD_CLASS_CPU_GIL], 0, 1e-9);
	gd_load_free(session);
}

static void what_was_not_seen_is_unknown(void **state)
{
	struct gd_session_model *session;
	struct probed file;

	(void)state;
	init(&file);
	file.gils[0] = (struct gd_probed_gil){
		.image = 1, .first_holder = GD_PROBED_HOLDER_UNKNOWN, .cond = COND, .waits = 1
	};
	session = load("unseen", &file);
	assert_int_equal(session->processes[0].gil_state, GD_GIL_UNKNOWN);
	assert_int_equal(session->processes[0].gil_count, 0);
	assert_near(classes_of(session, 0).s[GD_CLASS_CPU_GIL], 0, 1e-9);
	gd_load_free(session);
}

static void too_much_lost_is_unknown(void **state)
{
	struct gd_session_model *session;
	struct probed file;

	(void)state;
	init(&file);
	file.gils[0].takes = 1000;
	file.facts.lost[GD_PROBED_LOST_GILS] = 10;
	session = load("little", &file);
	assert_int_equal(session->processes[0].gil_state, GD_GIL_ON);
	gd_load_free(session);
	file.facts.lost[GD_PROBED_LOST_GILS] = 11;
	session = load("much", &file);
	assert_int_equal(session->processes[0].gil_state, GD_GIL_UNKNOWN);
	gd_load_free(session);
}

static void numbers_beyond_a_life_do_no_harm(void **state)
{
	struct gd_session_model *session;
	struct gd_classes classes;
	struct probed file;

	(void)state;
	init(&file);
	file.gil_threads[0].hold.ns = file.gil_threads[0].wait.cpu_ns = UINT64_MAX;
	file.gil_threads[0].state = 77;
	session = load("hostile", &file);
	classes = classes_of(session, 0);
	for (unsigned int class = 0; class < GD_CLASS_COUNT; class ++)
		assert_true(classes.s[class] >= 0);
	gd_load_free(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_life_is_split_by_who_held_it),
		cmocka_unit_test(who_never_touched_it_did_not_hold_it),
		cmocka_unit_test(a_hold_to_the_end_counts_until_then),
		cmocka_unit_test(who_held_it_all_along_is_known_from_the_beginning),
		cmocka_unit_test(what_was_not_seen_is_unknown),
		cmocka_unit_test(too_much_lost_is_unknown),
		cmocka_unit_test(numbers_beyond_a_life_do_no_harm),
	};

	return cmocka_run_group_tests(tests, gd_scratch_enter, gd_scratch_leave);
}
