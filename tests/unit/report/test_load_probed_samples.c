/* SPDX-License-Identifier: MIT */
/* Python stacks of a process without an agent: whose they are, and damaged rows. */
#include <builders/probed.h>
#include <builders/probed_load.h>
#include <string.h>
#include <unit/near.h>

#define S     1000000000ull
#define START (100 * S)
#define END   (110 * S)

struct probed {
	struct gd_file_header header;
	struct gd_section sections[7];
	struct gd_probed facts;
	struct gd_probed_image images[2];
	struct gd_probed_thread threads[2];
	struct gd_probed_sample samples[5];
	char strings[16];
	struct gd_frame frames[1];
	struct gd_stack stacks[2];
};

static void init(struct probed *file)
{
	memset(file, 0, sizeof(*file));
	gd_probed_begin(&file->header, 7, END);
	GD_PROBED_SECTION(file, 0, GD_SECTION_PROBED, facts, 1);
	GD_PROBED_SECTION(file, 1, GD_SECTION_PROBED_IMAGES, images, 2);
	GD_PROBED_SECTION(file, 2, GD_SECTION_PROBED_THREADS, threads, 2);
	GD_PROBED_SECTION(file, 3, GD_SECTION_PROBED_SAMPLES, samples, 5);
	GD_PROBED_SECTION(file, 4, GD_SECTION_STRINGS, strings, 16);
	GD_PROBED_SECTION(file, 5, GD_SECTION_FRAMES, frames, 1);
	GD_PROBED_SECTION(file, 6, GD_SECTION_STACKS, stacks, 2);
	for (uint32_t i = 0; i < 2; i++) {
		file->images[i] = (struct gd_probed_image){ .image = i + 1,
							    .pid = 500 + (int32_t)i,
							    .flags = GD_PROBED_PYTHON,
							    .start_ns = START };
		file->threads[i] = (struct gd_probed_thread){ .image = i + 1,
							      .tid = 500 + (int32_t)i,
							      .threads = 1,
							      .life_ns = END - START };
	}
	memcpy(file->strings + 1, "app.py\0ask", 11);
	file->frames[0] = (struct gd_frame){ .file = 1, .function = 8, .line = 7 };
	file->stacks[0].count = 1;
	file->stacks[1].count = 1;
	file->stacks[1].frames[0] = 99; /* there is no such frame */
	file->samples[0] = (struct gd_probed_sample){ 1, GD_CAUSE_RECV, 1, 0, 3 * S, 4 };
	file->samples[1] = (struct gd_probed_sample){ 1, 0, 1, 0, 2 * S, 1 }; /* no name */
	file->samples[2] = (struct gd_probed_sample){ 2, GD_CAUSE_SLEEP, 1, 0, S, 1 };
	file->samples[3] = (struct gd_probed_sample){ 1, GD_CAUSE_RECV, 2, 0, S, 1 };
	file->samples[4] = (struct gd_probed_sample){ 1, GD_CAUSE_RECV, 77, 0, S, 1 };
}

static struct gd_session_model *load(const char *folder, const struct probed *file)
{
	return gd_probed_load(folder, file, sizeof(*file));
}

static const struct gd_process_model *process_of(const struct gd_session_model *session, int pid)
{
	for (size_t i = 0; i < session->process_count; i++)
		if (session->processes[i].pid == pid)
			return &session->processes[i];
	fail_msg("there is no process %d", pid);
	return NULL;
}

static void samples_are_their_image_s(void **state)
{
	const struct gd_process_model *process;
	struct gd_session_model *session;
	struct probed file;

	(void)state;
	init(&file);
	session = load("samples", &file);
	process = process_of(session, 500);
	assert_int_equal(process->sampled_count, 2); /* the others have no stack */
	assert_int_equal(process->sampled[0].cause, GD_CAUSE_RECV);
	assert_near(process->sampled[0].weight_s, 3, 1e-9);
	assert_int_equal(process->sampled[0].samples, 4);
	assert_string_equal(process->sampled[0].stack->places[0]->function, "ask");
	assert_string_equal(process->sampled[0].stack->places[0]->file, "app.py");
	assert_int_equal(process->sampled[0].stack->places[0]->line, 7);
	assert_int_equal(process->sampled[1].cause, GD_CAUSE_OTHER);
	process = process_of(session, 501);
	assert_int_equal(process->sampled_count, 1);
	assert_int_equal(process->sampled[0].cause, GD_CAUSE_SLEEP);
	gd_load_free(session);
}

static void a_file_without_them_is_as_good(void **state)
{
	struct gd_session_model *session;
	struct probed file;

	(void)state;
	init(&file);
	file.header.section_count = 3;
	session = load("none", &file);
	assert_int_equal(process_of(session, 500)->sampled_count, 0);
	gd_load_free(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_their_image_s),
		cmocka_unit_test(a_file_without_them_is_as_good),
	};

	return cmocka_run_group_tests(tests, gd_scratch_enter, gd_scratch_leave);
}
