/* SPDX-License-Identifier: MIT */
/* A descriptor beside a message: one comes, none comes, and of several none is lost open. */
#include <beside.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <unit/cmocka_begin.h>

static int ends[2];

static int make_socket(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int close_socket(void **state)
{
	(void)state;
	close(ends[0]);
	return close(ends[1]);
}

static int open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void what_is_beside_a_message_comes(void **state)
{
	int pipe_ends[2], fd = -1;
	char buf[8] = "", byte = 0;

	(void)state;
	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
	assert_int_equal(gd_beside_send(ends[0], "order", 6, pipe_ends[1]), 6);
	close(pipe_ends[1]);
	assert_int_equal(gd_beside_receive(ends[1], buf, sizeof(buf), &fd), 6);
	assert_string_equal(buf, "order");
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
	assert_int_equal(read(pipe_ends[0], &byte, 1), 0); /* nobody else has it */
	close(pipe_ends[0]);
}

static void a_message_alone_has_nothing_beside(void **state)
{
	char buf[8] = "";
	int fd = 0;

	(void)state;
	assert_int_equal(gd_beside_send(ends[0], "order", 6, -1), 6);
	assert_int_equal(gd_beside_receive(ends[1], buf, sizeof(buf), &fd), 6);
	assert_int_equal(fd, -1);
}

static void nothing_to_take_and_nobody_left_are_told_apart(void **state)
{
	char buf[8] = "";
	int fd = 0;

	(void)state;
	assert_int_equal(gd_beside_receive(ends[1], buf, sizeof(buf), &fd), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fd, -1);
	shutdown(ends[0], SHUT_WR);
	assert_int_equal(gd_beside_receive(ends[1], buf, sizeof(buf), &fd), 0);
	assert_int_equal(fd, -1);
}

/* Who sends is not trusted: two at once must not leave one that nobody closes. */
static void of_two_descriptors_none_stays_open_unseen(void **state)
{
	int two[2] = { ends[0], ends[0] }, fd = -1, before = open_descriptors();
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(two))];
	} control = { .header = { CMSG_LEN(sizeof(two)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { (char[]){ 'x' }, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = CMSG_LEN(sizeof(two)) };
	char buf[8];

	(void)state;
	memcpy(CMSG_DATA(&control.header), two, sizeof(two));
	assert_int_equal(sendmsg(ends[0], &msg, 0), 1);
	assert_int_equal(gd_beside_receive(ends[1], buf, sizeof(buf), &fd), 1);
	if (fd >= 0)
		close(fd);
	assert_int_equal(open_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_socket, close_socket)
		TEST(what_is_beside_a_message_comes),
		TEST(a_message_alone_has_nothing_beside),
		TEST(nothing_to_take_and_nobody_left_are_told_apart),
		TEST(of_two_descriptors_none_stays_open_unseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
