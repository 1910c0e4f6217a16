/* SPDX-License-Identifier: MIT */
/*
 * Built in ways that gildiag cannot watch: statically, for another libc, for 32 bits, with a
 * sanitizer.  Copies its input, says its words, ends as it is told: exit code, or -signal.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

int main(int argc, char **argv)
{
	struct rlimit none = { 0, 0 };
	int end = argc > 1 ? atoi(argv[1]) : 0;
	int letter;

	setrlimit(RLIMIT_CORE, &none);
	while ((letter = getchar()) != EOF)
		putchar(letter);
	for (int i = 1; i < argc; i++)
		fprintf(stderr, "word <%s>\n", argv[i]);
	printf("preload %s\n", getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "none");
	fflush(stdout);
	if (end < 0)
		raise(-end);
	return end;
}
