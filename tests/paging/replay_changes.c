/* SPDX-License-Identifier: MIT */
/*
 * As replay.c, for the operations that the model does not know: what puts one mapping over another,
 * changes the shape of a table or follows hardware's marks, cursors and batches. Each without a
 * gather, and with one that flushes, where a table that breaks before it makes has nothing mapped
 * between the two (breaks.c looks at each store of those).
 */
#include <inttypes.h>

#include <twofold/page_batch.h>
#include <twofold/page_cursor.h>

#include "recorder.h"
#include "require.h"
#include "suite.h"

/* Pieces of a leaf that are too many to be mapped and looked at again and again. */
#define MANY_PIECES   512
/* Those of a group, each of which is stopped at several times. */
#define MANY_OF_GROUP 16
#define PAGES         3

/* A change of what is mapped from `virt` on: two leaves of `size`, or smaller ones. */
struct scene {
	struct world world;
	virt_addr virt;
	uint64_t size;
	struct page_table_op op;
	struct tlb_gather gather;
	struct tlb_range ranges[4];
	struct frame frames[PAGE_TABLE_MAX_LEVELS];
	struct page_cursor cursor; /* of a change that goes on with one */
	const struct change *change;
};

struct change {
	const char *name;
	void (*prepare)(struct scene *scene);
	enum paging_status (*make)(struct scene *scene);
	/* Leaves become others than they were but in rights: on a live table that can take
	 * break-before-make. */
	bool remakes;
	bool larger; /* of leaves that are larger than a page */
};

static uint64_t granule_of(const struct scene *scene)
{
	return format_granule(scene->world.format);
}

/* What is mapped before */

static void map(struct scene *scene, virt_addr virt, uint64_t size, uint64_t leaf)
{
	struct model_op what = { .kind = MODEL_MAP, .virt = virt, .phys = virt - scene->virt };

	what.size = size;
	what.leaf_sizes = format_leaf_cap(scene->world.format, leaf);
	what.flags = format_plain_flags();
	what.flags.dirty = 1;
	if (!scene->world.format->expressible(scene->world.format, what.flags))
		what.flags.dirty = 0;
	world_must(&scene->world, &what);
}

static void no_leaves(struct scene *scene)
{
	(void)scene;
}

static void two_leaves(struct scene *scene)
{
	map(scene, scene->virt, 2 * scene->size, scene->size);
}

/* All of the first leaf in leaves of the next smaller size, and the second. */
static void pieces(struct scene *scene)
{
	map(scene, scene->virt, scene->size, format_split_leaf(scene->world.format, scene->size));
	map(scene, scene->virt + scene->size, scene->size, scene->size);
}

/* Some pages in the first leaf, and the second. */
static void pages(struct scene *scene)
{
	uint64_t granule = granule_of(scene);

	map(scene, scene->virt + granule, PAGES * granule, granule);
	map(scene, scene->virt + scene->size, scene->size, scene->size);
}

/* The same, and a cursor has taken the pages away. It has not left the tables. */
static void emptied_tables(struct scene *scene)
{
	struct page_cursor *cursor = &scene->cursor;
	enum paging_status status;

	pages(scene);
	status = page_cursor_open(cursor, &scene->world.table, scene->virt + granule_of(scene),
				  &scene->op);
	for (unsigned int i = 0; i < PAGES && status == PAGING_OK; i++)
		status = page_cursor_unmap(cursor);
	if (status == PAGING_OK)
		status = page_cursor_seek(cursor, scene->virt);
	REQUIRE(status == PAGING_OK, "%s", status_name(status));
	world_resync(&scene->world);
}

/* The changes */

static enum paging_status replace(struct scene *scene, virt_addr virt, phys_addr phys,
				  uint64_t size)
{
	struct page_flags flags = format_plain_flags();

	flags.write = 0;
	scene->op.mode = PAGING_REPLACE;
	return page_table_map(&scene->world.table, virt, phys, size, flags, &scene->op);
}

static enum paging_status replace_whole(struct scene *scene)
{
	return replace(scene, scene->virt, scene->size, scene->size);
}

/* The end of one leaf and the beginning of the next. */
static enum paging_status replace_parts(struct scene *scene)
{
	return replace(scene, scene->virt + scene->size - granule_of(scene), 0,
		       2 * granule_of(scene));
}

static enum paging_status collapse(struct scene *scene)
{
	return page_table_collapse(&scene->world.table, scene->virt, scene->size, &scene->op);
}

static enum paging_status split(struct scene *scene)
{
	uint64_t granule = granule_of(scene);

	return page_table_split(&scene->world.table, scene->virt + scene->size - granule,
				2 * granule, granule, &scene->op);
}

static enum paging_status write_protect(struct scene *scene)
{
	return page_table_write_protect(&scene->world.table, scene->virt, 2 * scene->size,
					&scene->op);
}

static enum paging_status write_protect_parts(struct scene *scene)
{
	uint64_t granule = granule_of(scene);

	scene->op.mode = PAGING_SPLIT;
	return page_table_write_protect(&scene->world.table, scene->virt + scene->size - granule,
					2 * granule, &scene->op);
}

static enum paging_status set_software(struct scene *scene)
{
	return page_table_set_software(&scene->world.table, scene->virt, 2 * scene->size, 1,
				       &scene->op);
}

static enum paging_status set_software_in_parts(struct scene *scene)
{
	uint64_t granule = granule_of(scene);

	scene->op.mode = PAGING_SPLIT;
	return page_table_set_software(&scene->world.table, scene->virt + scene->size - granule,
				       2 * granule, 1, &scene->op);
}

static enum paging_status harvest(struct scene *scene)
{
	return page_table_harvest(&scene->world.table, scene->virt, 2 * scene->size,
				  PAGE_MARK_ACCESSED | PAGE_MARK_DIRTY, NULL, NULL, &scene->op);
}

/* Whatever a cursor does to each leaf there is, from the first on. */
static enum paging_status each_leaf(struct scene *scene,
				    enum paging_status (*change)(struct page_cursor *cursor))
{
	struct page_mapping mapping;
	struct page_cursor cursor;
	enum paging_status status;

	status = page_cursor_open(&cursor, &scene->world.table, scene->virt, &scene->op);
	REQUIRE(status == PAGING_OK, "open: %s", status_name(status));
	while (status == PAGING_OK && page_cursor_query(&cursor, &mapping) != PAGING_INPUT_RANGE &&
	       mapping.virt - scene->virt < 2 * scene->size)
		status = mapping.size != 0 && mapping.flags.read ? change(&cursor)
								 : page_cursor_next(&cursor);
	page_cursor_close(&cursor);
	return status;
}

static enum paging_status cursor_unmap(struct scene *scene)
{
	return each_leaf(scene, page_cursor_unmap);
}

static enum paging_status take_write(struct page_cursor *cursor)
{
	struct page_flags flags = format_plain_flags();

	flags.write = 0;
	return page_cursor_protect(cursor, flags);
}

static enum paging_status cursor_protect(struct scene *scene)
{
	return each_leaf(scene, take_write);
}

static enum paging_status cursor_map(struct scene *scene)
{
	struct page_cursor cursor;
	enum paging_status status;

	status = page_cursor_open(&cursor, &scene->world.table, scene->virt, &scene->op);
	REQUIRE(status == PAGING_OK, "open: %s", status_name(status));
	for (unsigned int i = 0; i < 2 && status == PAGING_OK; i++)
		status = page_cursor_map(&cursor, i * scene->size, scene->size,
					 format_plain_flags());
	page_cursor_close(&cursor);
	return status;
}

static enum paging_status cursor_map_on(struct scene *scene)
{
	enum paging_status status =
		page_cursor_map(&scene->cursor, 0, scene->size, format_plain_flags());

	page_cursor_close(&scene->cursor);
	return status;
}

static enum paging_status map_batch(struct scene *scene)
{
	uint64_t granule = granule_of(scene);
	const struct page_pair batch[] = {
		{ scene->virt + scene->size, granule },
		{ scene->virt, 0 },
		{ scene->virt + granule * 2, 3 * granule },
		{ scene->virt - granule, 2 * granule },
	};
	size_t count = sizeof(batch) / sizeof(batch[0]), done;

	return page_table_map_batch(&scene->world.table, batch,
				    scene->size == granule ? count - 2 : count,
				    format_plain_flags(), scene->op.frames, &done);
}

static const struct change changes[] = {
	{ "replace a leaf by a leaf", two_leaves, replace_whole, true, false },
	{ "replace pieces by a leaf", pieces, replace_whole, true, true },
	{ "replace pages by a leaf", pages, replace_whole, true, true },
	{ "replace parts of leaves", two_leaves, replace_parts, true, false },
	{ "collapse", pieces, collapse, true, true },
	{ "split", two_leaves, split, true, true },
	{ "write_protect", two_leaves, write_protect, false, false },
	{ "write_protect a table", pieces, write_protect, false, true },
	{ "write_protect parts", two_leaves, write_protect_parts, true, true },
	{ "set_software", two_leaves, set_software, false, false },
	{ "set_software in parts", two_leaves, set_software_in_parts, true, true },
	{ "harvest leaves", two_leaves, harvest, false, false },
	{ "harvest pages", pages, harvest, false, true },
	{ "cursor: map", no_leaves, cursor_map, false, false },
	{ "cursor: unmap leaves", two_leaves, cursor_unmap, false, false },
	{ "cursor: unmap pages", pages, cursor_unmap, false, true },
	{ "cursor: protect leaves", two_leaves, cursor_protect, false, false },
	{ "cursor: protect pages", pages, cursor_protect, false, true },
	{ "cursor: map over emptied tables", emptied_tables, cursor_map_on, false, true },
	{ "batch", no_leaves, map_batch, false, false },
};

static bool applies(const struct format_case *format, const struct change *change, uint64_t size)
{
	struct page_flags marked = format_plain_flags();

	if (change->larger && size == format_granule(format))
		return false;
	if (change->prepare == pieces && size / format_split_leaf(format, size) > MANY_PIECES)
		return false;
	/* A store for each piece: lowest tables, which go as a whole, are enough. */
	if (change->prepare == pieces && change->make == write_protect)
		return size == format->level_size[1] &&
		       size / format_granule(format) <= MANY_PIECES;
	if (change->make == set_software || change->make == set_software_in_parts)
		return format->software_bits != 0;
	marked.idle = marked.dirty = 1;
	return change->make != harvest || format->expressible(format, marked);
}

static bool large_group(const struct format_case *format, uint64_t size)
{
	return format_is_group(format, size) &&
	       size / format_split_leaf(format, size) > MANY_OF_GROUP;
}

/* A group is taken apart and put together on any table, other leaves stay mapped on one that nobody
 * walks. */
static bool may_break(const struct format_case *format, const struct change *change, uint64_t size,
		      bool live)
{
	if (format_is_group(format, size) ||
	    (change->prepare == pieces && format_is_group(format, format_split_leaf(format, size))))
		return true;
	return change->remakes &&
	       (format_has_groups(format) || (live && format->break_flags != NULL));
}

static void flush_nothing(const struct tlb_gather *gather, void *context)
{
	(void)gather;
	(void)context;
}

static enum paging_status make(void *context)
{
	struct scene *scene = context;

	return scene->change->make(scene);
}

static void replay(struct scene *scene, const struct change *change, bool live)
{
	const struct format_case *format = scene->world.format;
	struct recorder_call call = { .call = make, .context = scene };
	struct recorder_probes probes;
	struct recording record;

	require_story_begin("%s: %s, size 0x%" PRIx64 "%s", format->name, change->name, scene->size,
			    live ? ", live" : "");
	scene->op = (struct page_table_op){ .frames = world_frames(&scene->world),
					    .gather = live ? &scene->gather : NULL };
	scene->change = change;
	change->prepare(scene);
	call.breaks = may_break(format, change, scene->size, live);
	recorder_choose(&probes, &scene->world, scene->virt, 2 * scene->size);
	record = recorder_watch(&scene->world, &probes, &call);
	REQUIRE(record.status == PAGING_OK, "%s", status_name(record.status));
	REQUIRE(record.stores != 0, "no store was seen");
	tlb_gather_finish(&scene->gather);
	world_resync(&scene->world);
	world_check(&scene->world);
	world_unmap(&scene->world, scene->virt - scene->size, 3 * scene->size, PAGING_SKIP_HOLES);
}

FORMAT_TEST(replay, changes)
{
	struct scene scene = { .virt = 0 };

	world_open(&scene.world, format, MEMORY_BY_OFFSET);
	scene.gather = (struct tlb_gather){ .ranges = scene.ranges,
					    .range_capacity = 4,
					    .frames = scene.frames,
					    .frame_capacity = PAGE_TABLE_MAX_LEVELS,
					    .owner = world_frames(&scene.world),
					    .flush = flush_nothing };
	for (scene.size = format_largest_leaf(format); scene.size != 0;
	     scene.size = format_next_smaller_leaf(format, scene.size)) {
		scene.virt = addr_align_down(format_middle(format), 2 * scene.size);
		for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
			if (!applies(format, &changes[i], scene.size))
				continue;
			if (!large_group(format, scene.size))
				replay(&scene, &changes[i], false);
			replay(&scene, &changes[i], true);
		}
	}
	world_close(&scene.world);
}
