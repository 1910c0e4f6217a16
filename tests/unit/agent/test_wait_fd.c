/* SPDX-License-Identifier: MIT */
/* What a wait on one descriptor is for, and what a transfer leaves behind. */
#include <builders/awake.h>
#include <errno.h>
#include <string.h>
#include <unit/cmocka_begin.h>
#include <wait_fd.h>

#define FD 900 /* known by its role alone */

struct row {
	const char *name;
	enum gd_role role;
	uint16_t in, out;
};

/* clang-format off */
static const struct row rows[] = {
	{ "file",     GD_ROLE_FILE,     GD_CAUSE_FILE,       GD_CAUSE_FILE },
	{ "terminal", GD_ROLE_TTY,      GD_CAUSE_TTY,        GD_CAUSE_OTHER },
	{ "pipe",     GD_ROLE_PIPE,     GD_CAUSE_PIPE,       GD_CAUSE_PIPE },
	{ "own pipe", GD_ROLE_OWN,      GD_CAUSE_INTERNAL,   GD_CAUSE_INTERNAL },
	{ "timer",    GD_ROLE_TIMER,    GD_CAUSE_LOOP_TIMER, GD_CAUSE_OTHER },
	{ "child",    GD_ROLE_CHILD,    GD_CAUSE_CHILD,      GD_CAUSE_OTHER },
	{ "signals",  GD_ROLE_SIGNAL,   GD_CAUSE_SIGNAL,     GD_CAUSE_OTHER },
	{ "listener", GD_ROLE_LISTENER, GD_CAUSE_ACCEPT,     GD_CAUSE_SEND },
	{ "accepted", GD_ROLE_ACCEPTED, GD_CAUSE_SERVE,      GD_CAUSE_SEND },
	{ "client",   GD_ROLE_CLIENT,   GD_CAUSE_RECV,       GD_CAUSE_SEND },
	{ "datagram", GD_ROLE_SOCKET,   GD_CAUSE_SERVE,      GD_CAUSE_SEND },
	{ "other",    GD_ROLE_OTHER,    GD_CAUSE_OTHER,      GD_CAUSE_OTHER },
};
/* clang-format on */

static void the_role_tells_the_cause(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		gd_fd_forget(FD);
		gd_fd_set_role(FD, rows[i].role);
		if (gd_wait_fd_in(FD) != rows[i].in || gd_wait_fd_out(FD) != rows[i].out)
			print_error("%s\n", rows[i].name);
		assert_int_equal(gd_wait_fd_in(FD), rows[i].in);
		assert_int_equal(gd_wait_fd_out(FD), rows[i].out);
	}
	gd_fd_forget(FD);
}

static void a_datagram_socket_that_has_asked_waits_for_the_answer(void **state)
{
	(void)state;
	gd_fd_set_role(FD, GD_ROLE_SOCKET);
	gd_fd_sent(FD);
	assert_int_equal(gd_wait_fd_in(FD), GD_CAUSE_RECV);
	gd_fd_got(FD);
	assert_int_equal(gd_wait_fd_in(FD), GD_CAUSE_SERVE);
	gd_fd_forget(FD);
}

static void a_transfer_is_booked_with_its_descriptor(void **state)
{
	int ends[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(gd_self->slot->count[GD_CAUSE_INTERNAL], 2);
	assert_int_equal(gd_self->slot->object, 0); /* while it lasts only */
	assert_int_equal(gd_self->slot->cause, GD_CAUSE_CPU_FREE);
	close(ends[0]);
	close(ends[1]);
}

static void errno_comes_out_as_it_went_in(void **state)
{
	char byte;

	(void)state;
	errno = 0;
	assert_int_equal(read(FD, &byte, 1), -1);
	assert_int_equal(errno, EBADF);
	errno = EXDEV;
	assert_int_equal(gd_fd_role(FD), GD_ROLE_UNKNOWN); /* asks, in vain */
	assert_int_equal(errno, EXDEV);
}

#define TEST(name) cmocka_unit_test_setup(name, gd_awake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_role_tells_the_cause),
		TEST(a_datagram_socket_that_has_asked_waits_for_the_answer),
		TEST(a_transfer_is_booked_with_its_descriptor),
		TEST(errno_comes_out_as_it_went_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
