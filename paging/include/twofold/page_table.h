/* SPDX-License-Identifier: MIT */
/*
 * A page table, of any format and any stage of translation.
 *
 *	struct page_table table;
 *	struct page_table_config config = {
 *		.format = &x86_64_stage1, .input_bits = 48, .output_bits = 40,
 *		.leaf_sizes = PAGE_SIZE_4K | PAGE_SIZE_2M,
 *		.features = X86_64_NX, .memory_attributes = X86_64_PAT,
 *	};
 *	status = page_table_init(&table, &config, frames);
 *	status = page_table_map_to(&table, virt, phys, (struct page_flags){ .read = 1 }, frames);
 *
 * Units: all addresses and sizes are bytes. Ranges are (start, size); the last page of the address
 * space can be in one. Leaves are named by their size. No pointer may be NULL where it is
 * not said.
 *
 * Ordering: a descriptor is written with one 64-bit atomic store. A new table is linked by a
 * release store after all of it is written. What the CPU needs on top is the caller's: to
 * invalidate what a gather asks for; and after a new mapping, for which no gather asks, the barrier
 * without which the MMU may still see nothing there: on Arm DSB ISHST, and ISB on the CPU that goes
 * on to use it (aarch64_tlb_after_map; D8.2.6), on RISC-V a fence when it faults (riscv_tlb.h), on
 * x86 none. Hardware may walk a table, and set accessed and dirty bits in it, throughout.
 *
 * Threads: operations that change a table are made one at a time, but for those that a parallel
 * table (page_table_config.parallel) allows. page_table_query and page_table_walk may be called at
 * any time, by any number of threads, beside any of them except page_table_init and
 * page_table_destroy: they take no lock, and of each entry see what was there before or after, or
 * nothing for as long as hardware sees nothing there: where the change takes break-before-make, or
 * a contiguous group is made of it or taken apart. If tables may go away meanwhile, each such call
 * is made inside a read section of the caller's (as with RCU), and the writer's gather has a
 * wait_for_readers (tlb_gather.h). Two entries are not seen at one moment: a walk may show a leaf
 * that overlaps one shown before, if the two were joined or split between. table_access.map is then
 * called by many threads at once.
 */
#ifndef TWOFOLD_PAGE_TABLE_H
#define TWOFOLD_PAGE_TABLE_H

#include "address.h"
#include "frame.h"
#include "page_flags.h"
#include "status.h"
#include "tlb_gather.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PAGE_TABLE_MAX_LEVELS 6

/* A format: whole operations, each compiled for its descriptors. See twofold/<isa>.h for them. */
struct page_table_format;

/*
 * How the library reaches a table at physical address p: at pointer p + offset (modulo 2^64;
 * offset 0 is the identity), or, if `map` is set, at the pointer that map(context, p, size) gives.
 * Such a pointer is used until unmap(context, p, pointer), and at most PAGE_TABLE_MAX_LEVELS + 1 of
 * them are held at once; map cannot fail.
 */
struct table_access {
	uint64_t offset;
	void *(*map)(void *context, phys_addr table, uint64_t size);
	void (*unmap)(void *context, phys_addr table, void *pointer);
	/*
	 * NULL where walkers see what the library's stores wrote. Otherwise called after each
	 * store, or run of them, that a walker may see, and for a new table before it is linked:
	 * makes [pointer, pointer + size) visible to a walker that does not look into the caches
	 * (Arm: DC CVAC or CIVAC of each line and DSB, with the MMU off or a walker that is not
	 * coherent), and returns when that is complete.
	 */
	void (*clean)(void *context, const void *pointer, uint64_t size);
	void *context;
};

struct page_table_config {
	const struct page_table_format *format;
	uint8_t input_bits;  /* width of an input address: 48, 57, ... */
	uint8_t output_bits; /* width of an output address: MAXPHYADDR, PARange */
	/* The leaf sizes the MMU has, OR-ed: the granule, and each larger one up to the largest. */
	uint64_t leaf_sizes;
	uint32_t features; /* the format's feature bits */
	/* The CPU's IA32_PAT or MAIR: a memory type that it does not have is PAGING_BAD_FLAGS, so
	 * with 0 there is device memory only. 0 in formats without. */
	uint64_t memory_attributes;
	/*
	 * x86_64 formats: one bit of the descriptor's address field that is no address: memory
	 * encryption's C-bit (AMD APM vol. 2 15.34.1), the shared bit of a TDX guest's addresses.
	 * At or above output_bits; 0: none. A leaf has it if flags.modified, and every table entry
	 * if modified_tables. Addresses in this interface never contain it, `root` neither.
	 */
	uint64_t modifier;
	bool modified_tables;
	struct table_access access;
	/*
	 * page_table_map_to, and page_table_map with PAGING_RESUMABLE and without PAGING_REPLACE,
	 * may be called by many threads at once, beside query, walk and harvest. Each leaf of such
	 * a map is put in by itself: where ranges overlap, one of the calls wins a leaf and the
	 * others answer PAGING_ALREADY_MAPPED there, with `done` what they had won up to then. A
	 * call that finds no frame leaves no empty table. No contiguous groups are made
	 * (page_table_collapse folds them later). The frame allocator is the thread's own or locks
	 * by itself. Every other operation, page_table_map all or nothing too, excludes the rest
	 * and keeps its contract.
	 */
	bool parallel;
};

struct page_table_op;

/* The library's; read `root` (physical address of the root table), leave the rest. */
struct page_table {
	const struct page_table_format *format;     /* as in the configuration */
	const struct page_table_format *operations; /* format, or how a parallel table has it */
	/* Of `operations`, what is called for a page at a time. */
	enum paging_status (*map_to)(struct page_table *table, virt_addr virt, phys_addr phys,
				     struct page_flags flags, struct frame_allocator *frames);
	enum paging_status (*unmap)(struct page_table *table, virt_addr virt, uint64_t size,
				    struct page_table_op *op);
	enum paging_status (*write_protect)(struct page_table *table, virt_addr virt, uint64_t size,
					    struct page_table_op *op);
	enum paging_status (*translate)(const struct page_table *table, virt_addr virt,
					phys_addr *phys);
	phys_addr root;
	uint64_t tables; /* tables the tree has now, the root among them */
	uint64_t leaf_sizes;
	uint64_t memory_attributes; /* as in the configuration */
	uint64_t type_index;        /* memory type n has attribute index (type_index >> 8n) & 255 */
	uint32_t index_types;       /* the other way: 4 bits for each index (Arm stage 1) */
	uint64_t modifier;          /* as in the configuration */
	uint64_t table_bits;        /* the address bits of a table entry, where they lie together */
	uint32_t features;
	uint8_t input_bits;
	uint8_t output_bits;
	bool upper;     /* its input addresses end at 2^64 (Arm's upper half) */
	uint8_t levels; /* how many; level 0 has the granule-sized leaves */
	bool modified_tables;
	uint8_t held; /* what entries there may be that not every table has (engine/held.h) */
	bool recent_claimed; /* a parallel table: some thread sets recent_flags, or has */
	/* What follows from these, so that an operation on one page need not work it out
	 * (engine/arguments.h). */
	uint64_t input_bias;  /* added to an input address ... */
	uint64_t input_limit; /* ... it is less than this, or not one of the table's */
	uint64_t plain_limit; /* the same for the walk of plain_root; 0 if there is no such walk */
	bool whole_root;      /* it has as many entries as any other table */
	uint64_t *plain_root; /* of a table of four levels, with a whole root, at an offset */
	phys_addr output_bad; /* bits that the address of a page has not */
	struct table_access access;

	/* Where the page before was mapped (engine/recent.h). */
	virt_addr recent;         /* the first address that the lowest table there spans */
	uint64_t recent_reach;    /* entries of it, from there on, that may be used; 0: nowhere */
	uint64_t *recent_entries; /* it */
	uint64_t *recent_slot;    /* the entry that links to it */
	struct page_flags recent_flags;
	uint64_t recent_attributes; /* what those flags are encoded as; 0: there are none */
	uint64_t recent_page;       /* a page's descriptor with them, without its address; not of a
				     * parallel table */
	uint64_t far;               /* the page before that was elsewhere: in spans of a table */
};

/* One leaf, or for page_table_query's PAGING_NOT_MAPPED the hole that the walk ended in. */
struct page_mapping {
	virt_addr virt; /* start of the leaf, not of the question */
	phys_addr phys; /* where it goes; 0 for a hole */
	uint64_t size;
	struct page_flags flags; /* what the MMU grants: upper levels taken into account */
	uint64_t annotation;     /* of a hole; 0: none */
};

/* Annotations are numbers of so many bits. On a CPU with L1TF keep them below 2^(MAXPHYADDR - 13):
 * such entries lead it to no memory in the lower half of its physical addresses. */
#define PAGE_ANNOTATION_BITS 39

/* How a range operation may go about it. */
enum page_table_mode {
	/* Keep what was done when it fails; `done` says how far. Otherwise it is all or nothing. */
	PAGING_RESUMABLE = 1 << 0,
	/* unmap, protect: a leaf that the range covers in part is split, which may take frames. */
	PAGING_SPLIT = 1 << 1,
	/* unmap, protect: parts of the range that are not mapped are no error. */
	PAGING_SKIP_HOLES = 1 << 2,
	/* map: what is mapped in the range gives way. A leaf that the range covers in part is
	 * split, a table that a leaf takes the place of goes to the gather. */
	PAGING_REPLACE = 1 << 3,
	/* unmap, protect: a leaf that the range covers in part is done as a whole, in place of
	 * splitting it; `enlarged` says what that came to. Not together with PAGING_SPLIT:
	 * PAGING_BAD_ARGUMENT. */
	PAGING_ENLARGE = 1 << 4,
	/* Change nothing: check all that an operation that is all or nothing checks, but for
	 * memory, count in `tables` the frames that it will take, and say in `enlarged` what
	 * PAGING_ENLARGE will come to. With so many frames at hand (twofold/frame_cache.h) the
	 * operation cannot fail afterwards. collapse and harvest take none, and check their
	 * arguments only. */
	PAGING_PLAN = 1 << 5,
	/* unmap, page_cursor_unmap, and map where it replaces: op->visitor is shown each leaf that
	 * goes (see there). Whole tables of leaves then go leaf by leaf. Without a visitor:
	 * PAGING_BAD_ARGUMENT. */
	PAGING_TELL = 1 << 6,
	/* PAGING_REPLACE, PAGING_ENLARGE and PAGING_TELL for an operation that has no such thing,
	 * and bits that are none of these, are PAGING_BAD_ARGUMENT; the others are no matter where
	 * they do not apply, so that one mode can serve many calls. */
};

/*
 * Arm: every operation that is to change a leaf with the contiguous hint answers
 * PAGING_BROKEN_GROUP, with the group in op->conflict*, unless the group is whole (DDI 0487
 * D8.7.1): each of its entries is a leaf with the hint, they lead to addresses in a row from one
 * that is a multiple of the group's size, and are alike but for accessed, dirty and what the MMU
 * ignores. The library makes no others, but may find them in tables that others wrote to; then it
 * is not known what the TLB has, or which leaves the change is to be about. What stays as it is
 * (page_table_split of leaves that are small enough, annotations) or goes with its whole table is
 * no matter. In a table whose leaf_sizes have no groups, unmap and write_protect do not look for
 * hints in whole tables of pages before they begin (engine/held.h).
 */

enum page_mark {
	PAGE_MARK_ACCESSED = 1 << 0,
	PAGE_MARK_DIRTY = 1 << 1,
};

struct page_visit;

/* Called in ascending order of address; false ends the walk with PAGING_STOPPED. It must not change
 * the table. */
typedef bool (*page_visitor)(void *context, const struct page_visit *visit);

/* The circumstances of a range operation, and what came of it. One struct serves many calls. */
struct page_table_op {
	struct frame_allocator *frames; /* supplies tables; may be NULL where none can be needed */
	struct tlb_gather *gather; /* NULL: no walker uses the table, nothing need be flushed */
	uint32_t mode;             /* enum page_table_mode, OR-ed */
	/* map, collapse: no larger leaves than these, beside the granule, which is always allowed;
	 * 0: all the table has. What it has not does not matter. A group is made of leaves that are
	 * allowed: the size of a group of blocks counts only together with that of the block. */
	uint64_t leaf_sizes;
	uint64_t budget;     /* resumable: tables that splitting makes at most; 0: no limit */
	uint64_t annotation; /* unmap: what to leave in place of each leaf; 0: nothing */

	/*
	 * PAGING_TELL: shown each leaf that goes, a group as one, as it was at that moment: it goes
	 * by an exchange, which loses no mark that hardware sets, and is shown after that, most
	 * often before the gather is flushed. Hardware marks it no more. Where hardware marks what
	 * is dirty (the format's features say so), a page that is shown clean is not written to any
	 * more, if what was harvested before has been flushed; one that is shown dirty can be,
	 * until this gather is. Where it does not, that goes for every page that can be written to.
	 *
	 * What is split on the way is shown in its pieces, each with the marks of the whole, and
	 * with PAGING_ENLARGE a leaf as the whole that goes. A group whose entries other leaves
	 * take is shown leaf by leaf. Where a leaf takes the place of a table, the leaves in that
	 * stay within hardware's reach until the gather is flushed, which is done first: on a live
	 * table that takes a gather that can flush (PAGING_NEEDS_FLUSH). A hint there that no whole
	 * group has is no matter.
	 *
	 * What is shown is gone: the visitor's answer is no matter. With PAGING_PLAN, and by what
	 * is all or nothing and fails, nothing is shown.
	 */
	page_visitor visitor;
	void *context; /* the visitor's */

	/* Results. */
	uint64_t done;          /* bytes of the range that are done (all of it, or 0 when atomic) */
	uint64_t tables;        /* with PAGING_PLAN, or atomic: the table frames that it takes */
	virt_addr enlarged;     /* with PAGING_ENLARGE only: start and size of what is done, or */
	uint64_t enlarged_size; /* planned, and all leaves that it touches; size 0: nothing is */
	virt_addr conflict;     /* on failure: the input address it is about */
	/* And the size of the leaf, hole or table in the way, or that there was no frame to split;
	 * else 0, as where all or nothing is done and frames are missing. */
	uint64_t conflict_size;
};

/* A place in a table (twofold/page_cursor.h). All of it is the library's. */
struct page_cursor {
	uint64_t input; /* inside the entry it stands on, without sign extension */
	uint64_t last;  /* the last byte of its range */
	unsigned int level;
	uint64_t *tables[PAGE_TABLE_MAX_LEVELS]; /* from the root down to there */
	uint64_t *slots[PAGE_TABLE_MAX_LEVELS];  /* the entry above that each was reached by */
	phys_addr phys[PAGE_TABLE_MAX_LEVELS];

	/* Of a caller's cursor only. */
	struct page_table *table;
	struct page_table_op *op;
	uint64_t here;    /* an input address in the table it is in */
	bool ended;       /* it is past the last address */
	uint32_t touched; /* bit n: entries of its table of level n have been changed, and */
	uint64_t gone[PAGE_TABLE_MAX_LEVELS]; /* so many fewer are in use than it says above */
};

/*
 * Takes a root frame from `frames` and makes an empty table. PAGING_BAD_FORMAT, _BAD_INPUT_BITS,
 * _BAD_OUTPUT_BITS, _BAD_LEAF_SIZES, _BAD_FEATURES, _BAD_ATTRIBUTES, _BAD_MODIFIER, _BAD_ACCESS:
 * which field of the configuration the format cannot have. PAGING_NO_MEMORY, PAGING_OUTPUT_RANGE
 * (the root frame lies beyond the output width), PAGING_UNALIGNED (it is not aligned to its size).
 * A frame for another table that is wrong in either way goes back, and is as good as none:
 * PAGING_NO_MEMORY.
 */
enum paging_status page_table_init(struct page_table *table, const struct page_table_config *config,
				   struct frame_allocator *frames);

/*
 * For a table that others built, the root of which is at `root`: fit for query, walk, check, dump
 * and statistics, which do not change it. Nothing is read yet, and table->tables is 0, for not
 * known. PAGING_BAD_FORMAT, _BAD_INPUT_BITS, _BAD_OUTPUT_BITS, _BAD_LEAF_SIZES, _BAD_FEATURES,
 * _BAD_ATTRIBUTES, _BAD_MODIFIER, _BAD_ACCESS: as page_table_init; PAGING_UNALIGNED (a root is
 * aligned to its size), PAGING_OUTPUT_RANGE.
 */
enum paging_status page_table_adopt(struct page_table *table,
				    const struct page_table_config *config, phys_addr root);

/*
 * For code that has moved, such as a kernel that made its tables with the MMU off: from now on the
 * tables are reached by `access`, and the table's own format is found at `format`, its new address.
 */
void page_table_rebase(struct page_table *table, const struct page_table_format *format,
		       const struct table_access *access);

/* Gives every table back to `frames`. No walker may use the table any more. */
void page_table_destroy(struct page_table *table, struct frame_allocator *frames);

/*
 * Maps the granule-sized page at `virt` to `phys`. Both are multiples of the granule.
 * PAGING_UNALIGNED, _INPUT_RANGE, _OUTPUT_RANGE, _BAD_FLAGS, _ALREADY_MAPPED, _NO_MEMORY, checked
 * in this order. No invalidation is ever needed after it, but on Arm a barrier (see Ordering).
 */
enum paging_status page_table_map_to(struct page_table *table, virt_addr virt, phys_addr phys,
				     struct page_flags flags, struct frame_allocator *frames);

/*
 * Maps [virt, virt + size) to [phys, phys + size) with the largest leaves that alignment, the MMU
 * and op->leaf_sizes allow; no contiguous group is made where something was mapped
 * (page_table_collapse makes one). Errors as page_table_map_to, and PAGING_BAD_SIZE. A mapping
 * anywhere in the range, identical or not, is PAGING_ALREADY_MAPPED, with its leaf in
 * op->conflict*; unless PAGING_REPLACE, which can fail with PAGING_NEEDS_FLUSH, _GATHER_FULL,
 * _BROKEN_GROUP, and _BAD_ARGUMENT if tables have nowhere to go, neither a gather nor op->frames.
 */
enum paging_status page_table_map(struct page_table *table, virt_addr virt, phys_addr phys,
				  uint64_t size, struct page_flags flags, struct page_table_op *op);

/*
 * Removes every mapping in the range, and the tables that are empty then. Takes frames only to
 * split (PAGING_SPLIT); a resumable call stops with PAGING_BUDGET after op->budget tables, and the
 * rest of the range can be done by a later call. PAGING_UNALIGNED, _BAD_SIZE, _INPUT_RANGE,
 * _NOT_MAPPED, _WOULD_SPLIT, _NO_MEMORY, _BUDGET, _GATHER_FULL, _BROKEN_GROUP, _NEEDS_FLUSH (to
 * split a leaf of a live table that wants break-before-make). Emptied tables go to the gather, or
 * without one to op->frames; PAGING_BAD_ARGUMENT if there is neither.
 *
 * What hardware marked in the leaves is told with PAGING_TELL only (op->visitor), also
 * PAGING_BAD_ARGUMENT if nobody is there to be told. A page told dirty, or any that can be written
 * to where hardware marks none, may be up to the flush: what is in it is read after that. To read
 * it while it is still mapped, take write permission first (page_table_write_protect), flush, read
 * it, and unmap then.
 */
enum paging_status page_table_unmap(struct page_table *table, virt_addr virt, uint64_t size,
				    struct page_table_op *op);

/*
 * Gives every mapping in the range the permissions, memory type and software bits of `flags`;
 * output addresses and leaf sizes stay, and so do accessed and dirty: flags.idle and flags.dirty
 * are ignored. What has them already, leaf or group, is left alone: nothing is asked of the gather
 * for it, and nothing broken. Errors as page_table_unmap, and PAGING_BAD_FLAGS.
 */
enum paging_status page_table_protect(struct page_table *table, virt_addr virt, uint64_t size,
				      struct page_flags flags, struct page_table_op *op);

/*
 * Takes write permission from every mapping in the range; all else stays. A dirty leaf stays dirty,
 * and one that is read-only is left alone. Errors as page_table_unmap.
 */
enum paging_status page_table_write_protect(struct page_table *table, virt_addr virt, uint64_t size,
					    struct page_table_op *op);

/*
 * Splits every leaf that touches the range and is larger than `leaf_size` (one of the table's leaf
 * sizes), until none is; nothing translates differently after it. A contiguous group that is not
 * larger stays; none is made: split to the size of a group, a block becomes single leaves of the
 * size that groups are made of (page_table_collapse folds them). Holes are no error. A resumable
 * split stops with PAGING_BUDGET after op->budget tables; the rest of the range can be done by a
 * later call. PAGING_UNALIGNED, _BAD_SIZE (also: no such leaf size), _INPUT_RANGE, _NEEDS_FLUSH,
 * _NO_MEMORY, _BUDGET, _BROKEN_GROUP.
 */
enum paging_status page_table_split(struct page_table *table, virt_addr virt, uint64_t size,
				    uint64_t leaf_size, struct page_table_op *op);

/*
 * The other way: where all entries of a table that lies in the range as a whole are leaves that a
 * single larger leaf can stand for (the table and op->leaf_sizes have that size, addresses line up,
 * all else is equal), that leaf takes its place; and likewise contiguous groups, whether or not
 * some of their leaves have the hint already. What no such leaf can stand for stays. The leaf is
 * accessed, and dirty, if one of them was. A live table needs a gather that can flush, since
 * hardware may mark the old leaves until then: PAGING_NEEDS_FLUSH. Others: PAGING_UNALIGNED,
 * _BAD_SIZE, _INPUT_RANGE, _GATHER_FULL, _BAD_ARGUMENT (neither a gather nor op->frames).
 */
enum paging_status page_table_collapse(struct page_table *table, virt_addr virt, uint64_t size,
				       struct page_table_op *op);

/*
 * Clears the marks in `marks` (enum page_mark, OR-ed) in every leaf that touches the range, by
 * exchange, and shows `visitor` (NULL: nobody) each leaf that had one of them, as it was. What the
 * MMU marks after the gather is flushed is found by the next harvest; nothing is lost between.
 * A table whose hardware sets no marks (EPT without EPT_ACCESSED_DIRTY, Arm without
 * AARCH64_HARDWARE_DIRTY) has none to show: there write protection finds what is written to.
 * PAGING_UNALIGNED, _BAD_SIZE, _INPUT_RANGE, _BAD_ARGUMENT (`marks` is 0, or has other bits),
 * _STOPPED (the leaf shown last is cleared), _BROKEN_GROUP. The last two leave done what came
 * before, whatever op->mode says: op->done.
 */
enum paging_status page_table_harvest(struct page_table *table, virt_addr virt, uint64_t size,
				      unsigned int marks, page_visitor visitor, void *context,
				      struct page_table_op *op);

/*
 * Gives every mapping in the range the software bits `software`; all else stays, and nothing need
 * be flushed. Errors as page_table_unmap, and PAGING_BAD_FLAGS: the format has fewer software bits.
 */
enum paging_status page_table_set_software(struct page_table *table, virt_addr virt, uint64_t size,
					   uint16_t software, struct page_table_op *op);

/*
 * Gives what is not mapped in the range the annotation (PAGE_ANNOTATION_BITS), in the largest
 * entries that lie in it and have no table; query and walk show it. An annotation is no mapping:
 * the MMU sees nothing, mapping there takes its place, unmap and protect see a hole. But it keeps
 * its table alive, so it takes frames as a mapping does. It replaces no mapping. Errors as
 * page_table_map; PAGING_BAD_FLAGS: the number is too large.
 *
 * Annotation 0 takes annotations away; mappings in the range are then no error. A larger annotated
 * entry that the range covers in part is split (PAGING_SPLIT) or PAGING_WOULD_SPLIT. Errors as
 * page_table_unmap.
 */
enum paging_status page_table_annotate(struct page_table *table, virt_addr virt, uint64_t size,
				       uint64_t annotation, struct page_table_op *op);

/*
 * What the MMU answers for `virt` (any address, not only an aligned one): the leaf it lies in. In a
 * table of others, an entry that looks like a leaf is taken for one where the format has none (PS
 * in a PML4E), and reserved bits are not looked at: those fault, and page_table_check tells.
 * PAGING_INPUT_RANGE; PAGING_NOT_MAPPED, with the hole in *mapping.
 */
enum paging_status page_table_query(const struct page_table *table, virt_addr virt,
				    struct page_mapping *mapping);

/*
 * The output address of the byte at `virt`, and no more: what a walk of the table costs. *phys is
 * left alone on failure. PAGING_INPUT_RANGE, PAGING_NOT_MAPPED.
 */
enum paging_status page_table_translate(const struct page_table *table, virt_addr virt,
					phys_addr *phys);

enum page_visit_kind {
	PAGE_VISIT_LEAF = 1 << 0,
	PAGE_VISIT_TABLE = 1 << 1, /* a table, before what is in it */
	PAGE_VISIT_HOLE = 1 << 2,  /* not present, and not annotated */
	PAGE_VISIT_ANNOTATION = 1 << 3,
};

struct page_visit {
	enum page_visit_kind kind;
	struct page_mapping mapping; /* of a table: what it spans, and where it lies */
	uint64_t descriptor;         /* as it stands in memory, or stood (harvest, PAGING_TELL) */
	unsigned int level;          /* of the entry; 0 has the granule-sized leaves */
};

/*
 * Shows `visitor` each entry of the kinds in `kinds` that touches the range. mapping.flags of a
 * leaf are as page_table_query gives them. PAGING_BAD_SIZE, _INPUT_RANGE, _STOPPED.
 */
enum paging_status page_table_walk(const struct page_table *table, virt_addr virt, uint64_t size,
				   unsigned int kinds, page_visitor visitor, void *context);

/* Inclusive at both ends. */
struct input_range {
	virt_addr first;
	virt_addr last;
};

/* Fills in the input addresses that the table has, ascending, and returns how many ranges they are:
 * 2 where addresses are sign-extended, else 1. */
unsigned int page_table_ranges(const struct page_table *table, struct input_range ranges[2]);

#ifdef __cplusplus
}
#endif

#endif
