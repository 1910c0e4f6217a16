/* SPDX-License-Identifier: MIT */
/* The image, its tables, and whose it is. */
#include <arena.h>
#include <builders/awake.h>
#include <clock.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unit/cmocka_begin.h>

static void an_image_is_a_memfd_sealed_at_its_full_size(void **state)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	struct stat st;
	int fd = gd_arena_open();

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, GD_IMAGE_BYTES);
	assert_true(st.st_blocks * 512 < 65536); /* sparse: what nobody touched is not there */
	assert_int_equal(fcntl(fd, F_GET_SEALS) & seals, seals);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
}

static void an_image_begins_with_the_process(void **state)
{
	const struct gd_file_header *header = gd_arena_image();

	(void)state;
	assert_string_equal(header->magic, GD_MAGIC);
	assert_int_equal(header->pid, getpid());
	assert_int_equal(gd_process->pid, getpid());
	assert_int_equal(gd_process->ppid, getppid());
	assert_int_equal(gd_process->uid, geteuid());
	assert_int_equal(gd_process->first.monotonic_ns, header->start_ns);
	assert_int_equal(gd_process->first.ticks, gd_process->start_ticks);
	assert_true(header->start_realtime_ns > 1700000000ull * 1000000000u);
}

static void another_image_lies_where_the_first_one_did(void **state)
{
	void *before = gd_arena_image();
	struct gd_thread *threads = gd_threads;

	gd_process->exit_code = 7;
	gd_awake(state); /* as a fork's child opens its own */
	assert_ptr_equal(gd_arena_image(), before);
	assert_ptr_equal(gd_threads, threads);
	assert_int_equal(gd_process->exit_code, 0);
}

static void a_table_grows_to_its_end_and_counts_what_comes_after(void **state)
{
	struct gd_section *section = &gd_sections[GD_SECTION_ENDED - 1];
	const struct gd_ended *rows = gd_image_entries(gd_arena_image(), GD_SECTION_ENDED);
	uint32_t index;

	(void)state;
	section->capacity = 3;
	for (uint32_t i = 0; i < 3; i++) {
		assert_ptr_equal(gd_arena_take(GD_SECTION_ENDED, &index), &rows[i]);
		assert_int_equal(index, i);
	}
	assert_null(gd_arena_take(GD_SECTION_ENDED, &index));
	assert_null(gd_arena_take(GD_SECTION_ENDED, &index));
	assert_int_equal(section->used, 3);
	assert_int_equal(section->lost, 2);
}

static void losses_are_counted_by_reason(void **state)
{
	struct gd_process *process = gd_process;

	(void)state;
	gd_arena_lose(GD_LOST_CHILDREN);
	gd_arena_lose(GD_LOST_CHILDREN);
	gd_process = NULL; /* asleep: nothing to count in */
	gd_arena_lose(GD_LOST_CHILDREN);
	gd_process = process;
	assert_int_equal(gd_process->lost[GD_LOST_CHILDREN], 2);
	assert_int_equal(gd_process->lost[GD_LOST_FDS], 0);
}

static void a_child_that_nobody_announced_sees_that_the_image_is_not_its_own(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(*gd_arena_owner_word, 1);
	pid = (pid_t)syscall(SYS_fork); /* no handler of pthread_atfork's runs */
	if (pid == 0)
		_exit(*gd_arena_owner_word == 0 ? 42 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	assert_int_equal(*gd_arena_owner_word, 1);
}

/* ---- The clock ------------------------------------------------------------------------------- */

static void ticks_per_microsecond_are_learnt_from_long_spans_only(void **state)
{
	(void)state;
	gd_clock_is_tsc = true;
	gd_clock_ticks_per_us = 2500;
	gd_clock_learn(30000000, 9000000); /* 9 ms */
	assert_int_equal(gd_clock_ticks_per_us, 2500);
	gd_clock_learn(30000000, 15000000);
	assert_int_equal(gd_clock_ticks_per_us, 2000);
	gd_clock_is_tsc = false;
	gd_clock_learn(90000000, 15000000); /* nanoseconds are what they are */
	assert_int_equal(gd_clock_ticks_per_us, 2000);
}

#define TEST(name) cmocka_unit_test_setup(name, gd_awake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_image_is_a_memfd_sealed_at_its_full_size),
		TEST(an_image_begins_with_the_process),
		TEST(another_image_lies_where_the_first_one_did),
		TEST(a_table_grows_to_its_end_and_counts_what_comes_after),
		TEST(losses_are_counted_by_reason),
		TEST(a_child_that_nobody_announced_sees_that_the_image_is_not_its_own),
		TEST(ticks_per_microsecond_are_learnt_from_long_spans_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
