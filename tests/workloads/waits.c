/* SPDX-License-Identifier: MIT */
/*
 * waits socket|hidden: waits for a peer that is another process and answers after 15 ms, by a
 * socket that it connected to; or inside libc (fgets on a pipe), where no wrapper stands.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 50

/*
 * The peer is no part of the measured program: bare system calls, in a child made by a bare clone.
 */
static void answer(int listener)
{
	int fd = (int)syscall(SYS_accept, listener, NULL, NULL);
	char byte;

	for (;;) {
		struct timespec delay = { 0, 15000000 };

		if (syscall(SYS_read, fd, &byte, 1) <= 0)
			break;
		syscall(SYS_nanosleep, &delay, NULL);
		if (syscall(SYS_write, fd, &byte, 1) <= 0)
			break;
	}
	syscall(SYS_exit_group, 0);
}

static int wait_for_socket(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	char byte = 'x';

	if (bind(listener, (struct sockaddr *)&addr, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len))
		return 1;
	if (syscall(SYS_fork) == 0)
		answer(listener);
	close(listener);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&addr, len))
		return 1;
	for (int i = 0; i < ROUNDS; i++)
		if (send(fd, &byte, 1, 0) != 1 || recv(fd, &byte, 1, 0) != 1)
			return 1;
	close(fd);
	return 0;
}

/* popen and fgets: libc's own calls do not come through our symbols. */
static int wait_hidden(void)
{
	FILE *pipe = popen(
		"unset LD_PRELOAD; for i in 1 2 3 4 5 6 7 8; do sleep 0.1; echo $i; done", "r");
	char line[64];
	int lines = 0;

	if (!pipe)
		return 1;
	while (fgets(line, sizeof(line), pipe))
		lines++;
	pclose(pipe);
	return lines != 8;
}

int main(int argc, char **argv)
{
	return argc > 1 && strcmp(argv[1], "hidden") == 0 ? wait_hidden() : wait_for_socket();
}
