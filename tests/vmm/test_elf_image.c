/* SPDX-License-Identifier: MIT */
/* The ELF reader, where a script cannot reach: its results, and bytes that nobody would write. */
#include <criterion/criterion.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "elf_image.h"

#define CODE_AT  0x200
#define NOTE_AT  0x300
#define FILE_END 0x400
#define HEADERS  3

struct file {
	Elf64_Ehdr header;
	Elf64_Phdr headers[HEADERS];
	uint8_t rest[FILE_END - sizeof(Elf64_Ehdr) - HEADERS * sizeof(Elf64_Phdr)];
};
_Static_assert(sizeof(struct file) == FILE_END, "no padding");

static const uint8_t note[] = { 4, 0, 0,   0,   4,   0, 0,    0,    18,   0,
				0, 0, 'X', 'e', 'n', 0, 0x78, 0x56, 0x34, 0x12 };

static void make_file(struct file *file)
{
	memset(file, 0, sizeof(*file));
	memcpy(file->header.e_ident, ELFMAG, SELFMAG);
	file->header.e_ident[EI_CLASS] = ELFCLASS64;
	file->header.e_ident[EI_DATA] = ELFDATA2LSB;
	file->header.e_ident[EI_VERSION] = EV_CURRENT;
	file->header.e_type = ET_EXEC;
	file->header.e_machine = EM_AARCH64;
	file->header.e_version = EV_CURRENT;
	file->header.e_entry = 0x100004;
	file->header.e_phoff = sizeof(Elf64_Ehdr);
	file->header.e_phentsize = sizeof(Elf64_Phdr);
	file->header.e_phnum = HEADERS;
	file->headers[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
					 .p_offset = CODE_AT,
					 .p_paddr = 0x100000,
					 .p_filesz = 0x80,
					 .p_memsz = 0x1000 };
	file->headers[1] =
		(Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = NOTE_AT, .p_filesz = sizeof(note) };
	file->headers[2] = (Elf64_Phdr){ .p_type = PT_LOAD,
					 .p_offset = FILE_END,
					 .p_paddr = UINT64_MAX - 0xfff,
					 .p_filesz = 0,
					 .p_memsz = 0x1000 };
	memcpy((uint8_t *)file + NOTE_AT, note, sizeof(note));
}

Test(elf_image, results)
{
	struct failure failure;
	struct elf_image image;
	struct elf_note found;
	struct file file;

	make_file(&file);
	cr_assert(elf_image_parse(&image, &file, sizeof(file), EM_AARCH64, &failure), "%s",
		  failure.text);
	cr_expect_eq(image.entry, 0x100004);
	cr_assert_eq(image.segment_count, 2);
	cr_expect_eq(image.segments[0].offset, CODE_AT);
	cr_expect_eq(image.segments[0].file_size, 0x80);
	cr_expect_eq(image.segments[0].address, 0x100000);
	cr_expect_eq(image.segments[0].memory_size, 0x1000);
	cr_assert(elf_image_note(&image, "Xen", 18, &found, &failure));
	cr_assert_eq(found.size, 4);
	cr_expect(memcmp(found.content, "\x78\x56\x34\x12", 4) == 0);
	cr_assert(elf_image_note(&image, "Xen", 19, &found, &failure));
	cr_expect_null(found.content);
	cr_assert(elf_image_note(&image, "Xe", 18, &found, &failure));
	cr_expect_null(found.content);
}

Test(elf_image, segments_by_address)
{
	struct failure failure;
	struct elf_image image;
	struct file file;

	make_file(&file);
	cr_assert(elf_image_parse(&image, &file, sizeof(file), EM_AARCH64, &failure));
	cr_expect_null(elf_image_segment_at(&image, 0xfffff));
	cr_expect_eq(elf_image_segment_at(&image, 0x100000), &image.segments[0]);
	cr_expect_eq(elf_image_segment_at(&image, 0x100fff), &image.segments[0]);
	cr_expect_null(elf_image_segment_at(&image, 0x101000));
	cr_expect_eq(elf_image_segment_at(&image, UINT64_MAX), &image.segments[1]);
	cr_expect_null(elf_image_overlap(&image, 0xf0000, 0x10000));
	cr_expect_eq(elf_image_overlap(&image, 0xf0000, 0x10001), &image.segments[0]);
	cr_expect_null(elf_image_overlap(&image, 0x101000, 0x1000));
}

static bool entry_at(uint64_t entry, uint64_t first_virtual, uint64_t *address)
{
	struct failure failure;
	struct elf_image image;
	struct file file;

	make_file(&file);
	file.header.e_entry = entry;
	file.headers[0].p_vaddr = first_virtual;
	file.headers[2].p_vaddr = 0xffff800000000000;
	cr_assert(elf_image_parse(&image, &file, sizeof(file), EM_AARCH64, &failure));
	return elf_image_entry(&image, address);
}

Test(elf_image, entry)
{
	uint64_t address;

	/* A virtual address, of either segment. */
	cr_assert(entry_at(0xffffffff80000fff, 0xffffffff80000000, &address));
	cr_expect_eq(address, 0x100fff);
	cr_assert(entry_at(0xffff800000000004, 0xffffffff80000000, &address));
	cr_expect_eq(address, UINT64_MAX - 0xfff + 4);
	/* A physical one. */
	cr_assert(entry_at(0x100004, 0xffffffff80000000, &address));
	cr_expect_eq(address, 0x100004);
	/* What is both is the virtual one. */
	cr_assert(entry_at(0x100004, 0x100004, &address));
	cr_expect_eq(address, 0x100000);
	/* Just beside the segment, by either address. */
	cr_expect_not(entry_at(0xffffffff80001000, 0xffffffff80000000, &address));
	cr_expect_not(entry_at(0xffffffff7fffffff, 0xffffffff80000000, &address));
	cr_expect_not(entry_at(0x101000, 0xffffffff80000000, &address));
	cr_expect_not(entry_at(0xfffff, 0xffffffff80000000, &address));
}

/* At any alignment and any length: whatever is said, nothing outside of the bytes is read. Each try
 * has a buffer of its own that ends where the file does, for a sanitizer to see. */
static void try_bytes(const struct file *file, size_t length)
{
	uint8_t *bytes = malloc(length + 1);
	struct failure failure = { .text = "" };
	struct elf_image image;
	struct elf_note found;

	memcpy(bytes + 1, file, length);
	if (!elf_image_parse(&image, bytes + 1, length, EM_AARCH64, &failure)) {
		cr_assert_eq(failure.status, STATUS_USAGE);
		cr_assert(failure.text[0] != '\0');
	} else {
		cr_assert(image.segment_count >= 1 && image.segment_count <= ELF_MAX_SEGMENTS);
		for (unsigned int i = 0; i < image.segment_count; i++) {
			const struct elf_segment *segment = &image.segments[i];

			cr_assert(segment->offset <= length &&
				  segment->file_size <= length - segment->offset);
			cr_assert(segment->file_size <= segment->memory_size);
			cr_assert(segment->memory_size - 1 <= UINT64_MAX - segment->address);
		}
		if (elf_image_note(&image, "Xen", 18, &found, &failure) && found.content)
			cr_assert(found.content >= bytes + 1 &&
				  found.size <= (size_t)(bytes + 1 + length - found.content));
	}
	free(bytes);
}

Test(elf_image, every_length)
{
	struct file file;

	make_file(&file);
	for (size_t length = 0; length <= sizeof(file); length++)
		try_bytes(&file, length);
}

Test(elf_image, broken_bytes)
{
	uint32_t state = 7;
	struct file file;

	for (int i = 0; i < 100000; i++) {
		static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff, 0x38, 0x40, 0x04 };

		make_file(&file);
		/* The headers and the note are where a byte matters. */
		for (unsigned int n = 0; n < 1 + (unsigned int)i % 4; n++) {
			size_t at;

			state = state * 1664525 + 1013904223;
			at = (state >> 8) % (sizeof(file.header) + sizeof(file.headers) + 24);
			if (at >= sizeof(file.header) + sizeof(file.headers))
				at += NOTE_AT - sizeof(file.header) - sizeof(file.headers);
			((uint8_t *)&file)[at] = values[state >> 29];
		}
		try_bytes(&file, sizeof(file));
	}
}
