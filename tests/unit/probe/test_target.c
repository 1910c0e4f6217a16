/* SPDX-License-Identifier: MIT */
/* What a process hands over is checked before it is mapped, and trusted nowhere after. */
#include <builders/watched.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <unit/cmocka_begin.h>

static bool is_image(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (uint64_t)st.st_size == GD_IMAGE_BYTES;
}

static void an_image_is_taken_over(void **state)
{
	int memfd = gd_watched_memfd();
	struct gd_target *target = NULL;

	(void)state;
	assert_true(is_image(memfd));
	assert_int_equal(gd_target_new(memfd, (int32_t)getpid(), &target), 0);
	assert_int_equal(close(memfd), 0);
	assert_int_equal(target->process->collector, getpid());
	assert_true(target->process->heartbeat_ticks > 0);
	assert_ptr_equal(target->threads, gd_image_entries(target->image, GD_SECTION_THREADS));
	assert_int_equal(gd_target_slots(target), 0);
	assert_false(gd_target_is_gone(target));
	gd_target_free(target);
	gd_target_free(NULL);
}

/* ---- Not a memfd of ours --------------------------------------------------------------------- */

static void assert_refused(const char *what, int fd, int err)
{
	struct gd_target *target = NULL;
	int said = gd_target_new(fd, (int32_t)getpid(), &target);

	if (said != err)
		print_error("%s: %d\n", what, said);
	assert_int_equal(said, err);
	assert_null(target);
	assert_int_equal(close(fd), 0);
}

static int make_memfd(off_t size, unsigned int seals)
{
	int fd = memfd_create("gildiag-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void a_memfd_of_another_size_or_without_seals_is_refused(void **state)
{
	unsigned int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	int ends[2];

	(void)state;
	assert_refused("empty", make_memfd(0, seals), -EINVAL);
	assert_refused("a byte less", make_memfd(GD_IMAGE_BYTES - 1, seals), -EINVAL);
	assert_refused("a byte more", make_memfd(GD_IMAGE_BYTES + 1, seals), -EINVAL);
	assert_refused("without seals", make_memfd(GD_IMAGE_BYTES, 0), -EINVAL);
	assert_refused("may shrink", make_memfd(GD_IMAGE_BYTES, F_SEAL_GROW), -EINVAL);
	assert_refused("may grow", make_memfd(GD_IMAGE_BYTES, F_SEAL_SHRINK), -EINVAL);
	assert_refused("may not be written",
		       make_memfd(GD_IMAGE_BYTES, seals | F_SEAL_FUTURE_WRITE), -EPERM);
	assert_refused("empty but for its size", make_memfd(GD_IMAGE_BYTES, seals), -EINVAL);
	assert_refused("a device", open("/dev/zero", O_RDWR | O_CLOEXEC), -EINVAL);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_refused("a pipe", ends[0], -EINVAL);
	close(ends[1]);
}

/* It has no seals at all, and may shrink at any time. */
static void a_file_that_looks_like_an_image_is_refused(void **state)
{
	char path[] = "/tmp/gildiag-test-XXXXXX";
	int memfd = gd_watched_memfd(), file = mkostemp(path, O_CLOEXEC);

	(void)state;
	assert_true(file >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ftruncate(file, GD_IMAGE_BYTES), 0);
	assert_true(copy_file_range(memfd, NULL, file, NULL, 65536, 0) == 65536 ||
		    sendfile(file, memfd, NULL, 65536) == 65536);
	close(memfd);
	assert_refused("a file", file, -EINVAL);
}

/* ---- A header or a table that is not ours ---------------------------------------------------- */

struct damage {
	const char *name;
	void (*damage)(struct gd_file_header *header, struct gd_section *sections);
};

static void damage_magic(struct gd_file_header *header, struct gd_section *sections)
{
	(void)sections;
	header->magic[0] = 'g';
}

static void damage_major(struct gd_file_header *header, struct gd_section *sections)
{
	(void)sections;
	header->abi_major++;
}

static void damage_count(struct gd_file_header *header, struct gd_section *sections)
{
	(void)sections;
	header->section_count++;
}

static void swap_kinds(struct gd_file_header *header, struct gd_section *sections)
{
	(void)header;
	sections[GD_SECTION_THREADS - 1].kind = GD_SECTION_LOCKS;
}

static void leave_image(struct gd_file_header *header, struct gd_section *sections)
{
	(void)header;
	sections[GD_SECTION_LOCKS - 1].offset = UINT64_MAX - 4096;
}

static void cross_end(struct gd_file_header *header, struct gd_section *sections)
{
	(void)header;
	sections[GD_SECTION_THREADS - 1].offset = GD_IMAGE_BYTES - 4096;
}

static void grow_table(struct gd_file_header *header, struct gd_section *sections)
{
	(void)header;
	sections[GD_SECTION_ENDED - 1].capacity = UINT32_MAX;
}

static void shorten_slots(struct gd_file_header *header, struct gd_section *sections)
{
	(void)header;
	sections[GD_SECTION_THREADS - 1].entry_size = 1;
	sections[GD_SECTION_THREADS - 1].offset = GD_IMAGE_BYTES - GD_THREAD_CAPACITY;
}

static void shorten_cells(struct gd_file_header *header, struct gd_section *sections)
{
	(void)header;
	sections[GD_SECTION_JOINT - 1].entry_size = 1;
	sections[GD_SECTION_JOINT - 1].offset = GD_IMAGE_BYTES - GD_JOINT_CAPACITY;
}

static void fewer_cells(struct gd_file_header *header, struct gd_section *sections)
{
	(void)header;
	sections[GD_SECTION_JOINT - 1].capacity--;
}

static void shorten_modules(struct gd_file_header *header, struct gd_section *sections)
{
	(void)header;
	sections[GD_SECTION_MODULES - 1].entry_size = 8;
	sections[GD_SECTION_MODULES - 1].offset = GD_IMAGE_BYTES - 8 * GD_MODULE_CAPACITY;
}

static void fewer_pipes(struct gd_file_header *header, struct gd_section *sections)
{
	(void)header;
	sections[GD_SECTION_PIPES - 1].capacity = 1;
	sections[GD_SECTION_PIPES - 1].offset = GD_IMAGE_BYTES - sizeof(struct gd_pipe);
}

static void no_process(struct gd_file_header *header, struct gd_section *sections)
{
	(void)header;
	sections[GD_SECTION_PROCESS - 1].capacity = 0;
	sections[GD_SECTION_PROCESS - 1].offset = GD_IMAGE_BYTES;
}

static void shorten_process(struct gd_file_header *header, struct gd_section *sections)
{
	(void)header;
	sections[GD_SECTION_PROCESS - 1].entry_size = 8;
	sections[GD_SECTION_PROCESS - 1].offset = GD_IMAGE_BYTES - 8;
}

static void odd_slots(struct gd_file_header *header, struct gd_section *sections)
{
	(void)header;
	sections[GD_SECTION_THREADS - 1].offset++;
}

/* clang-format off */
static const struct damage damages[] = {
	{ "another magic",                      damage_magic },
	{ "another major version",              damage_major },
	{ "another number of sections",         damage_count },
	{ "sections in another order",          swap_kinds },
	{ "a section beyond the image",         leave_image },
	{ "a section across the image's end",   cross_end },
	{ "a table larger than the image",      grow_table },
	{ "slots that are shorter than ours",   shorten_slots },
	{ "cells that are shorter than ours",   shorten_cells },
	{ "fewer cells than ours",              fewer_cells },
	{ "modules that are shorter than ours", shorten_modules },
	{ "fewer pipes than ours",              fewer_pipes },
	{ "no room for the process",            no_process },
	{ "a process that is shorter than ours", shorten_process },
	{ "slots at an odd address",            odd_slots },
};
/* clang-format on */

static void an_image_that_is_not_laid_out_as_ours_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		int memfd = gd_watched_memfd();
		void *image =
			mmap(NULL, GD_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);

		assert_ptr_not_equal(image, MAP_FAILED);
		damages[i].damage(image, gd_image_sections(image));
		munmap(image, GD_PAGE_BYTES);
		assert_refused(damages[i].name, memfd, -EINVAL);
	}
}

/* ---- After that ------------------------------------------------------------------------------ */

static void slots_never_exceed_the_table(void **state)
{
	struct gd_target *target = gd_watched_new();

	(void)state;
	target->sections[GD_SECTION_THREADS - 1].used = 3;
	assert_int_equal(gd_target_slots(target), 3);
	target->sections[GD_SECTION_THREADS - 1].used = UINT32_MAX;
	assert_int_equal(gd_target_slots(target), GD_THREAD_CAPACITY);
	gd_target_free(target);
}

static void a_process_that_ended_is_gone(void **state)
{
	struct gd_target *target;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	target = gd_watched_process(pid);
	assert_false(gd_target_is_gone(target));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(gd_target_is_gone(target));
	gd_target_free(target);
}

static void ticks_are_those_of_the_targets_clock(void **state)
{
	struct gd_target *target = gd_watched_new();
	uint64_t before, between, after;
	struct timespec now;

	(void)state;
	target->process->clock = GD_CLOCK_MONOTONIC;
	before = gd_target_ticks(target);
	clock_gettime(CLOCK_MONOTONIC, &now);
	between = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	after = gd_target_ticks(target);
	assert_in_range(between, before, after);
	target->process->clock = GD_CLOCK_TSC;
	before = __builtin_ia32_rdtsc();
	between = gd_target_ticks(target);
	/* The CPU may read it a little out of order. */
	assert_in_range(between, before - 1000000, __builtin_ia32_rdtsc() + 1000000);
	gd_target_free(target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_is_taken_over),
		cmocka_unit_test(a_memfd_of_another_size_or_without_seals_is_refused),
		cmocka_unit_test(a_file_that_looks_like_an_image_is_refused),
		cmocka_unit_test(an_image_that_is_not_laid_out_as_ours_is_refused),
		cmocka_unit_test(slots_never_exceed_the_table),
		cmocka_unit_test(a_process_that_ended_is_gone),
		cmocka_unit_test(ticks_are_those_of_the_targets_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
