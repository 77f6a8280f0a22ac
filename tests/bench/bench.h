/* SPDX-License-Identifier: MIT */
/*
 * The benchmark: the same workloads over the library, a naive walker and the stores alone, in one
 * process. docs/performance.md says what each of them is.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stddef.h>

#include <twofold/page_batch.h>
#include <twofold/page_table.h>

#include "../paging/formats.h"

/* Table memory: frames in a row, freed ones again last in first out. Physical address 0 is `bytes`.
 */
struct memory {
	struct frame_allocator allocator;
	void *mapping; /* all of it, of which `bytes` is aligned */
	uint8_t *bytes;
	uint64_t size;
	uint64_t next;
	phys_addr *freed;
	size_t freed_count;
	uint64_t live; /* frames that are out */
};

struct memory *memory_create(uint64_t size);
void memory_destroy(struct memory *memory);
/* Takes everything back. */
void memory_reset(struct memory *memory);
struct walk_memory memory_walk(struct memory *memory);

/* Whoever maps: functions as page_table.h has them. */
struct subject {
	const char *name;
	enum paging_status (*map_to)(struct page_table *, virt_addr, phys_addr, struct page_flags,
				     struct frame_allocator *);
	enum paging_status (*query)(const struct page_table *, virt_addr, struct page_mapping *);
	enum paging_status (*map)(struct page_table *, virt_addr, phys_addr, uint64_t,
				  struct page_flags, struct page_table_op *);
	enum paging_status (*unmap)(struct page_table *, virt_addr, uint64_t,
				    struct page_table_op *);
	enum paging_status (*write_protect)(struct page_table *, virt_addr, uint64_t,
					    struct page_table_op *);
	enum paging_status (*translate)(const struct page_table *, virt_addr, phys_addr *);
	enum paging_status (*map_batch)(struct page_table *, const struct page_pair *, size_t,
					struct page_flags, struct frame_allocator *, size_t *);
	enum paging_status (*translate_batch)(const struct page_table *, struct page_pair *, size_t,
					      size_t *);
	bool frees; /* unmapping gives empty tables back */
};

extern const struct subject subject_library;
/* The library once more, built with vector registers (vector.h); to be called where vector_runs().
 */
extern const struct subject subject_vector;
/* Does nothing: what it takes is what the calling loop takes. */
extern const struct subject subject_empty;

struct bench_format {
	const char *name;
	struct format_case model;               /* with the configuration that is measured */
	const struct page_table_format *vector; /* the same of subject_vector */
	const struct subject *naive;
};

extern const struct subject naive_x86, naive_ept, naive_npt, naive_stage1, naive_stage2;

#define BENCH_FORMATS 5
/* The formats that are measured; the table is made when it is first asked for. */
const struct bench_format *bench_format(unsigned int index);

/* How large the workloads are. */
struct sizes {
	uint64_t bytes;  /* W1, W2, W5, W6, W7: 1 GiB */
	uint64_t large;  /* W3, W3m: 64 GiB */
	uint64_t span;   /* W4, W5r: pages lie somewhere in 256 GiB */
	uint64_t random; /* W4, W5, W5r: so many of them */
};

#define RANGES 16
#define FRAMES 1024

struct run {
	const struct bench_format *format;
	const struct subject *subject;
	const struct sizes *sizes;
	struct memory *memory;
	struct page_table table;
	struct page_table_op op;
	struct tlb_gather gather;
	struct tlb_range ranges[RANGES];
	struct frame frames[FRAMES];
	/* Offsets of pages, all of them even ones and different; and the same in another order. */
	uint64_t *spread, *shuffled;
	struct page_pair *pairs; /* `random` of them, for batches */
	uint64_t failures;       /* statuses other than PAGING_OK, OR-ed */
	uint64_t sum;            /* of the addresses that queries gave */
};

#define VIRT_BASE (UINT64_C(1) << 40)
#define PHYS_BASE (UINT64_C(1) << 37)

struct workload {
	const char *name;
	const char *what;
	uint64_t (*operations)(const struct sizes *sizes);
	void (*prepare)(struct run *run); /* on an empty table */
	void (*measure)(struct run *run);
	void (*verify)(struct run *run);
	void (*floor)(const struct run *run); /* the stores or loads alone; NULL: none */
	bool writes_runs; /* whole tables or runs of entries are written: of subject_vector only
			     these */
};

extern const struct workload workloads[];
extern const size_t workload_count;

/* Pages in a batch. */
#define BATCH 64

/* Memory, and pages in no order. */
struct run *run_create(const struct sizes *sizes);
void run_destroy(struct run *run);
/* An empty table of the run's format, for its subject. */
void run_begin(struct run *run);

/* Reads table memory with the walkers of tests/paging, which know nothing of the library. */
void verify_mapped(struct run *run, uint64_t offset, uint64_t bytes, uint64_t leaf, bool write);
void verify_page(struct run *run, uint64_t offset, bool write);
/* That the page is mapped, by a leaf of whatever size. */
void verify_reaches(struct run *run, uint64_t offset);
void verify_empty(struct run *run, uint64_t bytes);
void verify_sum(const struct run *run, const uint64_t *offsets, uint64_t mask);

/* What the memory costs, whoever computes the addresses. `table`: entries of 8 bytes. */
void floor_fill(uint64_t *table, uint64_t count, uint64_t first, uint64_t step);
void floor_zero(uint64_t *table, uint64_t count);
void floor_protect(uint64_t *table, uint64_t count, uint64_t clear);
/* Whether this CPU has AVX2, which the floor then uses. */
bool vector_runs(void);

uint64_t *random_spread(const struct sizes *sizes);
uint64_t *random_shuffled(const uint64_t *spread, uint64_t count);

/* One measurement. */
struct clock_reading {
	double ns;
	double cycles;
};

/* `hardware`: cycles are those of a hardware counter; else of the time-stamp counter. */
bool clock_begin(void);
struct clock_reading clock_now(void);

/* The commands (main.c). */
struct request {
	struct sizes sizes;
	unsigned int runs;
	const char *formats;   /* a list, or NULL for all */
	const char *workloads; /* likewise */
	const char *subjects;  /* likewise: library, vector, naive, floor; for time and count */
};

/* Whether `name` is in the comma-separated list. */
bool request_has(const char *list, const char *name);
/* The exit status when so many measurements were asked for: of none, with an error. */
int request_status(unsigned int done);
int bench_time(const struct request *request);
int bench_count(const struct request *request);
int bench_sizes(const struct request *request);
int bench_threads(const struct request *request);
int bench_tables(const struct request *request);

#endif
