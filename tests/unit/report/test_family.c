/* SPDX-License-Identifier: MIT */
/* A child, and a grandchild whose name looks like the end of its line in /proc. */
#include <family.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unit/cmocka_begin.h>

static pid_t child, grandchild;
static int ends[2]; /* the grandchild says who it is */

static void live(void)
{
	for (;;)
		pause();
}

static void be_grandchild(void)
{
	pid_t own = getpid();

	prctl(PR_SET_NAME, "a) S 1 (b");
	if (write(ends[1], &own, sizeof(own)) != (ssize_t)sizeof(own))
		_exit(1);
	live();
}

static int make_family(void **state)
{
	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		if (fork() == 0)
			be_grandchild();
		live();
	}
	assert_int_equal(read(ends[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	return 0;
}

static int end_family(void **state)
{
	(void)state;
	kill(grandchild, SIGKILL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}

static void descendants_come_after_their_parents(void **state)
{
	struct gd_family family;

	(void)state;
	gd_family_find(getpid(), &family);
	assert_int_equal(family.count, 3);
	assert_int_equal(family.pids[0], getpid());
	assert_int_equal(family.pids[1], child);
	assert_int_equal(family.pids[2], grandchild);
}

static void of_a_child_only_its_own(void **state)
{
	struct gd_family family;

	(void)state;
	gd_family_find(child, &family);
	assert_int_equal(family.count, 2);
	assert_int_equal(family.pids[1], grandchild);
	gd_family_find(grandchild, &family);
	assert_int_equal(family.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descendants_come_after_their_parents),
		cmocka_unit_test(of_a_child_only_its_own),
	};

	return cmocka_run_group_tests(tests, make_family, end_family);
}
