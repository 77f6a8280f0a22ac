/* SPDX-License-Identifier: MIT */
/* This kernel as its own guest, its memory mapped when it is first touched. */
#include "lazy.h"

#include "guest/kernel.h"
#include "guest/options.h"
#include "guest/panic.h"
#include "guest/print.h"
#include "guest/selftest.h"
#include "guest/text.h"

#define FAULTS_TOLD 5

static const struct page_flags all = { .read = 1, .write = 1, .execute = 1 };

bool lazy_never(void)
{
	if (hypervisor.cpu.never_bare)
		check_skip("guests of this CPU cannot start with paging off");
	return hypervisor.cpu.never_bare;
}

void lazy_start(struct lazy_guest *lazy, unsigned int chunks, const char *command_line)
{
	struct inner_start start = { .how = INNER_BARE, .entry = inner_image_entry() };

	memset(lazy, 0, sizeof(*lazy));
	lazy->ram.start = addr_align_down(image_phys(image_start), LAZY_CHUNK);
	lazy->ram.end = lazy->ram.start + chunks * LAZY_CHUNK;
	lazy->information = lazy->ram.end - INNER_BOOT_SIZE;
	lazy->last_fault = UINT64_MAX;
	lazy->command_line = command_line;
	lazy->empty = test_frame(page_size());
	memset(frame_bytes(lazy->empty), 0xff, page_size());
	guest_create(&lazy->guest, 0);
	lazy->vcpu.guest = &lazy->guest;
	start.argument = lazy->information;
	if (!hypervisor.backend->vcpu_create(&lazy->vcpu, &start, &kernel.pool.allocator))
		panic("the inner kernel: no memory");
}

void lazy_end(struct lazy_guest *lazy)
{
	hypervisor.backend->vcpu_destroy(&lazy->vcpu, &kernel.pool.allocator);
	guest_destroy(&lazy->guest);
	for (size_t i = 0; i < LAZY_CHUNKS; i++) {
		if (lazy->chunks[i].size != 0)
			test_frame_free(lazy->chunks[i]);
	}
	test_frame_free(lazy->empty);
}

/* What a loader puts into [inner, inner + size), which is all in one part of the image. */
static void fill_part(uint8_t *to, phys_addr inner, uint64_t size)
{
	phys_addr data = image_phys(image_data_start), data_end = image_phys(image_data_end);

	if (inner >= image_phys(image_start) && inner < data)
		memcpy(to, direct(inner), size);
	else if (inner >= data && inner < data_end)
		memcpy(to, image_data_copy + (inner - data), size);
	else
		memset(to, 0, size);
}

/* The chunk of memory that `inner` is in; filled when it is first touched. */
static struct frame *chunk_of(struct lazy_guest *lazy, phys_addr inner)
{
	size_t index = (size_t)((inner - lazy->ram.start) / LAZY_CHUNK);
	struct frame *chunk = &lazy->chunks[index];
	phys_addr start = lazy->ram.start + index * LAZY_CHUNK;
	uint64_t information = lazy->information - start;

	if (chunk->size != 0)
		return chunk;
	*chunk = test_frame(LAZY_CHUNK);
	for (uint64_t i = 0; i < LAZY_CHUNK; i += 16)
		fill_part(frame_bytes(*chunk) + i, start + i, 16);
	if (information < LAZY_CHUNK)
		inner_boot_information(frame_bytes(*chunk) + information, lazy->information,
				       &lazy->ram, lazy->command_line);
	inner_memory_ready(frame_bytes(*chunk), LAZY_CHUNK);
	return chunk;
}

/* The first of the faults, for who looks on: who and where, and what it was satisfied with. */
static void tell(const struct lazy_guest *lazy, const struct page_fault *fault)
{
	struct page_mapping m;
	const char *access = "read";

	if (!guest_options.dump || lazy->faults > FAULTS_TOLD ||
	    page_table_query(&lazy->guest.table, fault->phys, &m) != PAGING_OK)
		return;
	if ((fault->access & FAULT_WRITE) != 0)
		access = "write";
	else if ((fault->access & FAULT_EXECUTE) != 0)
		access = "fetch";
	print("# fault %lu: %s%s at inner-physical 0x%lx: %s; map_to 0x%lx%s\n", lazy->faults,
	      access, fault->walk ? " by its own walk" : "", fault->phys,
	      fault_cause_text(fault->cause), m.phys,
	      lazy->faults == FAULTS_TOLD ? "; and so on" : "");
}

/* All of the chunk is mapped: one leaf does where the format has one that large. */
static void collapse(struct lazy_guest *lazy, size_t index)
{
	phys_addr start = lazy->ram.start + index * LAZY_CHUNK;
	struct page_mapping m;

	if (!expect_status("collapse", guest_collapse(&lazy->guest, start, LAZY_CHUNK), PAGING_OK))
		return;
	if (page_table_query(&lazy->guest.table, start, &m) == PAGING_OK && m.size == LAZY_CHUNK)
		lazy->collapsed++;
}

static bool touch(struct lazy_guest *lazy, phys_addr inner)
{
	struct page_flags flags = all;
	phys_addr phys = lazy->empty.start;
	bool ram = inner >= lazy->ram.start && inner < lazy->ram.end;
	size_t index = (size_t)((inner - lazy->ram.start) / LAZY_CHUNK);

	if (ram)
		phys = chunk_of(lazy, inner)->start + (inner & (LAZY_CHUNK - 1));
	else
		flags = (struct page_flags){ .read = 1 };
	if (!expect_status("map_to",
			   page_table_map_to(&lazy->guest.table, inner, phys, flags,
					     &kernel.pool.allocator),
			   PAGING_OK))
		return false;
	if (ram && ++lazy->touched[index] == LAZY_CHUNK / page_size())
		collapse(lazy, index);
	return true;
}

static bool fault(struct lazy_guest *lazy, const struct inner_exit *exit)
{
	struct page_fault fault = hypervisor.backend->explain(&lazy->vcpu, exit);
	phys_addr page = addr_align_down(fault.phys, page_size());

	if (fault.cause == FAULT_PERMISSION && lazy->watch && lazy->watch->refused(lazy, &fault))
		return true;
	if (fault.cause != FAULT_NOT_MAPPED || page == lazy->last_fault) {
		complain_exit("the inner kernel", &lazy->vcpu, exit);
		return false;
	}
	lazy->faults++;
	lazy->last_fault = page;
	if (!touch(lazy, page))
		return false;
	tell(lazy, &fault);
	return true;
}

/* A line of the inner kernel's: its points are counted, and only what is bad is shown. */
static void line(struct lazy_guest *lazy)
{
	lazy->line[lazy->line_length] = '\0';
	lazy->line_length = 0;
	if (text_starts(lazy->line, "ok "))
		lazy->passed++;
	else if (text_starts(lazy->line, "not ok "))
		lazy->failed++;
	else if (text_starts(lazy->line, "1.."))
		(void)text_number(lazy->line + 3, &lazy->planned);
	if (!text_starts(lazy->line, "ok "))
		print("# inner: %s\n", lazy->line);
	else if (lazy->watch)
		lazy->watch->point(lazy);
}

static void text(struct lazy_guest *lazy, const uint64_t words[3])
{
	for (unsigned int i = 0; i < 24; i++) {
		char c = (char)(words[i / 8] >> (i % 8 * 8));

		if (c == '\0')
			return;
		if (c == '\n')
			line(lazy);
		else if (lazy->line_length + 1 < sizeof(lazy->line))
			lazy->line[lazy->line_length++] = c;
	}
}

static bool hypercall(struct lazy_guest *lazy)
{
	uint64_t *arguments = lazy->vcpu.arguments;

	switch (arguments[0]) {
	case INNER_CALL_TEXT:
		text(lazy, arguments + 1);
		arguments[0] = 0;
		return true;
	case INNER_CALL_END:
		lazy->outcome = (enum guest_outcome)arguments[1];
		return true;
	default:
		arguments[0] = UINT64_MAX;
		return true;
	}
}

bool lazy_run(struct lazy_guest *lazy)
{
	struct inner_exit exit;
	bool good = true;

	while (good && lazy->outcome == 0) {
		hypervisor.backend->run(&lazy->vcpu, &exit);
		if (exit.reason == INNER_FAULT) {
			good = fault(lazy, &exit);
		} else if (exit.reason == INNER_HYPERCALL) {
			good = hypercall(lazy);
		} else {
			complain_exit("the inner kernel", &lazy->vcpu, &exit);
			good = false;
		}
	}
	return good;
}
