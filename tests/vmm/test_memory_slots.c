/* SPDX-License-Identifier: MIT */
/*
 * Memory slots that follow the guest memory's table, on a KVM that is played: it keeps the rules of
 * the real one (no two slots overlap, a slot changes neither its size nor its rights), keeps a
 * dirty log for each slot, and fails when it is told to.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "guest_memory.h"
#include "memory_slots.h"
#include "number.h"

#define PAGES      2048 /* 8 MiB of RAM */
#define ROM_FIRST  1024
#define ROM_PAGES  4
#define HOLE_FIRST 1100
#define HOLE_PAGES 2
#define SLOT_PAGES INT32_MAX /* at most, in one of KVM's slots */

struct played_slot {
	struct kvm_userspace_memory_region region; /* memory_size 0: none */
	uint64_t dirty[PAGES / 64];
};

static struct {
	struct played_slot slots[MEMORY_SLOTS_MAX];
	unsigned int calls;
	unsigned int fail_at; /* the call that is refused; 0: none */
	unsigned int lost;    /* dirty pages in the log of a slot that was deleted */
} kvm;

static struct config config;
static struct guest_memory memory;
static struct memory_slots slots;
static struct guest_undo undo;

static bool overlap(const struct kvm_userspace_memory_region *a,
		    const struct kvm_userspace_memory_region *b)
{
	return a->guest_phys_addr < b->guest_phys_addr + b->memory_size &&
	       b->guest_phys_addr < a->guest_phys_addr + a->memory_size;
}

static unsigned int count_bits(const uint64_t *words)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < PAGES / 64; i++)
		count += (unsigned int)__builtin_popcountll(words[i]);
	return count;
}

static int play_region(const struct kvm_userspace_memory_region *region)
{
	struct played_slot *slot = &kvm.slots[region->slot];

	if (region->memory_size == 0) {
		cr_assert_neq(slot->region.memory_size, 0, "slot %u is not there", region->slot);
		kvm.lost += count_bits(slot->dirty);
		memset(slot, 0, sizeof(*slot));
		return 0;
	}
	cr_assert_eq(slot->region.memory_size, 0, "slot %u is there", region->slot);
	cr_assert_leq(region->memory_size / GUEST_PAGE, SLOT_PAGES, "slot %u is too large",
		      region->slot);
	for (unsigned int i = 0; i < MEMORY_SLOTS_MAX; i++)
		cr_assert(kvm.slots[i].region.memory_size == 0 ||
				  !overlap(&kvm.slots[i].region, region),
			  "slots %u and %u overlap", i, region->slot);
	slot->region = *region;
	return 0;
}

static int play_get(const struct kvm_dirty_log *log)
{
	struct played_slot *slot = &kvm.slots[log->slot];
	uint64_t words = (slot->region.memory_size / GUEST_PAGE + 63) / 64;

	cr_assert(slot->region.flags & KVM_MEM_LOG_DIRTY_PAGES);
	memcpy(log->dirty_bitmap, slot->dirty, (size_t)words * 8);
	if (!slots.clear_by_hand)
		memset(slot->dirty, 0, sizeof(slot->dirty));
	return 0;
}

static int play_clear(const struct kvm_clear_dirty_log *clear)
{
	struct played_slot *slot = &kvm.slots[clear->slot];
	const uint64_t *bits = clear->dirty_bitmap;

	cr_assert(slots.clear_by_hand && clear->first_page % 64 == 0);
	for (uint64_t i = 0; i < (clear->num_pages + UINT64_C(63)) / 64; i++)
		slot->dirty[clear->first_page / 64 + i] &= ~bits[i];
	return 0;
}

static int play(int fd, unsigned long request, void *argument)
{
	(void)fd;
	if (++kvm.calls == kvm.fail_at) {
		errno = ENOMEM;
		return -1;
	}
	switch (request) {
	case KVM_SET_USER_MEMORY_REGION:
		return play_region(argument);
	case KVM_GET_DIRTY_LOG:
		return play_get(argument);
	case KVM_CLEAR_DIRTY_LOG:
		return play_clear(argument);
	default:
		cr_assert_fail("request 0x%lx", request);
		return -1;
	}
}

static void update(enum slots_result expected)
{
	struct failure failure = { .text = "" };

	cr_assert_eq(memory_slots_update(&slots, &memory, &failure), expected, "%s", failure.text);
}

static void add_region(uint64_t first, uint64_t pages, enum region_kind kind)
{
	struct memory_region region = { .base = first * GUEST_PAGE,
					.size = pages * GUEST_PAGE,
					.kind = kind };
	struct failure failure;

	cr_assert(config_add_region(&config, &region, &failure), "%s", failure.text);
}

static void make_slots(void)
{
	struct failure failure;

	cr_assert(guest_memory_init(&memory, &config, 48, &failure), "%s", failure.text);
	memset(&kvm, 0, sizeof(kvm));
	memory_slots_init(&slots, -1, true);
	slots.call = play;
	update(SLOTS_DONE);
}

static void set_up(void)
{
	config_init(&config);
	config.memory = PAGES * GUEST_PAGE;
	add_region(ROM_FIRST, ROM_PAGES, REGION_ROM);
	add_region(HOLE_FIRST, HOLE_PAGES, REGION_HOLE);
	make_slots();
}

static void tear_down(void)
{
	guest_memory_destroy(&memory);
	config_free(&config);
}

TestSuite(memory_slots, .init = set_up, .fini = tear_down);

static enum guest_change change(uint64_t first, uint64_t pages, bool readable, bool writable)
{
	return guest_memory_change(&memory, first * GUEST_PAGE, pages * GUEST_PAGE, readable,
				   writable, &undo);
}

/* A page as the guest has it: n(othing), r(ead), w(rite as well). */
static char page_of(uint64_t page)
{
	for (unsigned int i = 0; i < MEMORY_SLOTS_MAX; i++) {
		const struct kvm_userspace_memory_region *region = &kvm.slots[i].region;

		if (page * GUEST_PAGE < region->guest_phys_addr ||
		    page * GUEST_PAGE >= region->guest_phys_addr + region->memory_size)
			continue;
		return region->flags & KVM_MEM_READONLY ? 'r' : 'w';
	}
	return 'n';
}

static uint64_t place_of(uint64_t page)
{
	for (unsigned int i = 0; i < MEMORY_SLOTS_MAX; i++) {
		const struct kvm_userspace_memory_region *region = &kvm.slots[i].region;

		if (page * GUEST_PAGE >= region->guest_phys_addr &&
		    page * GUEST_PAGE < region->guest_phys_addr + region->memory_size)
			return region->userspace_addr +
			       (page * GUEST_PAGE - region->guest_phys_addr);
	}
	return 0;
}

static char home_of(uint64_t page)
{
	if (page >= ROM_FIRST && page < ROM_FIRST + ROM_PAGES)
		return 'r';
	return page >= HOLE_FIRST && page < HOLE_FIRST + HOLE_PAGES ? 'n' : 'w';
}

/* KVM has each page as `model` says, and with the memory behind it that it had at the start. */
static void expect_pages(const char *model, const uint64_t *places)
{
	for (uint64_t page = 0; page < PAGES; page++) {
		cr_assert_eq(page_of(page), model[page], "page %" PRIu64 ": %c, expected %c", page,
			     page_of(page), model[page]);
		if (model[page] != 'n')
			cr_assert_eq(place_of(page), places[page], "page %" PRIu64, page);
	}
}

static void model_start(char *model, uint64_t *places)
{
	for (uint64_t page = 0; page < PAGES; page++) {
		model[page] = home_of(page);
		places[page] = place_of(page);
	}
	expect_pages(model, places);
}

Test(memory_slots, fewest_calls)
{
	unsigned int before = kvm.calls;

	update(SLOTS_DONE);
	cr_expect_eq(kvm.calls, before, "nothing has changed");
	/* One slot becomes three, with its log read once; the others are left alone. */
	cr_assert_eq(change(10, 1, true, false), GUEST_CHANGE_DONE);
	update(SLOTS_DONE);
	cr_expect_eq(kvm.calls - before, 1 + 1 + 3);
	cr_expect_eq(slots.count, 6);
	before = kvm.calls;
	/* And one again: two of the three had a log. */
	cr_assert_eq(change(10, 1, true, true), GUEST_CHANGE_DONE);
	update(SLOTS_DONE);
	cr_expect_eq(kvm.calls - before, 2 + 3 + 1);
	cr_expect_eq(slots.count, 4);
}

Test(memory_slots, what_is_refused_changes_nothing)
{
	unsigned int before = kvm.calls;

	cr_expect_eq(change(ROM_FIRST, 1, true, true), GUEST_CHANGE_ROM);
	cr_expect_eq(change(ROM_FIRST - 1, 2, true, true), GUEST_CHANGE_ROM);
	cr_expect_eq(change(HOLE_FIRST, 1, true, false), GUEST_CHANGE_NOT_THERE);
	cr_expect_eq(change(HOLE_FIRST - 1, 2, false, false), GUEST_CHANGE_NOT_THERE);
	cr_expect_eq(change(HOLE_FIRST + HOLE_PAGES - 1, 2, true, true), GUEST_CHANGE_NOT_THERE);
	cr_expect_eq(change(PAGES - 1, 2, true, false), GUEST_CHANGE_NOT_THERE);
	cr_expect_eq(change(PAGES, 1, true, false), GUEST_CHANGE_NOT_THERE);
	update(SLOTS_DONE);
	cr_expect_eq(kvm.calls, before);
}

static void apply(char *model, uint64_t first, uint64_t pages, bool readable, bool writable)
{
	bool good = true;

	for (uint64_t page = first; page < first + pages; page++)
		good = good && home_of(page) != 'n' && (home_of(page) == 'w' || !writable);
	if (change(first, pages, readable, writable) != GUEST_CHANGE_DONE) {
		cr_assert(!good);
		return;
	}
	cr_assert(good);
	memset(model + first, !readable ? 'n' : writable ? 'w' : 'r', (size_t)pages);
}

Test(memory_slots, random_changes)
{
	static char model[PAGES];
	static uint64_t places[PAGES];
	uint64_t random = 1;

	model_start(model, places);
	for (unsigned int i = 0; i < 2000; i++) {
		uint64_t first, pages;

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
		first = (random >> 33) % PAGES;
		pages = (random >> 45) % (i % 4 == 0 ? PAGES - first : 8) + 1;
		if (pages > PAGES - first)
			pages = PAGES - first;
		apply(model, first, pages, (random >> 60 & 3) != 0, (random >> 60 & 3) > 1);
		update(SLOTS_DONE);
		if (i % 50 == 0)
			expect_pages(model, places);
	}
	expect_pages(model, places);
}

/* A call that KVM refuses, whichever: slots and table are as they were. */
Test(memory_slots, a_refusal_is_undone)
{
	static char model[PAGES];
	static uint64_t places[PAGES];
	unsigned int refused = 0;

	model_start(model, places);
	cr_assert_eq(change(100, 3, true, false), GUEST_CHANGE_DONE);
	cr_assert_eq(change(200, 1, false, false), GUEST_CHANGE_DONE);
	update(SLOTS_DONE);
	for (uint64_t page = 0; page < PAGES; page++)
		model[page] = page_of(page);
	for (kvm.fail_at = 1;; kvm.fail_at++) {
		struct failure failure;

		kvm.calls = 0;
		cr_assert_eq(change(99, 150, true, false), GUEST_CHANGE_DONE);
		if (memory_slots_update(&slots, &memory, &failure) == SLOTS_DONE)
			break;
		refused++;
		cr_assert(guest_memory_undo(&memory, &undo));
		expect_pages(model, places);
		kvm.calls = kvm.fail_at;
		update(SLOTS_DONE);
		cr_assert_eq(kvm.calls, kvm.fail_at, "the table is what KVM has");
	}
	/* Three logs, four slots that go and three that come. */
	cr_expect_eq(refused, 3 + 4 + 3);
}

/* More memory than one slot takes is in several, without a gap but the hole for devices. */
Test(memory_slots, as_large_as_kvm_takes)
{
	uint64_t end = 0, ram = 0;

	tear_down();
	config_init(&config);
	config.memory = 9 * TIB;
	make_slots();
	for (uint32_t i = 0; i < slots.count; i++) {
		const struct memory_run *run = &slots.slots[i].run;

		cr_expect(run->address == end || run->address == 4 * GIB);
		cr_expect_eq(place_of(run->address / GUEST_PAGE),
			     (uint64_t)(uintptr_t)(memory.host + run->offset));
		end = run->address + run->size;
		ram += run->size;
	}
	cr_expect_eq(ram, 9 * TIB);
	cr_expect_eq(slots.count, 4, "below the hole, and to 4, 8 and 9 TiB: %u", slots.count);
}

Test(memory_slots, too_many_pieces)
{
	struct failure failure;

	slots.limit = 5;
	cr_assert_eq(change(10, 1, true, false), GUEST_CHANGE_DONE);
	cr_expect_eq(memory_slots_update(&slots, &memory, &failure), SLOTS_REFUSED);
	cr_expect_str_eq(failure.text, "guest memory is in more pieces than KVM has slots; "
				       "expected at most 5");
	cr_assert(guest_memory_undo(&memory, &undo));
	slots.limit = 6;
	cr_assert_eq(change(10, 1, true, false), GUEST_CHANGE_DONE);
	update(SLOTS_DONE);
}

/* The guest writes to a page. */
static void dirty(uint64_t page)
{
	for (unsigned int i = 0; i < MEMORY_SLOTS_MAX; i++) {
		const struct kvm_userspace_memory_region *region = &kvm.slots[i].region;
		uint64_t at = page * GUEST_PAGE - region->guest_phys_addr;

		if (at < region->memory_size && (region->flags & KVM_MEM_LOG_DIRTY_PAGES))
			kvm.slots[i].dirty[at / GUEST_PAGE / 64] |= UINT64_C(1)
								    << (at / GUEST_PAGE % 64);
	}
}

static bool note_pages(void *context, uint64_t address, uint64_t size)
{
	char *seen = context;

	cr_assert(address % GUEST_PAGE == 0 && size % GUEST_PAGE == 0);
	for (uint64_t page = address / GUEST_PAGE; page < (address + size) / GUEST_PAGE; page++)
		seen[page]++;
	return true;
}

/* A round: these pages, each once, and then none. */
static void expect_dirty(const uint64_t *pages, size_t count)
{
	static char seen[PAGES];
	struct failure failure;

	memset(seen, 0, sizeof(seen));
	cr_assert(memory_slots_take_log(&slots, &memory, &failure), "%s", failure.text);
	cr_assert(guest_memory_dirty(&memory, note_pages, seen));
	for (size_t i = 0; i < count; i++)
		cr_expect_eq(seen[pages[i]]--, 1, "page %" PRIu64, pages[i]);
	for (uint64_t page = 0; page < PAGES; page++)
		cr_expect_eq(seen[page], 0, "page %" PRIu64 " too often", page);
	cr_assert(guest_memory_clean(&memory));
	for (unsigned int i = 0; i < MEMORY_SLOTS_MAX; i++)
		cr_expect_eq(count_bits(kvm.slots[i].dirty), 0, "slot %u", i);
	cr_expect_eq(kvm.lost, 0);
}

static void dirty_rounds(void)
{
	static const uint64_t first[] = { 0, 63, 64, 500, ROM_FIRST + ROM_PAGES, PAGES - 1 };
	static const uint64_t second[] = { 7, 8, 9, 10, 11 };

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		dirty(first[i]);
	expect_dirty(first, sizeof(first) / sizeof(first[0]));
	expect_dirty(NULL, 0);
	/* Some before their slot goes, some after; one is removed, one comes back, one is ROM now.
	 */
	dirty(7);
	dirty(8);
	dirty(9);
	cr_assert_eq(change(8, 1, true, false), GUEST_CHANGE_DONE);
	update(SLOTS_DONE);
	cr_assert_eq(change(9, 3, false, false), GUEST_CHANGE_DONE);
	update(SLOTS_DONE);
	cr_assert_eq(change(10, 2, true, true), GUEST_CHANGE_DONE);
	update(SLOTS_DONE);
	dirty(10);
	dirty(11);
	expect_dirty(second, sizeof(second) / sizeof(second[0]));
	cr_assert_eq(change(0, 20, true, true), GUEST_CHANGE_DONE);
	update(SLOTS_DONE);
	expect_dirty(NULL, 0);
}

Test(memory_slots, dirty_rounds)
{
	dirty_rounds();
}

Test(memory_slots, dirty_rounds_cleared_by_hand)
{
	slots.clear_by_hand = true;
	dirty_rounds();
}

/* Nor does a change that is taken back lose what was written. */
Test(memory_slots, dirty_and_undone)
{
	static const uint64_t pages[] = { 30, 31, 32, 33 };
	struct failure failure;

	for (unsigned int at = 1; at <= 5; at++) {
		dirty(30);
		dirty(31);
		dirty(32);
		dirty(33);
		kvm.calls = 0;
		kvm.fail_at = at;
		cr_assert_eq(change(32, 4, false, false), GUEST_CHANGE_DONE);
		if (memory_slots_update(&slots, &memory, &failure) != SLOTS_DONE)
			cr_assert(guest_memory_undo(&memory, &undo));
		kvm.fail_at = 0;
		expect_dirty(pages, 4);
		cr_assert_eq(change(32, 4, true, true), GUEST_CHANGE_DONE);
		update(SLOTS_DONE);
	}
}
