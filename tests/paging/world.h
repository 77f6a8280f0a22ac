/* SPDX-License-Identifier: MIT */
/*
 * A table under test with all that watches it: its memory, the model of it and the independent MMU.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "formats.h"
#include "memory.h"
#include "model.h"

struct world {
	const struct format_case *format;
	struct test_memory *memory;
	struct page_table table;
	struct model model;
	struct model told;    /* of what PAGING_TELL has shown, in its order */
	uint64_t checks;      /* how often world_check was to look: each time at other leaves */
	uint64_t check_every; /* it looks each time; or, where that takes too long, less often */
};

/* An empty table in a memory that ends at the last output address. */
void world_open(struct world *world, const struct format_case *format, enum memory_reach reach);
/* Destroys the table; every frame must have come back. */
void world_close(struct world *world);

struct frame_allocator *world_frames(struct world *world);

/* op->visitor with PAGING_TELL, whose context is the world: notes the leaf in world->told, and
 * whatever it answers is no matter. */
bool world_hear(void *context, const struct page_visit *visit);

/* The library's answer to an operation; `op` gets the results. op->frames, gather are the caller's.
 * What it tells of must be what the model has. */
enum paging_status world_do(struct world *world, const struct model_op *what,
			    struct page_table_op *op);

/*
 * world_do without failing memory and gather, and all that can be said about it: status, `done`,
 * `conflict` as the model has them; afterwards the table equals the model, or on failure is
 * untouched. Returns the status.
 */
enum paging_status world_step(struct world *world, const struct model_op *what);
/* The same, and it must succeed. */
void world_must(struct world *world, const struct model_op *what);

/* Short ways to say the usual operations: normal RWX memory, all leaf sizes, atomic. */
void world_map(struct world *world, virt_addr virt, phys_addr phys, uint64_t size);
/* Without looking at the table afterwards: for many in a row, before a world_check. */
void world_map_unseen(struct world *world, virt_addr virt, phys_addr phys, uint64_t size);
void world_unmap(struct world *world, virt_addr virt, uint64_t size, uint32_t mode);

/* The table is what the model says, by every way of looking at it, and sound in every entry. */
void world_check(struct world *world);
/* Fails unless the structure is sound; counts its tables. world_check does it too, and allows no
 * empty table. */
uint64_t world_check_tree(struct world *world, bool may_be_empty);
/* The independent MMU says of a leaf what page_table_query did. */
void world_probe_leaf(struct world *world, virt_addr virt, const struct page_mapping *mapping);
/* They agree about `virt`, and the model with both. */
void world_probe(struct world *world, virt_addr virt);
/* Makes the model what the table is, as the walk shows it. */
void world_resync(struct world *world);
/* As world_resync, into another model. */
void world_read(const struct world *world, struct model *model);

/* What the independent MMU answers. */
struct walk_result world_translate(struct world *world, virt_addr virt, struct walk_access access);
/* The hardware reads what a leaf maps, or writes to it, and marks the leaf; its descriptor then. */
uint64_t world_mark(struct world *world, const struct walk_result *leaf, bool write);
/* The same of the leaf that maps `virt`, whatever it allows. */
void world_touch(struct world *world, virt_addr virt, bool write);
/* What page_table_query says of `virt`, where something is mapped. */
struct page_mapping world_query(struct world *world, virt_addr virt);
/* The descriptor that maps `virt`, found by that MMU. */
uint64_t world_descriptor(struct world *world, virt_addr virt);

#define WORLD_ACCESSES 6
extern const struct walk_access world_accesses[WORLD_ACCESSES];
/* Whether a leaf with such flags grants the access. */
bool world_granted(const struct format_case *format, struct page_flags flags,
		   struct walk_access access);

const char *status_name(enum paging_status status);
const char *flags_text(struct page_flags flags, char text[64]);

#endif
