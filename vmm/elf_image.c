/* SPDX-License-Identifier: MIT */
/* Reads an ELF64 image, trusting none of its bytes. */
#include "elf_image.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

static bool check_identity(const Elf64_Ehdr *header, struct failure *failure)
{
	const unsigned char *ident = header->e_ident;

	if (memcmp(ident, ELFMAG, SELFMAG) != 0)
		return fail(failure, STATUS_USAGE,
			    "not an ELF file: it begins %02x %02x %02x %02x, expected 7f 45 4c 46",
			    ident[0], ident[1], ident[2], ident[3]);
	if (ident[EI_CLASS] != ELFCLASS64)
		return fail(failure, STATUS_USAGE, "ELF class %u; expected 2 (64-bit)",
			    ident[EI_CLASS]);
	if (ident[EI_DATA] != ELFDATA2LSB)
		return fail(failure, STATUS_USAGE, "ELF byte order %u; expected 1 (little-endian)",
			    ident[EI_DATA]);
	if (ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT)
		return fail(failure, STATUS_USAGE, "ELF version %u, %" PRIu32 "; expected 1",
			    ident[EI_VERSION], header->e_version);
	return true;
}

static bool check_header(const Elf64_Ehdr *header, size_t length, uint16_t machine,
			 struct failure *failure)
{
	uint64_t table;

	if (header->e_type != ET_EXEC)
		return fail(failure, STATUS_USAGE, "ELF type %u; expected 2 (executable)",
			    header->e_type);
	if (header->e_machine != machine)
		return fail(failure, STATUS_USAGE, "ELF machine %u; expected %u", header->e_machine,
			    machine);
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return fail(failure, STATUS_USAGE, "ELF program headers of %u bytes; expected %zu",
			    header->e_phentsize, sizeof(Elf64_Phdr));
	if (header->e_phnum == 0)
		return fail(failure, STATUS_USAGE, "no ELF program headers; expected at least one");
	if (header->e_phnum == PN_XNUM)
		return fail(failure, STATUS_USAGE,
			    "more than 65534 ELF program headers; expected fewer");
	if (header->e_phoff < sizeof(Elf64_Ehdr))
		return fail(failure, STATUS_USAGE,
			    "ELF program headers at 0x%" PRIx64
			    ", inside the file header; expected "
			    "0x%zx or more",
			    header->e_phoff, sizeof(Elf64_Ehdr));
	table = (uint64_t)header->e_phnum * sizeof(Elf64_Phdr);
	if (header->e_phoff > length || table > length - header->e_phoff)
		return fail(failure, STATUS_USAGE,
			    "%u ELF program headers at 0x%" PRIx64
			    " pass the end of the file (0x%zx bytes)",
			    header->e_phnum, header->e_phoff, length);
	return true;
}

static void read_program_header(const struct elf_image *image, unsigned int index,
				Elf64_Phdr *header)
{
	memcpy(header, image->bytes + image->phoff + index * sizeof(*header), sizeof(*header));
}

static bool check_segment(const struct elf_image *image, unsigned int index,
			  const Elf64_Phdr *header, struct failure *failure)
{
	if (header->p_offset > image->length || header->p_filesz > image->length - header->p_offset)
		return fail(failure, STATUS_USAGE,
			    "ELF program header %u: 0x%" PRIx64 " bytes at 0x%" PRIx64
			    " pass the end of the file (0x%zx bytes)",
			    index, header->p_filesz, header->p_offset, image->length);
	if (header->p_type != PT_LOAD)
		return true;
	if (header->p_filesz > header->p_memsz)
		return fail(failure, STATUS_USAGE,
			    "ELF segment %u: 0x%" PRIx64 " bytes in the file but 0x%" PRIx64
			    " in memory; expected no more than that",
			    index, header->p_filesz, header->p_memsz);
	if (header->p_memsz != 0 && header->p_memsz - 1 > UINT64_MAX - header->p_paddr)
		return fail(failure, STATUS_USAGE,
			    "ELF segment %u: 0x%" PRIx64 " bytes at 0x%" PRIx64
			    " pass the end of 64-bit addresses",
			    index, header->p_memsz, header->p_paddr);
	return true;
}

const struct elf_segment *elf_image_overlap(const struct elf_image *image, uint64_t address,
					    uint64_t length)
{
	for (unsigned int i = 0; i < image->segment_count; i++) {
		const struct elf_segment *segment = &image->segments[i];

		if (address <= segment->address + (segment->memory_size - 1) &&
		    segment->address <= address + (length - 1))
			return segment;
	}
	return NULL;
}

static bool add_segment(struct elf_image *image, unsigned int index, const Elf64_Phdr *header,
			struct failure *failure)
{
	const struct elf_segment *other =
		elf_image_overlap(image, header->p_paddr, header->p_memsz);

	if (other)
		return fail(failure, STATUS_USAGE,
			    "ELF segment %u at 0x%" PRIx64 "-0x%" PRIx64
			    " overlaps another at 0x%" PRIx64 "-0x%" PRIx64,
			    index, header->p_paddr, header->p_paddr + (header->p_memsz - 1),
			    other->address, other->address + (other->memory_size - 1));
	if (image->segment_count == ELF_MAX_SEGMENTS)
		return fail(failure, STATUS_USAGE, "more than %d ELF segments; expected fewer",
			    ELF_MAX_SEGMENTS);
	image->segments[image->segment_count++] =
		(struct elf_segment){ .offset = header->p_offset,
				      .file_size = header->p_filesz,
				      .address = header->p_paddr,
				      .virtual_address = header->p_vaddr,
				      .memory_size = header->p_memsz };
	return true;
}

static bool read_segments(struct elf_image *image, struct failure *failure)
{
	for (unsigned int i = 0; i < image->phnum; i++) {
		Elf64_Phdr header;

		read_program_header(image, i, &header);
		if (header.p_type != PT_LOAD && header.p_type != PT_NOTE)
			continue;
		if (!check_segment(image, i, &header, failure))
			return false;
		if (header.p_type == PT_LOAD && header.p_memsz != 0 &&
		    !add_segment(image, i, &header, failure))
			return false;
	}
	if (image->segment_count == 0)
		return fail(failure, STATUS_USAGE,
			    "no loadable ELF segment; expected at least one PT_LOAD");
	return true;
}

bool elf_image_parse(struct elf_image *image, const void *bytes, size_t length, uint16_t machine,
		     struct failure *failure)
{
	Elf64_Ehdr header;

	memset(image, 0, sizeof(*image));
	if (length < sizeof(header))
		return fail(failure, STATUS_USAGE,
			    "%zu bytes are too few for an ELF file; expected at least %zu", length,
			    sizeof(header));
	memcpy(&header, bytes, sizeof(header));
	if (!check_identity(&header, failure) || !check_header(&header, length, machine, failure))
		return false;
	image->bytes = bytes;
	image->length = length;
	image->entry = header.e_entry;
	image->phoff = header.e_phoff;
	image->phnum = header.e_phnum;
	return read_segments(image, failure);
}

const struct elf_segment *elf_image_segment_at(const struct elf_image *image, uint64_t address)
{
	return elf_image_overlap(image, address, 1);
}

bool elf_image_entry(const struct elf_image *image, uint64_t *address)
{
	for (unsigned int i = 0; i < image->segment_count; i++) {
		const struct elf_segment *segment = &image->segments[i];

		if (image->entry - segment->virtual_address < segment->memory_size) {
			*address = segment->address + (image->entry - segment->virtual_address);
			return true;
		}
	}
	*address = image->entry;
	return elf_image_segment_at(image, image->entry) != NULL;
}

/* Name and content of a note are each padded to 4, whatever p_align says. */
static uint64_t note_padded(uint32_t size)
{
	return ((uint64_t)size + 3) & ~UINT64_C(3);
}

/* One note at *offset of the segment, and *offset moved past it. */
static bool read_note(const uint8_t *segment, uint64_t segment_size, uint64_t *offset,
		      Elf64_Nhdr *header, const uint8_t **name, const uint8_t **content)
{
	uint64_t left = segment_size - *offset, name_size;

	if (left < sizeof(*header))
		return false;
	memcpy(header, segment + *offset, sizeof(*header));
	left -= sizeof(*header);
	name_size = note_padded(header->n_namesz);
	/* The last content need not be padded. */
	if (name_size > left || header->n_descsz > left - name_size)
		return false;
	*name = segment + *offset + sizeof(*header);
	*content = *name + name_size;
	*offset += sizeof(*header) + name_size + note_padded(header->n_descsz);
	return true;
}

static bool find_note(const uint8_t *segment, uint64_t size, const char *owner, uint32_t type,
		      struct elf_note *note)
{
	size_t owner_size = strlen(owner) + 1;
	uint64_t offset = 0;

	while (offset < size) {
		const uint8_t *name, *content;
		Elf64_Nhdr header;

		if (!read_note(segment, size, &offset, &header, &name, &content))
			return false;
		if (header.n_type == type && header.n_namesz == owner_size &&
		    memcmp(name, owner, owner_size) == 0) {
			note->content = content;
			note->size = header.n_descsz;
			return true;
		}
	}
	return true;
}

bool elf_image_note(const struct elf_image *image, const char *owner, uint32_t type,
		    struct elf_note *note, struct failure *failure)
{
	note->content = NULL;
	note->size = 0;
	for (unsigned int i = 0; i < image->phnum && !note->content; i++) {
		Elf64_Phdr header;

		read_program_header(image, i, &header);
		if (header.p_type != PT_NOTE)
			continue;
		if (!find_note(image->bytes + header.p_offset, header.p_filesz, owner, type, note))
			return fail(failure, STATUS_USAGE,
				    "ELF program header %u: a note passes the end of its segment",
				    i);
	}
	return true;
}
