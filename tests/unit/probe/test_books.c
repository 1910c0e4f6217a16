/* SPDX-License-Identifier: MIT */
/* What the programs in the kernel tell, as rows: also of very many threads, and out of order. */
#include <books.h>
#include <unit/near.h>

static struct gd_books books;

static int begin(void **state)
{
	(void)state;
	books = (struct gd_books){ .dropped = 0 };
	return 0;
}

static int end(void **state)
{
	(void)state;
	gd_books_free(&books);
	return 0;
}

static void tell(uint32_t what, uint32_t image, uint64_t now_ns)
{
	struct gd_event event = {
		.what = what, .image = image, .pid = 100 + (int32_t)image, .now_ns = now_ns
	};

	gd_books_note(&books, &event);
}

static void images_are_in_order_whatever_cpu_told_first(void **state)
{
	static const uint32_t order[] = { 2, 1, 5, 3, 4 };
	const struct gd_book *rows;

	(void)state;
	for (int i = 0; i < 5; i++)
		tell(GD_EVENT_IMAGE_BORN, order[i], order[i] * 10);
	tell(GD_EVENT_IMAGE_ENDED, 3, 99);
	tell(GD_EVENT_IMAGE_ENDED, 9, 99); /* its birth was lost */
	rows = books.books.rows;
	assert_int_equal(books.books.count, 5);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(rows[i].image.image, i + 1);
		assert_int_equal(rows[i].image.pid, 101 + i);
		assert_int_equal(rows[i].image.start_ns, 10 * (i + 1));
		assert_int_equal(rows[i].image.end_ns, i == 2 ? 99 : 0);
	}
}

static void end_thread(uint32_t image, int32_t tid, uint64_t life_ns)
{
	struct gd_event event = { .what = GD_EVENT_THREAD_ENDED };

	event.task.image = image;
	event.task.tid = tid;
	event.task.sums.born_ns = 1000;
	event.task.sums.ended_ns = 1000 + life_ns;
	event.task.sums.on_cpu_ns = 1;
	event.task.sums.causes[GD_CAUSE_RECV].blocked_ns = 2;
	event.task.sums.causes[GD_CAUSE_RECV].woken_by[GD_WOKEN_PROCESS] = 3;
	gd_books_note(&books, &event);
}

static void of_very_many_threads_the_shorter_lived_share_a_row_and_no_time_is_lost(void **state)
{
	enum { THREADS = 20000, OWN = 64 };
	struct gd_ended_thread all = { .tid = 0 };

	(void)state;
	tell(GD_EVENT_IMAGE_BORN, 1, 1);
	tell(GD_EVENT_IMAGE_BORN, 2, 1);
	for (int i = 0; i < THREADS; i++) /* each program has 64 long-lived ones, early and late */
		end_thread(1 + (uint32_t)i % 2, i + 1, i < 100 || i >= THREADS - 28 ? 50000 : 10);
	for (uint32_t image = 1; image <= 2; image++) {
		const struct gd_book *book = gd_books_find(&books, image);
		const struct gd_ended_thread *rows = book->threads.rows;

		assert_int_equal(book->threads.count, OWN);
		for (int i = 0; i < OWN; i++) {
			assert_int_equal(rows[i].life_ns, 50000);
			assert_int_equal(rows[i].threads, 1);
			gd_ended_add(&all, &rows[i]);
		}
		assert_int_equal(book->rest->tid, 0);
		assert_int_equal(book->rest->threads, THREADS / 2 - OWN);
		gd_ended_add(&all, book->rest);
	}
	assert_int_equal(books.lost_threads, 0);
	assert_int_equal(all.threads, THREADS);
	assert_int_equal(all.life_ns, 2 * OWN * 50000 + (THREADS - 2 * OWN) * 10);
	assert_int_equal(all.sums.on_cpu_ns, THREADS);
	assert_int_equal(all.sums.causes[GD_CAUSE_RECV].blocked_ns, 2 * THREADS);
	assert_int_equal(all.sums.causes[GD_CAUSE_RECV].woken_by[GD_WOKEN_PROCESS], 3 * THREADS);
}

static void end_program(uint32_t image, uint64_t on_cpu_ns, uint64_t life_ns, uint64_t child_ns)
{
	struct gd_event event = { .what = GD_EVENT_THREAD_ENDED };

	tell(GD_EVENT_IMAGE_BORN, image, 1);
	event.task.image = image;
	event.task.sums.born_ns = 1;
	event.task.sums.ended_ns = 1 + life_ns;
	event.task.sums.on_cpu_ns = on_cpu_ns;
	event.task.sums.causes[GD_CAUSE_CHILD].explained_ns = child_ns / 2;
	event.task.sums.causes[GD_CAUSE_CHILD].blocked_ns = child_ns / 2;
	gd_books_note(&books, &event);
	tell(GD_EVENT_IMAGE_ENDED, image, 1 + life_ns);
}

#define MS 1000000ull

static void programs_that_did_next_to_nothing_are_summed_up(void **state)
{
	static const uint32_t stay[] = { 1, 3, 4, 6 };
	const struct gd_book *rows;

	(void)state;
	end_program(1, MS, 3 * MS, 0); /* what the user asked for */
	end_program(2, MS, 3 * MS, 0);
	end_program(3, 20 * MS, 25 * MS, 0);
	end_program(4, MS, 500 * MS, 0);
	end_program(5, MS, 500 * MS, 495 * MS); /* it waited for a child */
	tell(GD_EVENT_IMAGE_BORN, 6, 1);        /* it lives */
	gd_books_fold(&books);
	rows = books.books.rows;
	assert_int_equal(books.books.count, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(rows[i].image.image, stay[i]);
	assert_int_equal(books.small_images, 2);
	assert_int_equal(books.small_cpu_ns, 2 * MS);
	assert_int_equal(books.small_off_ns, 501 * MS);
	assert_int_equal(books.threads, 3);
}

static void room_is_made_where_small_programs_take_it(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 20000; i++)
		end_program(i, 1, 2, 0);
	gd_books_fold(&books);
	assert_int_equal(books.lost_images, 0);
	assert_int_equal(books.lost_threads, 0);
	assert_int_equal(books.books.count, 1);
	assert_int_equal(books.small_images, 19999);
}

static void images_beyond_the_table_are_counted_and_their_threads_too(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 4096 + 3; i++)
		tell(GD_EVENT_IMAGE_BORN, i, i);
	end_thread(4096 + 1, 1, 1);
	assert_int_equal(books.books.count, 4096);
	assert_int_equal(books.lost_images, 3);
	assert_int_equal(books.lost_threads, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(images_are_in_order_whatever_cpu_told_first),
		TEST(of_very_many_threads_the_shorter_lived_share_a_row_and_no_time_is_lost),
		TEST(programs_that_did_next_to_nothing_are_summed_up),
		TEST(room_is_made_where_small_programs_take_it),
		TEST(images_beyond_the_table_are_counted_and_their_threads_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
