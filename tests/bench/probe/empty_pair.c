/* SPDX-License-Identifier: MIT */
/* Attaches two empty programs, says so, and holds them until its input ends. */
#include <empty_pair.skel.h>
#include <stdio.h>

int main(void)
{
	struct empty_pair_bpf *skeleton = empty_pair_bpf__open_and_load();

	if (!skeleton || empty_pair_bpf__attach(skeleton) != 0)
		return 1;
	puts("attached");
	fflush(stdout);
	while (getchar() != EOF)
		;
	empty_pair_bpf__destroy(skeleton);
	return 0;
}
