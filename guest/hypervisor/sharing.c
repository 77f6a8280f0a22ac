/* SPDX-License-Identifier: MIT */
/*
 * Two guests that exist at one time, on two address spaces, each with an identifier of its own: a
 * page that both have with different rights, and addresses that are the same and lead each to its
 * own memory. They take turns, so that what the CPU caches of one is there when the other runs.
 */
#include "guest/kernel.h"
#include "guest/print.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"
#include "probe_guest.h"

#define DATA   64 /* in a page, behind the landing at its start */
#define ROUNDS 8

static const struct page_flags all = { .read = 1, .write = 1, .execute = 1 };
static const struct page_flags read_only = { .read = 1, .execute = 1 };

static struct probe_guest guests[2];

static bool both_start(void)
{
	bool good = probe_guest_start(&guests[0]);

	good = probe_guest_start(&guests[1]) && good;
	if (!good)
		return false;
	sabotage_enter(SABOTAGE_INNER);
	expect_true("identifiers differ", guests[0].guest.space != guests[1].guest.space);
	expect_true("roots differ", guests[0].guest.table.root != guests[1].guest.table.root);
	return true;
}

static void both_end(uint64_t frames)
{
	sabotage_enter(SABOTAGE_SELFTEST);
	probe_guest_end(&guests[1]);
	probe_guest_end(&guests[0]);
	expect_equal("frames in use", kernel.pool.in_use, frames);
}

/* A page with a landing, and a byte. */
static struct frame data_page(uint8_t byte)
{
	struct frame page = test_frame(page_size());

	inner_landing_write(frame_bytes(page));
	frame_bytes(page)[DATA] = byte;
	return page;
}

/*
 * An order by one of the guests at its probe_slot of a page. What comes is what `asked` (NULL: a
 * hole) and what the library's query of that guest's table predict, fault by fault.
 */
static struct probe_answer turn(unsigned int who, enum inner_order order, uint8_t value,
				const struct page_flags *asked)
{
	static const char *const names[] = { "read", "write", "fetch", "read-modify-write" };
	phys_addr at = probe_slot(page_size()) + (order == INNER_FETCH ? 0 : DATA);
	struct page_mapping m;
	bool mapped = page_table_query(&guests[who].guest.table, at, &m) == PAGING_OK;
	struct page_fault by_request = order_predict(asked, order, at);
	struct page_fault by_query = order_predict(mapped ? &m.flags : NULL, order, at);
	struct probe_answer answer = probe_order(&guests[who], order, at, value);
	char text[64];

	format_text(text, sizeof(text), "guest %c's %s, as it was asked for", "AB"[who],
		    names[order]);
	order_expect(text, &answer, &by_request);
	format_text(text, sizeof(text), "guest %c's %s, as query predicts", "AB"[who],
		    names[order]);
	order_expect(text, &answer, &by_query);
	return answer;
}

/* One that may write and one that may not: what the one writes the other reads, and cannot change.
 */
static void take_turns(unsigned int writer, const struct frame *page)
{
	unsigned int reader = 1 - writer;

	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint8_t byte = (uint8_t)(round * 7 + (writer == 0 ? 1 : 65));

		turn(writer, INNER_WRITE, byte, &all);
		expect_equal("what the reader sees", turn(reader, INNER_READ, 0, &read_only).value,
			     byte);
		turn(reader, INNER_WRITE, 0xee, &read_only);
		turn(reader, INNER_MODIFY, 1, &read_only);
		turn(reader, INNER_FETCH, 0, &read_only);
		expect_equal("memory, after the reader wrote", frame_bytes(*page)[DATA], byte);
		turn(writer, INNER_MODIFY, 3, &all);
		expect_equal("what the reader sees then",
			     turn(reader, INNER_READ, 0, &read_only).value, (uint8_t)(byte + 3));
	}
}

static void protect(unsigned int who, struct page_flags flags)
{
	expect_status(
		"protect",
		guest_protect(&guests[who].guest, probe_slot(page_size()), page_size(), flags),
		PAGING_OK);
}

static bool map(unsigned int who, struct frame page, struct page_flags flags)
{
	return expect_status("map",
			     guest_map(&guests[who].guest, probe_slot(page_size()), page.start,
				       page_size(), flags, 0),
			     PAGING_OK);
}

static void unmap(unsigned int who)
{
	expect_status("unmap",
		      guest_unmap(&guests[who].guest, probe_slot(page_size()), page_size()),
		      PAGING_OK);
}

/* The page comes to A, then to B; B may read; they change roles; A loses it, then B. */
static void check_shared(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;
	struct frame page;

	(void)check;
	sabotage_enter(SABOTAGE_SELFTEST);
	page = data_page(0x31);
	if (both_start() && map(0, page, all)) {
		turn(0, INNER_WRITE, 0x32, &all);
		turn(1, INNER_READ, 0, NULL);
		turn(1, INNER_WRITE, 0xee, NULL);
		if (map(1, page, read_only)) {
			take_turns(0, &page);
			protect(0, read_only);
			protect(1, all);
			take_turns(1, &page);
			unmap(1);
		}
		turn(1, INNER_READ, 0, NULL);
		turn(0, INNER_WRITE, 0xee, &read_only);
		turn(0, INNER_READ, 0, &read_only);
		unmap(0);
		turn(0, INNER_READ, 0, NULL);
	}
	test_frame_free(page);
	both_end(frames);
}

/* What one of them caches of an address is nothing to the other: neither where it leads, nor that
 * it is there. */
static void check_apart(const struct check *check)
{
	uint64_t frames = kernel.pool.in_use;
	struct frame pages[2];

	(void)check;
	sabotage_enter(SABOTAGE_SELFTEST);
	pages[0] = data_page(0x10);
	pages[1] = data_page(0x20);
	if (both_start() && map(0, pages[0], all) && map(1, pages[1], all)) {
		for (unsigned int round = 0; round < ROUNDS; round++) {
			for (unsigned int who = 0; who < 2; who++) {
				uint8_t byte = (uint8_t)(0x10 * (who + 1) + round);

				expect_equal("its own byte", turn(who, INNER_READ, 0, &all).value,
					     byte);
				turn(who, INNER_WRITE, (uint8_t)(byte + 1), &all);
				turn(who, INNER_FETCH, 0, &all);
			}
			expect_equal("A's memory", frame_bytes(pages[0])[DATA], 0x11 + round);
			expect_equal("B's memory", frame_bytes(pages[1])[DATA], 0x21 + round);
		}
		unmap(0);
		turn(1, INNER_WRITE, 0x77, &all);
		turn(0, INNER_READ, 0, NULL);
		turn(0, INNER_WRITE, 0xee, NULL);
		expect_equal("B's memory, which A has not reached", frame_bytes(pages[1])[DATA],
			     0x77);
		unmap(1);
	}
	test_frame_free(pages[0]);
	test_frame_free(pages[1]);
	both_end(frames);
}

static const struct check checks[] = {
	{ "two guests: a page that one may write and one read", check_shared, 0, { 0 }, 0 },
	{ "two guests: one address, two memories", check_apart, 0, { 0 }, 0 },
};

const struct check_list hypervisor_sharing_checks = CHECK_LIST(checks);
