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

/* What a walk starts from. */
struct start {
	uint64_t root;      /* as TTBR has it */
	unsigned int page;  /* log2 of the granule */
	unsigned int width; /* of input addresses */
	unsigned int level; /* of the root */
	unsigned int stop;  /* no further than this level */
	virt_addr input;
};

/* Tables lie below 2^48 here: no address bits in 15:12 or 9:8. */
static volatile uint64_t *walk(const struct start *start, unsigned int *level)
{
	unsigned int stride = start->page - 3;
	uint64_t input = start->input & (UINT64_MAX >> (64 - start->width));
	uint64_t table = start->root & ~UINT64_C(1); /* CnP */
	volatile uint64_t *entry;

	for (*level = start->level;; ++*level) {
		bool root = *level == start->level;
		volatile uint64_t *entries = direct(table & (UINT64_MAX >> 16) &
						    (UINT64_MAX << (root ? 1 : start->page)));
		uint64_t index = input >> (start->page + stride * (3 - *level));

		entry = &entries[root ? index : index & ((1u << stride) - 1)];
		if ((*entry & RAW_VALID) == 0 || (*entry & RAW_TABLE) == 0 || *level == start->stop)
			return entry;
		table = *entry;
	}
}

volatile uint64_t *raw_end(virt_addr virt, unsigned int *level)
{
	bool upper = virt >> 63 != 0;
	uint64_t tcr = read_own_tcr();
	struct start start = { .root = upper ? read_ttbr1_el1() : read_own_ttbr0(),
			       .page = page_bits(tcr, upper),
			       .stop = 3,
			       .input = virt };
	unsigned int stride = start.page - 3;

	start.width = 64 - (unsigned int)(tcr >> (upper ? TCR_T1SZ_SHIFT : TCR_T0SZ_SHIFT) & 63);
	start.level = 4 - (start.width - start.page + stride - 1) / stride;
	return walk(&start, level);
}

volatile uint64_t *raw_stage2_entry(uint64_t vttbr, uint64_t vtcr, phys_addr inner,
				    unsigned int stop, unsigned int *level)
{
	struct start start = { .root = vttbr,
			       .page = page_bits(vtcr, false),
			       .width = 64 - (unsigned int)(vtcr & 63),
			       .stop = stop,
			       .input = inner };

	/* SL0: with 4K from level 2 upwards, else from level 3. */
	start.level = (start.page == 12 ? 2 : 3) - (unsigned int)(vtcr >> VTCR_SL0_SHIFT & 3);
	return walk(&start, level);
}
