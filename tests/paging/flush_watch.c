/* SPDX-License-Identifier: MIT */
/* What has to be invalidated follows from the model before and after. */
#include "flush_watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "require.h"

/* The entry led to a table that a flush has been asked for since, so that it may be another now. */
static bool led_to_what_went(const struct flush_watch *watch, uint64_t entry)
{
	const struct format_case *format = watch->world->format;
	phys_addr table;

	return format->entry(format, 1, entry, &table) == WALK_ENTRY_TABLE &&
	       memory_has_gone(watch->world->memory, table);
}

/* A freed table: still live, not in the tree, and holding nothing but what it held, or less; or
 * what took the place of tables that went before it. */
static void check_freed_table(const struct flush_watch *watch, const struct frame *frame)
{
	const struct test_memory *memory = watch->world->memory;
	const uint8_t *now = memory_at(memory, frame->start, frame->size);
	const uint8_t *then = memory_snapshot_find(watch->before, frame->start);

	REQUIRE(frame->size == watch->world->format->table_bytes,
		"a frame of 0x%" PRIx64 " bytes in the gather", frame->size);
	REQUIRE(then != NULL, "frame 0x%" PRIx64 " in the gather is newer than the operation",
		frame->start);
	for (uint64_t i = 0; i < frame->size; i += 8) {
		uint64_t word, old;

		memcpy(&word, now + i, sizeof(word));
		memcpy(&old, then + i, sizeof(old));
		REQUIRE(word == 0 || word == old || led_to_what_went(watch, old),
			"table 0x%" PRIx64 " has 0x%" PRIx64 " written into it before the flush",
			frame->start, word);
	}
}

/* Grows; a test's process ends with it. */
static struct tlb_range *all_asked;
static size_t asked_room;

static void take_range(struct flush_watch *watch, const struct tlb_range *range)
{
	if (watch->asked_count == asked_room) {
		size_t room = asked_room == 0 ? 1024 : asked_room * 2;
		struct tlb_range *more = realloc(all_asked, room * sizeof(*more));

		REQUIRE(more != NULL, "no memory for %zu ranges", room);
		watch->asked = all_asked = more;
		asked_room = room;
	}
	watch->asked[watch->asked_count++] = *range;
}

static void take_note(struct flush_watch *watch, const struct tlb_gather *gather)
{
	REQUIRE(gather->range_count <= gather->range_capacity, "%zu ranges", gather->range_count);
	REQUIRE(gather->frame_count <= gather->frame_capacity, "%zu frames", gather->frame_count);
	for (size_t i = 0; i < gather->range_count; i++)
		take_range(watch, &gather->ranges[i]);
	watch->everything |= gather->everything;
	watch->everything_global |= gather->everything_global;
	watch->round_everything |= gather->everything;
	watch->round_everything_global |= gather->everything_global;
	for (size_t i = 0; i < gather->frame_count; i++) {
		check_freed_table(watch, &gather->frames[i]);
		memory_may_free(watch->world->memory, gather->frames[i].start);
	}
}

/* A range of this round that covers `at` in a way that will do for this leaf, or NULL. */
static const struct tlb_range *range_at(const struct flush_watch *watch, virt_addr at,
					const struct model_leaf *leaf)
{
	uint64_t stride = format_stride(watch->world->format, leaf->size);

	for (size_t i = watch->round_first; i < watch->asked_count; i++) {
		const struct tlb_range *range = &watch->asked[i];

		if (range->start <= at && at <= range->last && range->leaf_size != 0 &&
		    range->leaf_size <= stride && (range->global || !leaf->flags.global))
			return range;
	}
	return NULL;
}

/* Ranges cover it from end to end, or everything goes. */
static void require_covered(const struct flush_watch *watch, const struct model_leaf *leaf)
{
	virt_addr last = leaf->virt + leaf->size - 1;
	virt_addr at = leaf->virt;

	if (watch->round_everything && (watch->round_everything_global || !leaf->flags.global))
		return;
	for (;;) {
		const struct tlb_range *range = range_at(watch, at, leaf);

		REQUIRE(range != NULL,
			"the old %s leaf 0x%" PRIx64 "+0x%" PRIx64
			" may stay in the TLB at 0x%" PRIx64,
			leaf->flags.global ? "global" : "plain", leaf->virt, leaf->size, at);
		if (range->last >= last)
			return;
		at = range->last + 1;
	}
}

/* As far as a TLB knows: it has no software bits, and nothing of what is not mapped. */
static bool unchanged(const struct model *after, const struct model_leaf *leaf)
{
	const struct model_leaf *now = model_find(after, leaf->virt);
	struct page_flags flags = leaf->flags;

	if (leaf->note != 0)
		return true;
	if (now == NULL || now->note != 0)
		return false;
	flags.software = now->flags.software;
	return now->virt == leaf->virt && now->size == leaf->size && now->phys == leaf->phys &&
	       page_flags_equal(now->flags, flags);
}

/* A flush now must rid TLBs of all that was so at the last one and is not any more. */
static void end_round(struct flush_watch *watch, const struct model *now)
{
	for (size_t i = 0; i < watch->stale.count; i++) {
		if (!unchanged(now, &watch->stale.leaves[i]))
			require_covered(watch, &watch->stale.leaves[i]);
	}
	model_copy(&watch->stale, now);
	watch->round_first = watch->asked_count;
	watch->round_everything = watch->round_everything_global = false;
}

static bool flushes_tables(const struct tlb_gather *gather)
{
	bool tables = gather->everything;

	for (size_t i = 0; i < gather->range_count; i++)
		tables |= gather->ranges[i].tables;
	return tables;
}

/* To read the table at each flush takes as long as the table is large, times the flushes: a live
 * replace of ten thousand pages would take a minute. Beyond this many leaves read in one call, most
 * rounds are of several flushes. */
#define LEAVES_READ_MOST (UINT64_C(1) << 17)
#define FLUSHES_OF_ROUND 64

/* What TLBs may hold from now on. */
static void look_anew(struct flush_watch *watch)
{
	struct model now = { 0 };

	model_init(&now, watch->world->format);
	world_read(watch->world, &now);
	watch->leaves_read += now.count;
	end_round(watch, &now);
	model_drop(&now);
}

static void on_flush(const struct tlb_gather *gather, void *context)
{
	struct flush_watch *watch = context;

	REQUIRE(gather == &watch->gather, "another gather is flushed");
	/* The structure must be whole whenever a walker may be told to look anew. Tables that are
	 * out of it then need no further flush, in the gather yet or not. */
	if (watch->flushes < 16 || watch->flushes % 64 == 0 || flushes_tables(gather)) {
		world_check_tree(watch->world, true);
		memory_may_free_unlinked(watch->world->memory);
	}
	take_note(watch, gather);
	watch->flushes++;
	if (watch->world->memory->reach == MEMORY_BY_HOOK)
		return; /* the operation holds its pointers: no walk now, one round is the whole */
	if (watch->leaves_read < LEAVES_READ_MOST || watch->flushes % FLUSHES_OF_ROUND == 0)
		look_anew(watch);
}

void flush_watch_begin(struct flush_watch *watch, struct world *world, size_t range_capacity,
		       size_t frame_capacity, bool flush)
{
	REQUIRE(range_capacity <= WATCH_RANGES && frame_capacity <= WATCH_FRAMES, "no room");
	memset(watch, 0, sizeof(*watch));
	watch->world = world;
	watch->asked = all_asked;
	watch->gather.ranges = watch->ranges;
	watch->gather.range_capacity = range_capacity;
	watch->gather.frames = watch->frames;
	watch->gather.frame_capacity = frame_capacity;
	watch->gather.owner = world_frames(world);
	watch->gather.flush = flush ? on_flush : NULL;
	watch->gather.context = watch;
	watch->before = memory_snapshot_take(world->memory);
	model_init(&watch->model_before, world->format);
	model_copy(&watch->model_before, &world->model);
	model_init(&watch->stale, world->format);
	model_copy(&watch->stale, &world->model);
	world->memory->guarded = world->memory->requests;
}

static bool reaches(const struct tlb_range *range, const struct model_leaf *leaf)
{
	return range->last >= leaf->virt && range->start <= leaf->virt + (leaf->size - 1);
}

static void require_untouched(const struct flush_watch *watch, const struct model_leaf *leaf)
{
	for (size_t i = 0; i < watch->asked_count; i++)
		REQUIRE(!reaches(&watch->asked[i], leaf),
			"0x%" PRIx64 "+0x%" PRIx64 " is flushed without need", leaf->virt,
			leaf->size);
}

static void require_table_flush(void *context, virt_addr start, uint64_t span)
{
	const struct flush_watch *watch = context;

	if (watch->everything)
		return;
	for (size_t i = 0; i < watch->asked_count; i++) {
		if (watch->asked[i].tables && watch->asked[i].start <= start + (span - 1) &&
		    watch->asked[i].last >= start)
			return;
	}
	REQUIRE(false, "a table for 0x%" PRIx64 "+0x%" PRIx64 " went, the gather does not say so",
		start, span);
}

static bool overlaps(const struct model_leaf *leaf, const struct model_op *what)
{
	return leaf->virt <= what->virt + (what->size - 1) &&
	       leaf->virt + (leaf->size - 1) >= what->virt;
}

static bool any_global(const struct model *before, const struct tlb_range *range)
{
	for (size_t i = 0; i < before->count; i++) {
		const struct model_leaf *leaf = &before->leaves[i];

		if (leaf->note == 0 && leaf->flags.global && reaches(range, leaf))
			return true;
	}
	return false;
}

/* Its permissions are set to what they are. */
static bool stays_as_it_was(const struct model *after, const struct model_leaf *leaf,
			    const struct model_op *what)
{
	return what->kind == MODEL_PROTECT &&
	       model_find(after, leaf->virt)->flags.software == leaf->flags.software;
}

static void check_ranges(struct flush_watch *watch, const struct model_op *what)
{
	const struct model *before = &watch->model_before, *after = &watch->world->model;
	uint64_t gone = model_tables_gone(before, after, require_table_flush, watch);

	end_round(watch, after);
	for (size_t i = 0; i < before->count; i++) {
		const struct model_leaf *leaf = &before->leaves[i];

		if (leaf->note == 0 && unchanged(after, leaf) &&
		    (!overlaps(leaf, what) || stays_as_it_was(after, leaf, what)))
			require_untouched(watch, leaf);
	}
	for (size_t i = 0; i < watch->asked_count; i++) {
		const struct tlb_range *range = &watch->asked[i];

		REQUIRE(range->start <= range->last, "an empty range at 0x%" PRIx64, range->start);
		REQUIRE(addr_is_aligned(range->start, range->leaf_size) &&
				addr_is_aligned(range->last + 1, range->leaf_size),
			"half a leaf, from 0x%" PRIx64 " to 0x%" PRIx64, range->start, range->last);
		/* Of whole tables it is not known, if the tree may have a global leaf somewhere. */
		REQUIRE(!range->global || watch->world->format->all_global ||
				watch->world->table.held != 0 || any_global(before, range),
			"nothing global from 0x%" PRIx64 " to 0x%" PRIx64, range->start,
			range->last);
		REQUIRE(!range->tables || gone != 0,
			"no table went away, 0x%" PRIx64 " says one did", range->start);
	}
}

/* Where nothing that a walker reads changed, nothing may be asked for. */
static bool nothing_to_flush(const struct flush_watch *watch, const struct model_op *what)
{
	const struct model *before = &watch->model_before, *after = &watch->world->model;

	if (what->kind == MODEL_MAP || what->kind == MODEL_MAP_TO)
		return (what->mode & PAGING_REPLACE) == 0;
	if (what->kind == MODEL_ANNOTATE)
		return what->note != 0 || model_tables_gone(before, after, NULL, NULL) == 0;
	/* What was split has more leaves. */
	return what->kind == MODEL_SOFTWARE && before->count == after->count;
}

void flush_watch_end(struct flush_watch *watch, const struct model_op *what)
{
	struct world *world = watch->world;

	take_note(watch, &watch->gather);
	if (nothing_to_flush(watch, what))
		REQUIRE(!tlb_gather_needed(&watch->gather) && watch->gather.frame_count == 0 &&
				watch->flushes == 0,
			"it asks for a flush");
	else
		check_ranges(watch, what);
	REQUIRE(world->memory->live == model_tables(&world->model) + watch->gather.frame_count,
		"%" PRIu64 " frames are out, %zu of them in the gather", world->memory->live,
		watch->gather.frame_count);
	watch->gather.flush = NULL; /* noted already */
	tlb_gather_finish(&watch->gather);
	REQUIRE(!tlb_gather_needed(&watch->gather) && watch->gather.frame_count == 0 &&
			!watch->gather.everything_global,
		"the gather is not empty after its end");
	flush_watch_drop(watch);
}

void flush_watch_drop(struct flush_watch *watch)
{
	watch->world->memory->guarded = 0;
	memory_snapshot_drop(watch->before);
	model_drop(&watch->model_before);
	model_drop(&watch->stale);
}
