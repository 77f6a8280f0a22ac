/* SPDX-License-Identifier: MIT */
/* The x86_64 formats: the CPU's own tables, Intel EPT and AMD nested paging. */
#ifndef TWOFOLD_X86_64_H
#define TWOFOLD_X86_64_H

#include "twofold/page_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Stage 1: 4-level (input_bits 48) and 5-level (57) paging, Intel SDM vol. 3A 4.5, AMD APM vol. 2
 * 5.3. Leaves 4K, 2M, 1G. `read` must be set. Tables are permissive, the leaf decides.
 * memory_attributes is IA32_PAT. 9 software bits: 0-2 are descriptor bits 11:9, 3-8 are 57:52. A
 * leaf that is dirty but not writable has its dirty state in bit 58, since D without W is a
 * shadow-stack page under CET.
 */
extern const struct page_table_format x86_64_stage1;

#define X86_64_NX     (UINT32_C(1) << 0) /* EFER.NXE is set: pages can be not executable */
#define X86_64_GLOBAL (UINT32_C(1) << 1) /* CR4.PGE is set */
#define X86_64_PKU    (UINT32_C(1) << 2) /* CR4.PKE or PKS is set: protection keys */

/* IA32_PAT as it is after reset (WB WT UC- UC, twice), and as Linux sets it, which has every type.
 */
#define X86_64_PAT_RESET UINT64_C(0x0007040600070406)
#define X86_64_PAT       UINT64_C(0x0407050600070106)

/*
 * Intel EPT: 4-level (input_bits 48) and 5-level (57), SDM vol. 3C 28.3. Leaves 4K, 2M, 1G. `user`,
 * `global` and protection keys do not exist here. Software bits: 5, descriptor bits 56:52. Write
 * without read is refused; execute without read needs EPT_EXECUTE_ONLY. `idle` and `dirty` need
 * EPT_ACCESSED_DIRTY; without it query reports accessed and clean.
 */
extern const struct page_table_format x86_64_ept;

#define EPT_EXECUTE_ONLY   (UINT32_C(1) << 0) /* IA32_VMX_EPT_VPID_CAP bit 0 */
#define EPT_ACCESSED_DIRTY (UINT32_C(1) << 1) /* bit 21, and EPTP bit 6 is set */
#define EPT_SUPPRESS_VE    (UINT32_C(1) << 2) /* the "EPT-violation #VE" control is in use */
/*
 * The "mode-based execute control for EPT" control is in use (28.3.2, 28.3.3): execute_privileged
 * grants fetches from supervisor-mode linear addresses (descriptor bit 2), execute_user from
 * user-mode ones (bit 10), and `execute` both; both of the two together are said by `execute` only.
 * An entry is present if one of bits 2:0 and 10 is set. Not proven on an MMU: no emulator at hand
 * walks such tables. Held to bit layouts from the manual and to the tests' own walker.
 */
#define EPT_MODE_BASED     (UINT32_C(1) << 3)

/*
 * AMD nested paging: 4-level (input_bits 48) and 5-level (57), APM vol. 2 15.25. Leaves 4K, 2M, 1G;
 * `read` must be set. `user`, `global` and protection keys do not exist here. memory_attributes is
 * the host's PAT. Software bits and dirty state as in x86_64_stage1.
 */
extern const struct page_table_format x86_64_npt;

#define NPT_NX (UINT32_C(1) << 0) /* the host has EFER.NXE set */

#ifdef __cplusplus
}
#endif

#endif
