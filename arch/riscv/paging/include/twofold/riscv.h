/* SPDX-License-Identifier: MIT */
/* The RISC-V formats: Sv39 (stage 1) and Sv48x4 (G-stage). */
#ifndef TWOFOLD_RISCV_H
#define TWOFOLD_RISCV_H

#include "twofold/page_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Privileged specification, 12.4 (Sv39) and 18.5 (Sv48x4: the root is 16 KiB). input_bits 39
 * and 50. Leaves 4K, 2M, 1G, and 512G in Sv48x4. Write without read is refused. Software bits: 2,
 * PTE bits 9:8. No `user` or `global` in Sv48x4. Types: normal, and with RISCV_SVPBMT non-cacheable
 * and device. With Svadu hardware sets accessed and dirty; without, an access
 * to an `idle` leaf and a write to a clean one fault.
 */
extern const struct page_table_format riscv_sv39;
extern const struct page_table_format riscv_sv48x4;

#define RISCV_SVPBMT (UINT32_C(1) << 0)

#ifdef __cplusplus
}
#endif

#endif
