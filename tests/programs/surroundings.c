/* SPDX-License-Identifier: MIT */
/*
 * Programs that leave the place they started in: another root, no descriptors, another user.
 */
#include "cases.h"
#include <sys/stat.h>
#include <time.h>

static void rest(void)
{
	struct timespec time = { 0, 10000000 };

	CHECK(nanosleep(&time, NULL) == 0);
}

static void chroots(void)
{
	CHECK(mkdir("root", 0700) == 0 && chroot("root") == 0 && chdir("/") == 0);
	rest();
	puts("elsewhere");
	exit(37);
}

/* The first descriptor that is opened then has a number that everybody takes for stdin. */
static void closes_all(void)
{
	closefrom(0);
	CHECK(open("/dev/null", O_RDWR) == 0 && dup(0) == 1 && dup(0) == 2);
	rest();
	CHECK(close_range(0, ~0u, 0) == 0);
	rest();
	CHECK(open("/dev/null", O_RDWR) == 0);
	exit(38);
}

static void becomes_nobody(void)
{
	CHECK(setgid(65534) == 0 && setuid(65534) == 0);
	rest();
	puts("nobody");
	exit(39);
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = {
		{ "chroots", chroots },
		{ "closes-all", closes_all },
		{ "becomes-nobody", becomes_nobody },
		{ NULL, NULL },
	};

	return run_case(rows, argc, argv);
}
