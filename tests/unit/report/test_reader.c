/* SPDX-License-Identifier: MIT */
/* A recording is hostile input: what is damaged is refused by one sentence, never read past. */
#include <base/cleanup.h>
#include <builders/recording.h>
#include <builders/scratch.h>
#include <errno.h>
#include <fcntl.h>
#include <load.h>
#include <string.h>
#include <sys/stat.h>
#include <unit/cmocka_begin.h>

static struct gd_recording recording;

static unsigned char *pack_full(size_t *ret_size)
{
	gd_recording_init(&recording);
	gd_recording_add_thread(&recording, 4712);
	recording.gil_count = recording.lock_count = recording.ended_count = 1;
	gd_recording_add_joint(&recording, (struct gd_joint_key){ .computing = 1 }, 9);
	return gd_recording_pack(&recording, ret_size);
}

static void assert_one_sentence(const struct gd_diag *diag, const char *path)
{
	assert_true(strlen(diag->text) > strlen(path));
	assert_non_null(strstr(diag->text, path));
	assert_null(strchr(diag->text, '\n'));
	assert_true(strlen(diag->text) + 1 < sizeof(diag->text));
}

/* Reads all there is; under the sanitizers a byte too far is found. */
static int check_and_load(const unsigned char *bytes, size_t size, struct gd_diag *diag)
{
	/* The file's end is the end of an allocation. */
	gd_autofree unsigned char *exact = malloc(size + !size);
	struct gd_pool *pool = gd_pool_new();
	struct gd_process_model process;
	struct gd_file file;
	int err;

	memcpy(exact, bytes, size);
	err = gd_file_check(exact, size, "the file", &file, diag);
	if (!err)
		assert_int_equal(gd_load_process(&file, pool, &process), 0);
	gd_pool_free(pool);
	return err;
}

static void a_whole_file_is_read(void **state)
{
	struct gd_diag diag = { "" };
	size_t size;
	gd_autofree unsigned char *bytes = pack_full(&size);
	struct gd_thread thread;
	struct gd_file file;

	(void)state;
	assert_int_equal(gd_file_check(bytes, size, "x", &file, &diag), 0);
	assert_string_equal(diag.text, "");
	assert_int_equal(gd_file_count(&file, GD_SECTION_THREADS), 2);
	assert_int_equal(gd_file_count(&file, GD_SECTION_JOINT), 1);
	gd_file_entry(&file, GD_SECTION_THREADS, 1, &thread, sizeof(thread));
	assert_memory_equal(&thread, &recording.threads[1], sizeof(thread));
	gd_file_entry(&file, GD_SECTION_THREADS, 2, &thread, sizeof(thread));
	assert_int_equal(thread.tid, 0); /* beyond the last one there is nothing */
}

static void a_file_that_is_cut_anywhere_is_refused(void **state)
{
	size_t size;
	gd_autofree unsigned char *bytes = pack_full(&size);

	(void)state;
	for (size_t cut = 0; cut < size; cut++) {
		struct gd_diag diag = { "" };
		int err = check_and_load(bytes, cut, &diag);

		assert_int_equal(err, cut < sizeof(struct gd_file_header) ? -EMEDIUMTYPE : -EPROTO);
		assert_one_sentence(&diag, "the file");
	}
}

static void no_byte_of_the_tables_makes_the_reader_fall(void **state)
{
	static const unsigned char values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	size_t size, refused = 0;
	gd_autofree unsigned char *bytes = pack_full(&size);
	size_t tables = (size_t)gd_recording_section(bytes, 1)->offset;

	(void)state;
	for (size_t at = 0; at < tables; at++)
		for (size_t i = 0; i < sizeof(values); i++) {
			unsigned char before = bytes[at];
			struct gd_diag diag = { "" };

			bytes[at] = values[i];
			if (check_and_load(bytes, size, &diag) != 0) {
				assert_one_sentence(&diag, "the file");
				refused++;
			}
			bytes[at] = before;
		}
	assert_true(refused > tables);
}

/* ---- Damage by name -------------------------------------------------------------------------- */

struct damage {
	const char *name;
	void (*damage)(unsigned char *bytes);
	int err;
	const char *says;
};

static struct gd_file_header *header_of(unsigned char *bytes)
{
	return (struct gd_file_header *)(void *)bytes;
}

static void other_magic(unsigned char *bytes)
{
	bytes[6] = 'X';
}

static void newer_major(unsigned char *bytes)
{
	header_of(bytes)->abi_major = GD_ABI_MAJOR + 1;
}

static void older_major(unsigned char *bytes)
{
	header_of(bytes)->abi_major = GD_ABI_MAJOR - 1;
}

static void foreign_arch(unsigned char *bytes)
{
	header_of(bytes)->arch = 183;
}

static void short_header(unsigned char *bytes)
{
	header_of(bytes)->header_size = 63;
}

static void far_table(unsigned char *bytes)
{
	header_of(bytes)->header_size = 65535;
}

static void many_sections(unsigned char *bytes)
{
	header_of(bytes)->section_count = 65;
}

static void no_sections(unsigned char *bytes)
{
	header_of(bytes)->section_count = 0;
}

static void section_beyond_file(unsigned char *bytes)
{
	gd_recording_section(bytes, GD_SECTION_LOCKS)->offset = UINT64_MAX - 100;
}

static void section_at_end(unsigned char *bytes)
{
	gd_recording_section(bytes, GD_SECTION_LOCKS)->offset += sizeof(struct gd_ended) + 1;
}

static void entry_size_zero(unsigned char *bytes)
{
	gd_recording_section(bytes, GD_SECTION_THREADS)->entry_size = 0;
}

static void entry_size_huge(unsigned char *bytes)
{
	gd_recording_section(bytes, GD_SECTION_THREADS)->entry_size = 0xffffffff;
}

static void used_huge(unsigned char *bytes)
{
	gd_recording_section(bytes, GD_SECTION_THREADS)->used = 0xffffffff;
}

static void used_one_more(unsigned char *bytes)
{
	gd_recording_section(bytes, GD_SECTION_ENDED)->used++;
}

static void no_process(unsigned char *bytes)
{
	gd_recording_section(bytes, GD_SECTION_PROCESS)->used = 0;
}

static void process_of_no_kind(unsigned char *bytes)
{
	gd_recording_section(bytes, GD_SECTION_PROCESS)->kind = 0;
}

/* clang-format off */
static const struct damage damages[] = {
	{ "another magic",              other_magic,         -EMEDIUMTYPE,     "is no recording of gildiag" },
	{ "a newer major version",      newer_major,         -EPROTONOSUPPORT, "made by a newer gildiag (format 2, this one reads 1)" },
	{ "an older major version",     older_major,         -EPROTONOSUPPORT, "made by an older gildiag (format 0, this one reads 1)" },
	{ "another architecture",       foreign_arch,        -EPROTONOSUPPORT, "another kind of machine (183)" },
	{ "a header that is too short", short_header,        -EPROTO,          "its section table is cut" },
	{ "a table beyond the file",    far_table,           -EPROTO,          "its section table is cut" },
	{ "too many sections",          many_sections,       -EPROTO,          "its section table is cut" },
	{ "no sections",                no_sections,         -EPROTO,          "describes no process" },
	{ "a section beyond the file",  section_beyond_file, -EPROTO,          "section 5 does not fit" },
	{ "a section across the end",   section_at_end,      -EPROTO,          "section 5 does not fit" },
	{ "entries of no size",         entry_size_zero,     -EPROTO,          "section 4 does not fit" },
	{ "entries of any size",        entry_size_huge,     -EPROTO,          "section 4 does not fit" },
	{ "more entries than bytes",    used_huge,           -EPROTO,          "section 4 does not fit" },
	{ "one entry too many",         used_one_more,       -EPROTO,          "section 6 does not fit" },
	{ "an empty process section",   no_process,          -EPROTO,          "describes no process" },
	{ "no process section",         process_of_no_kind,  -EPROTO,          "describes no process" },
};
/* clang-format on */

static void every_damage_is_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct gd_diag diag = { "" };
		size_t size;
		gd_autofree unsigned char *bytes = pack_full(&size);
		int err;

		damages[i].damage(bytes);
		err = check_and_load(bytes, size, &diag);
		if (err != damages[i].err || !strstr(diag.text, damages[i].says))
			print_error("%s: %d, %s\n", damages[i].name, err, diag.text);
		assert_int_equal(err, damages[i].err);
		assert_non_null(strstr(diag.text, damages[i].says));
		assert_one_sentence(&diag, "the file");
	}
}

/* ---- Other minor versions -------------------------------------------------------------------- */

static void sections_of_a_kind_unknown_are_passed_over(void **state)
{
	struct gd_diag diag = { "" };
	size_t size;
	gd_autofree unsigned char *bytes = pack_full(&size);
	struct gd_section *section = gd_recording_section(bytes, GD_SECTION_ENDED);
	struct gd_file file;

	(void)state;
	section->kind = GD_SECTION_COUNT + 100;
	section->offset = UINT64_MAX; /* not even its place is ours to judge */
	assert_int_equal(gd_file_check(bytes, size, "x", &file, &diag), 0);
	assert_int_equal(gd_file_count(&file, GD_SECTION_ENDED), 0);
	assert_int_equal(gd_file_count(&file, GD_SECTION_LOCKS), 1);
}

static void smaller_entries_are_filled_with_zeros(void **state)
{
	struct gd_diag diag = { "" };
	size_t size;
	gd_autofree unsigned char *bytes = pack_full(&size);
	struct gd_section *section = gd_recording_section(bytes, GD_SECTION_THREADS);
	size_t kept = offsetof(struct gd_thread, ticks);
	struct gd_thread thread;
	struct gd_file file;

	(void)state;
	memmove(bytes + section->offset + kept, &recording.threads[1], kept);
	section->entry_size = (uint32_t)kept;
	assert_int_equal(gd_file_check(bytes, size, "x", &file, &diag), 0);
	memset(&thread, 0xff, sizeof(thread));
	gd_file_entry(&file, GD_SECTION_THREADS, 1, &thread, sizeof(thread));
	assert_memory_equal(&thread, &recording.threads[1], kept);
	for (size_t i = kept; i < sizeof(thread); i++)
		assert_int_equal(((unsigned char *)&thread)[i], 0);
}

static void of_larger_entries_what_is_known_is_read(void **state)
{
	struct gd_diag diag = { "" };
	size_t size;
	gd_autofree unsigned char *bytes = pack_full(&size);
	struct gd_section *section = gd_recording_section(bytes, GD_SECTION_LOCKS);
	struct gd_lock lock;
	struct gd_file file;

	(void)state;
	/* It ends where the last section does: one row of the two together. */
	section->entry_size += sizeof(struct gd_ended);
	bytes[section->offset + offsetof(struct gd_lock, key)] = 42;
	assert_int_equal(gd_file_check(bytes, size, "x", &file, &diag), 0);
	gd_file_entry(&file, GD_SECTION_LOCKS, 0, &lock, sizeof(lock));
	assert_int_equal(lock.key, 42);
}

/* ---- Files ----------------------------------------------------------------------------------- */

static int open_here(const char *name, struct gd_diag *diag)
{
	gd_autoclose int folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	gd_autofree char *path = NULL;
	struct gd_file file = { 0 };
	int err;

	assert_true(asprintf(&path, "here/%s", name) > 0);
	diag->text[0] = 0;
	err = gd_file_open(folder, name, path, &file, diag);
	if (err)
		assert_one_sentence(diag, path);
	else
		gd_file_close(&file);
	assert_null(file.bytes);
	return err;
}

static void write_plain(const char *name, mode_t mode)
{
	size_t size;
	gd_autofree unsigned char *bytes = pack_full(&size);

	gd_scratch_write(name, bytes, size, mode);
}

static void only_plain_files_are_read(void **state)
{
	struct gd_diag diag;

	(void)state;
	write_plain("good", 0600);
	assert_int_equal(open_here("good", &diag), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(open_here("fifo", &diag),
			 -EMEDIUMTYPE); /* and does not wait for a writer */
	assert_int_equal(mkdir("folder", 0700), 0);
	assert_int_equal(open_here("folder", &diag), -EMEDIUMTYPE);
	assert_int_equal(symlink("good", "link"), 0);
	assert_int_equal(open_here("link", &diag), -ELOOP);
	assert_non_null(strstr(diag.text, "symbolic link"));
	assert_int_equal(open_here("missing", &diag), -ENOENT);
	gd_scratch_write("empty", "", 0, 0600);
	assert_int_equal(open_here("empty", &diag), -EMEDIUMTYPE);
}

static void a_file_larger_than_any_recording_is_not_read(void **state)
{
	struct gd_diag diag;

	(void)state;
	write_plain("large", 0600);
	assert_int_equal(truncate("large", (off_t)GD_IMAGE_BYTES + (17 << 20)), 0); /* sparse */
	assert_int_equal(open_here("large", &diag), -EPROTO);
	assert_non_null(strstr(diag.text, "too large"));
}

static void another_users_file_is_not_read(void **state)
{
	struct gd_diag diag;
	int err;

	(void)state;
	write_plain("theirs", 0644);
	assert_int_equal(chmod(".", 0755), 0);
	if (gd_scratch_become_nobody() != 0) {
		print_message("skipped: only root can look as somebody else\n");
		skip();
	}
	err = open_here("theirs", &diag);
	gd_scratch_become_root();
	assert_int_equal(err, -EPERM);
	assert_non_null(strstr(diag.text, "belongs to another user"));
	assert_int_equal(open_here("theirs", &diag), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_file_is_read),
		cmocka_unit_test(a_file_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(no_byte_of_the_tables_makes_the_reader_fall),
		cmocka_unit_test(every_damage_is_refused_by_name),
		cmocka_unit_test(sections_of_a_kind_unknown_are_passed_over),
		cmocka_unit_test(smaller_entries_are_filled_with_zeros),
		cmocka_unit_test(of_larger_entries_what_is_known_is_read),
		cmocka_unit_test(only_plain_files_are_read),
		cmocka_unit_test(a_file_larger_than_any_recording_is_not_read),
		cmocka_unit_test(another_users_file_is_not_read),
	};

	return cmocka_run_group_tests(tests, gd_scratch_enter, gd_scratch_leave);
}
