/* SPDX-License-Identifier: MIT */
/*
 * Guest memory. Its shape is a page table of the library: guest-physical address in, offset in a
 * memory file out, with the guest's rights on the leaf. What the table does not map is not memory.
 * KVM's memory slots are derived from it (memory_slots.h), and every access of ours goes through
 * it.
 */
#ifndef VMM_GUEST_MEMORY_H
#define VMM_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <twofold/frame_pool.h>
#include <twofold/page_table.h>

#include "config.h"
#include "failure.h"
#include "vmm/memory_control.h"

#define GUEST_PAGE UINT64_C(4096)

/* What the table maps without a gap, in guest-physical addresses and in the file. */
struct memory_run {
	uint64_t address;
	uint64_t offset; /* in the memory file */
	uint64_t size;
	bool writable;
};

/* Each region that is carved out of RAM makes two pieces more. */
#define GUEST_MEMORY_HOMES (4 + 2 * CONFIG_MAX_REGIONS)

struct guest_memory {
	int fd;
	uint8_t *host;      /* the whole file */
	uint64_t file_size; /* sparse: gaps for alignment cost nothing */
	uint64_t ram_size;  /* bytes mapped, RAM and ROM */
	struct page_table table;
	struct frame_pool frames; /* for the tables */
	/* The memory as it was at the start, ascending: what the guest can have again. */
	struct memory_run home[GUEST_MEMORY_HOMES];
	size_t home_count;
	void *table_area;
	size_t table_area_size;
};

/* For whom, and so with which rights. */
enum guest_access {
	GUEST_READ,  /* a device reads: must be readable */
	GUEST_WRITE, /* a device writes: must be writable */
	GUEST_LOAD,  /* a loader fills in memory before the guest runs: ROM is fine */
};

enum guest_refusal {
	GUEST_OK,
	GUEST_EMPTY,     /* length 0 */
	GUEST_WRAPS,     /* passes the end of 64-bit addresses */
	GUEST_NO_MEMORY, /* nothing is mapped there */
	GUEST_READ_ONLY,
	GUEST_UNREADABLE,
};

/* Why an access was refused, and the first address that it was refused for. */
struct guest_fault {
	enum guest_refusal reason;
	uint64_t address;
};

/*
 * Makes the memory that the configuration asks for: RAM where the architecture has it, then the
 * regions of the configuration. Contents of ROM and RAM files are not loaded yet. Guest addresses
 * have `address_bits` bits.
 */
bool guest_memory_init(struct guest_memory *memory, const struct config *config,
		       uint8_t address_bits, struct failure *failure);
void guest_memory_destroy(struct guest_memory *memory);

/* Whether all of [address, address + length) may be accessed so; if not, *fault says why. */
bool guest_memory_check(const struct guest_memory *memory, uint64_t address, uint64_t length,
			enum guest_access access, struct guest_fault *fault);

/*
 * The one way to the bytes: checks [address, address + length), then gives the host pointer to its
 * beginning, and in *run how many bytes (up to length) are contiguous there. NULL if refused.
 */
void *guest_memory_at(const struct guest_memory *memory, uint64_t address, uint64_t length,
		      enum guest_access access, uint64_t *run, struct guest_fault *fault);

/* Copies; all of it or, when refused, nothing. */
bool guest_memory_read(const struct guest_memory *memory, uint64_t address, void *buffer,
		       uint64_t length, struct guest_fault *fault);
bool guest_memory_load(const struct guest_memory *memory, uint64_t address, const void *buffer,
		       uint64_t length, struct guest_fault *fault);

/* Fills in exactly `length` bytes from a file's current position on (loader access). */
bool guest_memory_load_file(const struct guest_memory *memory, uint64_t address, uint64_t length,
			    int fd, const char *name, struct failure *failure);

enum guest_change {
	GUEST_CHANGE_DONE,
	GUEST_CHANGE_NOT_THERE, /* part of the range was no memory at the start */
	GUEST_CHANGE_ROM,       /* write access to ROM */
	GUEST_CHANGE_FAILED,    /* the table has no room; as it is sized, that cannot be */
};

/* How a range was before it was changed. */
struct guest_undo {
	uint64_t address, size;
	struct memory_run runs[MEMORY_CONTROL_PIECES];
	size_t run_count;
};

/*
 * Makes [address, address + size) readable, writable as well, or (neither) no memory. Whole pages,
 * in the table's width. Contents stay in the file, and dirty pages stay dirty. The caller brings
 * KVM's slots up to date; refused, nothing has changed.
 */
enum guest_change guest_memory_change(struct guest_memory *memory, uint64_t address, uint64_t size,
				      bool readable, bool writable, struct guest_undo *undo);
/* ... or takes the change back. false: the table has no room, as above. */
bool guest_memory_undo(struct guest_memory *memory, const struct guest_undo *undo);

/*
 * Marks the page at `address` dirty: in its leaf of the granule's size, and where the guest has
 * removed it, in the annotation that is left. false: the table has no room, as above.
 */
bool guest_memory_mark_dirty(struct guest_memory *memory, uint64_t address);

/* Shows each dirty page in ascending order, in runs; false ends it. Returns whether all was seen.
 */
typedef bool (*dirty_visitor)(void *context, uint64_t address, uint64_t size);
bool guest_memory_dirty(const struct guest_memory *memory, dirty_visitor visitor, void *context);
/* No page is dirty after this. */
bool guest_memory_clean(struct guest_memory *memory);

/* "0x1000 is not mapped". */
void guest_fault_text(const struct guest_fault *fault, char *text, size_t size);

/* Bytes of the file that have been touched by anybody. */
uint64_t guest_memory_resident(const struct guest_memory *memory);

/* Prints the table, and what KVM enforces of it, on standard output: all of it is out then. */
bool guest_memory_dump(const struct guest_memory *memory, struct failure *failure);

#endif
