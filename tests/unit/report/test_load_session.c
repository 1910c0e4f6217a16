/* SPDX-License-Identifier: MIT */
/* From a folder to a session: every file that can be read, in order of start. */
#include <base/cleanup.h>
#include <builders/recording.h>
#include <builders/scratch.h>
#include <errno.h>
#include <load.h>
#include <string.h>
#include <sys/stat.h>
#include <unit/near.h>

static void write_process(const char *folder, int32_t pid, double start_s)
{
	struct gd_recording recording;

	gd_recording_init(&recording);
	recording.header.pid = recording.process.pid = recording.threads[0].tid = pid;
	recording.header.start_ns = GD_RECORDING_NS(start_s);
	recording.process.first.monotonic_ns = recording.header.start_ns;
	assert_int_equal(gd_recording_write(&recording, folder), 0);
}

static struct gd_session_model *load(const char *path)
{
	struct gd_session_model *session = NULL;
	struct gd_diag diag = { "" };

	if (gd_load_session(path, 0, &session, &diag) != 0)
		fail_msg("%s", diag.text);
	return session;
}

static void processes_come_in_order_of_start(void **state)
{
	static const int32_t pids[] = { 70, 9, 800 };
	struct gd_session_model *session;

	(void)state;
	assert_int_equal(mkdir("order", 0700), 0);
	write_process("order", 800, 1003);
	write_process("order", 70, 1001);
	write_process("order", 9, 1002);
	session = load("order");
	assert_int_equal(session->process_count, 3);
	assert_int_equal(session->unreadable, 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(session->processes[i].pid, pids[i]);
	gd_load_free(session);
}

static void a_bad_file_beside_a_good_one_is_counted(void **state)
{
	struct gd_session_model *session;

	(void)state;
	assert_int_equal(mkdir("beside", 0700), 0);
	write_process("beside", 5, 1000);
	gd_scratch_write("beside/4.1000", "GILDIAG", 8, 0600);
	gd_scratch_write("beside/6.1000", "", 0, 0600);
	session = load("beside");
	assert_int_equal(session->process_count, 1);
	assert_int_equal(session->processes[0].pid, 5);
	assert_int_equal(session->unreadable, 2);
	gd_load_free(session);
}

static void only_names_of_processes_are_read(void **state)
{
	static const char *const others[] = { "5.12.new", "5.12.own", "x.12",        "5",
					      "5.",       ".5.12",    "5.12 ",       "notes.txt",
					      "5.-12",    "+5.12",    "sampler.sock" };
	struct gd_session_model *session;
	char path[64];

	(void)state;
	assert_int_equal(mkdir("names", 0700), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(path, sizeof(path), "names/%s", others[i]);
		gd_scratch_write(path, "x", 1, 0600);
	}
	write_process("names", 5, 1000);
	session = load("names");
	assert_int_equal(session->process_count, 1);
	assert_int_equal(session->unreadable, 0);
	gd_load_free(session);
}

static void without_a_good_file_the_first_refusal_speaks(void **state)
{
	struct gd_session_model *session = NULL;
	struct gd_diag diag = { "" };

	(void)state;
	assert_int_equal(mkdir("bad", 0700), 0);
	gd_scratch_write("bad/4.1000", "nothing", 7, 0600);
	assert_int_equal(gd_load_session("bad", 0, &session, &diag), -EMEDIUMTYPE);
	assert_non_null(strstr(diag.text, "bad/4.1000 is no recording"));
	assert_null(session);
}

static void an_empty_folder_says_what_may_have_happened(void **state)
{
	struct gd_session_model *session = NULL;
	struct gd_diag diag = { "" };

	(void)state;
	assert_int_equal(mkdir("nothing", 0700), 0);
	assert_int_equal(gd_load_session("nothing", 0, &session, &diag), -ENODATA);
	assert_non_null(strstr(diag.text, "nothing is empty"));
	assert_int_equal(gd_load_session("missing", 0, &session, &diag), -ENOENT);
	assert_non_null(strstr(diag.text, "cannot read missing"));
	assert_null(session);
}

static void the_path_of_a_session_is_absolute(void **state)
{
	struct gd_session_model *session;
	gd_autofree char *expected = NULL;

	assert_true(asprintf(&expected, "%s/rel", (const char *)*state) > 0);
	assert_int_equal(mkdir("rel", 0700), 0);
	write_process("rel", 5, 1000);
	session = load("./rel/../rel");
	assert_string_equal(session->path, expected);
	gd_load_free(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_come_in_order_of_start),
		cmocka_unit_test(a_bad_file_beside_a_good_one_is_counted),
		cmocka_unit_test(only_names_of_processes_are_read),
		cmocka_unit_test(without_a_good_file_the_first_refusal_speaks),
		cmocka_unit_test(an_empty_folder_says_what_may_have_happened),
		cmocka_unit_test(the_path_of_a_session_is_absolute),
	};

	return cmocka_run_group_tests(tests, gd_scratch_enter, gd_scratch_leave);
}
