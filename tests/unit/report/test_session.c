/* SPDX-License-Identifier: MIT */
/* Which folder a user means. */
#include <base/cleanup.h>
#include <builders/scratch.h>
#include <errno.h>
#include <fcntl.h>
#include <gildiag/recording.h>
#include <poll.h>
#include <session.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unit/cmocka_begin.h>

static void make_folder(const char *path)
{
	if (mkdir(path, 0700) != 0)
		assert_int_equal(errno, EEXIST);
}

/* A recording's folder, made at that instant. */
static void make_recording_at(const char *path, time_t second, long ns)
{
	struct timespec times[2] = { { second, 0 }, { second, ns } };
	gd_autofree char *marker = NULL;

	make_folder(path);
	assert_true(asprintf(&marker, "%s/" GD_SESSION_MARKER, path) > 0);
	gd_scratch_write(marker, "x", 1, 0600);
	assert_int_equal(utimensat(AT_FDCWD, marker, times, 0), 0);
}

static void make_recording(const char *path, time_t second)
{
	make_recording_at(path, second, 500);
}

static void assert_found(const char *path, const char *expected)
{
	gd_autofree char *found = NULL;
	struct gd_diag diag = { "" };

	if (gd_session_find(path, &found, &diag) != 0)
		fail_msg("%s", diag.text);
	assert_string_equal(found, expected);
}

static void assert_not_found(const char *path, int err, const char *says)
{
	struct gd_diag diag = { "" };
	char *found = NULL;

	assert_int_equal(gd_session_find(path, &found, &diag), err);
	assert_non_null(strstr(diag.text, says));
	assert_null(found);
}

static void without_a_recording_the_sentence_says_how_to_make_one(void **state)
{
	(void)state;
	assert_not_found("missing", -ENOENT, "cannot read missing");
	make_folder("plain");
	assert_not_found("plain", -ENOENT, "no recording in plain");
	gd_scratch_write("file", "x", 1, 0600);
	assert_not_found("file", -ENOTDIR, "file is a file");
}

static void the_newest_marked_folder_is_meant(void **state)
{
	(void)state;
	make_folder("gildiag.data");
	make_recording("gildiag.data/20250101T000000.1", 3000);
	make_recording("gildiag.data/20250101T000000.2", 5000);
	make_recording("gildiag.data/20250101T000000.3", 4000);
	make_recording("gildiag.data/.hidden", 9000);
	make_folder("gildiag.data/20260101T000000.4"); /* without our marker */
	make_folder("gildiag.data/20260101T000000.5");
	make_folder(
		"gildiag.data/20260101T000000.5/" GD_SESSION_MARKER); /* a folder is no marker */
	make_folder("gildiag.data/20260101T000000.6");
	assert_int_equal(symlink("../20250101T000000.1/" GD_SESSION_MARKER,
				 "gildiag.data/20260101T000000.6/" GD_SESSION_MARKER),
			 0);
	assert_found(NULL, "./gildiag.data/20250101T000000.2");
	assert_found(".", "./gildiag.data/20250101T000000.2");
	assert_found("gildiag.data", "gildiag.data/20250101T000000.2");
	assert_found("gildiag.data/20250101T000000.3", "gildiag.data/20250101T000000.3");
}

static void other_places_are_looked_at_when_there_is_none_here(void **state)
{
	gd_autofree char *run = NULL;
	gd_autofree char *expected = NULL;

	assert_true(asprintf(&run, "%s/run", (const char *)*state) > 0);
	assert_true(asprintf(&expected, "%s/gildiag.data/one", run) > 0);
	make_folder("run");
	make_folder("run/gildiag.data");
	make_recording("run/gildiag.data/one", 1000);
	make_folder("elsewhere");
	assert_int_equal(chdir("elsewhere"), 0);
	setenv("XDG_RUNTIME_DIR", run, 1);
	assert_found(NULL, expected);
	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(chdir(".."), 0);
}

static void within_a_second_the_nanoseconds_decide(void **state)
{
	(void)state;
	make_folder("second");
	make_recording_at("second/a", 1000, 2);
	make_recording_at("second/b", 1000, 3);
	make_recording_at("second/c", 1000, 1);
	make_recording_at("second/d", 999, 9);
	assert_found("second", "second/b");
}

static void a_marker_is_a_plain_file(void **state)
{
	(void)state;
	make_recording("marked", 1000);
	make_folder("unmarked");
	make_folder("unmarked/" GD_SESSION_MARKER);
	assert_true(gd_session_is_marked("marked"));
	assert_false(gd_session_is_marked("unmarked"));
	assert_false(gd_session_is_marked("missing"));
}

/* ---- The sampler that may still write -------------------------------------------------------- */

static int listen_in(const char *folder)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" GD_SESSION_SOCKET, folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void a_recording_that_is_finished_is_not_asked_for(void **state)
{
	gd_autoclose int listener = -1;

	(void)state;
	make_recording("finished", 1000);
	listener = listen_in("finished");
	gd_session_flush("finished");
	gd_session_flush("missing");
	assert_int_equal(accept(listener, NULL, NULL), -1);
}

/* In a process of its own: it waits for our answer. */
static pid_t flush_elsewhere(const char *path)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	gd_session_flush(path);
	_exit(42);
}

static void a_sampler_at_work_is_asked_to_write(void **state)
{
	gd_autoclose int listener = -1;
	gd_autoclose int marker = -1;
	gd_autoclose int peer = -1;
	struct gd_hello hello = { 0 };
	struct pollfd poll_fd;
	int status;
	pid_t pid;

	(void)state;
	make_recording("live", 1000);
	marker = open("live/" GD_SESSION_MARKER, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(marker, LOCK_EX | LOCK_NB), 0);
	gd_session_flush("live"); /* no socket yet: nothing to wait for */
	listener = listen_in("live");
	pid = flush_elsewhere("live");
	poll_fd = (struct pollfd){ .fd = listener, .events = POLLIN };
	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
	peer = accept(listener, NULL, NULL);
	assert_int_equal(recv(peer, &hello, sizeof(hello), 0), sizeof(hello));
	assert_int_equal(hello.magic, GD_HELLO_MAGIC);
	assert_int_equal(hello.abi_major, GD_ABI_MAJOR);
	assert_int_equal(hello.what, GD_HELLO_FLUSH);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0); /* it waits */
	assert_int_equal(send(peer, "", 1, 0), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_recording_the_sentence_says_how_to_make_one),
		cmocka_unit_test(other_places_are_looked_at_when_there_is_none_here),
		cmocka_unit_test(the_newest_marked_folder_is_meant),
		cmocka_unit_test(within_a_second_the_nanoseconds_decide),
		cmocka_unit_test(a_marker_is_a_plain_file),
		cmocka_unit_test(a_recording_that_is_finished_is_not_asked_for),
		cmocka_unit_test(a_sampler_at_work_is_asked_to_write),
	};

	return cmocka_run_group_tests(tests, gd_scratch_enter, gd_scratch_leave);
}
