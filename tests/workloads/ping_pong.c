/* SPDX-License-Identifier: MIT */
/* Two processes that hand a byte to and fro: each message costs a wake-up and carries nothing. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGES 60000

static void pass_on(int from, int to)
{
	char byte;

	if (read(from, &byte, 1) != 1 || write(to, &byte, 1) != 1)
		_exit(EXIT_FAILURE);
}

int main(void)
{
	int there[2], back[2], status;
	pid_t child;

	if (pipe(there) || pipe(back) || (child = fork()) < 0)
		return EXIT_FAILURE;
	if (!child) {
		for (int i = 0; i < MESSAGES; i++)
			pass_on(there[0], back[1]);
		_exit(EXIT_SUCCESS);
	}
	if (write(there[1], "", 1) != 1)
		return EXIT_FAILURE;
	for (int i = 1; i < MESSAGES; i++)
		pass_on(back[0], there[1]);
	return waitpid(child, &status, 0) == child && status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
