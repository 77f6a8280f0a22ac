/* SPDX-License-Identifier: MIT */
#include "early.h"

#include "guest/kernel.h"
#include "guest/text.h"
#include "layout.h"

/* Elf64_Rela (ELF for the Arm 64-bit Architecture, 5.7). */
struct relocation {
	uint64_t offset;
	uint64_t info; /* the type; no symbol */
	uint64_t addend;
};
#define R_AARCH64_NONE     0 /* what linkers made room for and found no use for */
#define R_AARCH64_RELATIVE 1027

extern const struct relocation image_relocations[], image_relocations_end[];

bool early_relocate(uint64_t base)
{
	uint64_t here = (uint64_t)(uintptr_t)image_start;

	for (const struct relocation *r = image_relocations; r != image_relocations_end; r++) {
		if (r->info == R_AARCH64_NONE)
			continue;
		if (r->info != R_AARCH64_RELATIVE)
			return false;
		*(volatile uint64_t *)(uintptr_t)(here + (r->offset - KERNEL_VIRT)) =
			base + (r->addend - KERNEL_VIRT);
	}
	return true;
}

/* The flattened tree (Devicetree Specification 0.4, 5): words of its header, and of its structure.
 */
enum header {
	HEADER_SIZE = 1,
	HEADER_STRUCTURE = 2,
	HEADER_STRINGS = 3,
};
enum token {
	TOKEN_BEGIN_NODE = 1,
	TOKEN_END_NODE = 2,
	TOKEN_PROPERTY = 3,
	TOKEN_NOP = 4,
};

static uint32_t word(phys_addr at)
{
	return __builtin_bswap32(*(const volatile uint32_t *)(uintptr_t)at);
}

static const char *text(phys_addr at)
{
	return (const char *)(uintptr_t)at;
}

static phys_addr after_text(phys_addr at)
{
	while (*text(at) != '\0')
		at++;
	return addr_align_up(at + 1, sizeof(uint32_t));
}

/* The value of /chosen's bootargs, or "". */
static const char *command_line(phys_addr dtb)
{
	phys_addr at = dtb + word(dtb + HEADER_STRUCTURE * sizeof(uint32_t));
	phys_addr strings = dtb + word(dtb + HEADER_STRINGS * sizeof(uint32_t));
	phys_addr end = dtb + word(dtb + HEADER_SIZE * sizeof(uint32_t));
	unsigned int depth = 0;
	bool chosen = false;

	while (at < end) {
		uint32_t token = word(at);

		at += sizeof(uint32_t);
		if (token == TOKEN_BEGIN_NODE) {
			if (++depth == 2)
				chosen = text_equal(text(at), "chosen");
			at = after_text(at);
		} else if (token == TOKEN_END_NODE) {
			depth--;
		} else if (token == TOKEN_PROPERTY) {
			uint32_t length = word(at), name = word(at + sizeof(uint32_t));

			at += 2 * sizeof(uint32_t);
			if (chosen && depth == 2 && text_equal(text(strings + name), "bootargs"))
				return text(at);
			at = addr_align_up(at + length, sizeof(uint32_t));
		} else if (token != TOKEN_NOP) {
			break;
		}
	}
	return "";
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\0';
}

/* Whether the last word that begins with `key` goes on with `value` and nothing else. */
static bool is_last(const char *line, const char *key, const char *value)
{
	bool begins = true, is = false;

	for (; *line != '\0'; begins = is_blank(*line++)) {
		const char *a = line, *b;

		if (!begins || !text_starts(line, key))
			continue;
		for (b = key; *b != '\0'; b++)
			a++;
		for (b = value; *b != '\0' && *a == *b; b++)
			a++;
		is = *b == '\0' && is_blank(*a);
	}
	return is;
}

bool early_keeps_el2(phys_addr dtb, bool vhe)
{
	const char *line = command_line(dtb);

	return is_last(line, "mode=", "hypervisor") || (vhe && is_last(line, "el=", "2"));
}
