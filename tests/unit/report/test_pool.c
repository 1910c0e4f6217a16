/* SPDX-License-Identifier: MIT */
/* Memory that lives as long as one report. */
#include <pool.h>
#include <stdint.h>
#include <string.h>
#include <unit/cmocka_begin.h>

static void memory_comes_zeroed_and_apart(void **state)
{
	struct gd_pool *pool = gd_pool_new();
	unsigned char *blocks[50];

	(void)state;
	for (size_t i = 0; i < 50; i++) {
		blocks[i] = gd_pool_alloc(pool, i + 1, 3);
		for (size_t k = 0; k < 3 * (i + 1); k++)
			assert_int_equal(blocks[i][k], 0);
		memset(blocks[i], (int)i + 1, 3 * (i + 1));
		assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
	}
	for (size_t i = 0; i < 50; i++)
		assert_int_equal(blocks[i][3 * i + 2], i + 1);
	gd_pool_free(pool);
	gd_pool_free(NULL);
}

static void nothing_is_an_allocation_too(void **state)
{
	struct gd_pool *pool = gd_pool_new();

	(void)state;
	assert_non_null(gd_pool_alloc(pool, 0, 8));
	assert_non_null(gd_pool_alloc(pool, 8, 0));
	gd_pool_free(pool);
}

static void a_product_that_overflows_is_refused(void **state)
{
	struct gd_pool *pool = gd_pool_new();

	(void)state;
	assert_null(gd_pool_alloc(pool, SIZE_MAX, 2));
	assert_null(gd_pool_alloc(pool, SIZE_MAX / 2 + 2, 2));
	assert_null(gd_pool_alloc(pool, SIZE_MAX - 8, 1)); /* its own header would not fit */
	gd_pool_free(pool);
}

static void texts_end_where_they_end_or_are_cut(void **state)
{
	static const char unended[4] = { 'a', 'b', 'c', 'd' };
	struct gd_pool *pool = gd_pool_new();

	(void)state;
	assert_string_equal(gd_pool_text(pool, "abc", 8), "abc");
	assert_string_equal(gd_pool_text(pool, unended, sizeof(unended)), "abcd");
	assert_string_equal(gd_pool_text(pool, "abc", 2), "ab");
	assert_string_equal(gd_pool_text(pool, "", 1), "");
	gd_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_comes_zeroed_and_apart),
		cmocka_unit_test(nothing_is_an_allocation_too),
		cmocka_unit_test(a_product_that_overflows_is_refused),
		cmocka_unit_test(texts_end_where_they_end_or_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
