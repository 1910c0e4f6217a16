/* SPDX-License-Identifier: MIT */
#include "ceilings.h"
#include <math.h>

/*
 * Of a run of length 1: computing with the GIL held is serial in threads, all computing is bounded
 * by the CPUs, waits by nothing that we know.
 */
struct gd_ceilings gd_ceilings_find(const struct gd_facts *facts)
{
	double cpu = facts->computing * facts->running;
	double gil = facts->gil_share * cpu;
	double by_cpus = facts->cpus > 0 ? cpu / facts->cpus : cpu;
	struct gd_ceilings ceilings = { NAN, NAN, NAN };

	if (facts->active_s <= 0)
		return ceilings;
	ceilings.threads = fmax(gil, by_cpus) > 0 ? 1 / fmax(gil, by_cpus) : INFINITY;
	ceilings.processes = by_cpus > 0 ? 1 / by_cpus : INFINITY;
	if (facts->is_python)
		ceilings.asyncio = facts->computing > 0 ? 1 / facts->computing : INFINITY;
	return ceilings;
}
