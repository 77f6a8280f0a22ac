/* SPDX-License-Identifier: MIT */
/* Compares a table with the model and with the independent MMU. */
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <twofold/check.h>

#include "require.h"

const struct walk_access world_accesses[WORLD_ACCESSES] = {
	{ WALK_READ, false }, { WALK_WRITE, false }, { WALK_FETCH, false },
	{ WALK_READ, true },  { WALK_WRITE, true },  { WALK_FETCH, true },
};

const char *status_name(enum paging_status status)
{
	static const char *const names[] = {
		"OK",           "UNALIGNED",      "BAD_SIZE",        "INPUT_RANGE",
		"OUTPUT_RANGE", "ALREADY_MAPPED", "BAD_FLAGS",       "NO_MEMORY",
		"NOT_MAPPED",   "WOULD_SPLIT",    "NEEDS_FLUSH",     "GATHER_FULL",
		"BUDGET",       "STOPPED",        "BROKEN_GROUP",    "BAD_ARGUMENT",
		"BAD_FORMAT",   "BAD_INPUT_BITS", "BAD_OUTPUT_BITS", "BAD_LEAF_SIZES",
		"BAD_FEATURES", "BAD_ATTRIBUTES", "BAD_MODIFIER",    "BAD_ACCESS",
	};

	return (unsigned int)status < sizeof(names) / sizeof(names[0]) ? names[status] : "?";
}

const char *flags_text(struct page_flags flags, char text[64])
{
	uint64_t word = 0;

	memcpy(&word, &flags, sizeof(flags));
	(void)snprintf(text, 64, "%c%c%c%c%c%c%c type%u 0x%" PRIx64, flags.read ? 'r' : '-',
		       flags.write ? 'w' : '-', flags.execute ? 'x' : '-', flags.user ? 'u' : '-',
		       flags.global ? 'g' : '-', flags.idle ? 'i' : '-', flags.dirty ? 'd' : '-',
		       flags.type, word);
	return text;
}

/* Life */

void world_open(struct world *world, const struct format_case *format, enum memory_reach reach)
{
	phys_addr base = format_output_last(format) + 1 - MEMORY_BYTES;
	struct page_table_config config = format->config;
	enum paging_status status;

	require_story_begin("%s", format->name);
	world->format = format;
	world->checks = 0;
	world->check_every = 1;
	world->memory = memory_create(base, reach);
	world->memory->root_bytes = format->root_bytes;
	world->memory->table_bytes = format->table_bytes;
	model_init(&world->model, format);
	model_init(&world->told, format);
	config.access = memory_access(world->memory);
	/* Nothing may rely on what was in the struct before. */
	memset(&world->table, 0xee, sizeof(world->table));
	status = page_table_init(&world->table, &config, world_frames(world));
	REQUIRE(status == PAGING_OK, "page_table_init: %s", status_name(status));
}

void world_close(struct world *world)
{
	memory_fail_at(world->memory, 0, false);
	page_table_destroy(&world->table, world_frames(world));
	memory_destroy(world->memory);
	model_drop(&world->model);
	model_drop(&world->told);
}

struct frame_allocator *world_frames(struct world *world)
{
	return &world->memory->allocator;
}

/* Doing */

static void require_same_leaves(const struct model *model, const struct model *seen)
{
	for (size_t i = 0; i < model->count && i < seen->count; i++) {
		const struct model_leaf *a = &model->leaves[i], *b = &seen->leaves[i];
		char text[64], wanted[64];

		REQUIRE(a->virt == b->virt && a->phys == b->phys && a->size == b->size &&
				a->note == b->note && page_flags_equal(a->flags, b->flags),
			"leaf %zu: 0x%" PRIx64 " -> 0x%" PRIx64 "+0x%" PRIx64 " %s note 0x%" PRIx64
			", model 0x%" PRIx64 " -> 0x%" PRIx64 "+0x%" PRIx64 " %s note 0x%" PRIx64,
			i, b->virt, b->phys, b->size, flags_text(b->flags, text), b->note, a->virt,
			a->phys, a->size, flags_text(a->flags, wanted), a->note);
	}
	REQUIRE(model->count == seen->count, "%zu leaves, the model has %zu", seen->count,
		model->count);
}

static void tell(const struct model_op *what)
{
	static const char *const kinds[] = { "map_to",  "map",      "unmap",
					     "protect", "software", "annotate" };
	char text[64];

	require_story("%s virt 0x%" PRIx64 " phys 0x%" PRIx64 " size 0x%" PRIx64
		      " flags %s leaves 0x%" PRIx64 " mode %u note 0x%" PRIx64,
		      kinds[what->kind], what->virt, what->phys, what->size,
		      flags_text(what->flags, text), what->leaf_sizes, what->mode, what->note);
}

bool world_hear(void *context, const struct page_visit *visit)
{
	struct world *world = context;
	const struct page_mapping *mapping = &visit->mapping;
	const struct format_case *format = world->format;
	phys_addr next;

	REQUIRE(visit->kind == PAGE_VISIT_LEAF && visit->level < format->levels &&
			(mapping->size == format->level_size[visit->level] ||
			 mapping->size == format->group_size[visit->level]),
		"a visit of kind %d, level %u, size 0x%" PRIx64, (int)visit->kind, visit->level,
		mapping->size);
	REQUIRE(format->entry(format, visit->level, visit->descriptor, &next) == WALK_ENTRY_LEAF,
		"0x%" PRIx64 " is no leaf", visit->descriptor);
	REQUIRE(world->told.count == 0 ||
			mapping->virt > world->told.leaves[world->told.count - 1].virt,
		"it goes back to 0x%" PRIx64, mapping->virt);
	model_append(&world->told, (struct model_leaf){ .virt = mapping->virt,
							.phys = mapping->phys,
							.size = mapping->size,
							.flags = mapping->flags,
							.note = mapping->annotation });
	return false;
}

/* The model is as the table was before. */
static void require_told(const struct world *world, const struct model_op *what,
			 enum paging_status status, const struct page_table_op *op)
{
	struct model wanted = { 0 };
	uint64_t bytes = status == PAGING_OK || (what->mode & PAGING_RESUMABLE) ? op->done : 0;

	model_init(&wanted, world->format);
	if (what->kind == MODEL_UNMAP && (what->mode & PAGING_TELL))
		model_told(&world->model, what, bytes, &wanted);
	REQUIRE(world->told.count == wanted.count, "%zu leaves are told of, not %zu",
		world->told.count, wanted.count);
	require_same_leaves(&wanted, &world->told);
	model_drop(&wanted);
}

enum paging_status world_do(struct world *world, const struct model_op *what,
			    struct page_table_op *op)
{
	struct page_table *table = &world->table;
	enum paging_status status;

	tell(what);
	world->told.count = 0;
	op->visitor = world_hear;
	op->context = world;
	op->mode = what->mode;
	op->leaf_sizes = what->leaf_sizes;
	op->done = UINT64_C(0x5555555555555555);
	op->conflict = op->conflict_size = op->enlarged_size = op->tables = op->done;
	op->annotation = what->kind == MODEL_UNMAP ? what->note : 0;
	switch (what->kind) {
	case MODEL_MAP_TO:
		status = page_table_map_to(table, what->virt, what->phys, what->flags, op->frames);
		break;
	case MODEL_MAP:
		status = page_table_map(table, what->virt, what->phys, what->size, what->flags, op);
		break;
	case MODEL_UNMAP:
		status = page_table_unmap(table, what->virt, what->size, op);
		break;
	case MODEL_PROTECT:
		status = page_table_protect(table, what->virt, what->size, what->flags, op);
		break;
	case MODEL_SOFTWARE:
		status = page_table_set_software(table, what->virt, what->size,
						 what->flags.software, op);
		break;
	default:
		status = page_table_annotate(table, what->virt, what->size, what->note, op);
		break;
	}
	REQUIRE(world->memory->held == 0, "%u tables are still mapped", world->memory->held);
	require_told(world, what, status, op);
	return status;
}

static bool names_conflict(enum paging_status status)
{
	return status == PAGING_ALREADY_MAPPED || status == PAGING_NOT_MAPPED ||
	       status == PAGING_WOULD_SPLIT;
}

static void require_answer(const struct model_op *what, const struct page_table_op *op,
			   enum paging_status status, const struct model_answer *expected)
{
	REQUIRE(status == expected->status, "it answers %s, not %s", status_name(status),
		status_name(expected->status));
	if (what->kind == MODEL_MAP_TO)
		return;
	if (status == PAGING_OK)
		REQUIRE(op->done == what->size, "done is 0x%" PRIx64, op->done);
	else if (!(what->mode & PAGING_RESUMABLE))
		REQUIRE(op->done == 0, "done is 0x%" PRIx64 " though it failed", op->done);
	if (names_conflict(status))
		REQUIRE(op->conflict == expected->conflict &&
				op->conflict_size == expected->conflict_size,
			"conflict at 0x%" PRIx64 "+0x%" PRIx64 ", not 0x%" PRIx64 "+0x%" PRIx64,
			op->conflict, op->conflict_size, expected->conflict,
			expected->conflict_size);
}

/* A resumable operation that met an obstacle: right up to op->done, and not a byte further. */
static void settle_part(struct world *world, const struct model_op *what,
			const struct page_table_op *op, const struct model_answer *expected)
{
	struct model after = { 0 };

	REQUIRE(op->done <= expected->done, "done is 0x%" PRIx64 ", the obstacle is at 0x%" PRIx64,
		op->done, expected->done);
	model_apply(&world->model, what, op->done);
	model_init(&after, world->format);
	world_read(world, &after);
	REQUIRE(model_same_translation(&world->model, &after),
		"the table is not what 0x%" PRIx64 " bytes done make", op->done);
	model_drop(&after);
	world_resync(world);
}

enum paging_status world_step(struct world *world, const struct model_op *what)
{
	struct page_table_op op = { .frames = world_frames(world) };
	struct model_answer expected = model_answer(&world->model, what);
	struct memory_snapshot *before = memory_snapshot_take(world->memory);
	enum paging_status status = world_do(world, what, &op);

	require_answer(what, &op, status, &expected);
	if (status == PAGING_OK)
		model_apply(&world->model, what, what->size);
	else if (what->kind != MODEL_MAP_TO && (what->mode & PAGING_RESUMABLE))
		settle_part(world, what, &op, &expected);
	else
		memory_snapshot_require(world->memory, before);
	memory_snapshot_drop(before);
	world_check(world);
	return status;
}

void world_must(struct world *world, const struct model_op *what)
{
	enum paging_status status = world_step(world, what);

	REQUIRE(status == PAGING_OK, "it answers %s", status_name(status));
}

void world_map(struct world *world, virt_addr virt, phys_addr phys, uint64_t size)
{
	struct model_op what = { .kind = MODEL_MAP, .virt = virt, .phys = phys, .size = size };

	what.flags = format_plain_flags();
	world_must(world, &what);
}

void world_map_unseen(struct world *world, virt_addr virt, phys_addr phys, uint64_t size)
{
	struct model_op what = { .kind = MODEL_MAP, .virt = virt, .phys = phys, .size = size };
	struct page_table_op op = { .frames = world_frames(world) };
	enum paging_status status;

	what.flags = format_plain_flags();
	status = world_do(world, &what, &op);
	REQUIRE(status == PAGING_OK, "it answers %s", status_name(status));
	model_apply(&world->model, &what, size);
}

void world_unmap(struct world *world, virt_addr virt, uint64_t size, uint32_t mode)
{
	struct model_op what = { .kind = MODEL_UNMAP, .virt = virt, .size = size, .mode = mode };

	world_must(world, &what);
}

/* Looking: the structure */

/* An annotation's layout, by hand: bit 51 says that it is one, bits 50:12 are the number,
 * inverted. */
static uint64_t note_entry(uint64_t note)
{
	return UINT64_C(0x000ffffffffff000) - (note << 12);
}

static uint64_t check_table(struct world *world, phys_addr start, unsigned int level,
			    bool may_be_empty)
{
	const struct format_case *format = world->format;
	bool root = level == format->levels - 1;
	uint64_t size = root ? format->root_bytes : format->table_bytes;
	uint64_t modifier = format->config.modifier;
	const uint8_t *bytes = memory_at(world->memory, start, size);
	uint64_t tables = 1, in_use = 0;

	memory_walk_reach(world->memory, start);
	for (uint64_t i = 0; i < size / 8; i++) {
		phys_addr next;
		uint64_t entry;

		memcpy(&entry, bytes + 8 * i, sizeof(entry));
		if (entry == 0)
			continue;
		in_use++;
		switch (format->entry(format, level, entry, &next)) {
		case WALK_ENTRY_TABLE:
			REQUIRE((entry & modifier) ==
					(format->config.modified_tables ? modifier : 0),
				"level %u: the modifier of 0x%" PRIx64, level, entry);
			tables += check_table(world, next, level - 1, may_be_empty);
			break;
		case WALK_ENTRY_LEAF:
			REQUIRE(format_has_leaf(format, format->level_size[level]),
				"a leaf of level %u: 0x%" PRIx64, level, entry);
			break;
		case WALK_ENTRY_EMPTY:
			REQUIRE((entry & ~note_entry(0)) == 0 && entry >> 51 == 1 &&
					entry != note_entry(0),
				"level %u: an entry not present holds 0x%" PRIx64, level, entry);
			break;
		case WALK_ENTRY_RESERVED:
			REQUIRE(false, "level %u: reserved bits or misconfigured: 0x%" PRIx64,
				level, entry);
			break;
		}
	}
	REQUIRE(root || may_be_empty || in_use != 0, "the table 0x%" PRIx64 " of level %u is empty",
		start, level);
	return tables;
}

uint64_t world_check_tree(struct world *world, bool may_be_empty)
{
	memory_walk_begin(world->memory);
	return check_table(world, world->table.root, world->format->levels - 1, may_be_empty);
}

/* Looking: single addresses */

struct walk_result world_translate(struct world *world, virt_addr virt, struct walk_access access)
{
	struct walk_memory memory = memory_walk(world->memory);

	return world->format->translate(world->format, world->table.root, &memory, virt, access);
}

uint64_t world_descriptor(struct world *world, virt_addr virt)
{
	return world_translate(world, virt, world_accesses[0]).descriptor;
}

bool world_granted(const struct format_case *format, struct page_flags flags,
		   struct walk_access access)
{
	bool user = access.user && !format->second_stage;
	bool stranger = user && !flags.user;

	if (access.kind == WALK_FETCH) {
		if (access.user ? flags.execute_user : flags.execute_privileged)
			return true;
		if (format->owner_fetch && !format->second_stage)
			stranger = access.user != (flags.user != 0);
		return flags.execute && !stranger;
	}
	return !stranger && (access.kind == WALK_READ ? flags.read : flags.write);
}

void world_probe_leaf(struct world *world, virt_addr virt, const struct page_mapping *mapping)
{
	struct page_flags flags = mapping->flags;
	char text[64];

	for (unsigned int i = 0; i < WORLD_ACCESSES; i++) {
		struct walk_result seen = world_translate(world, virt, world_accesses[i]);
		bool may = world_granted(world->format, flags, world_accesses[i]);

		REQUIRE(seen.fault == (may ? WALK_OK : WALK_DENIED),
			"0x%" PRIx64 ": access %u: the MMU says %d, query %s", virt, i,
			(int)seen.fault, flags_text(flags, text));
		REQUIRE(seen.phys == mapping->phys + (virt - mapping->virt) &&
				seen.page_size == mapping->size,
			"0x%" PRIx64 " goes to 0x%" PRIx64 " by 0x%" PRIx64
			", query says 0x%" PRIx64 " by 0x%" PRIx64,
			virt, seen.phys, seen.page_size, mapping->phys + (virt - mapping->virt),
			mapping->size);
		REQUIRE(world->format->type(seen.type) == (enum memory_type)flags.type,
			"0x%" PRIx64 ": memory type %u, query %s", virt, seen.type,
			flags_text(flags, text));
		REQUIRE(seen.accessed == !flags.idle && seen.dirty == flags.dirty &&
				seen.global == flags.global && seen.key == flags.protection_key &&
				seen.ignore_pat == flags.ignore_pat &&
				seen.suppress_ve == flags.suppress_ve &&
				seen.guarded == flags.guarded && seen.share == flags.share &&
				seen.modified == flags.modified,
			"0x%" PRIx64 ": the MMU reads 0x%" PRIx64 ", query %s", virt,
			seen.descriptor, flags_text(flags, text));
	}
}

static void probe_hole(struct world *world, virt_addr virt, const struct page_mapping *mapping)
{
	struct walk_result seen = world_translate(world, virt, world_accesses[0]);
	const struct model_leaf *entry = model_find(&world->model, virt);
	uint64_t note = entry == NULL ? 0 : entry->note;
	virt_addr start;
	uint64_t size;

	model_hole(&world->model, virt, &start, &size);
	REQUIRE(mapping->annotation == note,
		"0x%" PRIx64 ": query has annotation 0x%" PRIx64 ", the model 0x%" PRIx64, virt,
		mapping->annotation, note);
	REQUIRE(seen.descriptor == (note == 0 ? 0 : note_entry(note)),
		"0x%" PRIx64 ": 0x%" PRIx64 " stands for annotation 0x%" PRIx64, virt,
		seen.descriptor, note);
	REQUIRE(seen.fault == WALK_NOT_PRESENT, "0x%" PRIx64 ": the MMU says %d, query a hole",
		virt, (int)seen.fault);
	REQUIRE(mapping->virt == start && mapping->size == size && mapping->phys == 0,
		"0x%" PRIx64 ": query has a hole 0x%" PRIx64 "+0x%" PRIx64 ", the model 0x%" PRIx64
		"+0x%" PRIx64,
		virt, mapping->virt, mapping->size, start, size);
	REQUIRE(seen.page_size == size, "the MMU ends in 0x%" PRIx64, seen.page_size);
}

/* The short way to ask. */
static void probe_translation(struct world *world, virt_addr virt, const struct model_leaf *leaf)
{
	const phys_addr untouched = UINT64_C(0xeeeeeeeeeeeeeeee);
	phys_addr phys = untouched;
	enum paging_status status = page_table_translate(&world->table, virt, &phys);

	REQUIRE(world->memory->held == 0, "translate leaves %u tables mapped", world->memory->held);
	if (leaf == NULL)
		REQUIRE(status == PAGING_NOT_MAPPED && phys == untouched,
			"translate 0x%" PRIx64 ": %s, 0x%" PRIx64, virt, status_name(status), phys);
	else
		REQUIRE(status == PAGING_OK && phys == leaf->phys + (virt - leaf->virt),
			"translate 0x%" PRIx64 ": %s, 0x%" PRIx64, virt, status_name(status), phys);
}

void world_probe(struct world *world, virt_addr virt)
{
	const struct model_leaf *leaf = model_find(&world->model, virt);
	struct page_mapping mapping;
	enum paging_status status;
	char text[64], wanted[64];

	memset(&mapping, 0xee, sizeof(mapping));
	status = page_table_query(&world->table, virt, &mapping);
	REQUIRE(world->memory->held == 0, "query leaves %u tables mapped", world->memory->held);
	if (status == PAGING_INPUT_RANGE) {
		struct walk_result seen = world_translate(world, virt, world_accesses[0]);

		REQUIRE(seen.fault == WALK_BAD_ADDRESS, "0x%" PRIx64 ": the MMU says %d", virt,
			(int)seen.fault);
		REQUIRE(page_table_translate(&world->table, virt, &mapping.phys) ==
				PAGING_INPUT_RANGE,
			"0x%" PRIx64 " is translated", virt);
		return;
	}
	if (leaf != NULL && leaf->note != 0)
		leaf = NULL;
	probe_translation(world, virt, leaf);
	REQUIRE(status == (leaf != NULL ? PAGING_OK : PAGING_NOT_MAPPED), "query 0x%" PRIx64 ": %s",
		virt, status_name(status));
	if (leaf == NULL) {
		probe_hole(world, virt, &mapping);
		return;
	}
	REQUIRE(mapping.virt == leaf->virt && mapping.phys == leaf->phys &&
			mapping.size == leaf->size,
		"query 0x%" PRIx64 ": 0x%" PRIx64 " -> 0x%" PRIx64 "+0x%" PRIx64
		", model 0x%" PRIx64 " -> 0x%" PRIx64 "+0x%" PRIx64,
		virt, mapping.virt, mapping.phys, mapping.size, leaf->virt, leaf->phys, leaf->size);
	REQUIRE(mapping.annotation == 0, "0x%" PRIx64 " is mapped and annotated", virt);
	REQUIRE(page_flags_equal(mapping.flags, leaf->flags), "query 0x%" PRIx64 ": %s, model %s",
		virt, flags_text(mapping.flags, text), flags_text(leaf->flags, wanted));
	world_probe_leaf(world, virt, &mapping);
	REQUIRE(!world_translate(world, virt, world_accesses[0]).shadow_stack,
		"0x%" PRIx64 " is a shadow stack", virt);
}

/* Every address at which something may begin or end to be true around a leaf. */
static void probe_around(struct world *world, const struct model_leaf *leaf)
{
	uint64_t granule = format_granule(world->format);
	virt_addr last = leaf->virt + leaf->size - 1;

	world_probe(world, leaf->virt);
	world_probe(world, leaf->virt + leaf->size / 2 + 1);
	world_probe(world, last);
	world_probe(world, leaf->virt - 1);
	world_probe(world, leaf->virt - granule);
	world_probe(world, last + 1);
	for (unsigned int level = 0; level < world->format->levels; level++) {
		uint64_t span = world->format->level_size[level];

		world_probe(world, leaf->virt + span);
		world_probe(world, addr_align_down(leaf->virt, span));
		world_probe(world, last | (span - 1));
	}
}

/* Looking: everything */

struct reading {
	const struct world *world;
	struct model *model;
};

static bool read_leaf(void *context, const struct page_visit *visit)
{
	struct reading *reading = context;
	const struct world *world = reading->world;
	struct walk_memory memory = memory_walk(world->memory);
	struct walk_result seen = world->format->translate(
		world->format, world->table.root, &memory, visit->mapping.virt, world_accesses[0]);
	const struct model *model = reading->model;

	REQUIRE(visit->kind ==
			(visit->mapping.annotation == 0 ? PAGE_VISIT_LEAF : PAGE_VISIT_ANNOTATION),
		"a visit of kind %d", (int)visit->kind);
	REQUIRE(model->count == 0 || visit->mapping.virt > model->leaves[model->count - 1].virt,
		"the walk goes back to 0x%" PRIx64, visit->mapping.virt);
	REQUIRE(visit->descriptor == seen.descriptor,
		"walk 0x%" PRIx64 ": 0x%" PRIx64 ", memory has 0x%" PRIx64, visit->mapping.virt,
		visit->descriptor, seen.descriptor);
	REQUIRE(visit->level < world->format->levels &&
			(visit->mapping.size == world->format->level_size[visit->level] ||
			 visit->mapping.size == world->format->group_size[visit->level]),
		"walk 0x%" PRIx64 ": level %u, size 0x%" PRIx64, visit->mapping.virt, visit->level,
		visit->mapping.size);
	model_append(reading->model, (struct model_leaf){ .virt = visit->mapping.virt,
							  .phys = visit->mapping.phys,
							  .size = visit->mapping.size,
							  .flags = visit->mapping.flags,
							  .note = visit->mapping.annotation });
	return true;
}

void world_read(const struct world *world, struct model *model)
{
	struct reading reading = { .world = world, .model = model };
	struct input_range ranges[2];
	unsigned int count = format_ranges(world->format, ranges);

	for (unsigned int i = 0; i < count; i++) {
		enum paging_status status = page_table_walk(
			&world->table, ranges[i].first, ranges[i].last - ranges[i].first + 1,
			PAGE_VISIT_LEAF | PAGE_VISIT_ANNOTATION, read_leaf, &reading);

		REQUIRE(status == PAGING_OK, "walk of range %u: %s", i, status_name(status));
	}
	REQUIRE(world->memory->held == 0, "walk leaves %u tables mapped", world->memory->held);
}

void world_resync(struct world *world)
{
	world->model.count = 0;
	world_read(world, &world->model);
}

static bool check_failed(void *context, const struct page_violation *violation)
{
	const struct format_case *format = context;
	struct page_flags write_only = { .write = 1 };

	/* What could only be written has been write-protected. */
	if (violation->rule == PAGE_RULE_NO_ACCESS && format->expressible(format, write_only))
		return true;
	REQUIRE(false, "0x%" PRIx64 ", level %u: 0x%" PRIx64 ": %s, %" PRIu64, violation->virt,
		violation->level, violation->descriptor, page_rule_text(violation->rule),
		violation->found);
	return true;
}

/* The library's own checker finds nothing, and has been everywhere. */
static void check_sound(struct world *world, uint64_t tables)
{
	struct page_check check = { .report = check_failed,
				    .context = (void *)(uintptr_t)world->format };
	enum paging_status status = page_table_check(&world->table, &check);

	REQUIRE(status == PAGING_OK && check.tables == tables - 1,
		"%s, %" PRIu64 " rules broken in %" PRIu64 " tables", status_name(status),
		check.broken, check.tables);
	REQUIRE(world->memory->held == 0, "check leaves %u tables mapped", world->memory->held);
}

static void probe_some(struct world *world)
{
	/* Not more leaves than the rest is worth; through the hook a look costs system calls. */
	size_t step = world->model.count / (world->memory->reach == MEMORY_BY_HOOK ? 2 : 8) + 1;
	size_t phase = (size_t)(world->checks / world->check_every % step);

	for (size_t i = 0; i < world->model.count; i++) {
		if (i % step == phase || i + 2 > world->model.count)
			probe_around(world, &world->model.leaves[i]);
	}
	world_probe(world, 0);
	world_probe(world, UINT64_MAX);
}

void world_check(struct world *world)
{
	struct model seen = { 0 };
	uint64_t tables;

	if (world->checks++ % world->check_every != 0)
		return;
	tables = world_check_tree(world, false);
	model_init(&seen, world->format);
	world_read(world, &seen);
	require_same_leaves(&world->model, &seen);
	model_drop(&seen);
	REQUIRE(tables == model_tables(&world->model),
		"%" PRIu64 " tables, the model needs %" PRIu64, tables,
		model_tables(&world->model));
	REQUIRE(world->table.tables == tables,
		"the library counts %" PRIu64 " tables, there are %" PRIu64, world->table.tables,
		tables);
	REQUIRE(world->memory->live == tables, "%" PRIu64 " frames are out, %" PRIu64 " are tables",
		world->memory->live, tables);
	probe_some(world);
	check_sound(world, tables);
}

uint64_t world_mark(struct world *world, const struct walk_result *leaf, bool write)
{
	uint64_t d = world->format->touch(world->format, leaf->descriptor, write);

	memcpy(memory_at(world->memory, leaf->entry, sizeof(d)), &d, sizeof(d));
	return d;
}

void world_touch(struct world *world, virt_addr virt, bool write)
{
	struct walk_result leaf = world_translate(world, virt, world_accesses[0]);

	REQUIRE(leaf.fault == WALK_OK || leaf.fault == WALK_DENIED, "nothing at 0x%" PRIx64, virt);
	(void)world_mark(world, &leaf, write);
}

struct page_mapping world_query(struct world *world, virt_addr virt)
{
	struct page_mapping mapping;
	enum paging_status status = page_table_query(&world->table, virt, &mapping);

	REQUIRE(status == PAGING_OK, "0x%" PRIx64 ": %s", virt, status_name(status));
	return mapping;
}
