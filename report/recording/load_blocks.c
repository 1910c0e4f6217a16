/* SPDX-License-Identifier: MIT */
/* What the threads of a program were blocked for, by the eBPF probe's word. */
#include "load_parts.h"
#include <errno.h>
#include <string.h>

#define STACKS_MAX 4096 /* more blocks with stacks the probe does not write */
#define PLACES_MAX 2048 /* that the stacks of one process bring */

struct load {
	const struct gd_file *file;
	struct gd_pool *pool;
	uint32_t *stacks; /* loaded from the file so far */
};

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* NULL: no memory, or more than a file of ours would bring. */
static const struct gd_place *find_place(const struct load *load, struct gd_process_model *process,
					 uint64_t address, size_t places_max)
{
	struct gd_place *place;

	for (size_t i = 0; i < process->native_count; i++)
		if (process->natives[i]->address == address)
			return process->natives[i];
	place = process->native_count < places_max ? gd_pool_alloc(load->pool, 1, sizeof(*place))
						   : NULL;
	if (!place)
		return NULL;
	place->file = place->function = place->module = "";
	place->address = address;
	for (size_t i = 0; i < process->module_count; i++) {
		const struct gd_module_model *module = &process->modules[i];

		if (address < module->start || address >= module->end)
			continue;
		place->module = module->path;
		place->offset = address - module->start;
	}
	process->natives[process->native_count++] = place;
	return place;
}

/* From the address with the number first on, until a 0. */
static int load_stack(struct load *load, struct gd_process_model *process, uint32_t first,
		      size_t places_max, struct gd_block_model *block)
{
	struct gd_stack_model *stack;
	struct gd_probed_address row;

	if ((*load->stacks)++ >= STACKS_MAX)
		return 0;
	stack = gd_pool_alloc(load->pool, 1, sizeof(*stack));
	if (stack)
		stack->places =
			gd_pool_alloc(load->pool, GD_PROBED_STACK_DEPTH, sizeof(*stack->places));
	if (!stack || !stack->places)
		return -ENOMEM;
	for (uint32_t i = first; stack->count < GD_PROBED_STACK_DEPTH; i++) {
		const struct gd_place *place;

		gd_file_entry(load->file, GD_SECTION_PROBED_STACKS, i, &row, sizeof(row));
		place = row.address ? find_place(load, process, row.address, places_max) : NULL;
		if (!place)
			break;
		stack->places[stack->count++] = place;
	}
	stack->is_cut = stack->count == GD_PROBED_STACK_DEPTH;
	if (stack->count)
		block->stack = stack;
	return 0;
}

static int load_block(struct load *load, const struct gd_probed_wait *row, size_t places_max,
		      struct gd_process_model *process)
{
	struct gd_block_model *block = &process->blocks[process->block_count++];

	block->cause = row->cause;
	block->object = row->object;
	block->waker = row->waker;
	block->blocks = row->blocks;
	block->blocked_s = seconds(row->blocked_ns);
	block->delay_s = seconds(row->delay_ns);
	block->blocked_max_s = seconds(row->blocked_ns_max);
	return row->stack ? load_stack(load, process, row->stack - 1, places_max, block) : 0;
}

/* Room for a process's blocks, and the places of their stacks. */
static int make_room(const struct load *load, struct gd_process_model *process, size_t blocks,
		     size_t *ret_places_max)
{
	struct gd_place **natives;

	*ret_places_max = process->native_count + PLACES_MAX;
	natives = gd_pool_alloc(load->pool, *ret_places_max, sizeof(*natives));
	process->blocks = gd_pool_alloc(load->pool, blocks, sizeof(*process->blocks));
	if (!natives || !process->blocks)
		return -ENOMEM;
	if (process->native_count)
		memcpy(natives, process->natives, process->native_count * sizeof(*natives));
	process->natives = natives;
	return 0;
}

static bool is_block(const struct gd_probed_wait *row)
{
	return row->cause < GD_CAUSE_COUNT || row->cause == GD_PROBED_NO_SLOT;
}

int gd_load_blocks(const struct gd_file *file, struct gd_pool *pool, uint32_t image,
		   uint32_t *stacks, struct gd_process_model *process)
{
	struct load load = { .file = file, .pool = pool, .stacks = stacks };
	uint32_t count = gd_file_count(file, GD_SECTION_PROBED_WAITS);
	struct gd_probed_wait row;
	size_t blocks = 0, places_max;
	int err;

	for (uint32_t i = 0; i < count; i++) {
		gd_file_entry(file, GD_SECTION_PROBED_WAITS, i, &row, sizeof(row));
		blocks += row.image == image && is_block(&row);
	}
	if (!blocks)
		return 0;
	err = make_room(&load, process, blocks, &places_max);
	for (uint32_t i = 0; !err && i < count; i++) {
		gd_file_entry(file, GD_SECTION_PROBED_WAITS, i, &row, sizeof(row));
		if (row.image == image && is_block(&row))
			err = load_block(&load, &row, places_max, process);
	}
	return err;
}
