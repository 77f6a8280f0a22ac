/* SPDX-License-Identifier: MIT */
/* The AArch64 formats: stage 1 and stage 2 of VMSAv8-64, each granule one format. */
#ifndef TWOFOLD_AARCH64_H
#define TWOFOLD_AARCH64_H

#include "twofold/page_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Stage 1 of EL1&0 and, with AARCH64_EL2, of EL2 (Arm ARM DDI 0487, D8.3). input_bits 25 (16K: 26,
 * 64K: 30) to 48, or to 52 with the 64K granule (FEAT_LVA) and the _lpa2 formats (FEAT_LPA2, TCR.DS
 * = 1). Leaves are pages and blocks: 4K 2M 1G, 16K 32M, 64K 512M, and with 52-bit output addresses
 * 512G, 64G, 4T. A contiguous group is a leaf of its own size, if leaf_sizes has that: 64K and 32M
 * with the 4K granule, 2M and 1G with 16K, 2M and 16G with 64K. Unless AARCH64_BBM2, a live table
 * is changed by break-before-make where the architecture asks for it (D8.16.1): operations that may
 * split a leaf or change a type then need a gather that can flush.
 *
 * memory_attributes is MAIR. A table is one half of the address space: the lower (TTBR0) or, with
 * AARCH64_UPPER, the upper (TTBR1).
 *
 * `read` must be set. `execute` of a user page lets EL0 fetch, of another EL1 (or EL2);
 * execute_privileged and execute_user say it apart. A page that EL0 can write is never executable
 * by EL1 (D8.4.1). Software bits: 3, descriptor bits 58:56. Bit 55 keeps the dirty state of a leaf
 * that is not writable.
 */
extern const struct page_table_format aarch64_stage1_4k;
extern const struct page_table_format aarch64_stage1_16k;
extern const struct page_table_format aarch64_stage1_64k;
extern const struct page_table_format aarch64_stage1_4k_lpa2;
extern const struct page_table_format aarch64_stage1_16k_lpa2;

#define AARCH64_EL2            (UINT32_C(1) << 0) /* one privilege level: no `user`, one XN bit */
#define AARCH64_UPPER          (UINT32_C(1) << 1) /* input addresses end at 2^64; not with EL2 */
#define AARCH64_HARDWARE_DIRTY (UINT32_C(1) << 2) /* TCR.HD (VTCR.HD) is set: DBM, clean leaves */
#define AARCH64_BTI            (UINT32_C(1) << 3) /* FEAT_BTI: `guarded` */

/*
 * FEAT_BBM level 2: blocks are split and joined in place, without break-before-make. Until the
 * flush an access there may then raise a TLB conflict abort (D8.16.2), which is the caller's to
 * handle: without a handler, or a CPU that promises none (FEAT_BBML2_NOABORT), leave it out.
 * Levels 0 and 1 are one to the library, which does not use level 1's nT.
 */
#define AARCH64_BBM2 (UINT32_C(1) << 6)

/* The MAIR that the library suggests: WB, WT, NC, Device-nGnRE, -GRE, -nGnRnE. */
#define AARCH64_MAIR UINT64_C(0x0000000c0444bbff)

/*
 * Stage 2 (D8.3, D8.5). input_bits 32 to 48, or 52 as above. The root is concatenated, up to 16
 * tables, wherever that saves a level, so page_table_init asks for a root frame of up to 16 tables.
 * memory_attributes is 0: types are in the descriptor, MemAttr as FEAT_S2FWB has it with
 * AARCH64_FWB (write-through cannot be said then).
 *
 * Any of read, write and execute can be granted without the others. execute_privileged and
 * execute_user need AARCH64_XNX. No `user`, no `global`. Software bits as at stage 1.
 */
extern const struct page_table_format aarch64_stage2_4k;
extern const struct page_table_format aarch64_stage2_16k;
extern const struct page_table_format aarch64_stage2_64k;
extern const struct page_table_format aarch64_stage2_4k_lpa2;
extern const struct page_table_format aarch64_stage2_16k_lpa2;

#define AARCH64_XNX (UINT32_C(1) << 4) /* FEAT_XNX: XN is two bits */
#define AARCH64_FWB (UINT32_C(1) << 5) /* HCR_EL2.FWB is set */

#ifdef __cplusplus
}
#endif

#endif
