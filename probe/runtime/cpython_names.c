/* SPDX-License-Identifier: MIT */
/*
 * Strings and line tables.  A line table is read in pieces, so that a large one needs no buffer; it
 * is followed up to the instruction and no further.
 */
#include "cpython_names.h"
#include <string.h>

#define LENGTH_MAX 4096      /* characters of a name or path */
#define TABLE_MAX  (1 << 20) /* bytes of a line table */
#define PIECE      256

static bool has_type(const struct gd_cpython *python, uint64_t object, uint64_t type)
{
	uint64_t seen;

	return object &&
	       gd_memory_read_u64(&python->memory, object + python->offsets.object_type, &seen) &&
	       (!type || seen == type);
}

/* ---- Strings --------------------------------------------------------------------------------- */

/* PyASCIIObject.state: kind (bytes per character), compact, ascii
 * (Include/cpython/unicodeobject.h). */
static void decode_state(const struct gd_cpython_offsets *o, uint32_t state, uint32_t *ret_kind,
			 bool *ret_is_compact, bool *ret_is_ascii)
{
	/* In free-threaded 3.14 the field before kind grew to a byte of its own. */
	unsigned int shift = o->version >= 0x030e && o->is_free_threaded ? 8 : 2;

	*ret_kind = state >> shift & 7;
	*ret_is_compact = state >> (shift + 3) & 1;
	*ret_is_ascii = state >> (shift + 4) & 1;
}

static size_t utf8_bytes(uint32_t c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | (c >> 18 & 7));
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* Characters of kind bytes each, as UTF-8: the end of them where they are too many. */
static bool read_chars(const struct gd_memory *memory, uint64_t data, uint64_t length,
		       uint32_t kind, char *buf, size_t size_bytes)
{
	uint64_t first = length;
	size_t need = 0, at = 0;

	for (; first > 0; first--) {
		uint32_t c = 0;

		if (!gd_memory_read(memory, data + (first - 1) * kind, &c, kind))
			return false;
		need += utf8_bytes(c);
		if (need >= size_bytes)
			break;
	}
	for (uint64_t i = first; i < length; i++) {
		uint32_t c = 0;

		/* They may have changed meanwhile: what fits is counted again. */
		if (!gd_memory_read(memory, data + i * kind, &c, kind) ||
		    at + utf8_bytes(c) >= size_bytes)
			return false;
		at += put_utf8(buf + at, c);
	}
	buf[at] = 0;
	return true;
}

/* The text of a str object. */
static bool read_str(const struct gd_cpython *python, uint64_t object, char *buf, size_t size_bytes)
{
	const struct gd_cpython_offsets *o = &python->offsets;
	uint32_t state, kind;
	bool is_compact, is_ascii;
	uint64_t length, data;

	if (!has_type(python, object, python->types.unicode) ||
	    !gd_memory_read_u64(&python->memory, object + o->str_length, &length) ||
	    !gd_memory_read(&python->memory, object + o->str_state, &state, sizeof(state)) ||
	    length > LENGTH_MAX)
		return false;
	decode_state(o, state, &kind, &is_compact, &is_ascii);
	if (!is_compact || (kind != 1 && kind != 2 && kind != 4))
		return false;
	/* PyCompactUnicodeObject adds utf8_length and utf8, up to 3.11 wstr_length too. */
	data = object + o->str_ascii +
	       (is_ascii                                    ? 0
		: o->str_ascii == 48 && o->version < 0x030c ? 24
							    : 16);
	return read_chars(&python->memory, data, length, kind, buf, size_bytes);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* A table that is read through a window. */
struct table {
	const struct gd_memory *memory;
	uint64_t data;
	uint64_t size;
	uint64_t at;    /* of the next byte */
	uint64_t begin; /* of the window */
	uint64_t end;
	uint8_t window[PIECE];
};

static bool next_byte(struct table *table, uint8_t *ret_byte)
{
	if (table->at >= table->size)
		return false;
	if (table->at < table->begin || table->at >= table->end) {
		uint64_t left = table->size - table->at;

		table->begin = table->at;
		table->end = table->at + (left < PIECE ? left : PIECE);
		if (!gd_memory_read(table->memory, table->data + table->at, table->window,
				    table->end - table->begin))
			return false;
	}
	*ret_byte = table->window[table->at++ - table->begin];
	return true;
}

/* Variable-length numbers: 6 bits a byte, least first; bit 6 continues (Objects/locations.md). */
static bool next_varint(struct table *table, uint32_t *ret_value)
{
	uint32_t value = 0;
	uint8_t byte;

	for (unsigned int shift = 0; shift < 32; shift += 6) {
		if (!next_byte(table, &byte))
			return false;
		value |= (uint32_t)(byte & 63) << shift;
		if (!(byte & 64)) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}

static int32_t signed_of(uint32_t value)
{
	return value & 1 ? -(int32_t)(value >> 1) : (int32_t)(value >> 1);
}

/* One entry of a location table: what it adds to the line; *ret_has_line false: it has none. */
static bool next_location(struct table *table, int32_t *ret_delta, int32_t *ret_length,
			  bool *ret_has_line)
{
	uint32_t value = 0, ignored;
	uint8_t head, byte;
	int code;

	if (!next_byte(table, &head) || !(head & 0x80))
		return false; /* out of step: this is no location table */
	code = head >> 3 & 15;
	*ret_length = ((head & 7) + 1) * 2;
	*ret_has_line = code != 15;
	*ret_delta = 0;
	if (code < 10)
		return next_byte(table, &byte);
	if (code < 13) {
		*ret_delta = code - 10;
		return next_byte(table, &byte) && next_byte(table, &byte);
	}
	if (code == 15)
		return true;
	if (!next_varint(table, &value))
		return false;
	*ret_delta = signed_of(value);
	return code == 13 || (next_varint(table, &ignored) && next_varint(table, &ignored) &&
			      next_varint(table, &ignored));
}

static bool find_in_locations(struct table *table, int32_t instr, int32_t *line)
{
	int32_t address = 0, delta, length;
	bool has_line;

	while (next_location(table, &delta, &length, &has_line)) {
		if (__builtin_add_overflow(*line, delta, line))
			return false;
		address += length;
		if (address > instr) {
			*line = has_line ? *line : 0;
			return true;
		}
	}
	return false;
}

static bool find_in_pairs(struct table *table, int32_t instr, int32_t *line)
{
	int32_t end = 0;
	uint8_t step, delta;

	while (next_byte(table, &step) && next_byte(table, &delta)) {
		end += step;
		if ((int8_t)delta != -128 && __builtin_add_overflow(*line, (int8_t)delta, line))
			return false;
		if (end > instr) {
			*line = (int8_t)delta == -128 ? 0 : *line;
			return true;
		}
	}
	return false;
}

static bool find_in_lnotab(struct table *table, int32_t instr, int32_t *line)
{
	int32_t address = 0;
	uint8_t step, delta;

	while (next_byte(table, &step) && next_byte(table, &delta)) {
		address += step;
		if (address > instr)
			break;
		if (__builtin_add_overflow(*line, (int8_t)delta, line))
			return false;
	}
	return true; /* beyond the last entry the last line goes on */
}

static bool find_line(const struct gd_cpython *python, uint64_t linetable, int32_t instr,
		      int32_t first_line, int32_t *ret_line)
{
	const struct gd_cpython_offsets *o = &python->offsets;
	struct table table = { .memory = &python->memory };

	if (!has_type(python, linetable, python->types.bytes) ||
	    !gd_memory_read_u64(&python->memory, linetable + o->bytes_size, &table.size) ||
	    table.size > TABLE_MAX)
		return false;
	table.data = linetable + o->bytes_data;
	*ret_line = first_line;
	if (instr < 0)
		return true; /* not begun yet */
	switch (o->lines) {
	case GD_LINES_LNOTAB:
		return find_in_lnotab(&table, instr, ret_line);
	case GD_LINES_PEP626:
		return find_in_pairs(&table, instr, ret_line);
	default:
		return find_in_locations(&table, instr, ret_line);
	}
}

/* ---- Whose file ------------------------------------------------------------------------------ */

bool gd_cpython_is_library(const char *file)
{
	static const char *const marks[] = { "/lib/python", "/lib64/python", "site-packages",
					     "dist-packages" };

	if (file[0] == '<')
		return strncmp(file, "<frozen", 7) == 0;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strstr(file, marks[i]))
			return true;
	return false;
}

/* ---- Together -------------------------------------------------------------------------------- */

bool gd_cpython_identify(const struct gd_cpython *python, uint64_t code,
			 struct gd_cpython_code_identity *ret_identity)
{
	const struct gd_cpython_offsets *o = &python->offsets;
	const struct gd_memory *memory = &python->memory;

	memset(ret_identity, 0, sizeof(*ret_identity)); /* no padding that differs */
	return gd_memory_read_u64(memory, code + o->code_filename, &ret_identity->filename) &&
	       gd_memory_read_u64(memory, code + o->code_name, &ret_identity->name) &&
	       gd_memory_read_u64(memory, code + o->code_linetable, &ret_identity->linetable) &&
	       gd_memory_read(memory, code + o->code_firstlineno, &ret_identity->first_line,
			      sizeof(ret_identity->first_line));
}

bool gd_cpython_name(const struct gd_cpython *python, const struct gd_cpython_frame *frame,
		     struct gd_cpython_names *ret_names)
{
	struct gd_cpython_code_identity code;

	if (!gd_cpython_identify(python, frame->code, &code) ||
	    !read_str(python, code.filename, ret_names->file, sizeof(ret_names->file)) ||
	    !read_str(python, code.name, ret_names->function, sizeof(ret_names->function)))
		return false;
	ret_names->first_line = code.first_line;
	return find_line(python, code.linetable, frame->instr_bytes, code.first_line,
			 &ret_names->line) &&
	       ret_names->first_line >= 0 && ret_names->line >= 0;
}
