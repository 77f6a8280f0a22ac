/* SPDX-License-Identifier: MIT */
/* Which configurations each format has: widths of addresses and leaf sizes, all of them. */
#include <inttypes.h>
#include <string.h>

#include "bad_config.h"
#include "require.h"
#include "suite.h"

static bool begins(const struct format_case *format, const char *name)
{
	return strncmp(format->name, name, strlen(name)) == 0;
}

static bool is_arm(const struct format_case *format)
{
	return begins(format, "s1-") || begins(format, "s2-");
}

static bool is_wide(const struct format_case *format)
{
	return strstr(format->name, "64k") || strstr(format->name, "lpa2");
}

/* The widths of addresses, by hand: SDM vol. 3A 4.5, APM vol. 2 5.3 and 15.25, the privileged
 * specification 12.4 and 18.5, DDI 0487 D8.2. */
static bool has_output_width(const struct format_case *format, unsigned int bits)
{
	unsigned int most = is_wide(format) ? 52 : 48;

	if (begins(format, "sv"))
		most = 56;
	else if (!is_arm(format))
		most = 52;
	return bits >= 32 && bits <= most;
}

static bool has_input_width(const struct format_case *format, unsigned int bits)
{
	unsigned int least = 25;

	if (begins(format, "sv"))
		return bits == (begins(format, "sv39") ? 39 : 50);
	if (!is_arm(format))
		return bits == 48 || bits == 57;
	if (begins(format, "s2-"))
		least = 32;
	else if (!begins(format, "s1-4k")) /* two levels */
		least = begins(format, "s1-16k") ? 26 : 30;
	return bits >= least && bits <= (is_wide(format) ? 52 : 48);
}

/* Leaf sizes, by hand: as above, and D8.7.1 for groups, which a table has of its two lowest levels.
 */
static uint64_t sizes_of(const struct format_case *format)
{
	bool lpa2 = strstr(format->name, "lpa2");

	if (strstr(format->name, "-16k"))
		return (UINT64_C(1) << 14 | 1 << 21 | 1 << 25 | 1 << 30) |
		       (lpa2 ? UINT64_C(1) << 36 : 0);
	if (strstr(format->name, "-64k"))
		return (UINT64_C(1) << 16 | 1 << 21 | 1 << 29) | UINT64_C(1) << 34 |
		       (format->config.output_bits == 52 ? UINT64_C(1) << 42 : 0);
	if (is_arm(format))
		return (UINT64_C(1) << 12 | 1 << 16 | 1 << 21 | 1 << 25 | 1 << 30) |
		       (lpa2 ? UINT64_C(1) << 39 : 0);
	return (UINT64_C(1) << 12 | 1 << 21 | 1 << 30) |
	       (begins(format, "sv48") ? UINT64_C(1) << 39 : 0);
}

/* A leaf is an entry of one of the levels; a group is some of those. */
static bool has_room(const struct format_case *format, uint64_t size)
{
	uint64_t top = format->level_size[format->levels - 1];

	return size <= top ||
	       (size / top <= 32 && size >> format->config.input_bits <= 1 && format->levels == 2);
}

/* Each that there is, next to all smaller ones; and each that there is not. */
FORMAT_TEST(errors, leaf_sizes)
{
	struct page_table_config config = format->config;

	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t size = UINT64_C(1) << bit;
		bool good = (sizes_of(format) & size) != 0 && has_room(format, size);

		config.leaf_sizes = (sizes_of(format) & (size - 1)) | size | format->level_size[0];
		REQUIRE(init_with(&config) == (good ? PAGING_OK : PAGING_BAD_LEAF_SIZES),
			"0x%" PRIx64, size);
	}
}

FORMAT_TEST(errors, widths)
{
	struct page_table_config config = format->config;
	uint8_t input = config.input_bits, output = config.output_bits;

	config.leaf_sizes = format->level_size[0];
	config.modifier = 0;
	config.modified_tables = false;
	for (unsigned int bits = 0; bits < 256; bits++) {
		config.input_bits = input;
		config.output_bits = (uint8_t)bits;
		REQUIRE(init_with(&config) == (has_output_width(format, bits)
						       ? PAGING_OK
						       : PAGING_BAD_OUTPUT_BITS),
			"%u output bits", bits);
		config.input_bits = (uint8_t)bits;
		config.output_bits = output;
		REQUIRE(init_with(&config) ==
				(has_input_width(format, bits) ? PAGING_OK : PAGING_BAD_INPUT_BITS),
			"%u input bits", bits);
	}
}
