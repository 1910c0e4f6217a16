/* SPDX-License-Identifier: MIT */
/* The real functions are libc's, of the right version, and errno is nobody's business. */
#include <builders/awake.h>
#include <dlfcn.h>
#include <errno.h>
#include <hooks.h>
#include <string.h>
#include <unit/cmocka_begin.h>

struct hook {
	const char *name, *version;
	void *found;
};

/* Of every line of hooks.def, in order. */
static const struct hook *list_hooks(size_t *ret_count)
{
	static struct hook hooks[200];
	size_t n = 0;

#define HOOK(name, version) hooks[n++] = (struct hook){ #name, version, (void *)gd_real.name };
#include "hooks.def"
#undef HOOK
	*ret_count = n;
	return hooks;
}

static void every_function_is_libcs_own(void **state)
{
	size_t count, found = 0;
	const struct hook *hooks = list_hooks(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		Dl_info info;

		/* This libc may be older than the function. */
		if (!hooks[i].found) {
			if (dlsym(RTLD_NEXT, hooks[i].name))
				fail_msg("%s is there and was not found", hooks[i].name);
			continue;
		}
		found++;
		assert_true(dladdr(hooks[i].found, &info));
		if (!strstr(info.dli_fname, "libc.so") && !strstr(info.dli_fname, "libpthread"))
			fail_msg("%s is that of %s", hooks[i].name, info.dli_fname);
	}
	assert_true(found > 90);
}

static void a_function_of_two_versions_is_the_one_that_is_meant(void **state)
{
	size_t count;
	const struct hook *hooks = list_hooks(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		void *versioned = dlvsym(RTLD_NEXT, hooks[i].name, hooks[i].version);

		if (versioned && hooks[i].found != versioned)
			fail_msg("%s is not %s", hooks[i].name, hooks[i].version);
	}
	assert_ptr_not_equal(gd_real.pthread_cond_wait,
			     dlvsym(RTLD_NEXT, "pthread_cond_wait", "GLIBC_2.2.5"));
}

static void resolving_keeps_errno_and_what_was_found(void **state)
{
	(void)state;
	gd_real.read = NULL;
	gd_real.close = close; /* as a test puts one there */
	errno = EXDEV;
	gd_hooks_resolve();
	assert_int_equal(errno, EXDEV);
	assert_non_null(gd_real.read);
	assert_ptr_equal(gd_real.close, close);
	gd_real.close = NULL;
	gd_hooks_resolve();
	assert_ptr_not_equal(gd_real.close, close);
}

#define TEST(name) cmocka_unit_test_setup(name, gd_awake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_function_is_libcs_own),
		TEST(a_function_of_two_versions_is_the_one_that_is_meant),
		TEST(resolving_keeps_errno_and_what_was_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
