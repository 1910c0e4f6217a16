/* SPDX-License-Identifier: MIT */
/*
 * What calls on descriptors return and what they leave in errno, when they succeed too.
 */
#include "cases.h"
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#define UNTOUCHED 4242

#define TELL(call)                                                                                 \
	do {                                                                                       \
		long ret_;                                                                         \
		errno = UNTOUCHED;                                                                 \
		ret_ = (long)(call);                                                               \
		printf("%s: %ld, errno %d\n", #call, ret_, errno);                                 \
	} while (0)

/* The fortified forms, as a program built with _FORTIFY_SOURCE calls them. */
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __pread_chk(int fd, void *buf, size_t n, off_t offset, size_t size);
ssize_t __pread64_chk(int fd, void *buf, size_t n, off_t offset, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags, struct sockaddr *addr,
		       socklen_t *len);
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		const sigset_t *mask, size_t size);

static char buf[64];
static struct iovec vector = { buf, 4 };

static void tell_reads(int fd)
{
	TELL(read(fd, buf, 4));
	TELL(__read_chk(fd, buf, 4, sizeof(buf)));
	TELL(readv(fd, &vector, 1));
	TELL(pread(fd, buf, 4, 0));
	TELL(pread64(fd, buf, 4, 0));
	TELL(__pread_chk(fd, buf, 4, 0, sizeof(buf)));
	TELL(__pread64_chk(fd, buf, 4, 0, sizeof(buf)));
	TELL(preadv(fd, &vector, 1, 0));
	TELL(preadv64(fd, &vector, 1, 0));
	TELL(preadv2(fd, &vector, 1, 0, 0));
	TELL(preadv64v2(fd, &vector, 1, 0, 0));
}

static void tell_writes(int fd)
{
	TELL(write(fd, "abcd", 4));
	TELL(writev(fd, &vector, 1));
	TELL(pwrite(fd, "abcd", 4, 100));
	TELL(pwrite64(fd, "abcd", 4, 100));
	TELL(pwritev(fd, &vector, 1, 100));
	TELL(pwritev64(fd, &vector, 1, 100));
	TELL(pwritev2(fd, &vector, 1, 100, 0));
	TELL(pwritev64v2(fd, &vector, 1, 100, 0));
	TELL(fsync(fd));
	TELL(fdatasync(fd));
}

static void files(void)
{
	int fd = memfd_create("from", 0), to = memfd_create("to", 0), ends[2];
	off_t offset = 0;

	tell_writes(fd);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	tell_reads(fd);
	puts("bad descriptor");
	tell_writes(99);
	tell_reads(99);
	tell_reads(-1);
	puts("between descriptors");
	CHECK(pipe(ends) == 0);
	TELL(sendfile(to, fd, &offset, 8));
	offset = 0;
	TELL(sendfile64(to, fd, &offset, 8));
	TELL(sendfile(to, 99, NULL, 8));
	offset = 0;
	TELL(splice(fd, &offset, ends[1], NULL, 8, 0));
	TELL(splice(99, NULL, ends[1], NULL, 8, 0));
	offset = 0;
	TELL(copy_file_range(fd, &offset, to, NULL, 8, 0));
	TELL(copy_file_range(99, NULL, to, NULL, 8, 0));
	TELL(lseek(to, 0, SEEK_END));
}

static void descriptors(void)
{
	int ends[2] = { -1, -1 };

	TELL(pipe(ends));
	printf("%d %d\n", ends[0], ends[1]);
	TELL(pipe2(ends, O_CLOEXEC));
	printf("%d %d\n", ends[0], ends[1]);
	TELL(pipe2(ends, 12345));
	TELL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	printf("%d %d\n", ends[0], ends[1]);
	TELL(socketpair(AF_INET, SOCK_STREAM, 0, ends));
	TELL(dup(ends[0]));
	TELL(dup(99));
	TELL(dup2(ends[0], 30));
	TELL(dup2(ends[0], ends[0]));
	TELL(dup2(99, 99));
	TELL(dup3(ends[0], 31, O_CLOEXEC));
	TELL(dup3(ends[0], ends[0], 0));
	TELL(close(30));
	TELL(close(30));
	TELL(close(-1));
	TELL(close_range(31, 40, 0));
	TELL(close_range(40, 31, 0));
	TELL((closefrom(3), 0));
	TELL(dup(1));
	TELL(close_range(3, ~0u, 0));
	TELL(dup(1));
}

static int unix_pair(int ends[2], int type)
{
	return socketpair(AF_UNIX, type, 0, ends);
}

static void tell_receives(int fd, int flags)
{
	struct msghdr msg = { .msg_iov = &vector, .msg_iovlen = 1 };
	struct mmsghdr msgs = { .msg_hdr = msg };
	struct sockaddr_un addr;
	socklen_t len = sizeof(addr);

	TELL(recv(fd, buf, 4, flags));
	TELL(__recv_chk(fd, buf, 4, sizeof(buf), flags));
	TELL(recvfrom(fd, buf, 4, flags, (struct sockaddr *)&addr, &len));
	TELL(__recvfrom_chk(fd, buf, 4, sizeof(buf), flags, NULL, NULL));
	TELL(recvmsg(fd, &msg, flags));
	TELL(recvmmsg(fd, &msgs, 1, flags, NULL));
}

static void messages(void)
{
	struct msghdr msg = { .msg_iov = &vector, .msg_iovlen = 1 };
	struct mmsghdr msgs = { .msg_hdr = msg };
	int ends[2];

	CHECK(unix_pair(ends, SOCK_SEQPACKET) == 0);
	TELL(send(ends[0], "abcd", 4, 0));
	TELL(sendto(ends[0], "abcd", 4, 0, NULL, 0));
	TELL(sendmsg(ends[0], &msg, 0));
	TELL(sendmmsg(ends[0], &msgs, 1, 0));
	TELL(send(ends[0], "abcd", 4, 0));
	TELL(send(ends[0], "abcd", 4, 0));
	tell_receives(ends[1], 0);
	puts("nothing there");
	tell_receives(ends[1], MSG_DONTWAIT);
	puts("no socket");
	tell_receives(99, 0);
	TELL(send(99, "abcd", 4, 0));
	TELL(sendto(99, "abcd", 4, 0, NULL, 0));
	TELL(sendmsg(99, &msg, 0));
	TELL(sendmmsg(99, &msgs, 1, 0));
	puts("other end closed");
	close(ends[1]);
	TELL(send(ends[0], "abcd", 4, MSG_NOSIGNAL));
	signal(SIGPIPE, SIG_IGN);
	TELL(write(ends[0], "abcd", 4));
	TELL(recv(ends[0], buf, 4, 0));
}

static void connections(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int late = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int value = 0;
	socklen_t value_len = sizeof(value);
	struct sockaddr *to = (struct sockaddr *)&addr;

	TELL(listen(99, 1));
	TELL(accept(listener, NULL, NULL));
	CHECK(bind(listener, to, len) == 0 && getsockname(listener, to, &len) == 0);
	TELL(connect(fd, to, sizeof(addr)));
	TELL(listen(listener, 8));
	TELL(connect(fd, to, sizeof(addr)));
	TELL(connect(fd, to, sizeof(addr)));
	TELL(connect(late, to, sizeof(addr)) == 0 || errno == EINPROGRESS);
	TELL(accept(listener, NULL, NULL));
	TELL(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	TELL(accept4(listener, NULL, NULL, 12345));
	TELL(fcntl(listener, F_SETFL, O_NONBLOCK));
	TELL(accept(listener, NULL, NULL));
	TELL(getsockopt(late, SOL_SOCKET, SO_ERROR, &value, &value_len));
	printf("SO_ERROR %d\n", value);
	TELL(getsockopt(99, SOL_SOCKET, SO_ERROR, &value, &value_len));
	TELL(connect(99, to, sizeof(addr)));
}

static void polls(void)
{
	struct timespec none = { 0, 0 }, brief = { 0, 1000000 }, broken = { 0, -5 };
	struct epoll_event event = { .events = EPOLLIN }, events[4];
	struct pollfd one = { .events = POLLIN }, bad = { .fd = 99, .events = POLLIN };
	int epfd = epoll_create1(0), ends[2];
	fd_set set;
	sigset_t mask;

	sigemptyset(&mask);
	CHECK(pipe(ends) == 0);
	one.fd = ends[0];
	for (int round = 0; round < 2; round++) {
		puts(round ? "ready" : "not ready");
		TELL(poll(&one, 1, 1));
		TELL(__poll_chk(&one, 1, 1, sizeof(one)));
		TELL(ppoll(&one, 1, &brief, &mask));
		TELL(__ppoll_chk(&one, 1, &brief, &mask, sizeof(one)));
		FD_ZERO(&set);
		FD_SET(ends[0], &set);
		TELL(select(ends[0] + 1, &set, NULL, NULL, &(struct timeval){ 0, 1000 }));
		FD_SET(ends[0], &set);
		TELL(pselect(ends[0] + 1, &set, NULL, NULL, &brief, &mask));
		TELL(epoll_ctl(epfd, EPOLL_CTL_ADD, ends[0], &event));
		TELL(epoll_wait(epfd, events, 4, 1));
		TELL(epoll_pwait(epfd, events, 4, 1, &mask));
		TELL(epoll_pwait2(epfd, events, 4, &brief, &mask));
		CHECK(write(ends[1], "x", 1) == 1);
	}
	puts("wrong");
	TELL(poll(NULL, 0, 1));
	TELL(poll(&bad, 1, 1));
	TELL(ppoll(&one, 1, &broken, NULL));
	TELL(ppoll(&one, 1, &none, NULL));
	TELL(select(-1, NULL, NULL, NULL, NULL));
	TELL(select(0, NULL, NULL, NULL, &(struct timeval){ 0, 0 }));
	TELL(pselect(0, NULL, NULL, NULL, &broken, NULL));
	TELL(epoll_ctl(epfd, EPOLL_CTL_DEL, ends[0], NULL));
	TELL(epoll_ctl(epfd, EPOLL_CTL_DEL, ends[0], NULL));
	TELL(epoll_ctl(99, EPOLL_CTL_ADD, ends[0], &event));
	TELL(epoll_wait(ends[0], events, 4, 1));
	TELL(epoll_wait(epfd, events, 0, 1));
	TELL(epoll_pwait(99, events, 4, 1, NULL));
	TELL(epoll_pwait2(99, events, 4, &brief, NULL));
}

/* Numbers and what /etc/hosts knows: nobody is asked. */
static void names(void)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *list = NULL;
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct hostent entry, *result;
	char room[4096], host[64], service[16];
	int error;

	TELL(getaddrinfo("127.0.0.1", "80", &hints, &list));
	freeaddrinfo(list);
	TELL(getaddrinfo("no number", "80", &hints, &list));
	TELL(getnameinfo((struct sockaddr *)&addr, sizeof(addr), host, sizeof(host), service,
			 sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV));
	printf("%s %s\n", host, service);
	TELL(gethostbyname("127.0.0.1") != NULL);
	TELL(gethostbyname_r("127.0.0.1", &entry, room, sizeof(room), &result, &error));
	TELL(gethostbyname_r("127.0.0.1", &entry, room, 1, &result, &error));
	TELL(gethostbyname2_r("127.0.0.1", AF_INET, &entry, room, sizeof(room), &result, &error));
	TELL(gethostbyaddr_r(&addr.sin_addr, 4, 77, &entry, room, sizeof(room), &result, &error));
	printf("%d\n", error);
}

/* What the kernel answers with EFAULT, nobody may read before it. */
static void bad_pointers(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uintptr_t bad[] = { 0, 16, ~(uintptr_t)0 - 4095, (uintptr_t)pages + 4096,
				  (uintptr_t)pages + 4092 };
	struct timespec brief = { 0, 1000000 };
	struct epoll_event event;
	sigset_t none;

	sigemptyset(&none);
	CHECK(pages != MAP_FAILED && mprotect(pages + 4096, 4096, PROT_NONE) == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		void *pointer = (void *)bad[i];
		void *volatile hidden = pointer; /* from the compiler, which knows what is wrong */

		printf("pointer %zu\n", i);
		TELL(poll(hidden, 1, 1));
		TELL(nanosleep(hidden, NULL));
		TELL(clock_nanosleep(CLOCK_MONOTONIC, 0, hidden, NULL));
		if (i) {
			TELL(select(1, hidden, NULL, NULL, NULL));
			TELL(sigtimedwait(&none, NULL, hidden));
			TELL(epoll_pwait2(99, &event, 1, hidden, NULL));
		}
		TELL(sigtimedwait(hidden, NULL, &brief));
		TELL(pipe(hidden));
		TELL(read(99, hidden, 4));
		TELL(epoll_ctl(99, EPOLL_CTL_ADD, 98, hidden));
		if (i)
			TELL(execve("/nowhere/program", hidden, hidden));
	}
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = {
		{ "files", files },
		{ "descriptors", descriptors },
		{ "messages", messages },
		{ "connections", connections },
		{ "polls", polls },
		{ "names", names },
		{ "bad-pointers", bad_pointers },
		{ NULL, NULL },
	};

	return run_case(rows, argc, argv);
}
