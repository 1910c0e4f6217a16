/* SPDX-License-Identifier: MIT */
/* The eBPF probe's file: whose rows are whose, and what a hostile one may not do. */
#include <base/cleanup.h>
#include <builders/probed.h>
#include <builders/probed_load.h>
#include <builders/recording.h>
#include <builders/scratch.h>
#include <fcntl.h>
#include <load.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unit/near.h>

#define S 1000000000ull

/* A probe's file made by hand: two programs of one process, the second is the agent's. */
struct probed {
	struct gd_file_header header;
	struct gd_section sections[7];
	struct gd_probed facts;
	struct gd_probed_image images[2];
	struct gd_probed_thread threads[4]; /* the last: threads that ended */
	struct gd_probed_cause causes[2];
	struct gd_probed_wait waits[2];
	struct gd_probed_address addresses[6];
	struct gd_probed_hold holds[3];
};

static void init(struct probed *file)
{
	uint64_t start = GD_RECORDING_NS(GD_RECORDING_START_S);

	memset(file, 0, sizeof(*file));
	gd_probed_begin(&file->header, 7, start + 10 * S);
	GD_PROBED_SECTION(file, 0, GD_SECTION_PROBED, facts, 1);
	GD_PROBED_SECTION(file, 1, GD_SECTION_PROBED_IMAGES, images, 2);
	GD_PROBED_SECTION(file, 2, GD_SECTION_PROBED_THREADS, threads, 4);
	GD_PROBED_SECTION(file, 3, GD_SECTION_PROBED_WAITS, waits, 2);
	GD_PROBED_SECTION(file, 4, GD_SECTION_PROBED_STACKS, addresses, 6);
	GD_PROBED_SECTION(file, 5, GD_SECTION_PROBED_CAUSES, causes, 2);
	GD_PROBED_SECTION(file, 6, GD_SECTION_PROBED_HOLDS, holds, 3);
	file->facts.lost[GD_PROBED_LOST_EVENTS] = 7;
	file->facts.sees_holds = 1;
	for (uint32_t i = 0; i < 2; i++) {
		file->images[i].image = i + 1;
		file->images[i].pid = GD_RECORDING_PID;
		file->images[i].start_ns = start - (2 - i) * S;
	}
	file->images[0].end_ns = start - S;
	file->facts.small_images = 3;
	file->facts.small_waits_ns = S;
	for (int i = 0; i < 4; i++) {
		file->threads[i].image = i ? 2 : 1;
		file->threads[i].tid = i == 3 ? 0 : GD_RECORDING_PID + (i == 2);
		file->threads[i].threads = i == 3 ? 1000 : 1;
		file->threads[i].life_ns = 10 * S;
		file->threads[i].on_cpu_ns = (i + 1) * S;
	}
	file->causes[0] = (struct gd_probed_cause){ .thread = 1,
						    .cause = GD_CAUSE_MUTEX,
						    .sums = { .blocked_ns = 3 * S,
							      .delay_ns = S / 2,
							      .blocks = 4,
							      .woken_by = { 4, 0, 0 } } };
	file->causes[1] = (struct gd_probed_cause){ .thread = 3,
						    .cause = GD_CAUSE_POLL,
						    .sums = { .blocked_ns = 2 * S } };
	file->waits[0] = (struct gd_probed_wait){ .image = 2,
						  .cause = GD_CAUSE_MUTEX,
						  .object = 0x1000,
						  .waker = 5,
						  .blocks = 4,
						  .blocked_ns = 3 * S };
	file->waits[1] = (struct gd_probed_wait){
		.image = 2, .cause = GD_PROBED_NO_SLOT, .stack = 3, .blocks = 1, .blocked_ns = S
	};
	file->addresses[0].address = 0x400000; /* of a stack that nobody has */
	file->addresses[2].address = 0x401000;
	file->addresses[3].address = 0x402000;
	file->addresses[5].address = 0x403000; /* and no 0 behind it */
}

/* Of one mutex: of its process's program, of an earlier one, and one that is no mutex. */
static void init_holds(struct probed *file)
{
	for (int i = 0; i < 3; i++)
		file->holds[i] =
			(struct gd_probed_hold){ .image = i == 1 ? 1 : 2,
						 .cause = i == 2 ? GD_CAUSE_SEM : GD_CAUSE_MUTEX,
						 .object = 0x1000,
						 .holds = 4,
						 .hold_ns = 5 * S,
						 .split_ns = 4 * S,
						 .cpu_ns = S,
						 .queued_ns = S / 2 };
}

/* The agent's process of the builder, the probe's file beside it, loaded. */
static struct gd_session_model *load(const char *folder, const struct probed *file)
{
	struct gd_recording recording;

	assert_int_equal(mkdir(folder, 0700), 0);
	gd_recording_init(&recording);
	recording.lock_count = 1;
	recording.locks[0] = (struct gd_lock){ .key = 0x1000, .cause = GD_CAUSE_MUTEX, .waits = 4 };
	assert_int_equal(gd_recording_write(&recording, folder), 0);
	return gd_probed_load_with(folder, file, sizeof(*file));
}

static void rows_of_the_program_that_the_agent_woke_in_are_its_process_s(void **state)
{
	struct gd_session_model *session;
	const struct gd_process_model *process;
	struct probed file;

	(void)state;
	init(&file);
	session = load("whose", &file);
	process = &session->processes[0];
	assert_non_null(process->scheduled);
	assert_near(process->scheduled->on_cpu_s, 9, 1e-9); /* not what it did before its exec */
	assert_near(process->scheduled->life_s, 30, 1e-9);
	assert_near(process->scheduled->blocked_s[GD_CAUSE_MUTEX], 3, 1e-9);
	assert_near(process->scheduled->blocked_s[GD_CAUSE_POLL], 2, 1e-9); /* of many */
	assert_near(process->threads[0].scheduled->on_cpu_s, 2, 1e-9);
	assert_near(process->threads[0].scheduled->blocked_s[GD_CAUSE_MUTEX], 3, 1e-9);
	assert_near(process->threads[0].scheduled->delay_s[GD_CAUSE_MUTEX], 0.5, 1e-9);
	assert_int_equal(process->threads[0].scheduled->woken_by[GD_WOKEN_THREAD][GD_CAUSE_MUTEX],
			 4);
	assert_near(process->threads[0].scheduled->life_s, 10, 1e-9);
	assert_int_equal(session->probe->lost[GD_PROBED_LOST_EVENTS], 7);
	assert_int_equal(session->probe->small_processes, 3);
	assert_near(session->probe->small_blocks_s, 1, 1e-9);
	gd_load_free(session);
}

static void blocks_have_their_waker_and_their_stack(void **state)
{
	struct gd_session_model *session;
	const struct gd_process_model *process;
	struct probed file;

	(void)state;
	init(&file);
	session = load("blocks", &file);
	process = &session->processes[0];
	assert_int_equal(process->block_count, 2);
	assert_int_equal(process->blocks[0].waker, 5);
	assert_null(process->blocks[0].stack);
	assert_int_equal(process->blocks[1].stack->count, 2);
	assert_int_equal(process->blocks[1].stack->places[1]->address, 0x402000);
	assert_int_equal(process->native_count, 2);
	gd_load_free(session);
}

static void numbers_that_lead_nowhere_are_left_out(void **state)
{
	struct gd_session_model *session;
	const struct gd_process_model *process;
	struct probed file;

	(void)state;
	init(&file);
	file.waits[0].cause = GD_CAUSE_COUNT; /* none that this version knows */
	file.waits[1].stack = 7;              /* there are six addresses */
	file.threads[2].image = 99;
	file.causes[0].thread = 4;
	file.causes[1].cause = GD_CAUSE_MAX;
	session = load("nowhere", &file);
	process = &session->processes[0];
	assert_int_equal(process->block_count, 1);
	assert_null(process->blocks[0].stack);
	assert_near(process->scheduled->on_cpu_s, 6, 1e-9);
	for (unsigned int i = 0; i < GD_CAUSE_MAX; i++)
		assert_true(process->scheduled->blocked_s[i] == 0);
	gd_load_free(session);
}

static void holds_are_those_of_the_lock_that_the_agent_names(void **state)
{
	struct gd_session_model *session;
	const struct gd_hold_model *seen;
	struct probed file;

	(void)state;
	init(&file);
	init_holds(&file);
	session = load("holds", &file);
	assert_int_equal(session->processes[0].lock_count, 1);
	seen = &session->processes[0].locks[0].seen;
	assert_true(session->probe->sees_holds);
	assert_int_equal(seen->holds, 4);
	assert_near(seen->hold_s, 5, 1e-9);
	assert_near(seen->split_s, 4, 1e-9);
	assert_near(seen->cpu_s, 1, 1e-9);
	assert_near(seen->queued_s, 0.5, 1e-9);
	assert_near(seen->blocked_s, 2.5, 1e-9);
	gd_load_free(session);
}

static void a_stack_without_an_end_ends_with_the_file(void **state)
{
	struct gd_session_model *session;
	struct probed file;

	(void)state;
	init(&file);
	file.waits[1].stack = 6;
	session = load("endless", &file);
	assert_int_equal(session->processes[0].blocks[1].stack->count, 1);
	gd_load_free(session);
}

static void a_damaged_file_leaves_the_session_without(void **state)
{
	struct gd_session_model *session;
	struct probed file;

	(void)state;
	init(&file);
	file.sections[2].used = 1000000; /* longer than the file */
	session = load("damaged", &file);
	assert_null(session->probe);
	assert_null(session->processes[0].scheduled);
	gd_load_free(session);
}

static void an_agent_s_file_under_the_probe_s_name_is_not_taken_for_it(void **state)
{
	struct gd_session_model *session;
	struct probed file;

	(void)state;
	init(&file);
	file.header.writer = GD_WRITER_AGENT;
	session = load("agents", &file);
	assert_null(session->probe);
	gd_load_free(session);
}

static void a_probe_s_file_under_a_process_s_name_is_refused(void **state)
{
	struct gd_session_model *session;
	struct gd_diag diag = { "" };
	struct gd_recording recording;
	struct probed file;

	(void)state;
	init(&file);
	assert_int_equal(mkdir("names", 0700), 0);
	gd_recording_init(&recording);
	assert_int_equal(gd_recording_write(&recording, "names"), 0);
	gd_scratch_write("names/12.34", &file, sizeof(file), 0600);
	assert_int_equal(gd_load_session("names", 0, &session, &diag), 0);
	assert_int_equal(session->process_count, 1);
	assert_int_equal(session->unreadable, 1);
	gd_load_free(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_the_program_that_the_agent_woke_in_are_its_process_s),
		cmocka_unit_test(blocks_have_their_waker_and_their_stack),
		cmocka_unit_test(numbers_that_lead_nowhere_are_left_out),
		cmocka_unit_test(holds_are_those_of_the_lock_that_the_agent_names),
		cmocka_unit_test(a_stack_without_an_end_ends_with_the_file),
		cmocka_unit_test(a_damaged_file_leaves_the_session_without),
		cmocka_unit_test(an_agent_s_file_under_the_probe_s_name_is_not_taken_for_it),
		cmocka_unit_test(a_probe_s_file_under_a_process_s_name_is_refused),
	};

	return cmocka_run_group_tests(tests, gd_scratch_enter, gd_scratch_leave);
}
