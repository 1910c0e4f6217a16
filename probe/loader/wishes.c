/* SPDX-License-Identifier: MIT */
#include "wishes.h"
#include <stdlib.h>
#include <string.h>

#define RING_BYTES (8u << 20) /* the ends of 4 000 threads */
#define RING_MIN   4096u
#define RING_MAX   (64u << 20)

/* Of the ring: a power of two; 0: not to be had. */
static uint32_t parse_ring(const char *text)
{
	char *end;
	unsigned long bytes = strtoul(text, &end, 10);

	return *text && !*end && bytes >= RING_MIN && bytes <= RING_MAX && !(bytes & (bytes - 1))
		       ? (uint32_t)bytes
		       : 0;
}

bool gd_wishes_parse(int argc, char **argv, struct gd_wishes *ret_wishes)
{
	*ret_wishes = (struct gd_wishes){ .ring_bytes = RING_BYTES, .uid = GD_OWN_UID };
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--session") == 0)
			ret_wishes->folder = argv[i + 1];
		else if (strcmp(argv[i], "--ring") == 0)
			ret_wishes->ring_bytes = parse_ring(argv[i + 1]);
		else if (strcmp(argv[i], "--as") == 0)
			ret_wishes->uid = (uint32_t)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--present") == 0 &&
			 ret_wishes->present_count < GD_PRESENT_MAX)
			ret_wishes->present[ret_wishes->present_count++] = atoi(argv[i + 1]);
		else
			return false;
	}
	return argc % 2 && ret_wishes->folder && ret_wishes->ring_bytes;
}
