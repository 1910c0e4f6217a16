/* SPDX-License-Identifier: MIT */
/* A recording's folder is private and new; old ones go, and nothing that is not ours. */
#include <base/cleanup.h>
#include <builders/scratch.h>
#include <errno.h>
#include <fcntl.h>
#include <folder.h>
#include <gildiag/recording.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unit/cmocka_begin.h>

/* Each test in a folder of its own: names have seconds in them. */
static void enter(const char *name)
{
	assert_int_equal(mkdir(name, 0700), 0);
	assert_int_equal(chdir(name), 0);
}

static int leave(void **state)
{
	return chdir(*state);
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static struct gd_folder make(const char *output)
{
	struct gd_folder folder;
	struct gd_diag diag = { "" };

	if (gd_folder_make(output, &folder, &diag) != 0)
		fail_msg("%s", diag.text);
	return folder;
}

/* ---- Making ---------------------------------------------------------------------------------- */

static void assert_locked(const char *folder)
{
	gd_autofree char *marker = NULL;
	gd_autoclose int fd = -1;
	struct stat st;

	assert_true(asprintf(&marker, "%s/" GD_SESSION_MARKER, folder) > 0);
	fd = open(marker, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(flock(fd, LOCK_SH | LOCK_NB), -1);
}

static void assert_listening(const char *folder)
{
	gd_autoclose int at = open(folder, O_PATH | O_CLOEXEC);
	gd_autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" GD_SESSION_SOCKET, at);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

static void a_new_folder_is_private_locked_and_listening(void **state)
{
	struct gd_folder folder;
	gd_autofree char *begins = NULL;
	gd_autofree char *ends = NULL;
	struct stat st;

	enter("new");
	assert_true(asprintf(&begins, "%s/new/gildiag.data/2", (const char *)*state) > 0);
	assert_true(asprintf(&ends, ".%d", (int)getpid()) > 0);
	folder = make(NULL);
	assert_memory_equal(folder.path, begins, strlen(begins));
	assert_string_equal(strrchr(folder.path, '.'), ends);
	assert_int_equal(stat(folder.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat("gildiag.data", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_locked(folder.path);
	assert_listening(folder.path);
	gd_folder_close(&folder);
	assert_null(folder.path);
	assert_int_equal(folder.marker, -1);
}

static void a_named_folder_may_be_new_or_empty(void **state)
{
	struct gd_folder folder;

	(void)state;
	enter("named");
	folder = make("out");
	assert_locked("out");
	gd_folder_close(&folder);
	assert_int_equal(mkdir("empty", 0755), 0);
	folder = make("empty");
	assert_listening("empty");
	gd_folder_close(&folder);
}

static void a_path_may_be_longer_than_a_sockets(void **state)
{
	char name[] = "a-name-of-fifty-characters-which-is-long-but-allowed/a-name-of-fifty-"
		      "characters-which-is-long-but-allowed";
	struct gd_folder folder;

	(void)state;
	enter("long");
	name[strcspn(name, "/")] = 0;
	assert_int_equal(mkdir(name, 0700), 0);
	name[strlen(name)] = '/';
	folder = make(name);
	assert_true(strlen(folder.path) + sizeof("/" GD_SESSION_SOCKET) >
		    sizeof(((struct sockaddr_un *)NULL)->sun_path));
	assert_listening(folder.path);
	gd_folder_close(&folder);
}

static void nothing_that_is_there_is_overwritten(void **state)
{
	static const struct {
		const char *output, *says;
		int err;
	} rows[] = {
		{ "full", "full is not empty: name a new folder", -ENOTEMPTY },
		{ "full/file", "full/file is no folder: name a new one", -ENOTDIR },
		{ "link", "link is no folder: name a new one", -ENOTDIR },
		{ "missing/out", "cannot make missing/out: No such file or directory", -ENOENT },
	};

	(void)state;
	enter("there");
	assert_int_equal(mkdir("full", 0700), 0);
	gd_scratch_write("full/file", "mine", 4, 0644);
	assert_int_equal(mkdir("other", 0700), 0);
	assert_int_equal(symlink("other", "link"), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gd_folder folder;
		struct gd_diag diag = { "" };

		assert_int_equal(gd_folder_make(rows[i].output, &folder, &diag), rows[i].err);
		assert_non_null(strstr(diag.text, rows[i].says));
	}
	assert_int_equal(gd_scratch_count("full"), 1);
	assert_int_equal(gd_scratch_count("other"), 0);
}

static void where_one_may_not_write_the_next_place_is_taken(void **state)
{
	struct gd_folder folder;
	gd_autofree char *expected = NULL;
	struct gd_diag diag = { "" };
	bool was_root;
	int err;

	enter("closed");
	assert_int_equal(chmod(*state, 0755), 0);
	assert_int_equal(mkdir("../open", 0700), 0);
	assert_int_equal(chmod("../open", 0777), 0);
	assert_true(asprintf(&expected, "%s/open", (const char *)*state) > 0);
	assert_int_equal(chmod(".", 0555), 0);
	setenv("TMPDIR", expected, 1);
	was_root = gd_scratch_become_nobody() == 0;
	err = gd_folder_make(NULL, &folder, &diag);
	if (was_root)
		gd_scratch_become_root();
	setenv("TMPDIR", *state, 1);
	assert_int_equal(chmod(".", 0755), 0);
	if (err)
		fail_msg("%s", diag.text);
	assert_memory_equal(folder.path, expected, strlen(expected));
	gd_folder_close(&folder);
}

/* ---- Pruning --------------------------------------------------------------------------------- */

/* A finished recording; its age is its marker's. */
static void make_old(const char *name, time_t second)
{
	static const char *const files[] = { GD_SESSION_MARKER, "12.345",   "12.346.new",
					     "12.347.own",      "12.345@2", GD_SESSION_TREE,
					     "tree.new",        "tree@2" };
	struct timespec times[2] = { { second, 0 }, { second, 0 } };

	assert_int_equal(mkdir(name, 0700), 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		gd_autofree char *path = NULL;

		assert_true(asprintf(&path, "%s/%s", name, files[i]) > 0);
		gd_scratch_write(path, "x", 1, 0600);
		if (i == 0)
			assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	}
}

/* Names in the other order than ages: the age decides. */
static void make_many_old(int count)
{
	assert_int_equal(mkdir("gildiag.data", 0700), 0);
	for (int i = 0; i < count; i++) {
		char name[64];

		snprintf(name, sizeof(name), "gildiag.data/old.%02d", count - 1 - i);
		make_old(name, 1000 + i);
	}
}

static void the_newest_ten_are_kept_with_the_new_one(void **state)
{
	struct gd_folder folder;

	(void)state;
	enter("ten");
	make_many_old(13);
	folder = make(NULL);
	gd_folder_prune(folder.path);
	assert_true(exists(folder.path));
	assert_int_equal(gd_scratch_count("gildiag.data"), 10);
	assert_true(exists("gildiag.data/old.00"));
	assert_true(exists("gildiag.data/old.08"));
	assert_false(exists("gildiag.data/old.09"));
	assert_false(exists("gildiag.data/old.12"));
	gd_folder_close(&folder);
}

static void how_many_are_kept_is_the_users_choice(void **state)
{
	static const struct {
		const char *keep;
		size_t left;
	} rows[] = { { "99", 13 },   { "12", 12 }, { "-1", 10 }, { "0", 10 },
		     { "many", 10 }, { "", 10 },   { "3", 3 },   { "1", 1 } };
	struct gd_folder folder;

	(void)state;
	enter("keep");
	make_many_old(12);
	folder = make(NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		setenv("GILDIAG_KEEP", rows[i].keep, 1);
		gd_folder_prune(folder.path);
		if (gd_scratch_count("gildiag.data") != rows[i].left)
			print_error("GILDIAG_KEEP=%s\n", rows[i].keep);
		assert_int_equal(gd_scratch_count("gildiag.data"), rows[i].left);
	}
	unsetenv("GILDIAG_KEEP");
	gd_folder_close(&folder);
}

static void what_is_not_ours_stays(void **state)
{
	static const char *const others[] = { "notes.txt", "12.345.bak", "12-345",
					      "12.",       "12",         "x.1" };
	struct gd_folder folder;

	(void)state;
	enter("foreign");
	setenv("GILDIAG_KEEP", "1", 1);
	make_many_old(3);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		gd_autofree char *path = NULL;

		assert_true(asprintf(&path, "gildiag.data/old.00/%s", others[i]) > 0);
		gd_scratch_write(path, "x", 1, 0600);
	}
	gd_scratch_write("gildiag.data/file", "x", 1, 0600);
	assert_int_equal(mkdir("gildiag.data/unmarked", 0700), 0);
	gd_scratch_write("gildiag.data/unmarked/12.345", "x", 1, 0600);
	assert_int_equal(mkdir("elsewhere", 0700), 0);
	make_old("elsewhere/victim", 1);
	assert_int_equal(symlink("../elsewhere/victim", "gildiag.data/link"), 0);
	folder = make(NULL);
	gd_folder_prune(folder.path);
	assert_false(exists("gildiag.data/old.01"));
	assert_false(exists("gildiag.data/old.02"));
	assert_false(exists("gildiag.data/old.00/12.345"));
	assert_int_equal(gd_scratch_count("gildiag.data/old.00"),
			 sizeof(others) / sizeof(others[0]));
	assert_true(exists("gildiag.data/file"));
	assert_true(exists("gildiag.data/unmarked/12.345"));
	assert_true(exists("elsewhere/victim/12.345"));
	unsetenv("GILDIAG_KEEP");
	gd_folder_close(&folder);
}

static void a_recording_that_is_being_written_stays(void **state)
{
	gd_autoclose int marker = -1;
	struct gd_folder folder;

	(void)state;
	enter("live");
	setenv("GILDIAG_KEEP", "1", 1);
	make_many_old(4);
	marker = open("gildiag.data/old.03/" GD_SESSION_MARKER, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(marker, LOCK_EX | LOCK_NB), 0);
	folder = make(NULL);
	gd_folder_prune(folder.path);
	assert_true(exists("gildiag.data/old.03/12.345"));
	assert_int_equal(gd_scratch_count("gildiag.data"), 2);
	unsetenv("GILDIAG_KEEP");
	gd_folder_close(&folder);
}

static void another_users_recording_stays(void **state)
{
	struct gd_folder folder;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: only root can make a file somebody else's\n");
		skip();
	}
	enter("theirs");
	setenv("GILDIAG_KEEP", "1", 1);
	make_many_old(2);
	assert_int_equal(chown("gildiag.data/old.01/" GD_SESSION_MARKER, 65534, 65534), 0);
	folder = make(NULL);
	gd_folder_prune(folder.path);
	assert_true(exists("gildiag.data/old.01/12.345"));
	assert_false(exists("gildiag.data/old.00"));
	unsetenv("GILDIAG_KEEP");
	gd_folder_close(&folder);
}

static void beside_a_folder_that_the_user_named_nothing_goes(void **state)
{
	struct gd_folder folder;

	(void)state;
	enter("own");
	setenv("GILDIAG_KEEP", "1", 1);
	make_old("first", 1);
	make_old("second", 2);
	folder = make("third");
	gd_folder_prune(folder.path);
	assert_true(exists("first/12.345"));
	assert_true(exists("second/12.345"));
	unsetenv("GILDIAG_KEEP");
	gd_folder_close(&folder);
}

#define TEST(name) cmocka_unit_test_teardown(name, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_folder_is_private_locked_and_listening),
		TEST(a_named_folder_may_be_new_or_empty),
		TEST(a_path_may_be_longer_than_a_sockets),
		TEST(nothing_that_is_there_is_overwritten),
		TEST(where_one_may_not_write_the_next_place_is_taken),
		TEST(the_newest_ten_are_kept_with_the_new_one),
		TEST(how_many_are_kept_is_the_users_choice),
		TEST(what_is_not_ours_stays),
		TEST(a_recording_that_is_being_written_stays),
		TEST(another_users_recording_stays),
		TEST(beside_a_folder_that_the_user_named_nothing_goes),
	};

	return cmocka_run_group_tests(tests, gd_scratch_enter, gd_scratch_leave);
}
