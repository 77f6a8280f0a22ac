/* SPDX-License-Identifier: MIT */
/*
 * What only Arm's second stages have: EL0's and EL1's fetches apart, types and shareability as
 * PAR_EL1 tells them, contiguous groups, access flags without hardware, break-before-make, a TLB
 * that shows, and the guest's own marks, which are writes of its walk.
 */
#include "el2.h"

#include "../cpu.h"
#include "../mmu.h"
#include "../probe_code.h"
#include "../raw.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"
#include "hypervisor/probe_guest.h"
#include "twofold/aarch64.h"

#define WAIT_OFFSET 128 /* in the page: an instruction that EL0 comes back from */
#define DATA_OFFSET 64
#define FIRST_BYTE  0x35
#define WFI         UINT32_C(0xd503207f)

static const struct page_flags all = { .read = 1, .write = 1, .execute = 1 };

/* A guest, a page of memory, and where the guest has that. */
static struct {
	struct probe_guest probe;
	struct frame page;
	uint64_t frames;   /* that were in use before */
	phys_addr slot;    /* of the leaf */
	uint64_t size;     /* of the leaf */
	uint64_t leaves;   /* sizes to map it by */
	virt_addr address; /* of the page */
	virt_addr view;    /* of the page again, for the guest */
} trial;

/* A leaf of that size at probe_slot(slot). False: the check is skipped, or has failed. */
static bool begin(uint64_t slot, uint64_t size)
{
	const struct page_table_config *config = &hypervisor.cpu.config;

	if ((config->leaf_sizes & size) == 0 || slot >> (config->input_bits - 1) != 0) {
		check_skip("second stages have no leaves of that size here");
		return false;
	}
	sabotage_enter(SABOTAGE_SELFTEST);
	trial.frames = kernel.pool.in_use;
	trial.slot = probe_slot(slot);
	trial.size = trial.leaves = size;
	trial.page = test_frame(page_size());
	trial.address = trial.slot + (trial.page.start & (size - 1));
	*(volatile uint32_t *)(void *)(frame_bytes(trial.page) + WAIT_OFFSET) = WFI;
	frame_bytes(trial.page)[DATA_OFFSET] = FIRST_BYTE;
	inner_landing_write(frame_bytes(trial.page));
	if (probe_guest_start(&trial.probe)) {
		trial.view = probe_far(&trial.probe) + 2 * page_size();
		sabotage_enter(SABOTAGE_INNER);
		return true;
	}
	probe_guest_end(&trial.probe);
	test_frame_free(trial.page);
	return false;
}

static void end(void)
{
	sabotage_enter(SABOTAGE_SELFTEST);
	probe_guest_end(&trial.probe);
	test_frame_free(trial.page);
	expect_equal("frames in use", kernel.pool.in_use, trial.frames);
}

static struct inner_guest *guest(void)
{
	return &trial.probe.guest;
}

static enum paging_status map(struct page_flags flags)
{
	return guest_map(guest(), trial.slot, addr_align_down(trial.page.start, trial.size),
			 trial.size, flags, trial.leaves);
}

static bool must_map(struct page_flags flags)
{
	return expect_status("map", map(flags), PAGING_OK);
}

static void unmap(void)
{
	expect_status("unmap", guest_unmap(guest(), trial.slot, trial.size), PAGING_OK);
}

/* The guest's own tables have the page at trial.view, too, with these flags. */
static void view(struct page_flags flags)
{
	struct page_table_op op = { .frames = &trial.probe.own_frames.allocator };

	sabotage_enter(SABOTAGE_SELFTEST);
	page_table_unmap(&trial.probe.own, trial.view, page_size(), &op);
	if (page_table_map(&trial.probe.own, trial.view, trial.address, page_size(), flags, &op) !=
	    PAGING_OK)
		panic("the probe guest's own tables: 0x%lx", trial.view);
	probe_order(&trial.probe, INNER_FLUSH, trial.view, 0);
	sabotage_enter(SABOTAGE_INNER);
}

/* The entry that the walk of `inner` comes to, no further than Arm's level `stop`. */
static uint64_t entry_at(phys_addr inner, unsigned int stop, unsigned int *level)
{
	const struct aarch64_stage2_registers *registers = el2_take_tables(guest());

	return *raw_stage2_entry(registers->vttbr, registers->vtcr, inner, stop, level);
}

static volatile uint64_t *descriptor(phys_addr inner)
{
	const struct aarch64_stage2_registers *registers = el2_take_tables(guest());
	unsigned int level;

	return raw_stage2_entry(registers->vttbr, registers->vtcr, inner, 3, &level);
}

/* The answer to an access at `inner`, which is refused for that cause or (FAULT_NONE) is not. */
static void expect_cause(const char *what, const struct probe_answer *answer, unsigned int access,
			 phys_addr inner, enum fault_cause cause)
{
	if (!answer->done && !answer->faulted)
		return; /* complained about */
	expect_equal(what, answer->fault.cause, cause);
	if (!answer->faulted || cause == FAULT_NONE)
		return;
	expect_equal("its access", answer->fault.access, access);
	expect_equal("its address", answer->fault.phys, inner & answer->fault.phys_exact);
	expect_true("its address is known", answer->fault.phys_exact != 0);
}

static void expect_order(const char *what, enum inner_order order, virt_addr at,
			 enum fault_cause cause)
{
	static const unsigned int accesses[] = { FAULT_READ, FAULT_WRITE, FAULT_EXECUTE };
	struct probe_answer answer = probe_order(&trial.probe, order, at, FIRST_BYTE);

	expect_cause(what, &answer, accesses[order], at, cause);
}

static void expect_rights_of(const struct page_flags *flags)
{
	struct page_mapping m = { .flags = *flags };

	expect_order("read", INNER_READ, trial.address + DATA_OFFSET,
		     page_fault_predict(&m, FAULT_READ, false, true));
	expect_order("write", INNER_WRITE, trial.address + DATA_OFFSET,
		     page_fault_predict(&m, FAULT_WRITE, false, true));
	expect_order("fetch", INNER_FETCH, trial.address,
		     page_fault_predict(&m, FAULT_EXECUTE, false, true));
}

/* EL0 runs the page's WFI, which comes back to us, if it may. */
static struct probe_answer fetch_as_user(void)
{
	struct inner_vcpu *vcpu = &trial.probe.vcpu;
	struct el2_registers *registers = &el2_take(vcpu)->registers;
	struct probe_answer answer = { .done = false };
	struct inner_exit *exit = &trial.probe.exit;

	registers->pstate = PSTATE_EL0;
	vcpu->pc = trial.view + WAIT_OFFSET;
	hypervisor.backend->run(vcpu, exit);
	registers->pstate = PSTATE_EL1T;
	answer.done = exit->reason == INNER_HALT;
	answer.faulted = exit->reason == INNER_FAULT;
	if (answer.faulted)
		answer.fault = hypervisor.backend->explain(vcpu, exit);
	else if (!answer.done)
		complain_exit("a fetch by EL0", vcpu, exit);
	return answer;
}

static void check_execute(const struct check *check)
{
	static const struct page_flags cases[] = {
		{ .read = 1, .execute = 1 },
		{ .read = 1, .execute_privileged = 1 },
		{ .read = 1, .execute_user = 1 },
		{ .read = 1 },
	};

	if ((hypervisor.cpu.config.features & AARCH64_XNX) == 0) {
		check_skip("this CPU has no FEAT_XNX");
		return;
	}
	if (!begin(check->leaf, check->leaf))
		return;
	view((struct page_flags){ .read = 1, .execute = 1, .user = 1 });
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_mapping m = { .flags = cases[i] };
		struct probe_answer answer;

		if (!must_map(cases[i]))
			break;
		if (expect_status("query", page_table_query(&guest()->table, trial.address, &m),
				  PAGING_OK))
			expect_true("query has it as it was asked for",
				    page_flags_equal(m.flags, cases[i]));
		expect_rights_of(&cases[i]);
		answer = fetch_as_user();
		m.flags = cases[i];
		expect_cause("fetch by EL0", &answer, FAULT_EXECUTE, trial.address + WAIT_OFFSET,
			     page_fault_predict(&m, FAULT_EXECUTE, true, true));
		unmap();
	}
	end();
}

static uint64_t translate(virt_addr at)
{
	uint64_t par = el2_translate(&trial.probe.vcpu, at);

	expect_equal("AT S12E1R: PAR_EL1 says that it faults", par & PAR_FAULT, 0);
	expect_equal("AT S12E1R: the address", par & PAR_ADDRESS, trial.page.start);
	return par;
}

/*
 * Both stages' types, the first one's normal: write-back or non-cacheable. With FEAT_S2FWB the
 * second stage's is what counts, else the one that caches less. Which device memory it is, QEMU
 * (7.2) does not get right where the first stage's is non-cacheable: any will do.
 */
static void expect_type(unsigned int type)
{
	bool forced = (hypervisor.cpu.config.features & AARCH64_FWB) != 0;
	bool device =
		type == MEMORY_DEVICE || type == MEMORY_DEVICE_WEAK || type == MEMORY_DEVICE_STRICT;
	uint64_t mixed;

	expect_equal("the type in PAR_EL1", translate(trial.address) >> PAR_TYPE_SHIFT,
		     probe_type_byte(type));
	view((struct page_flags){ .read = 1, .type = MEMORY_NONCACHEABLE });
	mixed = translate(trial.view) >> PAR_TYPE_SHIFT;
	if (device)
		expect_equal("device memory in PAR_EL1, non-cacheable by the guest's own tables",
			     mixed >> 4, 0);
	else
		expect_equal("the type in PAR_EL1, non-cacheable by the guest's own tables", mixed,
			     probe_type_byte(forced ? type : MEMORY_NONCACHEABLE));
}

static void check_types(const struct check *check)
{
	unsigned int possible = 0;

	if (!begin(check->leaf, check->leaf))
		return;
	for (unsigned int type = 0; type < MEMORY_TYPES; type++) {
		struct page_flags flags = all;
		enum paging_status status;

		flags.type = type & 7;
		status = map(flags);
		if (status == PAGING_BAD_FLAGS)
			continue;
		if (!expect_status("map", status, PAGING_OK))
			break;
		possible++;
		expect_type(type);
		unmap();
	}
	expect_true("at least five types can be said", possible >= 5);
	end();
}

static void check_share(const struct check *check)
{
	static const struct {
		unsigned int share, bits;
	} shares[] = { { SHARE_DEFAULT, 3 }, { SHARE_OUTER, 2 }, { SHARE_NONE, 0 } };

	if (mmu_lpa2) {
		check_skip("with LPA2 shareability is the whole table's, in VTCR_EL2");
		return;
	}
	if (!begin(check->leaf, check->leaf))
		return;
	view((struct page_flags){ .read = 1, .share = SHARE_NONE });
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		struct page_flags flags = all;
		struct page_mapping m;

		flags.share = shares[i].share & 3;
		if (!must_map(flags))
			break;
		expect_equal("shareability in PAR_EL1",
			     translate(trial.view) >> PAR_SHARE_SHIFT & 3, shares[i].bits);
		if (expect_status("query", page_table_query(&guest()->table, trial.address, &m),
				  PAGING_OK))
			expect_equal("shareability that query has", m.flags.share, shares[i].share);
		unmap();
	}
	end();
}

static void check_software(const struct check *check)
{
	struct page_flags flags = all;

	if (!begin(check->leaf, check->leaf))
		return;
	for (flags.software = 4; flags.software != 0; flags.software >>= 1) {
		struct page_mapping m;

		if (!must_map(flags))
			break;
		expect_rights_of(&flags);
		if (expect_status("query", page_table_query(&guest()->table, trial.address, &m),
				  PAGING_OK))
			expect_equal("software bits", m.flags.software, flags.software);
		unmap();
	}
	end();
}

/* D8.3.2: a leaf by the manual, but for its address. */
static uint64_t by_hand(struct page_flags flags)
{
	static const uint8_t types[2][MEMORY_TYPES] = {
		{ 0xf, 0xa, 0x5, 0x1, 0, 0x3, 0x0 }, /* MemAttr, D8.6.6 */
		{ 0x6, 0, 0x5, 0x1, 0, 0x3, 0x0 },   /* with FEAT_S2FWB */
	};
	static const uint8_t shares[] = { 3, 3, 2, 0 };
	uint32_t features = hypervisor.cpu.config.features;
	uint64_t bits = RAW_VALID | (trial.size == page_size() ? RAW_TABLE : 0);

	bits |= (uint64_t)types[(features & AARCH64_FWB) != 0][flags.type] << 2;
	bits |= flags.read ? RAW_STAGE2_READ : 0;
	if (flags.write)
		bits |= (features & AARCH64_HARDWARE_DIRTY) != 0 ? RAW_DBM : RAW_STAGE2_WRITE;
	bits |= mmu_lpa2 ? 0 : (uint64_t)shares[flags.share] << 8;
	bits |= flags.idle ? 0 : RAW_ACCESSED;
	bits |= (uint64_t)(flags.execute              ? 0
			   : flags.execute_privileged ? 3
			   : flags.execute_user       ? 1
						      : 2)
		<< 53;
	return bits | (uint64_t)flags.software << 56;
}

/* Every bit, those that this CPU makes nothing of too. */
static void check_bits(const struct check *check)
{
	static const struct page_flags cases[] = {
		{ .read = 1 },
		{ .write = 1 },
		{ .execute = 1 },
		{ .read = 1, .write = 1 },
		{ .read = 1, .execute = 1, .idle = 1 },
		{ .read = 1, .execute_privileged = 1 },
		{ .read = 1, .execute_user = 1 },
		{ .read = 1, .write = 1, .execute = 1, .type = MEMORY_WRITE_THROUGH },
		{ .read = 1, .write = 1, .execute = 1, .type = MEMORY_NONCACHEABLE },
		{ .read = 1, .share = SHARE_OUTER },
		{ .read = 1, .share = SHARE_NONE },
		{ .read = 1, .software = 5 },
		{ .read = 1, .software = 2 },
	};

	if (!begin(check->leaf, check->leaf))
		return;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum paging_status status = map(cases[i]);

		if (status == PAGING_BAD_FLAGS)
			continue;
		if (!expect_status("map", status, PAGING_OK))
			break;
		expect_equal("the descriptor", *descriptor(trial.address),
			     by_hand(cases[i]) | addr_align_down(trial.page.start, trial.size));
		unmap();
		expect_equal("where it was", *descriptor(trial.address), 0);
	}
	end();
}

/* Entries of tables that are made for a page far from all else; of the root too. */
static void check_table_bits(const struct check *check)
{
	unsigned int level, last;
	phys_addr far;

	if (!begin(check->leaf, check->leaf))
		return;
	far = probe_far_slot(&trial.probe);
	if (expect_status("map", guest_map(guest(), far, trial.page.start, page_size(), all, 0),
			  PAGING_OK)) {
		expect_equal("the page's descriptor", entry_at(far, 3, &last),
			     by_hand(all) | trial.page.start);
		expect_equal("its level", last, 3);
		for (unsigned int stop = 0; stop < 3; stop++) {
			uint64_t entry = entry_at(far, stop, &level);

			if (level == stop)
				expect_equal(
					"a table's entry: V, table, and what is reserved",
					entry & (RAW_VALID | RAW_TABLE | RAW_STAGE2_TABLE_RES0),
					RAW_VALID | RAW_TABLE);
		}
		expect_status("unmap", guest_unmap(guest(), far, page_size()), PAGING_OK);
	}
	end();
}

/* Every entry of the group has the hint, the same attributes, and its own part of the memory. */
static void expect_group(uint64_t leaf)
{
	uint64_t first = *descriptor(trial.slot);

	expect_true("the first entry has the contiguous hint", (first & RAW_CONTIGUOUS) != 0);
	for (uint64_t at = leaf; at < trial.size; at += leaf) {
		if (!expect_equal("an entry of the group", *descriptor(trial.slot + at),
				  first + at))
			return;
	}
}

/* One of its entries is taken out: the others lead where they did, and are no group. */
static void try_part(uint64_t leaf)
{
	phys_addr part = addr_align_down(trial.address, leaf);
	phys_addr hole = part == trial.slot ? part + leaf : trial.slot;

	expect_status("unmap of a part", guest_unmap(guest(), hole, leaf), PAGING_OK);
	expect_order("the hole is read", INNER_READ, hole, FAULT_NOT_MAPPED);
	expect_equal("what the others lead to",
		     probe_order(&trial.probe, INNER_READ, trial.address + DATA_OFFSET, 0).value,
		     FIRST_BYTE);
	expect_equal("the hint of the others", *descriptor(trial.address) & RAW_CONTIGUOUS, 0);
	expect_status("map of the part",
		      guest_map(guest(), hole,
				addr_align_down(trial.page.start, trial.size) + (hole - trial.slot),
				leaf, all, leaf),
		      PAGING_OK);
}

static void check_group(const struct check *check)
{
	static const struct page_flags cases[] = {
		{ .read = 1 },
		{ .read = 1, .execute = 1 },
		{ .read = 1, .write = 1 },
		{ .read = 1, .write = 1, .execute = 1 },
	};
	unsigned int above = check->rank + 1u;

	if (!begin(arch_leaf_size(above), mmu_group_size(check->rank)))
		return;
	trial.leaves |= check->leaf;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_mapping m;

		if (!must_map(cases[i]))
			break;
		if (expect_status("query", page_table_query(&guest()->table, trial.address, &m),
				  PAGING_OK))
			expect_equal("size of the group", m.size, trial.size);
		expect_group(check->leaf);
		expect_rights_of(&cases[i]);
		if (cases[i].write && cases[i].execute)
			try_part(check->leaf);
		unmap();
	}
	end();
}

/* As on a CPU that marks nothing: an idle leaf faults, whatever the access, until it is marked. */
static void check_access_flag(const struct check *check)
{
	struct page_flags flags = all;

	if (!begin(check->leaf, check->leaf))
		return;
	el2_take_tables(guest())->vtcr &= ~(VTCR_HA | VTCR_HD);
	guest_forget(guest());
	flags.idle = 1;
	if (must_map(flags)) {
		expect_order("read", INNER_READ, trial.address, FAULT_ACCESS_FLAG);
		expect_order("write", INNER_WRITE, trial.address, FAULT_ACCESS_FLAG);
		expect_order("fetch", INNER_FETCH, trial.address, FAULT_ACCESS_FLAG);
		*descriptor(trial.address) |= RAW_ACCESSED;
		barrier_store_sync();
		expect_order("read, when it is marked", INNER_READ, trial.address, FAULT_NONE);
		expect_order("fetch, when it is marked", INNER_FETCH, trial.address, FAULT_NONE);
		/* Clean leaves of a table with hardware dirty state are read-only without it. */
		expect_order("write, when it is marked", INNER_WRITE, trial.address + DATA_OFFSET,
			     hypervisor.cpu.hardware_dirty ? FAULT_PERMISSION : FAULT_NONE);
		unmap();
	}
	end();
}

/* What an entry was at the first flush of a change. */
struct watch {
	struct tlb_range ranges[8];
	struct frame frames[16];
	struct tlb_gather gather;
	struct page_table_op op;
	unsigned int flushes;
	uint64_t first;
};

static void watch_flush(const struct tlb_gather *gather, void *context)
{
	struct watch *watch = context;

	if (watch->flushes++ == 0)
		watch->first = *descriptor(trial.address);
	hypervisor.backend->flush(gather, guest());
}

static void watch_begin(struct watch *watch, uint32_t mode)
{
	watch->flushes = 0;
	watch->gather = (struct tlb_gather){
		.ranges = watch->ranges,
		.range_capacity = 8,
		.frames = watch->frames,
		.frame_capacity = 16,
		.owner = &kernel.pool.allocator,
		.flush = watch_flush,
		.context = watch,
	};
	watch->op = (struct page_table_op){
		.frames = &kernel.pool.allocator,
		.gather = &watch->gather,
		.mode = mode,
	};
}

static void watch_end(struct watch *watch)
{
	tlb_gather_finish(&watch->gather);
	if (expect_true("the operation flushes", watch->flushes != 0))
		expect_equal("V of the entry at the flush", watch->first & RAW_VALID, 0);
}

/* A leaf that the guest has used is split, and joined again. */
static void check_break(const struct check *check)
{
	struct page_flags less = { .read = 1, .execute = 1 };
	phys_addr page;
	struct page_mapping m;
	struct watch watch;

	if (!begin(check->leaf, check->leaf))
		return;
	page = trial.address;
	if (!must_map(all)) {
		end();
		return;
	}
	expect_rights_of(&all);
	watch_begin(&watch, PAGING_SPLIT);
	watch.gather.flush = NULL;
	expect_status("a live table is not split without a flush",
		      page_table_protect(&guest()->table, page, page_size(), less, &watch.op),
		      PAGING_NEEDS_FLUSH);
	watch_begin(&watch, PAGING_SPLIT);
	expect_status("protect of a part",
		      page_table_protect(&guest()->table, page, page_size(), less, &watch.op),
		      PAGING_OK);
	watch_end(&watch);
	expect_rights_of(&less);
	expect_status("protect", guest_protect(guest(), page, page_size(), all), PAGING_OK);
	expect_rights_of(&all);
	watch_begin(&watch, 0);
	expect_status("collapse",
		      page_table_collapse(&guest()->table, trial.slot, trial.size, &watch.op),
		      PAGING_OK);
	watch_end(&watch);
	if (expect_status("query", page_table_query(&guest()->table, page, &m), PAGING_OK))
		expect_equal("size of the leaf", m.size, trial.size);
	expect_rights_of(&all);
	unmap();
	end();
}

/* Another type, and another frame, of a leaf that the guest has used. */
static void check_break_type(const struct check *check)
{
	struct page_flags flags = all;
	struct watch watch;

	if (!begin(check->leaf, check->leaf))
		return;
	if (must_map(all)) {
		expect_rights_of(&all);
		flags.type = MEMORY_NONCACHEABLE;
		watch_begin(&watch, 0);
		expect_status("protect with another type",
			      page_table_protect(&guest()->table, trial.slot, trial.size, flags,
						 &watch.op),
			      PAGING_OK);
		watch_end(&watch);
		expect_rights_of(&flags);
		unmap();
	}
	end();
}

/* Unmapped without telling the TLB; then told. */
static void check_stale(const struct check *check)
{
	struct page_table_op op = { .frames = &kernel.pool.allocator };

	if (!begin(check->leaf, check->leaf))
		return;
	if (must_map(all)) {
		expect_order("read", INNER_READ, trial.address, FAULT_NONE);
		expect_status("unmap",
			      page_table_unmap(&guest()->table, trial.slot, trial.size, &op),
			      PAGING_OK);
		barrier_store_sync();
		if (!probe_order(&trial.probe, INNER_READ, trial.address, 0).done)
			check_skip("no TLB is observable here");
		guest_forget(guest());
		expect_order("read, when the TLB has been told", INNER_READ, trial.address,
			     FAULT_NOT_MAPPED);
	}
	end();
}

static bool find_table(void *context, const struct page_visit *visit)
{
	*(phys_addr *)context = visit->mapping.phys;
	return true;
}

/* The lowest of the guest's own tables that lead to trial.view. */
static phys_addr own_table(void)
{
	phys_addr table = trial.probe.own.root;

	page_table_walk(&trial.probe.own, trial.view, page_size(), PAGE_VISIT_TABLE, find_table,
			&table);
	return table;
}

/* The own table's page with these flags: an access by way of it is refused, or not. */
static void try_own_table(const char *what, struct page_flags flags, enum fault_cause cause)
{
	phys_addr table = own_table();
	struct probe_answer answer;

	expect_status("protect", guest_protect(guest(), table, page_size(), flags), PAGING_OK);
	answer = probe_order(&trial.probe, INNER_READ, trial.view + DATA_OFFSET, 0);
	if (answer.done || answer.faulted)
		expect_equal(what, answer.fault.cause, cause);
	if (answer.faulted) {
		expect_true("by its own walk", answer.fault.walk);
		expect_equal("its page", answer.fault.phys & answer.fault.phys_exact,
			     table & answer.fault.phys_exact);
		expect_true("its page is known", answer.fault.phys_exact != 0);
	}
	expect_status("protect", guest_protect(guest(), table, page_size(), all), PAGING_OK);
}

/* The guest's own walk reads its tables, and writes to them where it marks what it uses. */
static void check_own_walk(const struct check *check)
{
	struct page_flags read_only = { .read = 1, .execute = 1 };
	struct page_flags write_only = { .write = 1 };
	struct page_flags own = { .read = 1 };

	if (!begin(check->leaf, check->leaf))
		return;
	if (must_map(all)) {
		view(own);
		try_own_table("through a table that is write-only", write_only, FAULT_PERMISSION);
		try_own_table("through a table that is read-only", read_only, FAULT_NONE);
		if (hypervisor.cpu.hardware_accessed) {
			own.idle = 1;
			view(own);
			el2_take(&trial.probe.vcpu)->system.tcr |= TCR_HA;
			try_own_table("marking in a table that is read-only", read_only,
				      FAULT_PERMISSION);
			try_own_table("marking in a table that may be written", all, FAULT_NONE);
		}
		unmap();
	}
	end();
}

/* A device of one register, which counts what is done to it. */
struct model {
	uint8_t value;
	unsigned int reads, writes;
};

/* The instruction by its description in ESR_EL2: a load or store of one byte by a register. */
static void emulate(struct model *model, struct inner_vcpu *vcpu, uint64_t esr)
{
	uint64_t *x = el2_take(vcpu)->registers.x;
	unsigned int n = (unsigned int)(esr >> ESR_REGISTER_SHIFT) & 31;

	expect_true("the instruction is described", (esr & ESR_INSTRUCTION_VALID) != 0);
	expect_equal("the size of the access", esr >> ESR_SIZE_SHIFT & 3, 0);
	if ((esr & SYNDROME_WRITE) != 0) {
		model->value = (uint8_t)(n < INNER_ARGUMENTS ? vcpu->arguments[n] : x[n]);
		model->writes++;
	} else {
		if (n < INNER_ARGUMENTS)
			vcpu->arguments[n] = model->value;
		else
			x[n] = model->value;
		model->reads++;
	}
	vcpu->pc += 4;
}

/* An order to the guest at the hole, and the rest of it when the device has answered. */
static uint64_t order_device(struct model *model, enum inner_order order, uint64_t value)
{
	struct inner_vcpu *vcpu = &trial.probe.vcpu;
	struct inner_exit *exit = &trial.probe.exit;
	unsigned int before = model->reads + model->writes;
	struct probe_answer answer = probe_order(&trial.probe, order, trial.address, value);

	while (answer.faulted && exit->reason == INNER_FAULT) {
		expect_equal("the cause", answer.fault.cause, FAULT_NOT_MAPPED);
		expect_equal("the address", answer.fault.phys, trial.address);
		if (model->reads + model->writes == before + 2)
			break;
		emulate(model, vcpu, exit->raw[0]);
		hypervisor.backend->run(vcpu, exit);
	}
	expect_true("the order is done",
		    exit->reason == INNER_HYPERCALL && vcpu->arguments[0] == INNER_CALL_READY);
	return vcpu->arguments[1] & 0xff;
}

static void check_device(const struct check *check)
{
	struct model model = { .value = 0x21 };

	if (!begin(check->leaf, check->leaf))
		return;
	/* Memory that comes and goes leaves a hole that is one. */
	if (must_map(all)) {
		expect_order("read of memory", INNER_READ, trial.address, FAULT_NONE);
		unmap();
	}
	expect_equal("a read", order_device(&model, INNER_READ, 0), 0x21);
	order_device(&model, INNER_WRITE, 0x43);
	expect_equal("what was written", model.value, 0x43);
	order_device(&model, INNER_MODIFY, 0x10);
	expect_equal("what was modified", model.value, 0x53);
	expect_equal("reads", model.reads, 2);
	expect_equal("writes", model.writes, 2);
	end();
}

/* clang-format off */
#define SIZES(text, function)                                        \
	{ .name = text " @", .run = function, .rank = LEAF_PAGE },   \
	{ .name = text " @", .run = function, .rank = LEAF_BLOCK },  \
	{ .name = text " @", .run = function, .rank = LEAF_LARGE }
#define GROUPS(text, function)                                       \
	{ .name = text " @", .run = function, .rank = LEAF_PAGE },   \
	{ .name = text " @", .run = function, .rank = LEAF_BLOCK }

static const struct check checks[] = {
	SIZES("stage 2: execution by EL0 and EL1 apart,", check_execute),
	SIZES("stage 2: memory types in PAR_EL1,", check_types),
	SIZES("stage 2: shareability in PAR_EL1,", check_share),
	SIZES("stage 2: software bits,", check_software),
	SIZES("stage 2: descriptors bit by bit,", check_bits),
	{ .name = "stage 2: tables' descriptors bit by bit", .run = check_table_bits },
	GROUPS("stage 2: a contiguous group of", check_group),
	SIZES("stage 2: an idle leaf faults where no hardware marks it,", check_access_flag),
	{ .name = "stage 2: break-before-make, a leaf split and joined, @",
	  .run = check_break, .rank = LEAF_BLOCK },
	GROUPS("stage 2: break-before-make, another memory type,", check_break_type),
	GROUPS("stage 2: TLBI ends a stale translation,", check_stale),
	{ .name = "stage 2: the guest's own walk reads and marks", .run = check_own_walk },
	{ .name = "stage 2: a hole is a device that is emulated", .run = check_device },
};
/* clang-format on */
const struct check_list arch_hypervisor_checks = CHECK_LIST(checks);
