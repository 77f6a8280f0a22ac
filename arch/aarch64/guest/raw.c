/* SPDX-License-Identifier: MIT */
/* Descriptors as they stand in memory, found by a walk of our own. */
#include "raw.h"

#include "cpu.h"
#include "guest/kernel.h"

/* log2 of the granule, by TCR.TG0 and TG1. */
static unsigned int page_bits(uint64_t tcr, bool upper)
{
	static const uint8_t lower_bits[] = { 12, 16, 14, 0 };
	static const uint8_t upper_bits[] = { 0, 14, 12, 16 };

	return upper ? upper_bits[tcr >> TCR_TG1_SHIFT & 3] : lower_bits[tcr >> TCR_TG0_SHIFT & 3];
}

volatile uint64_t *raw_end(virt_addr virt, unsigned int *level)
{
	bool upper = virt >> 63 != 0;
	uint64_t tcr = read_tcr_el1();
	uint64_t table = upper ? read_ttbr1_el1() : read_ttbr0_el1();
	unsigned int page = page_bits(tcr, upper), stride = page - 3;
	unsigned int width =
		64 - (unsigned int)(tcr >> (upper ? TCR_T1SZ_SHIFT : TCR_T0SZ_SHIFT) & 63);
	unsigned int levels = (width - page + stride - 1) / stride;
	uint64_t input = virt & (UINT64_MAX >> (64 - width));
	volatile uint64_t *entry;

	/* Tables lie below 2^48 here: no address bits in 15:12. */
	for (*level = 4 - levels;; ++*level) {
		volatile uint64_t *entries =
			direct(table & (UINT64_MAX >> 16) &
			       (UINT64_MAX << (*level == 4 - levels ? 1 : page)));
		uint64_t index = input >> (page + stride * (3 - *level));

		entry = &entries[*level == 4 - levels ? index : index & ((1u << stride) - 1)];
		if ((*entry & RAW_VALID) == 0 || (*entry & RAW_TABLE) == 0 || *level == 3)
			return entry;
		table = *entry;
	}
}
