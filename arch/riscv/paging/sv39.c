/* SPDX-License-Identifier: MIT */
/* RISC-V Sv39. */
#include "sv.h"

static enum paging_status sv39_configure(struct page_table *table,
					 const struct page_table_config *config)
{
	return sv_configure(table, config, 39, 3);
}

static const struct encoder sv39 = {
	SV_ENCODER,          .input = INPUT_SIGN_EXTENDED, .configure = sv39_configure,
	.encode = sv_encode, .decode = sv_decode,          .broken = sv_broken,
};

PAGING_DEFINE_FORMAT_OF_KIND(riscv_sv39, "RISC-V Sv39", sv39, RISCV_KIND_STAGE1);
