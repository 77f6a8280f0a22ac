/* SPDX-License-Identifier: MIT */
/*
 * The library once more, built with vector registers (meson.build): each of its names with
 * "vector_" before it. The types are the same.
 */
#ifndef BENCH_VECTOR_H
#define BENCH_VECTOR_H

#include <twofold/aarch64.h>
#include <twofold/page_batch.h>
#include <twofold/page_table.h>
#include <twofold/x86_64.h>

#define VECTOR_BUILD(name) extern __typeof__(name) vector_##name

VECTOR_BUILD(page_table_init);
VECTOR_BUILD(page_table_map);
VECTOR_BUILD(page_table_map_batch);
VECTOR_BUILD(page_table_map_to);
VECTOR_BUILD(page_table_query);
VECTOR_BUILD(page_table_translate);
VECTOR_BUILD(page_table_translate_batch);
VECTOR_BUILD(page_table_unmap);
VECTOR_BUILD(page_table_write_protect);
VECTOR_BUILD(x86_64_stage1);
VECTOR_BUILD(x86_64_ept);
VECTOR_BUILD(x86_64_npt);
VECTOR_BUILD(aarch64_stage1_4k);
VECTOR_BUILD(aarch64_stage2_4k);

#undef VECTOR_BUILD

#endif
