/* SPDX-License-Identifier: MIT */
/* Boots an ELF64 by its PVH note: where it is entered, and what it is told. */
#include "pvh.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "arch.h"
#include "machine.h"
#include "memory_runs.h"
#include "x86_layout.h"

/* The boot data is one block, put together here and loaded as a whole. */
#define MAX_MEMORY_MAP 256
struct boot_block {
	struct pvh_start_info info;
	struct pvh_module module;
	struct pvh_memory map[MAX_MEMORY_MAP];
	char command_line[CONFIG_MAX_COMMAND_LINE + 1];
};
_Static_assert(sizeof(struct boot_block) <= BOOT_DATA_SIZE, "the boot data has room for it");

static uint64_t block_address(size_t offset)
{
	return BOOT_DATA_START + offset;
}

static bool read_entry(const struct elf_note *note, uint64_t *entry, struct failure *failure)
{
	uint64_t value = 0;

	if (!note->content)
		return fail(failure, STATUS_USAGE,
			    "no PVH note; expected an ELF note \"%s\" of type %d "
			    "(XEN_ELFNOTE_PHYS32_ENTRY)",
			    PVH_NOTE_OWNER, PVH_NOTE_ENTRY);
	if (note->size != 4 && note->size != 8)
		return fail(failure, STATUS_USAGE, "PVH note of %" PRIu32 " bytes; expected 4 or 8",
			    note->size);
	memcpy(&value, note->content, note->size);
	if (value > UINT32_MAX)
		return fail(failure, STATUS_USAGE,
			    "PVH entry 0x%" PRIx64 " is above 4 GiB; expected a 32-bit address",
			    value);
	*entry = value;
	return true;
}

bool arch_kernel_parse(struct kernel *kernel, const void *bytes, size_t length,
		       struct failure *failure)
{
	struct elf_note note;

	kernel->segment_name = "ELF segment";
	if (!elf_image_parse(&kernel->elf, bytes, length, EM_X86_64, failure) ||
	    !elf_image_note(&kernel->elf, PVH_NOTE_OWNER, PVH_NOTE_ENTRY, &note, failure) ||
	    !read_entry(&note, &kernel->entry, failure))
		return false;
	if (!elf_image_segment_at(&kernel->elf, kernel->entry))
		return fail(failure, STATUS_USAGE,
			    "PVH entry 0x%" PRIx64
			    " is in no loaded ELF segment; expected it in one",
			    kernel->entry);
	return true;
}

static bool add_to_map(void *context, const struct memory_run *run)
{
	struct boot_block *block = context;
	struct pvh_memory *entry = &block->map[block->info.memmap_entries];

	if (block->info.memmap_entries == MAX_MEMORY_MAP)
		return false;
	entry->addr = run->address;
	entry->size = run->size;
	entry->type = run->writable ? PVH_MEMORY_RAM : PVH_MEMORY_RESERVED;
	block->info.memmap_entries++;
	return true;
}

static void add_module(struct boot_block *block, const struct kernel *kernel)
{
	if (!kernel->initrd_path)
		return;
	block->info.nr_modules = 1;
	block->info.modlist_paddr = block_address(offsetof(struct boot_block, module));
	block->module.paddr = kernel->initrd_address;
	block->module.size = kernel->initrd_size;
}

bool arch_boot_data(struct machine *machine, const struct kernel *kernel, struct failure *failure)
{
	static struct boot_block block; /* 10 KiB: too much for a stack */
	struct guest_fault fault;

	memset(&block, 0, sizeof(block));
	block.info.magic = PVH_MAGIC;
	block.info.version = 1;
	block.info.cmdline_paddr = block_address(offsetof(struct boot_block, command_line));
	block.info.memmap_paddr = block_address(offsetof(struct boot_block, map));
	add_module(&block, kernel);
	memcpy(block.command_line, kernel->command_line, strlen(kernel->command_line));
	if (!memory_runs(&machine->memory, true, add_to_map, &block))
		return fail(failure, STATUS_USAGE,
			    "the memory map has too many pieces; expected at most %d",
			    MAX_MEMORY_MAP);
	if (!guest_memory_load(&machine->memory, BOOT_DATA_START, &block, sizeof(block), &fault)) {
		char text[128];

		guest_fault_text(&fault, text, sizeof(text));
		return fail(failure, STATUS_USAGE,
			    "the boot data (memory map, command line) needs memory at 0x%" PRIx64
			    "-0x%" PRIx64 ", but %s",
			    BOOT_DATA_START, BOOT_DATA_START + (BOOT_DATA_SIZE - 1), text);
	}
	machine->boot_info = BOOT_DATA_START;
	return true;
}
