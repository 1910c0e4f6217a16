/* SPDX-License-Identifier: MIT */
/* What a descriptor is, followed through the calls that make and unmake it. */
#include <builders/awake.h>
#include <builders/scratch.h>
#include <fd.h>
#include <hooks.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <thread.h>
#include <unit/cmocka_begin.h>

/* Closed behind our back, as libc's own calls are. */
static void close_unseen(int fd)
{
	syscall(SYS_close, fd);
	gd_fd_forget(fd);
}

static int open_here(const char *name)
{
	return open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* ---- Sockets of the loop-back, as a server and its client have them -------------------------- */

struct connection {
	int listener, client, accepted;
};

static int make_socket(int type)
{
	return socket(AF_INET, type | SOCK_CLOEXEC, 0);
}

static struct sockaddr_in bind_to_loopback(int fd)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	return addr;
}

static struct connection make_connection(void)
{
	struct connection c = { make_socket(SOCK_STREAM), make_socket(SOCK_STREAM), -1 };
	struct sockaddr_in addr = bind_to_loopback(c.listener);

	assert_int_equal(listen(c.listener, 1), 0);
	assert_int_equal(connect(c.client, (struct sockaddr *)&addr, sizeof(addr)), 0);
	c.accepted = accept(c.listener, NULL, NULL);
	assert_true(c.accepted >= 0);
	return c;
}

static void close_connection(const struct connection *c)
{
	close(c->listener);
	close(c->client);
	close(c->accepted);
}

/* ---- Roles ----------------------------------------------------------------------------------- */

static void calls_that_make_descriptors_tell_their_roles(void **state)
{
	struct connection c = make_connection();
	int ends[2], pair[2];

	(void)state;
	assert_int_equal(gd_fd_role(c.listener), GD_ROLE_LISTENER);
	assert_int_equal(gd_fd_role(c.client), GD_ROLE_CLIENT);
	assert_int_equal(gd_fd_role(c.accepted), GD_ROLE_ACCEPTED);
	close_connection(&c);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(gd_fd_role(ends[0]), GD_ROLE_OWN);
	assert_int_equal(gd_fd_role(ends[1]), GD_ROLE_OWN);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(gd_fd_role(pair[0]), GD_ROLE_OWN);
	assert_int_equal(gd_fd_role(pair[1]), GD_ROLE_OWN);
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(pair[i]);
	}
}

/* The kernel is asked for what was made where no wrapper stands. */
static void assert_asked(const char *what, int fd, enum gd_role role)
{
	assert_true(fd >= 0);
	gd_fd_forget(fd);
	if (gd_fd_role(fd) != role)
		print_error("%s: %d\n", what, gd_fd_role(fd));
	assert_int_equal(gd_fd_role(fd), role);
	close_unseen(fd);
}

static void the_kernel_knows_what_nobody_saw_being_made(void **state)
{
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct connection c = make_connection();
	int ends[2], pair[2];
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	assert_int_equal(syscall(SYS_pipe2, ends, O_CLOEXEC), 0);
	assert_int_equal(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_asked("file", open_here("file"), GD_ROLE_FILE);
	assert_asked("folder", open(".", O_RDONLY | O_CLOEXEC), GD_ROLE_FILE);
	assert_asked("pipe", ends[0], GD_ROLE_PIPE);
	assert_asked("pipe", ends[1], GD_ROLE_PIPE);
	assert_asked("socketpair", pair[0], GD_ROLE_PIPE);
	assert_asked("socketpair", pair[1], GD_ROLE_PIPE);
	assert_asked("device", open("/dev/null", O_RDWR | O_CLOEXEC), GD_ROLE_OTHER);
	assert_asked("eventfd", eventfd(0, EFD_CLOEXEC), GD_ROLE_OWN);
	assert_asked("signalfd", signalfd(-1, &set, SFD_CLOEXEC), GD_ROLE_SIGNAL);
	assert_asked("a large number", (int)syscall(SYS_fcntl, timer, F_DUPFD_CLOEXEC, 1234),
		     GD_ROLE_TIMER);
	assert_asked("epoll", epoll_create1(EPOLL_CLOEXEC), GD_ROLE_EPOLL);
	assert_asked("pidfd", (int)syscall(SYS_pidfd_open, getpid(), 0), GD_ROLE_CHILD);
	assert_asked("unconnected socket", make_socket(SOCK_DGRAM), GD_ROLE_SOCKET);
	assert_asked("listener", c.listener, GD_ROLE_LISTENER);
	assert_asked("client", c.client, GD_ROLE_CLIENT);
	assert_asked("terminal", posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), GD_ROLE_TTY);
	assert_asked("timerfd", timer, GD_ROLE_TIMER);
	close(c.accepted);
	assert_int_equal(gd_fd_role(-1), GD_ROLE_UNKNOWN);
	assert_int_equal(gd_fd_role(c.accepted), GD_ROLE_UNKNOWN);
}

static int make_named_socket(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, name);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void who_has_the_name_was_connected_to(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "sock" };
	int listener = make_named_socket("sock");
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), accepted;

	(void)state;
	assert_int_equal(connect(client, (struct sockaddr *)&addr, sizeof(addr)), 0);
	accepted = (int)syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC);
	assert_asked("accepted by its name", accepted, GD_ROLE_ACCEPTED);
	assert_asked("client without a name", client, GD_ROLE_CLIENT);
	close(listener);
}

static void under_a_filter_nobody_is_asked(void **state)
{
	int fd = open_here("file");

	(void)state;
	gd_fd_forget(fd);
	gd_process->flags |= GD_FLAG_SECCOMP;
	assert_int_equal(gd_fd_role(fd), GD_ROLE_UNKNOWN);
	gd_process->flags &= ~GD_FLAG_SECCOMP;
	assert_int_equal(gd_fd_role(fd), GD_ROLE_FILE);
	close(fd);
}

static void descriptors_beyond_the_table_are_counted(void **state)
{
	uint64_t before = gd_process->lost[GD_LOST_FDS];

	(void)state;
	assert_int_equal(gd_fd_role(65536), GD_ROLE_UNKNOWN);
	gd_fd_set_role(1 << 20, GD_ROLE_CLIENT);
	gd_fd_forget(1 << 20);
	assert_false(gd_fd_is_outstanding(1 << 20));
	assert_true(gd_process->lost[GD_LOST_FDS] > before);
}

static void the_first_descriptor_is_one_like_others(void **state)
{
	int file = open_here("file"), before = dup(0);

	(void)state;
	assert_int_equal(dup2(file, 0), 0);
	assert_int_equal(gd_fd_role(0), GD_ROLE_FILE);
	if (before >= 0)
		dup2(before, 0);
	close(before);
	close(file);
}

/* ---- Names and ends -------------------------------------------------------------------------- */

static void a_number_that_is_used_again_is_another_thing(void **state)
{
	int ends[2], file;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	file = open_here("file");
	assert_int_equal(file, ends[0]);
	assert_int_equal(gd_fd_role(file), GD_ROLE_FILE);
	close(file);
	close(ends[1]);
}

static void a_pipe_whose_other_end_was_closed_leads_elsewhere(void **state)
{
	int ends[2], pair[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(ends[1]); /* a child has it now */
	close(pair[0]);
	assert_int_equal(gd_fd_role(ends[0]), GD_ROLE_PIPE);
	assert_int_equal(gd_fd_role(pair[1]), GD_ROLE_PIPE);
	close(ends[0]);
	close(pair[1]);
}

static void a_second_name_is_the_same_thing(void **state)
{
	int ends[2], copy, to;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	copy = dup(ends[0]);
	assert_int_equal(gd_fd_role(copy), GD_ROLE_OWN);
	close(copy); /* a name is gone, the end is not */
	assert_int_equal(gd_fd_role(ends[1]), GD_ROLE_OWN);
	to = open_here("file");
	assert_int_equal(gd_fd_role(to), GD_ROLE_FILE);
	assert_int_equal(dup2(ends[0], to), to);
	assert_int_equal(gd_fd_role(to), GD_ROLE_OWN);
	assert_int_equal(dup2(to, to), to);
	assert_int_equal(gd_fd_role(to), GD_ROLE_OWN);
	assert_int_equal(dup3(ends[1], to, O_CLOEXEC), to);
	assert_int_equal(gd_fd_role(to), GD_ROLE_OWN);
	close(ends[0]); /* a child has it now: the other end leads there, by whatever name */
	assert_int_equal(gd_fd_role(ends[1]), GD_ROLE_PIPE);
	assert_int_equal(dup2(ends[1], to), to);
	assert_int_equal(gd_fd_role(to), GD_ROLE_PIPE);
	assert_int_not_equal(gd_fd_pipe_inode(to), 0);
	assert_int_equal(gd_fd_pipe_inode(to), gd_fd_pipe_inode(ends[1]));
	close(to);
	close(ends[1]);
}

static void a_range_is_closed_at_once(void **state)
{
	int ends[2], pair[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	gd_fd_forget_range((unsigned int)ends[0], (unsigned int)ends[1]);
	assert_int_equal(gd_fd_role(ends[0]), GD_ROLE_PIPE); /* asked anew */
	assert_int_equal(gd_fd_role(pair[0]), GD_ROLE_OWN);
	gd_fd_forget_range((unsigned int)ends[0], ~0u);
	assert_int_equal(gd_fd_role(pair[0]), GD_ROLE_PIPE);
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(pair[i]);
	}
}

/* ---- Outstanding answers --------------------------------------------------------------------- */

static void a_client_that_has_asked_waits_for_its_answer(void **state)
{
	struct connection c = make_connection();
	char byte;

	(void)state;
	assert_false(gd_fd_is_outstanding(c.client));
	assert_int_equal(send(c.client, "?", 1, 0), 1);
	assert_true(gd_fd_is_outstanding(c.client));
	assert_int_equal(recv(c.accepted, &byte, 1, 0), 1);
	assert_int_equal(send(c.accepted, "!", 1, 0), 1);
	assert_false(gd_fd_is_outstanding(c.accepted)); /* a server waits for no answer */
	assert_int_equal(recv(c.client, &byte, 1, 0), 1);
	assert_false(gd_fd_is_outstanding(c.client));
	assert_int_equal(send(c.client, "?", 1, 0), 1);
	close_connection(&c);
	assert_false(gd_fd_is_outstanding(c.client));
}

static void a_connection_in_progress_is_outstanding_until_asked_for(void **state)
{
	struct connection c = make_connection();
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	(void)state;
	assert_int_equal(getsockname(c.listener, (struct sockaddr *)&addr, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, len), -1);
	assert_int_equal(gd_fd_role(fd), GD_ROLE_CLIENT);
	assert_true(gd_fd_is_outstanding(fd));
	len = sizeof(error);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	assert_false(gd_fd_is_outstanding(fd));
	close(fd);
	close_connection(&c);
}

static void a_datagram_that_nobody_asked_for_makes_a_server(void **state)
{
	int server = make_socket(SOCK_DGRAM), client = make_socket(SOCK_DGRAM);
	struct sockaddr_in addr = bind_to_loopback(server);
	char byte;

	(void)state;
	assert_int_equal(sendto(client, "?", 1, 0, (struct sockaddr *)&addr, sizeof(addr)), 1);
	assert_int_equal(gd_fd_role(client), GD_ROLE_SOCKET);
	assert_true(gd_fd_is_outstanding(client));
	assert_int_equal(gd_fd_role(server), GD_ROLE_SOCKET);
	assert_int_equal(recv(server, &byte, 1, 0), 1);
	assert_int_equal(gd_fd_role(server), GD_ROLE_ACCEPTED);
	close(server);
	close(client);
}

/* ---- Sets ------------------------------------------------------------------------------------ */

static void a_set_counts_its_members_by_what_they_are(void **state)
{
	struct connection c = make_connection();
	struct gd_fd_set set = { 0 };
	int ends[2], file = open_here("file"), quiet = make_socket(SOCK_DGRAM);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(send(c.client, "?", 1, 0), 1);
	gd_fd_count(&set, c.listener);
	gd_fd_count(&set, c.accepted);
	gd_fd_count(&set, c.client);
	gd_fd_count(&set, quiet);
	gd_fd_count(&set, ends[0]);
	gd_fd_count(&set, file);
	assert_int_equal(set.servers, 2);
	assert_int_equal(set.clients, 2);
	assert_int_equal(set.outstanding, 1);
	assert_int_equal(set.own, 1);
	assert_int_equal(set.others, 1);
	assert_int_equal(set.pipes + set.timers + set.children + set.terminals, 0);
	close_connection(&c);
	close(ends[0]);
	close(ends[1]);
	close(file);
	close(quiet);
}

static void add_to(int epfd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), 0);
}

static struct gd_fd_set sum_of(int epfd)
{
	struct gd_fd_set set = { 0 };

	gd_fd_epoll_count(&set, epfd);
	return set;
}

static void an_epoll_set_follows_its_members(void **state)
{
	struct connection c = make_connection();
	int epfd = epoll_create1(EPOLL_CLOEXEC), ends[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(sum_of(epfd).others, 1); /* of an unknown set nothing is known */
	add_to(epfd, c.client);
	add_to(epfd, c.listener);
	add_to(epfd, ends[0]);
	assert_int_equal(sum_of(epfd).clients, 1);
	assert_int_equal(sum_of(epfd).servers, 1);
	assert_int_equal(sum_of(epfd).own, 1);
	assert_int_equal(sum_of(epfd).others, 0);
	assert_int_equal(send(c.client, "?", 1, 0), 1);
	assert_int_equal(sum_of(epfd).outstanding, 1);
	assert_int_equal(send(c.client, "?", 1, 0), 1);
	assert_int_equal(sum_of(epfd).outstanding, 1); /* answers are counted by socket */
	assert_int_equal(send(c.accepted, "!", 1, 0), 1);
	assert_int_equal(recv(c.client, &byte, 1, 0), 1);
	assert_int_equal(sum_of(epfd).outstanding, 0);
	close(ends[1]); /* the pipe leads elsewhere now */
	assert_int_equal(sum_of(epfd).own, 0);
	assert_int_equal(sum_of(epfd).pipes, 1);
	assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_DEL, c.listener, NULL), 0);
	assert_int_equal(sum_of(epfd).servers, 0);
	close(ends[0]);
	close(epfd);
	close_connection(&c);
}

static void a_member_that_is_closed_leaves_its_set(void **state)
{
	struct connection c = make_connection();
	int epfd = epoll_create1(EPOLL_CLOEXEC), other;

	(void)state;
	add_to(epfd, c.client);
	add_to(epfd, c.accepted);
	assert_int_equal(send(c.client, "?", 1, 0), 1);
	close(c.client);
	assert_int_equal(sum_of(epfd).clients, 0);
	assert_int_equal(sum_of(epfd).outstanding, 0);
	assert_int_equal(sum_of(epfd).servers, 1);
	other = make_socket(SOCK_STREAM); /* under the same number, in no set */
	assert_int_equal(other, c.client);
	gd_fd_set_role(other, GD_ROLE_CLIENT);
	gd_fd_sent(other);
	assert_int_equal(sum_of(epfd).clients, 0);
	assert_int_equal(sum_of(epfd).outstanding, 0);
	close(epfd);
	close_connection(&c);
}

static void a_set_that_is_closed_frees_its_members(void **state)
{
	struct connection c = make_connection();
	int first = epoll_create1(EPOLL_CLOEXEC), second;

	(void)state;
	add_to(first, c.client);
	close(first);
	second = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(second, first);
	assert_int_equal(sum_of(second).clients, 0);
	add_to(second, c.client);
	assert_int_equal(sum_of(second).clients, 1);
	assert_int_equal(send(c.client, "?", 1, 0), 1);
	assert_int_equal(sum_of(second).outstanding, 1);
	close(second);
	close_connection(&c);
}

static void a_set_knows_a_pipe_among_its_members(void **state)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC), pipes[2][2];
	struct gd_fd_set set = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(pipes[i]), 0);
		close(pipes[i][1]); /* a child has it now */
	}
	add_to(epfd, pipes[0][0]);
	assert_int_equal(sum_of(epfd).pipe_fd_plus_1, pipes[0][0] + 1);
	close(pipes[0][0]);
	assert_int_equal(sum_of(epfd).pipe_fd_plus_1, 0);
	gd_fd_count(&set, pipes[1][0]);
	gd_fd_count(&set, epfd); /* which has none to put in its place */
	assert_int_equal(set.pipe_fd_plus_1, pipes[1][0] + 1);
	close(epfd);
	close(pipes[1][0]);
}

static void a_member_of_two_sets_counts_in_the_first(void **state)
{
	struct connection c = make_connection();
	int first = epoll_create1(EPOLL_CLOEXEC), second = epoll_create1(EPOLL_CLOEXEC);

	(void)state;
	add_to(first, c.client);
	add_to(second, c.client);
	add_to(second, c.accepted);
	assert_int_equal(sum_of(first).clients, 1);
	assert_int_equal(sum_of(second).clients, 0);
	assert_int_equal(epoll_ctl(second, EPOLL_CTL_DEL, c.client, NULL), 0);
	assert_int_equal(sum_of(first).clients, 1);
	close(first);
	close(second);
	close_connection(&c);
}

static void a_poll_on_a_set_sees_into_it(void **state)
{
	struct connection c = make_connection();
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	struct gd_fd_set set = { 0 };

	(void)state;
	add_to(epfd, c.client);
	assert_int_equal(send(c.client, "?", 1, 0), 1);
	gd_fd_count(&set, epfd);
	assert_int_equal(set.clients, 1);
	assert_int_equal(set.outstanding, 1);
	close(epfd);
	close_connection(&c);
}

static void sets_beyond_the_table_are_counted(void **state)
{
	enum { SETS = 70 };
	uint64_t before = gd_process->lost[GD_LOST_EPOLLS];
	int sets[SETS], ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < SETS; i++) {
		sets[i] = epoll_create1(EPOLL_CLOEXEC);
		add_to(sets[i], ends[0]);
	}
	assert_int_equal(gd_process->lost[GD_LOST_EPOLLS], before + SETS - 64);
	assert_int_equal(sum_of(sets[SETS - 1]).others, 1);
	for (int i = 0; i < SETS; i++)
		close(sets[i]);
	sets[0] = epoll_create1(EPOLL_CLOEXEC); /* there is room again */
	add_to(sets[0], ends[0]);
	assert_int_equal(sum_of(sets[0]).own, 1);
	close(sets[0]);
	close(ends[0]);
	close(ends[1]);
}

static int enter(void **state)
{
	gd_scratch_enter(state);
	return gd_awake(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_that_make_descriptors_tell_their_roles),
		cmocka_unit_test(the_kernel_knows_what_nobody_saw_being_made),
		cmocka_unit_test(who_has_the_name_was_connected_to),
		cmocka_unit_test(under_a_filter_nobody_is_asked),
		cmocka_unit_test(descriptors_beyond_the_table_are_counted),
		cmocka_unit_test(the_first_descriptor_is_one_like_others),
		cmocka_unit_test(a_number_that_is_used_again_is_another_thing),
		cmocka_unit_test(a_pipe_whose_other_end_was_closed_leads_elsewhere),
		cmocka_unit_test(a_second_name_is_the_same_thing),
		cmocka_unit_test(a_range_is_closed_at_once),
		cmocka_unit_test(a_client_that_has_asked_waits_for_its_answer),
		cmocka_unit_test(a_connection_in_progress_is_outstanding_until_asked_for),
		cmocka_unit_test(a_datagram_that_nobody_asked_for_makes_a_server),
		cmocka_unit_test(a_set_counts_its_members_by_what_they_are),
		cmocka_unit_test(an_epoll_set_follows_its_members),
		cmocka_unit_test(a_set_knows_a_pipe_among_its_members),
		cmocka_unit_test(a_member_that_is_closed_leaves_its_set),
		cmocka_unit_test(a_set_that_is_closed_frees_its_members),
		cmocka_unit_test(a_member_of_two_sets_counts_in_the_first),
		cmocka_unit_test(a_poll_on_a_set_sees_into_it),
		cmocka_unit_test(sets_beyond_the_table_are_counted),
	};

	return cmocka_run_group_tests(tests, enter, gd_scratch_leave);
}
