/* SPDX-License-Identifier: MIT */
/*
 * The reference model of a page table: a sorted list of leaves and of annotated entries, with the
 * same operations and the same rules of error as the library, in the plainest way there is.
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include "formats.h"

struct model_leaf {
	virt_addr virt;
	phys_addr phys;
	uint64_t size;
	struct page_flags flags; /* as query reports them */
	uint64_t note;           /* not a leaf but an entry with this annotation; 0: a leaf */
};

struct model {
	const struct format_case *format;
	struct model_leaf *leaves;
	size_t count;
	size_t capacity;
};

enum model_kind {
	MODEL_MAP_TO,
	MODEL_MAP,
	MODEL_UNMAP,
	MODEL_PROTECT,
	MODEL_SOFTWARE, /* to flags.software */
	MODEL_ANNOTATE, /* with `note` */
};

struct model_op {
	enum model_kind kind;
	virt_addr virt;
	phys_addr phys;
	uint64_t size;
	struct page_flags flags;
	uint64_t leaf_sizes;
	uint32_t mode;
	uint64_t note; /* annotate; unmap: what it leaves */
};

struct model_answer {
	enum paging_status status;
	uint64_t done; /* bytes before the first obstacle; `size` when there is none */
	virt_addr conflict;
	uint64_t conflict_size;
};

/* Whether it puts leaves or annotations where nothing is mapped. */
bool model_op_adds(const struct model_op *op);
/* Whether it can leave tables empty. */
bool model_op_empties(const struct model_op *op);

void model_init(struct model *model, const struct format_case *format);
void model_drop(struct model *model);
void model_copy(struct model *to, const struct model *from);

/* What the operation must answer, memory and the gather permitting. Changes nothing. */
struct model_answer model_answer(const struct model *model, const struct model_op *op);
/* Does the first `bytes` of an operation that meets no obstacle there. */
void model_apply(struct model *model, const struct model_op *op, uint64_t bytes);
/* The leaves that go with the first `bytes` of an unmap, in the sizes in which they go. */
void model_told(const struct model *model, const struct model_op *op, uint64_t bytes,
		struct model *told);
/* What PAGING_ENLARGE makes of the first `bytes`: these, and all leaves that they touch. */
void model_enlarge(const struct model *model, const struct model_op *op, uint64_t bytes,
		   virt_addr *start, uint64_t *size);
/* Whether some leaf must be made invalid and flushed on the way, on a live table. */
bool model_breaks(const struct model *model, const struct model_op *op);
/* How many entries it would add, counted no further than about `limit`. */
uint64_t model_cost(const struct model *model, const struct model_op *op, uint64_t limit);

/* The leaf or annotated entry that `virt` lies in, or NULL. */
const struct model_leaf *model_find(const struct model *model, virt_addr virt);
/* Index of the first leaf that ends after `virt`; count if there is none. */
size_t model_index(const struct model *model, virt_addr virt);
/* The hole around `virt`: its annotated entry, or that of the highest table with nothing in it. */
void model_hole(const struct model *model, virt_addr virt, virt_addr *start, uint64_t *size);
/* How many tables such mappings need, the root among them. */
uint64_t model_tables(const struct model *model);

/* Whether there is a table for the entry that spans [start, start + span). */
bool model_has_table(const struct model *model, virt_addr start, uint64_t span);
/* How many tables are in `before` but not in `after`; `each` (may be NULL) is told of every one. */
uint64_t model_tables_gone(const struct model *before, const struct model *after,
			   void (*each)(void *context, virt_addr start, uint64_t span),
			   void *context);

/* Appends a leaf behind all others. */
void model_append(struct model *model, struct model_leaf leaf);
/* Whether every address means the same in both, whatever the leaf sizes. */
bool model_same_translation(const struct model *a, const struct model *b);

#endif
