/* SPDX-License-Identifier: MIT */
/*
 * The parts of loading a process, each for a few sections of its file.  Only load*.c include this.
 */
#ifndef GD_LOAD_PARTS_H
#define GD_LOAD_PARTS_H

#include "reader.h"
#include <model.h>

/* From the target's ticks to seconds. */
struct gd_clock_map {
	double s_per_tick;
	uint64_t ticks0;
	double s0; /* CLOCK_MONOTONIC at ticks0 */
};

static inline double gd_clock_at_s(const struct gd_clock_map *map, uint64_t ticks)
{
	return map->s0 + (double)(int64_t)(ticks - map->ticks0) * map->s_per_tick;
}

static inline double gd_clock_span_s(const struct gd_clock_map *map, uint64_t ticks)
{
	return (double)ticks * map->s_per_tick;
}

/* Places by their number in the file, while one process is loaded. */
struct gd_places;

/* 0 or -ENOMEM each; memory from pool. */
int gd_load_places(const struct gd_file *file, struct gd_pool *pool, struct gd_places **ret_places);
int gd_load_samples(const struct gd_file *file, struct gd_pool *pool,
		    const struct gd_clock_map *map, struct gd_places *places,
		    struct gd_process_model *process);
int gd_load_gils(const struct gd_file *file, struct gd_pool *pool, const struct gd_clock_map *map,
		 struct gd_places *places, struct gd_process_model *process);
int gd_load_locks(const struct gd_file *file, struct gd_pool *pool, const struct gd_clock_map *map,
		  struct gd_places *places, struct gd_process_model *process);
int gd_load_pipes(const struct gd_file *file, struct gd_pool *pool, const struct gd_clock_map *map,
		  struct gd_process_model *process);
int gd_load_modules(const struct gd_file *file, struct gd_pool *pool,
		    struct gd_process_model *process);
int gd_load_joints(const struct gd_file *file, struct gd_pool *pool,
		   struct gd_process_model *process);

/* In the unit of the histogram (GD_HIST_STEPS); NAN: it is empty. */
double gd_hist_percentile(const uint32_t *hist, double share);

/* Of the eBPF probe's file, for one image; stacks counts those that were loaded from it. */
int gd_load_blocks(const struct gd_file *file, struct gd_pool *pool, uint32_t image,
		   uint32_t *stacks, struct gd_process_model *process);

/* The same of its locks' holds, after its locks. */
void gd_load_holds(const struct gd_file *file, uint32_t image, struct gd_process_model *process);

/* The same of its samples; places are those of that file. */
int gd_load_probed_samples(const struct gd_file *file, struct gd_pool *pool,
			   struct gd_places *places, uint32_t image,
			   struct gd_process_model *process);

/* The place of a site as the recording names it; NULL: unknown, or no memory. */
const struct gd_place *gd_places_of_site(struct gd_places *places, uint64_t site);

/* The variable of a module at an address; NULL: the address is none of a module. */
const struct gd_place *gd_places_of_variable(struct gd_places *places, uint64_t address);

/* Hands the native places over to the model. */
void gd_places_list_natives(const struct gd_places *places, struct gd_process_model *process);

/* The stack with this number (1-based); NULL: none. */
const struct gd_stack_model *gd_places_stack(struct gd_places *places, uint32_t stack);

#endif
