/* SPDX-License-Identifier: MIT */
/* The files that a guest starts from: read, checked, and loaded into its memory. */
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch.h"
#include "number.h"

#define MAX_IMAGE (4 * GIB)

/* A regular file and its size. */
static bool open_file(const char *path, const char *what, int *fd, uint64_t *size,
		      struct failure *failure)
{
	struct stat status;

	/* O_NONBLOCK: a FIFO is refused below, it must not hang here. */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return fail(failure, STATUS_USAGE, "%s %s: cannot be opened: %s", what, path,
			    strerror(errno));
	if (fstat(*fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		(void)close(*fd);
		*fd = -1;
		return fail(failure, STATUS_USAGE, "%s %s: is not a regular file; expected one",
			    what, path);
	}
	*size = (uint64_t)status.st_size;
	return true;
}

static bool read_bytes(struct kernel *kernel, int fd, struct failure *failure)
{
	size_t done = 0;

	/* Own pages rather than the heap, so that they can be given back; rather than a mapping of
	 * the file, so that nobody can truncate it under us. */
	kernel->bytes = mmap(NULL, kernel->length, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (kernel->bytes == MAP_FAILED) {
		kernel->bytes = NULL;
		return fail(failure, STATUS_HOST, "kernel %s: no memory for its %zu bytes",
			    kernel->path, kernel->length);
	}
	while (done < kernel->length) {
		ssize_t got = read(fd, (uint8_t *)kernel->bytes + done, kernel->length - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return fail(failure, STATUS_USAGE, "kernel %s: cannot be read: %s",
				    kernel->path, got < 0 ? strerror(errno) : "it shrank");
		done += (size_t)got;
	}
	return true;
}

static bool open_image(struct kernel *kernel, struct failure *failure)
{
	uint64_t size = 0;
	bool good;
	int fd = -1;

	if (!open_file(kernel->path, "kernel", &fd, &size, failure))
		return false;
	if (size == 0 || size > MAX_IMAGE) {
		(void)close(fd);
		return fail(failure, STATUS_USAGE, "kernel %s: %s", kernel->path,
			    size == 0 ? "is empty; expected an ELF image"
				      : "is larger than 4 GiB; expected less");
	}
	kernel->length = (size_t)size;
	good = read_bytes(kernel, fd, failure);
	(void)close(fd);
	if (!good)
		return false;
	if (!arch_kernel_parse(kernel, kernel->bytes, kernel->length, failure))
		return fail_prefix(failure, "kernel %s", kernel->path);
	return true;
}

void kernel_none(struct kernel *kernel, const struct config *config)
{
	memset(kernel, 0, sizeof(*kernel));
	kernel->command_line = config->command_line ? config->command_line : "";
	kernel->initrd_fd = -1;
}

bool kernel_open(struct kernel *kernel, const struct config *config, struct failure *failure)
{
	kernel_none(kernel, config);
	kernel->path = config->kernel;
	kernel->initrd_path = config->initrd;
	if (!open_image(kernel, failure))
		return false;
	if (!kernel->initrd_path)
		return true;
	if (!open_file(kernel->initrd_path, "initrd", &kernel->initrd_fd, &kernel->initrd_size,
		       failure))
		return false;
	if (kernel->initrd_size == 0)
		return fail(failure, STATUS_USAGE, "initrd %s: is empty; expected some content",
			    kernel->initrd_path);
	return true;
}

/* A region with content of its own in [address, address + length), or NULL. */
static const struct memory_region *find_content(const struct config *config, uint64_t address,
						uint64_t length)
{
	for (size_t i = 0; i < config->region_count; i++) {
		const struct memory_region *region = &config->regions[i];

		if (region->file && address <= region->base + (region->size - 1) &&
		    region->base <= address + (length - 1))
			return region;
	}
	return NULL;
}

/* Segments and boot data must not fall on what is there already. */
static bool check_free(const struct config *config, const char *what, uint64_t address,
		       uint64_t length, struct failure *failure)
{
	const struct memory_region *region = find_content(config, address, length);

	if (!region)
		return true;
	return fail(failure, STATUS_USAGE,
		    "%s at 0x%" PRIx64 "-0x%" PRIx64
		    " overlaps the content of the memory region at "
		    "0x%" PRIx64 "-0x%" PRIx64,
		    what, address, address + (length - 1), region->base,
		    region->base + (region->size - 1));
}

static bool check_segment(const struct kernel *kernel, const struct elf_segment *segment,
			  const struct config *config, struct failure *failure)
{
	uint64_t last = segment->address + (segment->memory_size - 1), area, area_size;

	if (arch_boot_area(&area, &area_size) && segment->address <= area + (area_size - 1) &&
	    area <= last)
		return fail(failure, STATUS_USAGE,
			    "%s at 0x%" PRIx64 "-0x%" PRIx64 " overlaps the boot data at 0x%" PRIx64
			    "-0x%" PRIx64,
			    kernel->segment_name, segment->address, last, area,
			    area + (area_size - 1));
	return check_free(config, kernel->segment_name, segment->address, segment->memory_size,
			  failure);
}

static bool load_segment(const struct kernel *kernel, const struct elf_segment *segment,
			 const struct guest_memory *memory, struct failure *failure)
{
	struct guest_fault fault;

	/* What is past the file's bytes is zero already: the guest's memory is new. */
	if (!guest_memory_check(memory, segment->address, segment->memory_size, GUEST_LOAD,
				&fault) ||
	    (segment->file_size != 0 &&
	     !guest_memory_load(memory, segment->address,
				(const uint8_t *)kernel->bytes + segment->offset,
				segment->file_size, &fault))) {
		char text[128];

		guest_fault_text(&fault, text, sizeof(text));
		return fail(
			failure, STATUS_USAGE,
			"%s at 0x%" PRIx64 "-0x%" PRIx64
			" is outside of guest memory: %s; more memory (-m) or another address is "
			"needed",
			kernel->segment_name, segment->address,
			segment->address + (segment->memory_size - 1), text);
	}
	return true;
}

static bool touches(uint64_t start, uint64_t size, uint64_t other, uint64_t other_size)
{
	return start <= other + (other_size - 1) && other <= start + (size - 1);
}

/* Whether something is in the way of [start, start + size), and where that begins. */
static bool find_obstacle(const struct kernel *kernel, const struct guest_memory *memory,
			  const struct config *config, uint64_t start, uint64_t size, uint64_t *at)
{
	const struct elf_segment *segment = elf_image_overlap(&kernel->elf, start, size);
	const struct memory_region *region = find_content(config, start, size);
	struct guest_fault fault;

	if (segment)
		*at = segment->address;
	else if (region)
		*at = region->base;
	else if (kernel->initrd_address != 0 &&
		 touches(start, size, kernel->initrd_address, kernel->initrd_size))
		*at = kernel->initrd_address;
	else if (!guest_memory_check(memory, start, size, GUEST_WRITE, &fault))
		*at = fault.address;
	else
		return false;
	return true;
}

bool kernel_is_free(const struct kernel *kernel, const struct guest_memory *memory,
		    const struct config *config, uint64_t address, uint64_t size)
{
	uint64_t at;

	return !find_obstacle(kernel, memory, config, address, size, &at);
}

/* Whatever is in the way of a candidate is in the way of every candidate that holds it, so the next
 * one ends just below it. */
bool kernel_find_place(const struct kernel *kernel, const struct guest_memory *memory,
		       const struct config *config, uint64_t size, uint64_t *address)
{
	uint64_t lowest, end;

	arch_initrd_window(config, &lowest, &end);
	while (size <= end && end - size >= lowest) {
		uint64_t start = addr_align_down(end - size, GUEST_PAGE);

		if (start < lowest)
			break;
		if (!find_obstacle(kernel, memory, config, start, size, &end)) {
			*address = start;
			return true;
		}
	}
	return false;
}

static bool place_initrd(struct kernel *kernel, const struct guest_memory *memory,
			 const struct config *config, struct failure *failure)
{
	if (kernel_find_place(kernel, memory, config, kernel->initrd_size, &kernel->initrd_address))
		return true;
	return fail(failure, STATUS_USAGE,
		    "initrd %s: %" PRIu64
		    " bytes are too big for the free memory beside the kernel; "
		    "more memory (-m) is needed",
		    kernel->initrd_path, kernel->initrd_size);
}

bool kernel_load(struct kernel *kernel, const struct guest_memory *memory,
		 const struct config *config, struct failure *failure)
{
	uint64_t area, area_size;

	for (unsigned int i = 0; i < kernel->elf.segment_count; i++) {
		const struct elf_segment *segment = &kernel->elf.segments[i];

		if (!check_segment(kernel, segment, config, failure) ||
		    !load_segment(kernel, segment, memory, failure))
			return fail_prefix(failure, "kernel %s", kernel->path);
	}
	if (arch_boot_area(&area, &area_size) &&
	    !check_free(config, "the boot data", area, area_size, failure))
		return false;
	if (!kernel->initrd_path)
		return true;
	return place_initrd(kernel, memory, config, failure) &&
	       guest_memory_load_file(memory, kernel->initrd_address, kernel->initrd_size,
				      kernel->initrd_fd, kernel->initrd_path, failure);
}

static bool load_region(const struct guest_memory *memory, const struct memory_region *region,
			struct failure *failure)
{
	uint64_t size = 0;
	bool good;
	int fd = -1;

	if (!open_file(region->file, "file", &fd, &size, failure))
		return false;
	if (size > region->size)
		good = fail(failure, STATUS_USAGE,
			    "file %s: its %" PRIu64 " bytes do not fit in 0x%" PRIx64, region->file,
			    size, region->size);
	else
		good = guest_memory_load_file(memory, region->base, size, fd, region->file,
					      failure);
	(void)close(fd);
	return good;
}

bool regions_load(const struct guest_memory *memory, const struct config *config,
		  struct failure *failure)
{
	for (size_t i = 0; i < config->region_count; i++) {
		if (config->regions[i].file && !load_region(memory, &config->regions[i], failure))
			return fail_prefix(failure, "%s", config->regions[i].origin);
	}
	return true;
}

void kernel_release(struct kernel *kernel)
{
	if (kernel->bytes)
		(void)munmap(kernel->bytes, kernel->length);
	if (kernel->initrd_fd >= 0)
		(void)close(kernel->initrd_fd);
	kernel->bytes = NULL;
	kernel->initrd_fd = -1;
	/* elf.bytes went with them; the segments are copies. */
	kernel->elf.bytes = NULL;
}
