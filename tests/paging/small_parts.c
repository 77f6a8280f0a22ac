/* SPDX-License-Identifier: MIT */
/* The small parts of the interface: addresses, frames, flags, the names of errors. */
#include <string.h>

#include <criterion/criterion.h>

#include <twofold/page_table.h>

#include "require.h"
#include "rng.h"

Test(small_parts, alignment)
{
	cr_assert(addr_is_aligned(0, PAGE_SIZE_4K));
	cr_assert(addr_is_aligned(0x3000, PAGE_SIZE_4K));
	cr_assert_not(addr_is_aligned(0x3001, PAGE_SIZE_4K));
	cr_assert_not(addr_is_aligned(0x3000, PAGE_SIZE_16K));
	cr_assert_eq(addr_align_down(0x3fff, PAGE_SIZE_4K), 0x3000);
	cr_assert_eq(addr_align_down(UINT64_MAX, PAGE_SIZE_1G), UINT64_C(0xffffffffc0000000));
	cr_assert_eq(addr_align_up(0x3000, PAGE_SIZE_4K), 0x3000);
	cr_assert_eq(addr_align_up(0x3001, PAGE_SIZE_4K), 0x4000);
	cr_assert_eq(addr_align_up(0x3001, PAGE_SIZE_64K), 0x10000);
	cr_assert_eq(addr_align_up(UINT64_MAX, PAGE_SIZE_2M), 0, "it wraps past the last multiple");
}

Test(small_parts, frames)
{
	struct frame frame = { .start = 0x200000, .size = PAGE_SIZE_16K };

	cr_assert_eq(frame_start_address(&frame), 0x200000);
	cr_assert_eq(frame_size(&frame), PAGE_SIZE_16K);
	cr_assert_eq(frame_set_address(&frame, 0x1000), PAGING_UNALIGNED);
	cr_assert_eq(frame_start_address(&frame), 0x200000, "a refused address changed it");
	cr_assert_eq(frame_set_address(&frame, 0x40004000), PAGING_OK);
	cr_assert_eq(frame_start_address(&frame), 0x40004000);
	cr_assert_eq(frame_size(&frame), PAGE_SIZE_16K);
}

/* awkernel's five booleans, each line by hand: execute, write, cache, write_through, device. */
Test(small_parts, simple_flags)
{
	static const struct {
		bool execute, write, cache, write_through, device;
		struct page_flags flags;
	} cases[] = {
		{ 0, 0, 1, 0, 0, { .read = 1, .type = MEMORY_NORMAL } },
		{ 1, 0, 1, 0, 0, { .read = 1, .execute = 1, .type = MEMORY_NORMAL } },
		{ 0, 1, 1, 0, 0, { .read = 1, .write = 1, .type = MEMORY_NORMAL } },
		{ 1, 1, 1, 0, 0, { .read = 1, .write = 1, .execute = 1, .type = MEMORY_NORMAL } },
		{ 0, 1, 1, 1, 0, { .read = 1, .write = 1, .type = MEMORY_WRITE_THROUGH } },
		{ 0, 1, 0, 0, 0, { .read = 1, .write = 1, .type = MEMORY_NONCACHEABLE } },
		{ 0, 1, 0, 1, 0, { .read = 1, .write = 1, .type = MEMORY_NONCACHEABLE } },
		{ 0, 1, 0, 0, 1, { .read = 1, .write = 1, .type = MEMORY_DEVICE } },
		{ 0, 1, 0, 1, 1, { .read = 1, .write = 1, .type = MEMORY_DEVICE } },
		{ 0,
		  1,
		  1,
		  0,
		  1,
		  { .read = 1, .write = 1, .type = MEMORY_NORMAL, .share = SHARE_OUTER } },
		{ 0,
		  0,
		  1,
		  1,
		  1,
		  { .read = 1, .type = MEMORY_WRITE_THROUGH, .share = SHARE_OUTER } },
		{ 0, 0, 0, 0, 0, { .read = 1, .type = MEMORY_NONCACHEABLE } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_flags flags =
			page_flags_simple(cases[i].execute, cases[i].write, cases[i].cache,
					  cases[i].write_through, cases[i].device);

		cr_assert(page_flags_equal(flags, cases[i].flags), "line %zu", i);
	}
}

/* Every single bit of the flags counts. */
Test(small_parts, equality_of_flags)
{
	uint64_t state = 3;

	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t one = rng_next(&state), other = one ^ UINT64_C(1) << bit;
		struct page_flags a, b, c;

		memcpy(&a, &one, sizeof(a));
		memcpy(&b, &other, sizeof(b));
		memcpy(&c, &one, sizeof(c));
		cr_assert(page_flags_equal(a, c), "bit %u", bit);
		cr_assert_not(page_flags_equal(a, b), "bit %u", bit);
	}
}

/* Each error has a text of its own, in lower case and without a full stop; even a wrong number. */
Test(small_parts, status_texts)
{
	cr_assert_str_eq(paging_status_text(PAGING_ALREADY_MAPPED), "already mapped");
	cr_assert_not_null(paging_status_text((enum paging_status)(PAGING_BAD_ACCESS + 1)));
	cr_assert_not_null(paging_status_text((enum paging_status)1000));
	for (int i = PAGING_OK; i <= PAGING_BAD_ACCESS; i++) {
		const char *text = paging_status_text((enum paging_status)i);
		size_t length = strlen(text);

		cr_assert_gt(length, 1, "status %d", i);
		cr_assert_neq(text[length - 1], '.', "status %d", i);
		cr_assert(text[0] >= 'a' && text[0] <= 'z', "status %d: %s", i, text);
		for (int j = PAGING_OK; j < i; j++)
			cr_assert_str_neq(text, paging_status_text((enum paging_status)j));
	}
}
