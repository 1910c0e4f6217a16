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
	const struct gd_probed_image *images;

	(void)state;
	for (int i = 0; i < 5; i++)
		tell(GD_EVENT_IMAGE_BORN, order[i], order[i] * 10);
	tell(GD_EVENT_IMAGE_ENDED, 3, 99);
	tell(GD_EVENT_IMAGE_ENDED, 9, 99); /* its birth was lost */
	images = books.images.rows;
	assert_int_equal(books.images.count, 5);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(images[i].image, i + 1);
		assert_int_equal(images[i].pid, 101 + i);
		assert_int_equal(images[i].start_ns, 10 * (i + 1));
		assert_int_equal(images[i].end_ns, i == 2 ? 99 : 0);
	}
}

static void end_thread(uint32_t image, int32_t tid)
{
	struct gd_event event = { .what = GD_EVENT_THREAD_ENDED };

	event.task.image = image;
	event.task.tid = tid;
	event.task.sums.on_cpu_ns = 1;
	event.task.sums.causes[GD_CAUSE_RECV].blocked_ns = 2;
	event.task.sums.causes[GD_CAUSE_RECV].woken_by[GD_WOKEN_PROCESS] = 3;
	gd_books_note(&books, &event);
}

static void of_very_many_threads_the_later_ones_share_a_row_and_no_time_is_lost(void **state)
{
	enum { THREADS = 20000 };
	uint64_t on_cpu = 0, blocked = 0, woken = 0;
	const struct gd_probed_thread *threads;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		end_thread(1 + (uint32_t)i % 2, i + 1);
	threads = books.threads.rows;
	assert_true(books.threads.count < THREADS);
	assert_int_equal(books.lost_threads, 0);
	for (size_t i = 0; i < books.threads.count; i++) {
		on_cpu += threads[i].sums.on_cpu_ns;
		blocked += threads[i].sums.causes[GD_CAUSE_RECV].blocked_ns;
		woken += threads[i].sums.causes[GD_CAUSE_RECV].woken_by[GD_WOKEN_PROCESS];
	}
	assert_int_equal(on_cpu, THREADS);
	assert_int_equal(blocked, 2 * THREADS);
	assert_int_equal(woken, 3 * THREADS);
	assert_int_equal(threads[books.threads.count - 1].tid, 0);
}

static void images_beyond_the_table_are_counted(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 16384 + 3; i++)
		tell(GD_EVENT_IMAGE_BORN, i, i);
	assert_int_equal(books.images.count, 16384);
	assert_int_equal(books.lost_images, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(images_are_in_order_whatever_cpu_told_first, begin,
						end),
		cmocka_unit_test_setup_teardown(
			of_very_many_threads_the_later_ones_share_a_row_and_no_time_is_lost, begin,
			end),
		cmocka_unit_test_setup_teardown(images_beyond_the_table_are_counted, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
