/* SPDX-License-Identifier: MIT */
/* Guest memory: a memory file, and the page table that says what of it the guest has where. */
#include "guest_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <twofold/dump.h>

#include "arch.h"
#include "memory_runs.h"
#include "number.h"

/* Tables for the root, and for both ends of each mapped range, with paths of their own. */
#define FRAMES_MIN       UINT64_C(64)
#define FRAMES_OF_REGION UINT64_C(16)

/*
 * As many frames as the table can ever take: all of memory in leaves of 4K, for the guest may cut
 * it into pieces of that size while it runs. Those that are never used cost address space only.
 */
static uint64_t table_frames(const struct config *config, uint8_t address_bits)
{
	uint64_t size = config->memory, most = UINT64_C(1) << address_bits;

	for (size_t i = 0; i < config->region_count && size < most; i++)
		size += config->regions[i].kind == REGION_HOLE ? 0 : config->regions[i].size;
	/* What is beyond all addresses is refused when it is mapped. */
	size = size < most ? size : most;
	return FRAMES_MIN + FRAMES_OF_REGION * (ARCH_RAM_RANGES + config->region_count) +
	       size / PAGE_SIZE_2M + size / PAGE_SIZE_1G;
}

static bool make_table(struct guest_memory *memory, const struct config *settings,
		       uint8_t address_bits, struct failure *failure)
{
	uint64_t frames = table_frames(settings, address_bits);
	struct page_table_config config;
	enum paging_status status;
	struct table_access access;

	memory->table_area_size = (size_t)(frames * GUEST_PAGE);
	memory->table_area = mmap(NULL, memory->table_area_size, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory->table_area == MAP_FAILED) {
		memory->table_area = NULL;
		return fail(failure, STATUS_HOST,
			    "no address space for the guest memory's table: %s", strerror(errno));
	}
	/* Physical address 0 is the start of the area: the library's addresses are small numbers,
	 * and what --dump-stage2 prints does not change from run to run. */
	access = (struct table_access){ .offset = (uint64_t)(uintptr_t)memory->table_area };
	frame_pool_init(&memory->frames, 0, frames * GUEST_PAGE, &access);
	arch_guest_memory_format(&config, address_bits);
	config.access = access;
	status = page_table_init(&memory->table, &config, &memory->frames.allocator);
	if (status != PAGING_OK)
		return fail(failure, STATUS_HOST, "guest memory's table: %s",
			    paging_status_text(status));
	return true;
}

/*
 * Where in the file a region at `base` goes: at or after the file's end so far, and congruent to
 * `base` modulo the largest leaf that could be used, so that it can be.
 */
static uint64_t place_in_file(uint64_t file_size, uint64_t base, uint64_t size)
{
	uint64_t align = size >= PAGE_SIZE_1G   ? PAGE_SIZE_1G
			 : size >= PAGE_SIZE_2M ? PAGE_SIZE_2M
						: GUEST_PAGE;
	uint64_t offset = addr_align_down(file_size, align) + (base & (align - 1));

	return offset < file_size ? offset + align : offset;
}

static bool map_region(struct guest_memory *memory, uint64_t base, uint64_t size,
		       enum region_kind kind, struct failure *failure)
{
	uint64_t offset = place_in_file(memory->file_size, base, size);
	struct page_flags flags = {
		.read = 1, .write = kind == REGION_RAM, .execute = 1, .type = MEMORY_NORMAL
	};
	struct page_table_op op = { .frames = &memory->frames.allocator };
	enum paging_status status;

	if (size > (uint64_t)INT64_MAX - offset)
		return fail(failure, STATUS_USAGE, "0x%" PRIx64 " bytes do not fit in a file",
			    size);
	status = page_table_map(&memory->table, base, offset, size, flags, &op);
	if (status == PAGING_ALREADY_MAPPED)
		return fail(failure, STATUS_USAGE,
			    "there is RAM already, at 0x%" PRIx64 "-0x%" PRIx64
			    "; expected free addresses",
			    op.conflict, op.conflict + (op.conflict_size - 1));
	if (status != PAGING_OK)
		return fail(failure, STATUS_USAGE, "%s at 0x%" PRIx64, paging_status_text(status),
			    op.conflict);
	memory->file_size = offset + size;
	return true;
}

/* Takes away the RAM in the range, if there is any. */
static bool carve_region(struct guest_memory *memory, uint64_t base, uint64_t size,
			 struct failure *failure)
{
	struct page_table_op op = { .frames = &memory->frames.allocator,
				    .mode = PAGING_SPLIT | PAGING_SKIP_HOLES };
	enum paging_status status = page_table_unmap(&memory->table, base, size, &op);

	if (status != PAGING_OK)
		return fail(failure, STATUS_USAGE, "%s at 0x%" PRIx64, paging_status_text(status),
			    op.conflict);
	return true;
}

static bool add_region(struct guest_memory *memory, const struct memory_region *region,
		       struct failure *failure)
{
	switch (region->kind) {
	case REGION_RAM:
		return map_region(memory, region->base, region->size, REGION_RAM, failure);
	case REGION_ROM:
		return carve_region(memory, region->base, region->size, failure) &&
		       map_region(memory, region->base, region->size, REGION_ROM, failure);
	case REGION_HOLE:
	default:
		return carve_region(memory, region->base, region->size, failure);
	}
}

static bool make_shape(struct guest_memory *memory, const struct config *config,
		       struct failure *failure)
{
	struct arch_ram ram[ARCH_RAM_RANGES];
	unsigned int ranges = arch_ram_ranges(config->memory, ram);

	for (unsigned int i = 0; i < ranges; i++) {
		if (!map_region(memory, ram[i].base, ram[i].size, REGION_RAM, failure))
			return fail_prefix(failure, "%" PRIu64 " MiB of memory",
					   config->memory / MIB);
	}
	for (size_t i = 0; i < config->region_count; i++) {
		if (!add_region(memory, &config->regions[i], failure))
			return fail_prefix(failure, "%s: %s", config->regions[i].origin,
					   config_region_name(config->regions[i].kind));
	}
	return true;
}

static bool add_home(void *context, const struct memory_run *run)
{
	struct guest_memory *memory = context;

	if (memory->home_count == GUEST_MEMORY_HOMES)
		return false;
	memory->home[memory->home_count++] = *run;
	memory->ram_size += run->size;
	return true;
}

/* Only now: holes and ROM took some of what was mapped first. */
static bool measure(struct guest_memory *memory, struct failure *failure)
{
	return memory_runs(memory, false, add_home, memory) ||
	       fail(failure, STATUS_USAGE, "memory is in more than %d pieces", GUEST_MEMORY_HOMES);
}

static bool make_file(struct guest_memory *memory, struct failure *failure)
{
	memory->fd = memfd_create("guest-memory", MFD_CLOEXEC);
	if (memory->fd < 0)
		return fail(failure, STATUS_HOST, "no memory file for the guest: %s",
			    strerror(errno));
	if (ftruncate(memory->fd, (off_t)memory->file_size) != 0)
		return fail(failure, STATUS_HOST,
			    "no memory file of %" PRIu64 " MiB for the guest: %s",
			    memory->file_size / MIB, strerror(errno));
	memory->host = mmap(NULL, (size_t)memory->file_size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_NORESERVE, memory->fd, 0);
	if (memory->host == MAP_FAILED) {
		memory->host = NULL;
		return fail(failure, STATUS_HOST,
			    "no address space for %" PRIu64 " MiB of guest memory: %s",
			    memory->file_size / MIB, strerror(errno));
	}
	return true;
}

bool guest_memory_init(struct guest_memory *memory, const struct config *config,
		       uint8_t address_bits, struct failure *failure)
{
	memset(memory, 0, sizeof(*memory));
	memory->fd = -1;
	return make_table(memory, config, address_bits, failure) &&
	       make_shape(memory, config, failure) && make_file(memory, failure) &&
	       measure(memory, failure);
}

void guest_memory_destroy(struct guest_memory *memory)
{
	if (memory->host)
		(void)munmap(memory->host, (size_t)memory->file_size);
	if (memory->fd >= 0)
		(void)close(memory->fd);
	/* The table goes with the frames that it is made of. */
	if (memory->table_area)
		(void)munmap(memory->table_area, memory->table_area_size);
	memset(memory, 0, sizeof(*memory));
	memory->fd = -1;
}

static bool refuse(struct guest_fault *fault, enum guest_refusal reason, uint64_t address)
{
	fault->reason = reason;
	fault->address = address;
	return false;
}

static bool may_access(const struct page_mapping *leaf, enum guest_access access,
		       struct guest_fault *fault, uint64_t address)
{
	if (access == GUEST_WRITE && !leaf->flags.write)
		return refuse(fault, GUEST_READ_ONLY, address);
	if (access == GUEST_READ && !leaf->flags.read)
		return refuse(fault, GUEST_UNREADABLE, address);
	return true;
}

/*
 * One step of an access: the leaf at `address`, and the file's offset for it. *size is what is left
 * of the leaf from there on.
 */
static bool find_leaf(const struct guest_memory *memory, uint64_t address, enum guest_access access,
		      uint64_t *offset, uint64_t *size, struct guest_fault *fault)
{
	struct page_mapping leaf;

	if (page_table_query(&memory->table, address, &leaf) != PAGING_OK)
		return refuse(fault, GUEST_NO_MEMORY, address);
	if (!may_access(&leaf, access, fault, address))
		return false;
	*offset = leaf.phys + (address - leaf.virt);
	*size = leaf.size - (address - leaf.virt);
	return true;
}

void *guest_memory_at(const struct guest_memory *memory, uint64_t address, uint64_t length,
		      enum guest_access access, uint64_t *run, struct guest_fault *fault)
{
	uint64_t first = 0, offset, size;
	bool contiguous = true;

	*run = 0;
	(void)refuse(fault, GUEST_OK, address);
	if (length == 0) {
		(void)refuse(fault, GUEST_EMPTY, address);
		return NULL;
	}
	if (length - 1 > UINT64_MAX - address) {
		(void)refuse(fault, GUEST_WRAPS, address);
		return NULL;
	}
	for (uint64_t done = 0; done < length; done += size) {
		if (!find_leaf(memory, address + done, access, &offset, &size, fault))
			return NULL;
		if (size > length - done)
			size = length - done;
		if (done == 0)
			first = offset;
		contiguous = contiguous && offset == first + done;
		if (contiguous)
			*run += size;
	}
	return memory->host + first;
}

bool guest_memory_check(const struct guest_memory *memory, uint64_t address, uint64_t length,
			enum guest_access access, struct guest_fault *fault)
{
	uint64_t run;

	return guest_memory_at(memory, address, length, access, &run, fault) != NULL;
}

bool guest_memory_read(const struct guest_memory *memory, uint64_t address, void *buffer,
		       uint64_t length, struct guest_fault *fault)
{
	uint8_t *to = buffer;

	while (length != 0) {
		uint64_t run;
		const void *from =
			guest_memory_at(memory, address, length, GUEST_READ, &run, fault);

		if (!from)
			return false;
		memcpy(to, from, (size_t)run);
		to += run;
		address += run;
		length -= run;
	}
	return true;
}

bool guest_memory_load(const struct guest_memory *memory, uint64_t address, const void *buffer,
		       uint64_t length, struct guest_fault *fault)
{
	const uint8_t *from = buffer;

	while (length != 0) {
		uint64_t run;
		void *to = guest_memory_at(memory, address, length, GUEST_LOAD, &run, fault);

		if (!to)
			return false;
		memcpy(to, from, (size_t)run);
		from += run;
		address += run;
		length -= run;
	}
	return true;
}

/* Reads `length` bytes from `fd` to host memory of the guest. */
static bool read_fully(int fd, uint8_t *to, uint64_t length, const char *name,
		       struct failure *failure)
{
	while (length != 0) {
		ssize_t got = read(fd, to, length < GIB ? (size_t)length : (size_t)GIB);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(failure, STATUS_USAGE, "%s: cannot be read: %s", name,
				    strerror(errno));
		if (got == 0)
			return fail(failure, STATUS_USAGE,
				    "%s: %" PRIu64 " bytes fewer than it had a moment ago", name,
				    length);
		to += got;
		length -= (uint64_t)got;
	}
	return true;
}

bool guest_memory_load_file(const struct guest_memory *memory, uint64_t address, uint64_t length,
			    int fd, const char *name, struct failure *failure)
{
	while (length != 0) {
		struct guest_fault fault;
		uint64_t run;
		void *to = guest_memory_at(memory, address, length, GUEST_LOAD, &run, &fault);

		if (!to) {
			char text[128];

			guest_fault_text(&fault, text, sizeof(text));
			return fail(failure, STATUS_USAGE, "%s: does not fit in memory: %s", name,
				    text);
		}
		if (!read_fully(fd, to, run, name, failure))
			return false;
		address += run;
		length -= run;
	}
	return true;
}

void guest_fault_text(const struct guest_fault *fault, char *text, size_t size)
{
	static const char *const reasons[] = {
		[GUEST_OK] = "is fine",
		[GUEST_EMPTY] = "is the start of an empty range",
		[GUEST_WRAPS] = "is the start of a range that passes the end of 64-bit addresses",
		[GUEST_NO_MEMORY] = "is not mapped",
		[GUEST_READ_ONLY] = "is read-only",
		[GUEST_UNREADABLE] = "is not readable",
	};

	(void)snprintf(text, size, "0x%" PRIx64 " %s", fault->address, reasons[fault->reason]);
}

uint64_t guest_memory_resident(const struct guest_memory *memory)
{
	struct stat status;

	if (fstat(memory->fd, &status) != 0)
		return 0;
	return (uint64_t)status.st_blocks * 512;
}

static void print_line(void *context, const char *line)
{
	(void)fprintf(context, "%s\n", line);
}

bool guest_memory_dump(const struct guest_memory *memory, struct failure *failure)
{
	(void)page_table_dump(&memory->table, print_line, stdout);
	(void)puts("KVM enforces: read and write (a write to r-x memory leaves the guest); execute "
		   "and memory type are decided by KVM's own tables");
	/* Now, for the guest's output follows. An error before that is in ferror() only. */
	if (fflush(stdout) != 0 || ferror(stdout))
		return fail(failure, STATUS_HOST, "standard output cannot be written");
	return true;
}
