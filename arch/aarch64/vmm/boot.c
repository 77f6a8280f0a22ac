/* SPDX-License-Identifier: MIT */
/* Boots an arm64 Image or an ELF64: where it goes and is entered, and the device tree it is given.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch.h"
#include "arm_layout.h"
#include "board.h"
#include "device_tree.h"
#include "image.h"
#include "machine.h"
#include "memory_runs.h"

/* For what is added to a tree of the user's. */
#define TREE_BUFFER (DEVICE_TREE_MAX_SIZE + 0x4000)

/* An Image is one segment, as an ELF file has them. */
static bool parse_image(struct kernel *kernel, const void *bytes, size_t length,
			struct failure *failure)
{
	struct arm_image image;

	if (!arm_image_parse(&image, bytes, length, failure))
		return false;
	if (image.text_offset > UINT64_MAX - RAM_BASE ||
	    image.size - 1 > UINT64_MAX - (RAM_BASE + image.text_offset))
		return fail(failure, STATUS_USAGE,
			    "Image of 0x%" PRIx64 " bytes at text offset 0x%" PRIx64
			    " passes the end of 64-bit addresses",
			    image.size, image.text_offset);
	kernel->segment_name = "Image";
	kernel->entry = RAM_BASE + image.text_offset;
	kernel->page_size = image.page_size;
	kernel->elf = (struct elf_image){ .bytes = bytes, .length = length, .segment_count = 1 };
	kernel->elf.segments[0] = (struct elf_segment){ .offset = 0,
							.file_size = length,
							.address = kernel->entry,
							.virtual_address = kernel->entry,
							.memory_size = image.size };
	return true;
}

static bool parse_elf(struct kernel *kernel, const void *bytes, size_t length,
		      struct failure *failure)
{
	kernel->segment_name = "ELF segment";
	if (!elf_image_parse(&kernel->elf, bytes, length, EM_AARCH64, failure))
		return false;
	/* It is entered with the MMU off; what a kernel is linked to may be elsewhere. */
	if (!elf_image_entry(&kernel->elf, &kernel->entry))
		return fail(failure, STATUS_USAGE,
			    "ELF entry 0x%" PRIx64
			    " is in no loaded ELF segment, by virtual or physical address; "
			    "expected it in one",
			    kernel->elf.entry);
	if (kernel->entry % 4 != 0)
		return fail(failure, STATUS_USAGE,
			    "ELF entry 0x%" PRIx64 "; expected a multiple of 4", kernel->elf.entry);
	return true;
}

bool arch_kernel_parse(struct kernel *kernel, const void *bytes, size_t length,
		       struct failure *failure)
{
	const uint8_t *first = bytes;

	if (arm_image_is(bytes, length))
		return parse_image(kernel, bytes, length, failure);
	if (length >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0)
		return parse_elf(kernel, bytes, length, failure);
	if (length < ARM_IMAGE_HEADER)
		return fail(failure, STATUS_USAGE,
			    "%zu bytes are too few for a kernel; expected at least %d", length,
			    ARM_IMAGE_HEADER);
	return fail(failure, STATUS_USAGE,
		    "neither an ELF file nor an arm64 Image%s: it begins %02x %02x %02x %02x, "
		    "expected 7f 45 4c 46, or 41 52 4d 64 at offset 56",
		    first[0] == 0x1f && first[1] == 0x8b ? " (compressed by gzip: unpack it first)"
							 : "",
		    first[0], first[1], first[2], first[3]);
}

static bool add_memory(void *context, const struct memory_run *run)
{
	struct device_tree_machine *description = context;

	if (!run->writable)
		return true;
	if (description->memory_count == DEVICE_TREE_MAX_MEMORY)
		return false;
	description->memory[description->memory_count++] =
		(struct device_tree_range){ run->address, run->size };
	return true;
}

static bool describe(const struct machine *machine, const struct kernel *kernel,
		     struct device_tree_machine *description, struct failure *failure)
{
	const struct config *config = machine->config;

	*description = (struct device_tree_machine){
		.gic = board_gic(machine),
		.cpus = (unsigned int)config->vcpus,
		.has_debug_exit = config->debug_exit.present,
		.debug_exit_base = config->debug_exit.iobase,
		.debug_exit_size = config->debug_exit.iosize,
		.has_memory_control = config->memory_control,
		.memory_control_base = arch_memory_control(),
		.command_line = kernel->command_line,
	};
	if (kernel->initrd_path)
		description->initrd =
			(struct device_tree_range){ kernel->initrd_address, kernel->initrd_size };
	if (!memory_runs(&machine->memory, true, add_memory, description))
		return fail(failure, STATUS_USAGE,
			    "the memory map has too many pieces; expected at most %d",
			    DEVICE_TREE_MAX_MEMORY);
	return true;
}

/* The user's file: at most as much as a kernel would take. */
static bool read_tree(const char *path, uint8_t *bytes, size_t *length, struct failure *failure)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = -1;

	if (fd < 0)
		return fail(failure, STATUS_USAGE, "cannot be opened: %s", strerror(errno));
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		got = read(fd, bytes, DEVICE_TREE_MAX_SIZE + 1);
	(void)close(fd);
	if (got < 0)
		return fail(failure, STATUS_USAGE, "cannot be read; expected a regular file");
	if (got > DEVICE_TREE_MAX_SIZE)
		return fail(failure, STATUS_USAGE, "is larger than 2 MiB; expected less");
	*length = (size_t)got;
	return true;
}

static bool write_tree(const char *path, const void *tree, size_t length, struct failure *failure)
{
	FILE *file = fopen(path, "we");
	bool good;

	if (!file)
		return fail(failure, STATUS_HOST, "--dump-dtb: %s: cannot be written: %s", path,
			    strerror(errno));
	good = fwrite(tree, 1, length, file) == length;
	if (fclose(file) != 0 || !good)
		return fail(failure, STATUS_HOST, "--dump-dtb: %s: cannot be written", path);
	return true;
}

static bool make_tree(const struct config *config, const struct device_tree_machine *description,
		      uint8_t *tree, size_t *length, struct failure *failure)
{
	static uint8_t file[DEVICE_TREE_MAX_SIZE + 1];
	size_t file_length = 0;

	if (!config->dtb)
		return device_tree_build(description, tree, TREE_BUFFER, length, failure);
	return (read_tree(config->dtb, file, &file_length, failure) &&
		device_tree_adopt(description, file, file_length, tree, TREE_BUFFER, length,
				  failure)) ||
	       fail_prefix(failure, "--dtb %s", config->dtb);
}

/* At the start of RAM where it is free, for QEMU has it there for an ELF kernel; or at the top. */
static bool load_tree(struct machine *machine, const struct kernel *kernel, const uint8_t *tree,
		      size_t length, struct failure *failure)
{
	uint64_t size = addr_align_down(length + (GUEST_PAGE - 1), GUEST_PAGE), address = RAM_BASE;
	struct guest_fault fault;

	if (!kernel_is_free(kernel, &machine->memory, machine->config, address, size) &&
	    !kernel_find_place(kernel, &machine->memory, machine->config, size, &address))
		return fail(failure, STATUS_USAGE,
			    "the device tree's %zu bytes are too big for the free memory beside "
			    "the kernel; more memory (-m) is needed",
			    length);
	machine->boot_info = address;
	/* kernel_find_place has seen to it that it fits. */
	return guest_memory_load(&machine->memory, address, tree, length, &fault);
}

bool arch_boot_data(struct machine *machine, const struct kernel *kernel, struct failure *failure)
{
	static struct device_tree_machine description;
	static uint8_t tree[TREE_BUFFER];
	const struct config *config = machine->config;
	size_t length = 0;

	return describe(machine, kernel, &description, failure) &&
	       make_tree(config, &description, tree, &length, failure) &&
	       (!config->dump_dtb || write_tree(config->dump_dtb, tree, length, failure)) &&
	       load_tree(machine, kernel, tree, length, failure);
}
