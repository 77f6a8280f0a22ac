/* SPDX-License-Identifier: MIT */
/* The formats that are measured, the library, and one who does nothing. */
#include <twofold/aarch64.h>
#include <twofold/x86_64.h>

#include "bench.h"
#include "vector.h"

const struct subject subject_library = {
	"library",
	page_table_map_to,
	page_table_query,
	page_table_map,
	page_table_unmap,
	page_table_write_protect,
	page_table_translate,
	page_table_map_batch,
	page_table_translate_batch,
	true,
};

const struct subject subject_vector = {
	"vector",
	vector_page_table_map_to,
	vector_page_table_query,
	vector_page_table_map,
	vector_page_table_unmap,
	vector_page_table_write_protect,
	vector_page_table_translate,
	vector_page_table_map_batch,
	vector_page_table_translate_batch,
	true,
};

static enum paging_status no_map_to(struct page_table *table, virt_addr virt, phys_addr phys,
				    struct page_flags flags, struct frame_allocator *frames)
{
	(void)table, (void)virt, (void)phys, (void)flags, (void)frames;
	return PAGING_OK;
}

static enum paging_status no_query(const struct page_table *table, virt_addr virt,
				   struct page_mapping *mapping)
{
	(void)table, (void)virt, (void)mapping;
	return PAGING_OK;
}

static enum paging_status no_map(struct page_table *table, virt_addr virt, phys_addr phys,
				 uint64_t size, struct page_flags flags, struct page_table_op *op)
{
	(void)table, (void)virt, (void)phys, (void)size, (void)flags, (void)op;
	return PAGING_OK;
}

static enum paging_status no_change(struct page_table *table, virt_addr virt, uint64_t size,
				    struct page_table_op *op)
{
	(void)table, (void)virt, (void)size, (void)op;
	return PAGING_OK;
}

static enum paging_status no_translate(const struct page_table *table, virt_addr virt,
				       phys_addr *phys)
{
	(void)table, (void)virt, (void)phys;
	return PAGING_OK;
}

static enum paging_status no_map_batch(struct page_table *table, const struct page_pair *pages,
				       size_t count, struct page_flags flags,
				       struct frame_allocator *frames, size_t *done)
{
	(void)table, (void)pages, (void)count, (void)flags, (void)frames, (void)done;
	return PAGING_OK;
}

static enum paging_status no_translate_batch(const struct page_table *table,
					     struct page_pair *pages, size_t count, size_t *done)
{
	(void)table, (void)pages, (void)count, (void)done;
	return PAGING_OK;
}

const struct subject subject_empty = {
	"empty",      no_map_to,    no_query,           no_map, no_change, no_change,
	no_translate, no_map_batch, no_translate_batch, false,
};

#define LEAVES (PAGE_SIZE_4K | PAGE_SIZE_2M | PAGE_SIZE_1G)

/* What a kernel or a hypervisor would ask for on a machine of today. */
static const struct {
	const char *name;
	const char *model;
	struct page_table_config config;
	const struct page_table_format *vector;
	const struct subject *naive;
} formats[BENCH_FORMATS] = {
	{ "x86_64-stage1",
	  "x86-48",
	  { .format = &x86_64_stage1,
	    .input_bits = 48,
	    .output_bits = 46,
	    .leaf_sizes = LEAVES,
	    .features = X86_64_NX,
	    .memory_attributes = X86_64_PAT },
	  &vector_x86_64_stage1,
	  &naive_x86 },
	{ "x86_64-ept",
	  "ept-48",
	  { .format = &x86_64_ept,
	    .input_bits = 48,
	    .output_bits = 46,
	    .leaf_sizes = LEAVES,
	    .features = EPT_ACCESSED_DIRTY },
	  &vector_x86_64_ept,
	  &naive_ept },
	{ "x86_64-npt",
	  "npt-48",
	  { .format = &x86_64_npt,
	    .input_bits = 48,
	    .output_bits = 48,
	    .leaf_sizes = LEAVES,
	    .features = NPT_NX,
	    .memory_attributes = X86_64_PAT },
	  &vector_x86_64_npt,
	  &naive_npt },
	{ "aarch64-stage1",
	  "s1-4k-48",
	  { .format = &aarch64_stage1_4k,
	    .input_bits = 48,
	    .output_bits = 48,
	    .leaf_sizes = LEAVES,
	    .memory_attributes = AARCH64_MAIR },
	  &vector_aarch64_stage1_4k,
	  &naive_stage1 },
	{ "aarch64-stage2",
	  "s2-4k-48",
	  { .format = &aarch64_stage2_4k,
	    .input_bits = 48,
	    .output_bits = 48,
	    .leaf_sizes = LEAVES },
	  &vector_aarch64_stage2_4k,
	  &naive_stage2 },
};

const struct bench_format *bench_format(unsigned int index)
{
	static struct bench_format made[BENCH_FORMATS];
	struct bench_format *format = &made[index];

	if (format->name == NULL) {
		format->name = formats[index].name;
		format->model = *format_case_named(formats[index].model);
		format->model.config = formats[index].config;
		format->vector = formats[index].vector;
		format->naive = formats[index].naive;
		/* s2-4k-48 has FWB, which numbers memory types differently. */
		if (format->model.config.format == &aarch64_stage2_4k)
			format->model.type = format_case_named("s2-4k-40")->type;
	}
	return format;
}
