/* SPDX-License-Identifier: MIT */
/* A recording's file is whole or as it was before. */
#include <base/cleanup.h>
#include <builders/scratch.h>
#include <builders/watched.h>
#include <errno.h>
#include <fcntl.h>
#include <reader.h>
#include <signal.h>
#include <store.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unit/cmocka_begin.h>

#define NAME_FORMAT "%d.1000" /* the PID, and the start that the builder chose */

static struct gd_target *target;
static char name[32];

static int make_target(void **state)
{
	(void)state;
	target = gd_watched_new();
	snprintf(name, sizeof(name), NAME_FORMAT, (int)getpid());
	return 0;
}

static int free_target(void **state)
{
	(void)state;
	gd_target_free(target);
	unlink(name);
	return 0;
}

static int store(bool is_gone)
{
	gd_autoclose int folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return gd_store_write_target(folder, target, is_gone);
}

/* Reads the file that is there now. */
static struct gd_file read_back(void)
{
	gd_autoclose int folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct gd_diag diag = { "" };
	struct gd_file file;

	if (gd_file_open(folder, name, name, &file, &diag) != 0)
		fail_msg("%s", diag.text);
	return file;
}

static void a_file_is_private_and_named_after_the_process(void **state)
{
	mode_t before = umask(0);
	struct gd_file file;
	struct stat st;

	(void)state;
	gd_watched_add(target, GD_CAUSE_RECV);
	assert_int_equal(store(false), 0);
	umask(before);
	assert_int_equal(gd_scratch_count("."), 1);
	assert_int_equal(lstat(name, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	file = read_back();
	assert_int_equal(file.header->state, GD_STATE_OPEN);
	assert_true(file.header->copied_ns > 0);
	assert_int_equal(gd_file_count(&file, GD_SECTION_THREADS), 1);
	gd_file_close(&file);
}

static void the_last_one_is_closed(void **state)
{
	struct gd_file file;

	(void)state;
	assert_int_equal(store(true), 0);
	file = read_back();
	assert_int_equal(file.header->state, GD_STATE_CLOSED);
	gd_file_close(&file);
}

static void a_newer_file_takes_the_place_of_the_older(void **state)
{
	gd_autoclose int old = -1;
	struct stat before, after, old_st;

	(void)state;
	assert_int_equal(store(false), 0);
	old = open(name, O_RDONLY | O_CLOEXEC);
	assert_int_equal(stat(name, &before), 0);
	gd_watched_add(target, GD_CAUSE_RECV);
	assert_int_equal(store(false), 0);
	assert_int_equal(stat(name, &after), 0);
	/* Who reads the old one goes on reading it whole. */
	assert_int_equal(fstat(old, &old_st), 0);
	assert_int_equal(old_st.st_ino, before.st_ino);
	assert_int_equal(old_st.st_size, before.st_size);
	assert_int_not_equal(after.st_ino, before.st_ino);
	assert_true(after.st_size > before.st_size);
	assert_int_equal(gd_scratch_count("."), 1);
}

static void a_link_is_replaced_and_never_followed(void **state)
{
	char temporary[40];
	struct stat st;

	(void)state;
	gd_scratch_write("victim", "mine", 4, 0600);
	assert_int_equal(symlink("victim", name), 0);
	snprintf(temporary, sizeof(temporary), "%s.new", name);
	assert_int_equal(symlink("victim", temporary), 0);
	assert_int_equal(store(false), 0);
	assert_int_equal(lstat(name, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(stat("victim", &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(access(temporary, F_OK), -1);
	unlink("victim");
}

/* ---- Where it fails -------------------------------------------------------------------------- */

static void assert_old_file_is_there(off_t size)
{
	struct stat st;

	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_size, size);
	assert_int_equal(gd_scratch_count("."), 1);
}

/* A limit on the file's size stands for a disk that is full after so many bytes. */
static void a_full_disk_costs_the_newest_copy_only(void **state)
{
	struct rlimit before, limit;
	struct stat st;
	int err;

	(void)state;
	assert_int_equal(store(false), 0);
	assert_int_equal(stat(name, &st), 0);
	for (int i = 0; i < 10; i++)
		gd_watched_add(target, GD_CAUSE_RECV);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = (struct rlimit){ (rlim_t)st.st_size + 100, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	err = store(false);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(err, -EFBIG);
	assert_old_file_is_there(st.st_size);
	assert_int_equal(store(false), 0); /* and when there is room again it goes on */
}

static void a_folder_that_may_not_be_written_is_an_error(void **state)
{
	bool was_root;
	struct stat st;
	int err;

	(void)state;
	assert_int_equal(store(false), 0);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(chmod(".", 0555), 0);
	was_root = gd_scratch_become_nobody() == 0;
	err = store(false);
	if (was_root)
		gd_scratch_become_root();
	assert_int_equal(chmod(".", 0700), 0);
	assert_int_equal(err, -EACCES);
	assert_old_file_is_there(st.st_size);
}

static void a_folder_that_is_gone_is_an_error(void **state)
{
	gd_autoclose int folder = -1;

	(void)state;
	assert_int_equal(mkdir("gone", 0700), 0);
	folder = open("gone", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(rmdir("gone"), 0);
	assert_int_equal(gd_store_write_target(folder, target, false), -ENOENT);
}

static void an_image_that_lies_leaves_nothing_behind(void **state)
{
	(void)state;
	target->sections[GD_SECTION_LOCKS - 1].used = 1;
	target->sections[GD_SECTION_LOCKS - 1].offset = UINT64_MAX - 10;
	assert_int_equal(store(false), -EINVAL);
	assert_int_equal(gd_scratch_count("."), 0);
}

/* ---- Earlier copies -------------------------------------------------------------------------- */

static uint64_t copied_ns(const char *path)
{
	gd_autoclose int folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct gd_diag diag = { "" };
	struct gd_file file;
	uint64_t ns;

	if (gd_file_open(folder, path, path, &file, &diag) != 0)
		fail_msg("%s", diag.text);
	ns = file.header->copied_ns;
	gd_file_close(&file);
	return ns;
}

static void a_copy_that_is_kept_stays_as_it_was(void **state)
{
	gd_autoclose int folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char kept[64];
	uint64_t then;

	(void)state;
	snprintf(kept, sizeof(kept), "%s@1", name);
	assert_int_equal(store(false), 0);
	then = copied_ns(name);
	gd_store_keep_target(folder, target, 1);
	assert_int_equal(store(false), 0);
	assert_int_equal(copied_ns(kept), then);
	assert_true(copied_ns(name) > then);
	assert_int_equal(unlink(kept), 0);
}

static void only_the_newest_copies_stay(void **state)
{
	gd_autoclose int folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	gd_scratch_write("tree", "x", 1, 0600);
	for (unsigned long copy = 1; copy <= 12; copy++) {
		gd_store_keep(folder, "tree", copy);
		gd_store_forget(folder, copy);
		assert_int_equal(gd_scratch_count("."), 1 + (copy < GD_KEEP_COPIES ? copy : 4));
	}
	for (unsigned int copy = 9; copy <= 12; copy++) {
		char kept[32];

		snprintf(kept, sizeof(kept), "tree@%u", copy);
		assert_int_equal(unlink(kept), 0);
	}
	assert_int_equal(unlink("tree"), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, make_target, free_target)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_private_and_named_after_the_process),
		TEST(the_last_one_is_closed),
		TEST(a_newer_file_takes_the_place_of_the_older),
		TEST(a_link_is_replaced_and_never_followed),
		TEST(a_full_disk_costs_the_newest_copy_only),
		TEST(a_folder_that_may_not_be_written_is_an_error),
		TEST(a_folder_that_is_gone_is_an_error),
		TEST(an_image_that_lies_leaves_nothing_behind),
		TEST(a_copy_that_is_kept_stays_as_it_was),
		TEST(only_the_newest_copies_stay),
	};

	return cmocka_run_group_tests(tests, gd_scratch_enter, gd_scratch_leave);
}
