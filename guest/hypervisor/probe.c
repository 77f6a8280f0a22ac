/* SPDX-License-Identifier: MIT */
/*
 * What the second stage answers, held to what was asked of the library and to what its query
 * predicts: each leaf size and permission, for reads, writes, fetches, reads that write back, and
 * the guest's own walk.
 */
#include "guest/kernel.h"
#include "guest/print.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"
#include "probe_guest.h"
#include "twofold/check.h"

#define DATA_OFFSET 64 /* in the page that is tried out: behind the landing */
#define FIRST_BYTE  0x35
#define SECOND_BYTE 0xc6

static const struct page_flags all = { .read = 1, .write = 1, .execute = 1 };

static const char *const order_names[] = { "read", "write", "fetch", "read-modify-write" };

/* A guest, and a page of memory that is tried out in it. */
struct trial {
	struct probe_guest probe;
	struct frame page;
	uint64_t frames; /* that were in use before */
	uint64_t leaf;
	virt_addr address; /* of the page; for the guest and for its second stage */
};

static bool trial_start(struct trial *trial, uint64_t leaf)
{
	if ((hypervisor.cpu.config.leaf_sizes & leaf) == 0) {
		check_skip("second stages have no leaves of that size here");
		return false;
	}
	sabotage_enter(SABOTAGE_SELFTEST);
	trial->frames = kernel.pool.in_use;
	trial->leaf = leaf;
	trial->page = test_frame(page_size());
	trial->address = probe_slot(leaf) + (trial->page.start & (leaf - 1));
	inner_landing_write(frame_bytes(trial->page));
	frame_bytes(trial->page)[DATA_OFFSET] = FIRST_BYTE;
	if (probe_guest_start(&trial->probe)) {
		sabotage_enter(SABOTAGE_INNER);
		return true;
	}
	probe_guest_end(&trial->probe);
	test_frame_free(trial->page);
	return false;
}

static void trial_end(struct trial *trial)
{
	sabotage_enter(SABOTAGE_SELFTEST);
	probe_guest_end(&trial->probe);
	test_frame_free(trial->page);
	expect_equal("frames in use", kernel.pool.in_use, trial->frames);
}

/* One leaf over the page. */
static enum paging_status trial_map(struct trial *trial, struct page_flags flags)
{
	return guest_map(&trial->probe.guest, probe_slot(trial->leaf),
			 addr_align_down(trial->page.start, trial->leaf), trial->leaf, flags,
			 trial->leaf);
}

static void trial_unmap(struct trial *trial)
{
	expect_status("unmap",
		      guest_unmap(&trial->probe.guest, probe_slot(trial->leaf), trial->leaf),
		      PAGING_OK);
}

static const unsigned int accesses[] = { FAULT_READ, FAULT_WRITE, FAULT_EXECUTE,
					 FAULT_READ | FAULT_WRITE };

/* Of an instruction that reads and writes either may come first, where both are refused. */
struct page_fault order_predict(const struct page_flags *flags, enum inner_order order,
				phys_addr address)
{
	struct page_mapping mapping = { 0 };
	struct page_fault fault = { .phys = address, .stage = 2 };

	if (flags)
		mapping.flags = *flags;
	fault.cause = page_fault_predict(flags ? &mapping : NULL, accesses[order], false,
					 hypervisor.cpu.hardware_accessed);
	fault.access = (uint8_t)accesses[order];
	if (order == INNER_MODIFY && flags && flags->read)
		fault.access = FAULT_WRITE;
	return fault;
}

static void say(char *text, size_t size, const struct page_fault *f)
{
	if (f->cause == FAULT_NONE)
		format_text(text, size, "no fault");
	else
		format_text(text, size, "%s%s%s%s, %s, at 0x%lx",
			    (f->access & FAULT_READ) != 0 ? "read " : "",
			    (f->access & FAULT_WRITE) != 0 ? "write " : "",
			    (f->access & FAULT_EXECUTE) != 0 ? "fetch " : "",
			    f->walk ? "by its own walk" : "", fault_cause_text(f->cause), f->phys);
}

/* EPT says nothing of an access that met a misconfigured entry, nor whether it was a walk's. */
static bool same_access(const struct page_fault *f, const struct page_fault *expected)
{
	if (f->cause == FAULT_MISCONFIGURED && f->access == 0)
		return true;
	if (f->walk != expected->walk)
		return false;
	if ((f->access & FAULT_WRITE) != 0)
		return (expected->access & FAULT_WRITE) != 0;
	return f->access != 0 && (f->access & ~(unsigned int)expected->access) == 0;
}

static bool same(const struct page_fault *f, const struct page_fault *expected)
{
	phys_addr known = ~(page_size() - 1) & f->phys_exact;

	if (f->cause != expected->cause || f->cause == FAULT_NONE)
		return f->cause == expected->cause;
	return f->stage == 2 && same_access(f, expected) && known != 0 &&
	       ((f->phys ^ expected->phys) & known) == 0;
}

void order_expect(const char *what, const struct probe_answer *answer,
		  const struct page_fault *expected)
{
	char text[256], got[96], wanted[96];

	if (!answer->done && !answer->faulted)
		return; /* complained about */
	if (same(&answer->fault, expected))
		return;
	say(wanted, sizeof(wanted), expected);
	say(got, sizeof(got), &answer->fault);
	format_text(text, sizeof(text), "%s: expected %s; got %s", what, wanted, got);
	check_fail(text);
}

/* Whether what was to be read or written has been, or has not. */
static void expect_effect(struct trial *trial, enum inner_order order,
			  const struct probe_answer *answer)
{
	uint8_t *byte = frame_bytes(trial->page) + DATA_OFFSET;
	uint8_t after = FIRST_BYTE;

	if (order == INNER_READ && answer->done)
		expect_equal("what was read", answer->value, FIRST_BYTE);
	if (order == INNER_WRITE && answer->done)
		after = SECOND_BYTE;
	if (order == INNER_MODIFY && answer->done)
		after = (uint8_t)(FIRST_BYTE + SECOND_BYTE);
	expect_equal("memory afterwards", *byte, after);
	*byte = FIRST_BYTE;
}

static void try_order(struct trial *trial, enum inner_order order, const struct page_flags *asked)
{
	phys_addr at = trial->address + (order == INNER_FETCH ? 0 : DATA_OFFSET);
	struct inner_guest *guest = &trial->probe.guest;
	struct page_mapping m;
	bool mapped = page_table_query(&guest->table, at, &m) == PAGING_OK;
	struct page_fault by_request = order_predict(asked, order, at);
	struct page_fault by_query = order_predict(mapped ? &m.flags : NULL, order, at);
	struct probe_answer answer = probe_order(&trial->probe, order, at, SECOND_BYTE);
	char text[64];

	format_text(text, sizeof(text), "%s, as it was asked for", order_names[order]);
	order_expect(text, &answer, &by_request);
	format_text(text, sizeof(text), "%s, as query predicts", order_names[order]);
	order_expect(text, &answer, &by_query);
	expect_effect(trial, order, &answer);
}

static void try_orders(struct trial *trial, const struct page_flags *asked)
{
	for (unsigned int order = INNER_READ; order <= INNER_MODIFY; order++)
		try_order(trial, (enum inner_order)order, asked);
}

static void check_rights(const struct check *check)
{
	struct trial trial;
	enum paging_status status;

	if (!trial_start(&trial, check->leaf))
		return;
	status = trial_map(&trial, check->flags);
	if (status == PAGING_BAD_FLAGS) {
		check_skip("second stages cannot say that here");
	} else if (expect_status("map", status, PAGING_OK)) {
		try_orders(&trial, &check->flags);
		trial_unmap(&trial);
	}
	trial_end(&trial);
}

static void check_unmapped(const struct check *check)
{
	struct trial trial;

	if (!trial_start(&trial, check->leaf))
		return;
	try_orders(&trial, NULL);
	if (expect_status("map", trial_map(&trial, all), PAGING_OK)) {
		try_orders(&trial, &all);
		trial_unmap(&trial);
		try_orders(&trial, NULL);
	}
	trial_end(&trial);
}

static struct page_flags trial_flags(const struct trial *trial)
{
	struct page_mapping m;

	if (!expect_status("query", page_table_query(&trial->probe.guest.table, trial->address, &m),
			   PAGING_OK))
		return (struct page_flags){ 0 };
	return m.flags;
}

/* Instructions are not fetched from device memory on AArch64. */
static bool is_device(const struct page_flags *flags)
{
	return flags->type == MEMORY_DEVICE || flags->type == MEMORY_DEVICE_WEAK ||
	       flags->type == MEMORY_DEVICE_STRICT;
}

/* Whether a leaf can be so; if it can, it is what query has, and all orders are tried. */
static bool try_type(struct trial *trial, const struct page_flags *flags)
{
	enum paging_status status = trial_map(trial, *flags);
	struct page_flags found;

	if (status == PAGING_BAD_FLAGS)
		return false;
	if (!expect_status("map", status, PAGING_OK))
		return false;
	found = trial_flags(trial);
	expect_equal("the type that query has", found.type, flags->type);
	expect_equal("the software bits that it has", found.software, flags->software);
	expect_true("the guest's PAT counts", !found.ignore_pat);
	for (unsigned int order = INNER_READ; order <= INNER_MODIFY; order++) {
		if (order != INNER_FETCH || !is_device(flags))
			try_order(trial, (enum inner_order)order, flags);
	}
	trial_unmap(trial);
	return true;
}

/* Each memory type that the format has, with each permission, changes nothing for accesses. */
static void check_types(const struct check *check)
{
	static const struct page_flags rights[] = {
		{ .read = 1, .write = 1, .execute = 1 }, /* which every format has */
		{ .read = 1 },
		{ .read = 1, .write = 1 },
		{ .read = 1, .execute = 1 },
		{ .write = 1 },
		{ .execute = 1 },
		{ .write = 1, .execute = 1 },
	};
	struct trial trial;
	unsigned int types = 0, possible = 0; /* bit n: rights[n], with the first type */

	if (!trial_start(&trial, check->leaf))
		return;
	for (unsigned int type = 0; type < MEMORY_TYPES; type++) {
		unsigned int these = 0;

		for (unsigned int i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
			struct page_flags flags = rights[i];

			flags.type = type & 7;
			flags.software = 5; /* these bits all formats have */
			these |= (unsigned int)try_type(&trial, &flags) << i;
		}
		if (types == 0)
			possible = these;
		if (these == 0)
			continue;
		types++;
		expect_equal("permissions that a type can be had with", these, possible);
	}
	expect_true("some types can be said", types >= 3);
	expect_true("with some permissions", (possible & (possible - 1)) != 0);
	trial_end(&trial);
}

/* Finds the memory of a leaf. */
struct leaf_memory {
	uint64_t *descriptor;
	unsigned int level;
};

static bool find_leaf(void *context, const struct page_visit *visit)
{
	struct leaf_memory *found = context;

	if (visit->kind == PAGE_VISIT_TABLE)
		found->descriptor = direct(visit->mapping.phys);
	else
		found->level = visit->level;
	return true;
}

/* Of a leaf of that size; the lowest table that leads to it has one entry for each. */
static struct leaf_memory leaf_memory(const struct page_table *table, phys_addr inner,
				      uint64_t leaf)
{
	struct leaf_memory found = { .descriptor = direct(table->root) };
	unsigned int index_bits = 9;

	page_table_walk(table, inner, page_size(), PAGE_VISIT_TABLE | PAGE_VISIT_LEAF, find_leaf,
			&found);
	while (page_size() >> index_bits > 8)
		index_bits++;
	found.descriptor += (inner / leaf) & ((UINT64_C(1) << index_bits) - 1);
	return found;
}

static bool misconfiguration_applies(const struct inner_misconfiguration *m, unsigned int level)
{
	const struct page_table_config *config = &hypervisor.cpu.config;

	return (m->levels >> level & 1) != 0 && (m->unless & config->features) == 0 &&
	       (m->output_below == 0 || config->output_bits < m->output_below);
}

/* How many of the MMU's rules the entries on the way to the address break, to the checker. */
static uint64_t rules_broken(const struct trial *trial)
{
	struct page_check check = { .rules = PAGE_RULES_MMU, .limit = 64 };

	expect_status("check",
		      page_table_check_range(&trial->probe.guest.table, trial->address, page_size(),
					     &check),
		      PAGING_OK);
	return check.broken;
}

static void try_misconfigured(struct trial *trial, const struct inner_misconfiguration *m,
			      uint64_t *descriptor)
{
	uint64_t good = *descriptor;

	expect_equal("rules broken before", rules_broken(trial), 0);
	*(volatile uint64_t *)descriptor = (good | m->set) & ~m->clear;
	guest_forget(&trial->probe.guest);
	expect_true("the checker finds what the MMU does", rules_broken(trial) != 0);
	for (unsigned int order = INNER_READ; order <= INNER_MODIFY; order++) {
		struct page_fault expected =
			order_predict(NULL, (enum inner_order)order, trial->address);
		struct probe_answer answer;

		expected.cause = m->cause != 0 ? m->cause : FAULT_MISCONFIGURED;
		answer = probe_order(&trial->probe, (enum inner_order)order, trial->address, 0);
		order_expect(m->name, &answer, &expected);
	}
	*(volatile uint64_t *)descriptor = good;
	guest_forget(&trial->probe.guest);
}

static void check_misconfigured(const struct check *check)
{
	const struct inner_backend *backend = hypervisor.backend;
	struct leaf_memory memory;
	unsigned int tried = 0;
	struct trial trial;

	if (!trial_start(&trial, check->leaf))
		return;
	if (!expect_status("map", trial_map(&trial, all), PAGING_OK)) {
		trial_end(&trial);
		return;
	}
	memory = leaf_memory(&trial.probe.guest.table, probe_slot(trial.leaf), trial.leaf);
	for (size_t i = 0; i < backend->misconfiguration_count; i++) {
		const struct inner_misconfiguration *m = &backend->misconfigurations[i];

		if (!misconfiguration_applies(m, memory.level))
			continue;
		tried++;
		try_misconfigured(&trial, m, memory.descriptor);
	}
	if (tried == 0)
		check_skip("this CPU has no reserved bits in such leaves");
	try_orders(&trial, &all);
	trial_unmap(&trial);
	trial_end(&trial);
}

/* The guest's own tables that lead to probe_far. */
struct own_tables {
	const struct probe_guest *probe;
	phys_addr tables[PAGE_TABLE_MAX_LEVELS];
	size_t count;
};

static bool find_own(void *context, const struct page_visit *visit)
{
	struct own_tables *found = context;

	if (visit->mapping.phys != found->probe->own.root)
		found->tables[found->count++] = visit->mapping.phys;
	return true;
}

/* What becomes of a walk by the table, which the second stage has with these flags (NULL: not). */
static struct page_fault walk_predict(const struct page_flags *flags, phys_addr table)
{
	enum inner_order walk = hypervisor.cpu.walk_writes ? INNER_MODIFY : INNER_READ;
	struct page_fault expected = order_predict(flags, walk, table);

	expected.walk = true;
	return expected;
}

/* An order that needs the table. */
static void try_walk(struct trial *trial, phys_addr table, enum inner_order order, const char *what,
		     const struct page_fault *expected)
{
	struct probe_answer answer =
		probe_order(&trial->probe, order, probe_far(&trial->probe) + DATA_OFFSET, 0);
	char text[96];

	format_text(text, sizeof(text), "own table at 0x%lx, for a %s, %s", table,
		    order_names[order], what);
	order_expect(text, &answer, expected);
}

static void try_own_table(struct trial *trial, phys_addr table, const struct page_flags *flags)
{
	struct inner_guest *guest = &trial->probe.guest;
	struct page_fault changed = walk_predict(flags, table), none = { .cause = FAULT_NONE };
	phys_addr phys = trial->probe.base.start + (table - PROBE_BASE);
	enum paging_status status = flags ? guest_protect(guest, table, page_size(), *flags)
					  : guest_unmap(guest, table, page_size());

	expect_status("change of an own table's page", status, PAGING_OK);
	try_walk(trial, table, INNER_READ, "changed", &changed);
	try_walk(trial, table, INNER_WRITE, "changed", &changed);
	if (flags)
		expect_status("protect", guest_protect(guest, table, page_size(), all), PAGING_OK);
	else
		expect_status("map", guest_map(guest, table, phys, page_size(), all, 0), PAGING_OK);
	try_walk(trial, table, INNER_READ, "as before", &none);
}

/* The own table's page by an entry that is wrong, in each way there is: how many of them. */
static unsigned int try_own_misconfigured(struct trial *trial, phys_addr table)
{
	struct inner_guest *guest = &trial->probe.guest;
	struct leaf_memory memory = leaf_memory(&guest->table, table, page_size());
	struct page_fault expected = walk_predict(NULL, table);
	uint64_t good = *memory.descriptor;
	unsigned int tried = 0;

	for (size_t i = 0; i < hypervisor.backend->misconfiguration_count; i++) {
		const struct inner_misconfiguration *m = &hypervisor.backend->misconfigurations[i];

		if (!misconfiguration_applies(m, memory.level))
			continue;
		*(volatile uint64_t *)memory.descriptor = (good | m->set) & ~m->clear;
		guest_forget(guest);
		expected.cause = m->cause != 0 ? m->cause : FAULT_MISCONFIGURED;
		try_walk(trial, table, INNER_READ, m->name, &expected);
		*(volatile uint64_t *)memory.descriptor = good;
		guest_forget(guest);
		tried++;
	}
	expected.cause = FAULT_NONE;
	try_walk(trial, table, INNER_READ, "as before", &expected);
	return tried;
}

/* The guest, and those of its own tables that lead to probe_far. */
static bool walk_start(struct trial *trial, struct own_tables *own)
{
	if (!trial_start(trial, page_size()))
		return false;
	own->count = 0;
	own->probe = &trial->probe;
	page_table_walk(&trial->probe.own, probe_far(&trial->probe), page_size(), PAGE_VISIT_TABLE,
			find_own, own);
	expect_true("the guest has tables of its own", own->count >= 1);
	return true;
}

static void check_walk(const struct check *check)
{
	const struct page_flags *flags = check->flags.read ? &check->flags : NULL;
	struct own_tables own;
	struct trial trial;

	if (flags && !flags->write && hypervisor.cpu.walk_unsure) {
		check_skip("what the CPU marks in tables that it may only read is not refused");
		return;
	}
	if (!walk_start(&trial, &own))
		return;
	if (expect_status("map", trial_map(&trial, all), PAGING_OK)) {
		for (size_t i = 0; i < own.count; i++)
			try_own_table(&trial, own.tables[i], flags);
		trial_unmap(&trial);
	}
	trial_end(&trial);
}

static void check_walk_misconfigured(const struct check *check)
{
	struct own_tables own;
	struct trial trial;
	unsigned int tried = 0;

	(void)check;
	if (!walk_start(&trial, &own))
		return;
	if (expect_status("map", trial_map(&trial, all), PAGING_OK)) {
		for (size_t i = 0; i < own.count; i++)
			tried += try_own_misconfigured(&trial, own.tables[i]);
		trial_unmap(&trial);
	}
	if (tried == 0)
		check_skip("this CPU has no reserved bits in such leaves");
	trial_end(&trial);
}

/* A page in tables that are made for it. */
static void check_tables(const struct check *check)
{
	struct page_fault none = { .cause = FAULT_NONE };
	struct trial trial;
	phys_addr inner;
	uint64_t tables;

	(void)check;
	if (!trial_start(&trial, page_size()))
		return;
	inner = probe_far_slot(&trial.probe);
	tables = trial.probe.guest.table.tables;
	if (expect_status(
		    "map",
		    guest_map(&trial.probe.guest, inner, trial.page.start, page_size(), all, 0),
		    PAGING_OK)) {
		for (unsigned int order = INNER_READ; order <= INNER_MODIFY; order++) {
			virt_addr at = probe_far(&trial.probe) + page_size();
			struct probe_answer answer = probe_order(
				&trial.probe, (enum inner_order)order,
				at + (order == INNER_FETCH ? 0 : DATA_OFFSET), SECOND_BYTE);

			order_expect(order_names[order], &answer, &none);
			expect_effect(&trial, (enum inner_order)order, &answer);
		}
		/* Some levels of them: 1 of 2, 2 of 4. */
		expect_true("tables were made",
			    trial.probe.guest.table.tables >=
				    tables + (trial.probe.guest.table.levels + 1u) / 2);
		expect_status("unmap", guest_unmap(&trial.probe.guest, inner, page_size()),
			      PAGING_OK);
		expect_equal("tables afterwards", trial.probe.guest.table.tables, tables);
	}
	trial_end(&trial);
}

/* A leaf that is born idle is accessed by a read, and dirty by a write: not before. */
static void check_marks(const struct check *check)
{
	struct page_flags flags = all;
	struct trial trial;

	if (!hypervisor.cpu.hardware_dirty || !hypervisor.cpu.hardware_accessed) {
		check_skip("this CPU does not mark leaves of second stages");
		return;
	}
	if (!trial_start(&trial, check->leaf))
		return;
	if (expect_status("map", trial_map(&trial, flags), PAGING_OK)) {
		expect_true("born accessed", !trial_flags(&trial).idle);
		expect_true("born clean", !trial_flags(&trial).dirty);
		trial_unmap(&trial);
	}
	flags.idle = 1;
	if (expect_status("map", trial_map(&trial, flags), PAGING_OK)) {
		expect_true("idle before the first access", trial_flags(&trial).idle);
		try_order(&trial, INNER_READ, &flags);
		expect_true("accessed after a read", !trial_flags(&trial).idle);
		expect_true("clean after a read", !trial_flags(&trial).dirty);
		try_order(&trial, INNER_FETCH, &flags);
		expect_true("clean after a fetch", !trial_flags(&trial).dirty);
		try_order(&trial, INNER_WRITE, &flags);
		expect_true("dirty after a write", trial_flags(&trial).dirty);
		trial_unmap(&trial);
	}
	trial_end(&trial);
}

#define RIGHTS(rank)                                                                     \
	{ "probe: @ r--", check_rights, rank, { .read = 1 }, 0 },                        \
		{ "probe: @ rw-", check_rights, rank, { .read = 1, .write = 1 }, 0 },    \
		{ "probe: @ r-x", check_rights, rank, { .read = 1, .execute = 1 }, 0 },  \
		{ "probe: @ rwx",                                                        \
		  check_rights,                                                          \
		  rank,                                                                  \
		  { .read = 1, .write = 1, .execute = 1 },                               \
		  0 },                                                                   \
		{ "probe: @ -w-", check_rights, rank, { .write = 1 }, 0 },               \
		{ "probe: @ --x", check_rights, rank, { .execute = 1 }, 0 },             \
		{ "probe: @ -wx", check_rights, rank, { .write = 1, .execute = 1 }, 0 }, \
		{ "probe: @ mapped and unmapped", check_unmapped, rank, { 0 }, 0 },      \
		{ "probe: @ memory types", check_types, rank, { 0 }, 0 },                \
		{ "probe: @ misconfigured", check_misconfigured, rank, { 0 }, 0 },       \
	{                                                                                \
		"probe: @ accessed, dirty", check_marks, rank, { 0 }, 0                  \
	}

static const struct check checks[] = {
	RIGHTS(LEAF_PAGE),
	RIGHTS(LEAF_BLOCK),
	RIGHTS(LEAF_LARGE),
	{ "probe: a page in new tables", check_tables, LEAF_PAGE, { 0 }, 0 },
	{ "probe: own walk, tables not mapped", check_walk, LEAF_PAGE, { 0 }, 0 },
	{ "probe: own walk, tables read-only", check_walk, LEAF_PAGE, { .read = 1 }, 0 },
	{ "probe: own walk, tables not executable",
	  check_walk,
	  LEAF_PAGE,
	  { .read = 1, .write = 1 },
	  0 },
	{ "probe: own walk, tables misconfigured", check_walk_misconfigured, LEAF_PAGE, { 0 }, 0 },
};

const struct check_list hypervisor_probe_checks = CHECK_LIST(checks);
