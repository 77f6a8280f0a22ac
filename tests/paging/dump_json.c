/* SPDX-License-Identifier: MIT */
/* The JSON dump, read back by a library of others: it must be the model with equal neighbours
 * joined. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <twofold/dump.h>
#include <twofold/statistics.h>

#include "require.h"
#include "rng.h"
#include "suite.h"
#include "world.h"

struct text {
	char bytes[1 << 18];
	size_t length;
};

static void append(void *context, const char *piece)
{
	struct text *text = context;
	size_t length = strlen(piece);

	REQUIRE(text->length + length < sizeof(text->bytes), "%zu bytes", text->length);
	memcpy(text->bytes + text->length, piece, length + 1);
	text->length += length;
}

static json_t *member(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	REQUIRE(value != NULL, "no %s", key);
	return value;
}

static uint64_t hex(const json_t *object, const char *key)
{
	const char *text = json_string_value(member(object, key));
	char *end;
	uint64_t value;

	REQUIRE(text != NULL && strncmp(text, "0x", 2) == 0 && strlen(text) > 2, "%s", key);
	value = strtoull(text, &end, 16);
	REQUIRE(*end == '\0', "%s: %s", key, text);
	return value;
}

static uint64_t number(const json_t *object, const char *key)
{
	REQUIRE(json_is_integer(member(object, key)), "%s is no number", key);
	return (uint64_t)json_integer_value(member(object, key));
}

static unsigned int truth(const json_t *object, const char *key)
{
	REQUIRE(json_is_boolean(member(object, key)), "%s is not true or false", key);
	return json_is_true(member(object, key)) ? 1 : 0;
}

static unsigned int name(const json_t *object, const char *key, const char *const *names,
			 unsigned int count)
{
	const char *text = json_string_value(member(object, key));

	for (unsigned int i = 0; text != NULL && i < count; i++) {
		if (strcmp(text, names[i]) == 0)
			return i;
	}
	REQUIRE(false, "%s: %s", key, text != NULL ? text : "no string");
	return 0;
}

static struct page_flags flags_of(const json_t *run)
{
	static const char *const types[] = { "normal",       "write_through",   "noncacheable",
					     "device",       "write_protected", "device_weak",
					     "device_strict" };
	static const char *const shares[] = { "default", "inner", "outer", "none" };
	struct page_flags flags = { 0 };

	flags.read = truth(run, "read") & 1;
	flags.write = truth(run, "write") & 1;
	flags.execute = truth(run, "execute") & 1;
	flags.execute_privileged = truth(run, "execute_privileged") & 1;
	flags.execute_user = truth(run, "execute_user") & 1;
	flags.user = truth(run, "user") & 1;
	flags.global = truth(run, "global") & 1;
	flags.idle = truth(run, "idle") & 1;
	flags.dirty = truth(run, "dirty") & 1;
	flags.type = name(run, "type", types, 7) & 7;
	flags.share = name(run, "share", shares, 4) & 3;
	flags.ignore_pat = truth(run, "ignore_pat") & 1;
	flags.suppress_ve = truth(run, "suppress_ve") & 1;
	flags.protection_key = number(run, "protection_key") & 15;
	flags.guarded = truth(run, "guarded") & 1;
	flags.modified = truth(run, "modified") & 1;
	flags.software = number(run, "software") & 0xffff;
	return flags;
}

static bool joins(const struct model_leaf *a, const struct model_leaf *b)
{
	return a->virt + a->size == b->virt && a->phys + a->size == b->phys && a->size == b->size &&
	       page_flags_equal(a->flags, b->flags);
}

static void check_runs(const struct model *model, const json_t *runs)
{
	size_t count = 0;

	for (size_t i = 0, next; i < model->count; i = next, count++) {
		const struct model_leaf *first = &model->leaves[i];
		const json_t *run = json_array_get(runs, count);

		for (next = i + 1;
		     next < model->count && joins(&model->leaves[next - 1], &model->leaves[next]);)
			next++;
		REQUIRE(run != NULL && hex(run, "virt") == first->virt &&
				hex(run, "phys") == first->phys &&
				hex(run, "leaf_size") == first->size &&
				hex(run, "size") == (next - i) * first->size,
			"run %zu", count);
		REQUIRE(page_flags_equal(flags_of(run), first->flags), "flags of run %zu", count);
		REQUIRE(json_object_size(run) == 21, "%zu members", json_object_size(run));
	}
	REQUIRE(json_array_size(runs) == count, "%zu runs", json_array_size(runs));
}

static void check_summary(const struct world *world, const json_t *summary)
{
	const json_t *leaves = member(summary, "leaves");
	const json_t *levels = member(summary, "tables_by_level");
	struct page_statistics expected;
	size_t sizes = 0;

	page_table_statistics(&world->table, &expected);
	for (unsigned int shift = 0; shift < 64; shift++) {
		const json_t *one = json_array_get(leaves, sizes);

		if (expected.leaves[shift] == 0)
			continue;
		REQUIRE(hex(one, "size") == UINT64_C(1) << shift &&
				number(one, "count") == expected.leaves[shift],
			"leaves of 2^%u bytes", shift);
		sizes++;
	}
	REQUIRE(json_array_size(leaves) == sizes, "%zu sizes", json_array_size(leaves));
	REQUIRE(hex(summary, "mapped") == expected.mapped, "mapped");
	REQUIRE(number(summary, "annotated") == expected.annotated, "annotated");
	REQUIRE(number(summary, "tables") == expected.tables, "tables");
	REQUIRE(hex(summary, "table_bytes") == expected.table_bytes, "table_bytes");
	REQUIRE(json_array_size(levels) == world->format->levels, "levels");
	for (unsigned int level = 0; level < world->format->levels; level++)
		REQUIRE((uint64_t)json_integer_value(json_array_get(levels, level)) ==
				expected.levels[level],
			"tables of level %u", level);
}

static void check_json(struct world *world)
{
	static struct text text;
	json_error_t error;
	json_t *root;

	text.length = 0;
	REQUIRE(page_table_dump_json(&world->table, append, &text) == PAGING_OK, "it failed");
	REQUIRE(world->memory->held == 0, "%u tables are held", world->memory->held);
	root = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, &error);
	REQUIRE(root != NULL, "%s at %d: %s", error.text, error.position, text.bytes);
	REQUIRE(json_object_size(root) == 3 && json_is_string(member(root, "format")) &&
			json_is_array(member(root, "runs")),
		"%s", text.bytes);
	check_runs(&world->model, member(root, "runs"));
	check_summary(world, member(root, "summary"));
	json_decref(root);
}

FORMAT_TEST(dump, json)
{
	uint64_t granule = format_granule(format), size = format_largest_leaf(format), state = 9;
	virt_addr virt = format_middle(format);
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	check_json(&world);
	world_map(&world, virt - 3 * granule, 4 * size - 3 * granule, 2 * size + 5 * granule);
	for (unsigned int i = 0; i < count; i++)
		world_map(&world, ranges[i].last - granule + 1, 0, granule);
	check_json(&world);
	for (unsigned int i = 0; i < 40; i++) {
		struct model_op what = { .kind = MODEL_MAP_TO, .size = granule };

		what.virt = virt + 8 * size + i * granule;
		what.phys = i * granule;
		what.flags = format_random_flags(format, &state);
		if (i % 3 == 1)
			what.flags =
				world.model.leaves[model_index(&world.model, what.virt) - 1].flags;
		world_must(&world, &what);
	}
	check_json(&world);
	world_close(&world);
}
