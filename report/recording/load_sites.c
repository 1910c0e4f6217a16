/* SPDX-License-Identifier: MIT */
/*
 * Frames, stacks, samples and native addresses become places.  Equal ones may stand twice in the
 * file after a race; a place is what it says, so that does no harm.
 */
#include "load_parts.h"
#include <errno.h>
#include <string.h>

#define ADDRESSES_MAX 16384 /* distinct native places of one process: of its samples, and locks */
#define ZEROED_MAX    (1u << 20) /* of a module's variables, beyond what is mapped of its file */

struct gd_places {
	const struct gd_file *file;
	struct gd_pool *pool;
	char *texts; /* all of them; the last one ends, too */
	uint32_t text_bytes;
	struct gd_place *frames;
	uint32_t frame_count;
	struct gd_stack_model *stacks;
	uint32_t stack_count;
	struct gd_module *modules;
	uint32_t module_count;
	struct gd_place **natives;
	uint32_t native_count;
};

/* Not the program's own: the interpreter's library, or an installed package. */
static bool is_library(const char *file)
{
	return strncmp(file, "<frozen", 7) == 0 || strstr(file, "/lib/python") ||
	       strstr(file, "/lib64/python") || strstr(file, "site-packages") ||
	       strstr(file, "dist-packages");
}

static int load_texts(struct gd_places *places)
{
	const struct gd_section *strings = &places->file->sections[GD_SECTION_STRINGS];

	places->text_bytes = strings->entry_size == 1 ? strings->used : 0;
	places->texts = gd_pool_alloc(places->pool, (size_t)places->text_bytes + 1, 1);
	if (!places->texts)
		return -ENOMEM;
	memcpy(places->texts, places->file->bytes + strings->offset, places->text_bytes);
	return 0;
}

/* "" where the offset is none. */
static const char *text_at(const struct gd_places *places, uint32_t offset)
{
	return places->texts + (offset < places->text_bytes ? offset : places->text_bytes);
}

static int load_frames(struct gd_places *places)
{
	places->frame_count = gd_file_count(places->file, GD_SECTION_FRAMES);
	places->frames = gd_pool_alloc(places->pool, places->frame_count, sizeof(*places->frames));
	if (!places->frames)
		return -ENOMEM;
	for (uint32_t i = 0; i < places->frame_count; i++) {
		struct gd_place *place = &places->frames[i];
		struct gd_frame row;

		gd_file_entry(places->file, GD_SECTION_FRAMES, i, &row, sizeof(row));
		place->file = text_at(places, row.file);
		place->function = text_at(places, row.function);
		place->module = "";
		place->line = row.line;
		place->first_line = row.first_line;
		place->is_library = is_library(place->file);
	}
	return 0;
}

static int load_stack(struct gd_places *places, uint32_t index)
{
	struct gd_stack_model *stack = &places->stacks[index];
	struct gd_stack row;

	gd_file_entry(places->file, GD_SECTION_STACKS, index, &row, sizeof(row));
	if (row.count > GD_STACK_DEPTH)
		row.count = GD_STACK_DEPTH;
	stack->places = gd_pool_alloc(places->pool, row.count, sizeof(*stack->places));
	if (!stack->places)
		return -ENOMEM;
	for (uint32_t i = 0; i < row.count; i++)
		if (row.frames[i] < places->frame_count)
			stack->places[stack->count++] = &places->frames[row.frames[i]];
	stack->is_cut = row.is_cut != 0;
	return 0;
}

static int load_modules(struct gd_places *places)
{
	places->module_count = gd_file_count(places->file, GD_SECTION_MODULES);
	places->modules =
		gd_pool_alloc(places->pool, places->module_count, sizeof(*places->modules));
	if (!places->modules)
		return -ENOMEM;
	for (uint32_t i = 0; i < places->module_count; i++)
		gd_file_entry(places->file, GD_SECTION_MODULES, i, &places->modules[i],
			      sizeof(places->modules[i]));
	return 0;
}

int gd_load_places(const struct gd_file *file, struct gd_pool *pool, struct gd_places **ret_places)
{
	struct gd_places *places = gd_pool_alloc(pool, 1, sizeof(*places));
	int err;

	if (!places)
		return -ENOMEM;
	places->file = file;
	places->pool = pool;
	err = load_texts(places);
	if (!err)
		err = load_frames(places);
	if (!err)
		err = load_modules(places);
	places->stack_count = gd_file_count(file, GD_SECTION_STACKS);
	places->stacks = gd_pool_alloc(pool, places->stack_count, sizeof(*places->stacks));
	places->natives = gd_pool_alloc(pool, ADDRESSES_MAX, sizeof(*places->natives));
	if (!places->stacks || !places->natives)
		return -ENOMEM;
	for (uint32_t i = 0; !err && i < places->stack_count; i++)
		err = load_stack(places, i);
	*ret_places = places;
	return err;
}

/* ---- Native places --------------------------------------------------------------------------- */

/* The mapped file around an address, or at most slack bytes before it; NULL: none. */
static const struct gd_module *find_module(const struct gd_places *places, uint64_t address,
					   uint64_t slack)
{
	const struct gd_module *found = NULL;

	for (uint32_t i = 0; i < places->module_count; i++) {
		const struct gd_module *module = &places->modules[i];

		if (address < module->start ||
		    (address >= module->end && address - module->end >= slack))
			continue;
		if (!found || module->start > found->start)
			found = module;
	}
	return found;
}

static struct gd_place *add_native(struct gd_places *places, uint64_t address,
				   const struct gd_module *module)
{
	struct gd_place *place;

	if (places->native_count == ADDRESSES_MAX)
		return NULL;
	place = gd_pool_alloc(places->pool, 1, sizeof(*place));
	if (!place)
		return NULL;
	place->file = place->function = place->module = "";
	place->address = address;
	if (module) {
		const char *path = gd_pool_text(places->pool, module->path, sizeof(module->path));

		place->module = path ? path : "";
		place->offset = address - module->start;
	}
	places->natives[places->native_count++] = place;
	return place;
}

static const struct gd_place *native_place(struct gd_places *places, uint64_t address)
{
	for (uint32_t i = 0; i < places->native_count; i++)
		if (places->natives[i]->address == address)
			return places->natives[i];
	return add_native(places, address, find_module(places, address, 0));
}

const struct gd_place *gd_places_of_variable(struct gd_places *places, uint64_t address)
{
	const struct gd_module *module = find_module(places, address, ZEROED_MAX);
	struct gd_place *place = module ? add_native(places, address, module) : NULL;

	if (place)
		place->is_data = true;
	return place;
}

const struct gd_place *gd_places_of_site(struct gd_places *places, uint64_t site)
{
	if (!site || site == GD_SITE_OTHERS)
		return NULL;
	if (!(site & GD_SITE_FRAME))
		return native_place(places, site);
	site &= ~GD_SITE_FRAME;
	return site < places->frame_count ? &places->frames[site] : NULL;
}

void gd_places_list_natives(const struct gd_places *places, struct gd_process_model *process)
{
	process->natives = places->natives;
	process->native_count = places->native_count;
}

const struct gd_stack_model *gd_places_stack(struct gd_places *places, uint32_t stack)
{
	return stack && stack <= places->stack_count ? &places->stacks[stack - 1] : NULL;
}

/* ---- Samples --------------------------------------------------------------------------------- */

/* A native sample is a stack of one place. */
static const struct gd_stack_model *stack_of(struct gd_places *places, const struct gd_sample *row)
{
	const struct gd_stack_model *stack = gd_places_stack(places, row->stack);
	const struct gd_place *place;
	struct gd_stack_model *made;

	if (stack && stack->count)
		return stack;
	place = row->address ? gd_places_of_site(places, row->address) : NULL;
	made = place ? gd_pool_alloc(places->pool, 1, sizeof(*made)) : NULL;
	if (!made)
		return NULL;
	made->places = gd_pool_alloc(places->pool, 1, sizeof(*made->places));
	if (!made->places)
		return NULL;
	made->places[0] = place;
	made->count = 1;
	return made;
}

int gd_load_samples(const struct gd_file *file, struct gd_pool *pool,
		    const struct gd_clock_map *map, struct gd_places *places,
		    struct gd_process_model *process)
{
	uint32_t count = gd_file_count(file, GD_SECTION_SAMPLES);

	process->sampled = gd_pool_alloc(pool, count, sizeof(*process->sampled));
	if (!process->sampled)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct gd_sample_model *sample = &process->sampled[process->sampled_count];
		struct gd_sample row;

		gd_file_entry(file, GD_SECTION_SAMPLES, i, &row, sizeof(row));
		sample->stack = stack_of(places, &row);
		if (!sample->stack || row.cause >= GD_CAUSE_COUNT)
			continue;
		sample->cause = row.cause;
		sample->weight_s = gd_clock_span_s(map, row.weight);
		sample->samples = row.samples;
		process->sampled_count++;
	}
	return 0;
}
