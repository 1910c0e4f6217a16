/* SPDX-License-Identifier: MIT */
/* By shares, not by numbers: a run of an hour has the rows that one of a second has. */
#include "waits.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define OF_IMAGE   256 /* a row is no less than this part of its program's time */
#define OF_SESSION 1024

static uint64_t off_ns(const struct gd_probed_wait *wait)
{
	return wait->blocked_ns + wait->delay_ns;
}

/* What makes a row another one stands before its sums, the image first. */
static int compare(const void *one, const void *other)
{
	return memcmp(one, other, offsetof(struct gd_probed_wait, blocks));
}

static void merge(struct gd_probed_wait *to, const struct gd_probed_wait *from)
{
	to->blocks += from->blocks;
	to->blocked_ns += from->blocked_ns;
	to->delay_ns += from->delay_ns;
	if (from->blocked_ns_max > to->blocked_ns_max)
		to->blocked_ns_max = from->blocked_ns_max;
}

/* Those that are alike become one. */
static void join(struct gd_rows *waits)
{
	struct gd_probed_wait *rows = waits->rows;
	size_t kept = 0;

	if (waits->count)
		qsort(rows, waits->count, sizeof(*rows), compare);
	for (size_t i = 0; i < waits->count; i++) {
		if (kept && compare(&rows[kept - 1], &rows[i]) == 0)
			merge(&rows[kept - 1], &rows[i]);
		else
			rows[kept++] = rows[i];
	}
	waits->count = kept;
}

static void leave_out(const struct gd_probed_wait *wait, struct gd_probed *facts)
{
	facts->small_waits++;
	facts->small_waits_ns += off_ns(wait);
}

/* Returns the time of those that stay. */
static uint64_t keep_of_books(struct gd_rows *waits, const struct gd_books *books,
			      struct gd_probed *facts)
{
	struct gd_probed_wait *rows = waits->rows;
	uint64_t sum_ns = 0;
	size_t kept = 0;

	for (size_t i = 0; i < waits->count; i++) {
		if (!gd_books_find(books, rows[i].image)) {
			leave_out(&rows[i], facts);
			continue;
		}
		sum_ns += off_ns(&rows[i]);
		rows[kept++] = rows[i];
	}
	waits->count = kept;
	return sum_ns;
}

enum step { WITHOUT_WAKER, WITHOUT_STACK, WITHOUT };

/* Rows of one image, from the first to before end. */
static size_t find_end(const struct gd_rows *waits, size_t first, uint64_t *ret_sum_ns)
{
	const struct gd_probed_wait *rows = waits->rows;
	size_t end = first;

	for (*ret_sum_ns = 0; end < waits->count && rows[end].image == rows[first].image; end++)
		*ret_sum_ns += off_ns(&rows[end]);
	return end;
}

static bool stays(struct gd_probed_wait *wait, uint64_t least_ns, enum step step)
{
	if (off_ns(wait) >= least_ns)
		return true;
	if (step == WITHOUT_WAKER)
		wait->waker = 0;
	if (step == WITHOUT_STACK)
		wait->stack = 0;
	return step != WITHOUT;
}

static void take(struct gd_rows *waits, enum step step, uint64_t least_ns, struct gd_probed *facts)
{
	struct gd_probed_wait *rows = waits->rows;
	size_t kept = 0, end;
	uint64_t sum_ns;

	for (size_t i = 0; i < waits->count;) {
		end = find_end(waits, i, &sum_ns);
		sum_ns = sum_ns / OF_IMAGE > least_ns ? sum_ns / OF_IMAGE : least_ns;
		for (; i < end; i++) {
			if (stays(&rows[i], sum_ns, step))
				rows[kept++] = rows[i];
			else
				leave_out(&rows[i], facts);
		}
	}
	waits->count = kept;
}

void gd_waits_thin_out(struct gd_rows *waits, const struct gd_books *books, struct gd_probed *facts)
{
	uint64_t least_ns = keep_of_books(waits, books, facts) / OF_SESSION;

	for (int step = WITHOUT_WAKER; step <= WITHOUT; step++) {
		join(waits);
		take(waits, (enum step)step, least_ns, facts);
	}
}
