/* SPDX-License-Identifier: MIT */
/*
 * Where in a JSON text a value stands. The text was accepted by a real parser before, so this only
 * follows its structure: strings, brackets and commas.
 */
#include "json_position.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

struct cursor {
	const char *at;
	const char *end;
	unsigned int line;
};

static void step(struct cursor *cursor)
{
	if (cursor->at >= cursor->end)
		return;
	if (*cursor->at == '\n')
		cursor->line++;
	cursor->at++;
}

/* Blanks, and the commas and colons between values. */
static void skip_space(struct cursor *cursor)
{
	while (cursor->at < cursor->end && strchr(" \t\r\n,:", *cursor->at) && *cursor->at)
		step(cursor);
}

static void skip_string(struct cursor *cursor)
{
	step(cursor);
	while (cursor->at < cursor->end && *cursor->at != '"') {
		if (*cursor->at == '\\')
			step(cursor);
		step(cursor);
	}
	step(cursor);
}

static void skip_value(struct cursor *cursor)
{
	size_t depth = 0;

	do {
		skip_space(cursor);
		if (cursor->at >= cursor->end)
			return;
		if (*cursor->at == '"') {
			skip_string(cursor);
		} else if (*cursor->at == '{' || *cursor->at == '[') {
			depth++;
			step(cursor);
		} else if (*cursor->at == '}' || *cursor->at == ']') {
			depth--;
			step(cursor);
		} else {
			while (cursor->at < cursor->end && !strchr(" \t\r\n,:{}[]\"", *cursor->at))
				step(cursor);
		}
	} while (depth != 0);
}

/* Whether the string at the cursor is `key`; moves past it. Keys may be written with escapes. */
static bool take_key(struct cursor *cursor, const char *key)
{
	const char *start = cursor->at;
	json_t *value;
	bool same;

	skip_string(cursor);
	value = json_loadb(start, (size_t)(cursor->at - start), JSON_DECODE_ANY, NULL);
	same = json_is_string(value) && strcmp(json_string_value(value), key) == 0;
	json_decref(value);
	return same;
}

/* From the start of an object or array into it, to the place; gives its line. */
static unsigned int enter(struct cursor *cursor, const struct json_place *place)
{
	skip_space(cursor);
	step(cursor);
	for (size_t index = 0; cursor->at < cursor->end; index++) {
		unsigned int line;

		skip_space(cursor);
		line = cursor->line;
		if (place->key ? take_key(cursor, place->key) : index == place->index)
			return line;
		skip_value(cursor);
	}
	return cursor->line;
}

static unsigned int find(struct cursor *cursor, const struct json_place *place)
{
	if (place->parent)
		(void)find(cursor, place->parent);
	return enter(cursor, place);
}

unsigned int json_position_line(const char *text, size_t length, const struct json_place *place)
{
	struct cursor cursor = { .at = text, .end = text + length, .line = 1 };

	return find(&cursor, place);
}
