/* SPDX-License-Identifier: MIT */
/*
 * Second stages under a guest that runs: access flags without hardware, break-before-make, a TLB
 * that shows, the guest's own marks, which are writes of its walk, and a hole that is a device.
 */
#include "../cpu.h"
#include "../raw.h"
#include "checks.h"
#include "el2.h"
#include "guest/kernel.h"
#include "guest/selftest.h"
#include "trial.h"

/* As on a CPU that marks nothing: an idle leaf faults, whatever the access, until it is marked. */
void check_access_flag(const struct check *check)
{
	struct page_flags flags = trial_all;

	if (!trial_begin(check->leaf, check->leaf))
		return;
	el2_take_tables(trial_guest())->vtcr &= ~(VTCR_HA | VTCR_HD);
	guest_forget(trial_guest());
	flags.idle = 1;
	if (trial_must_map(flags)) {
		trial_expect_order("read", INNER_READ, trial.address, FAULT_ACCESS_FLAG);
		trial_expect_order("write", INNER_WRITE, trial.address, FAULT_ACCESS_FLAG);
		trial_expect_order("fetch", INNER_FETCH, trial.address, FAULT_ACCESS_FLAG);
		*trial_descriptor(trial.address) |= RAW_ACCESSED;
		barrier_store_sync();
		trial_expect_order("read, when it is marked", INNER_READ, trial.address,
				   FAULT_NONE);
		trial_expect_order("fetch, when it is marked", INNER_FETCH, trial.address,
				   FAULT_NONE);
		/* Clean leaves of a table with hardware dirty state are read-only without it. */
		trial_expect_order("write, when it is marked", INNER_WRITE,
				   trial.address + TRIAL_DATA,
				   hypervisor.cpu.hardware_dirty ? FAULT_PERMISSION : FAULT_NONE);
		trial_unmap();
	}
	trial_end();
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
		watch->first = *trial_descriptor(trial.address);
	hypervisor.backend->flush(gather, trial_guest());
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
void check_break(const struct check *check)
{
	struct page_flags less = { .read = 1, .execute = 1 };
	phys_addr page;
	struct page_mapping m;
	struct watch watch;

	if (!trial_begin(check->leaf, check->leaf))
		return;
	page = trial.address;
	if (!trial_must_map(trial_all)) {
		trial_end();
		return;
	}
	trial_expect_rights(&trial_all);
	watch_begin(&watch, PAGING_SPLIT);
	watch.gather.flush = NULL;
	expect_status("a live table is not split without a flush",
		      page_table_protect(&trial_guest()->table, page, page_size(), less, &watch.op),
		      PAGING_NEEDS_FLUSH);
	watch_begin(&watch, PAGING_SPLIT);
	expect_status("protect of a part",
		      page_table_protect(&trial_guest()->table, page, page_size(), less, &watch.op),
		      PAGING_OK);
	watch_end(&watch);
	trial_expect_rights(&less);
	expect_status("protect", guest_protect(trial_guest(), page, page_size(), trial_all),
		      PAGING_OK);
	trial_expect_rights(&trial_all);
	watch_begin(&watch, 0);
	expect_status("collapse",
		      page_table_collapse(&trial_guest()->table, trial.slot, trial.size, &watch.op),
		      PAGING_OK);
	watch_end(&watch);
	if (expect_status("query", page_table_query(&trial_guest()->table, page, &m), PAGING_OK))
		expect_equal("size of the leaf", m.size, trial.size);
	trial_expect_rights(&trial_all);
	trial_unmap();
	trial_end();
}

/* Another frame in the place of the page that the guest has used. */
static void try_break_frame(struct page_flags flags)
{
	struct frame other = test_frame(page_size());
	struct watch watch;

	frame_bytes(other)[TRIAL_DATA] = TRIAL_BYTE + 1;
	watch_begin(&watch, PAGING_REPLACE);
	expect_status("map of another frame",
		      page_table_map(&trial_guest()->table, trial.slot, other.start, page_size(),
				     flags, &watch.op),
		      PAGING_OK);
	watch_end(&watch);
	expect_equal("what the guest reads then",
		     probe_order(&trial.probe, INNER_READ, trial.slot + TRIAL_DATA, 0).value,
		     TRIAL_BYTE + 1);
	expect_status(
		"map of the first one",
		guest_replace(trial_guest(), trial.slot, trial.page.start, page_size(), flags),
		PAGING_OK);
	test_frame_free(other);
}

/* Another type, and for a page another frame, of a leaf that the guest has used. */
void check_break_type(const struct check *check)
{
	struct page_flags flags = trial_all;
	struct watch watch;

	if (!trial_begin(check->leaf, check->leaf))
		return;
	if (trial_must_map(trial_all)) {
		trial_expect_rights(&trial_all);
		flags.type = MEMORY_NONCACHEABLE;
		watch_begin(&watch, 0);
		expect_status("protect with another type",
			      page_table_protect(&trial_guest()->table, trial.slot, trial.size,
						 flags, &watch.op),
			      PAGING_OK);
		watch_end(&watch);
		trial_expect_rights(&flags);
		if (trial.size == page_size())
			try_break_frame(flags);
		trial_unmap();
	}
	trial_end();
}

/* Unmapped without telling the TLB; then told. */
void check_stale(const struct check *check)
{
	struct page_table_op op = { .frames = &kernel.pool.allocator };

	if (!trial_begin(check->leaf, check->leaf))
		return;
	if (trial_must_map(trial_all)) {
		trial_expect_order("read", INNER_READ, trial.address, FAULT_NONE);
		expect_status("unmap",
			      page_table_unmap(&trial_guest()->table, trial.slot, trial.size, &op),
			      PAGING_OK);
		barrier_store_sync();
		if (!probe_order(&trial.probe, INNER_READ, trial.address, 0).done)
			check_skip("no TLB is observable here");
		guest_forget(trial_guest());
		trial_expect_order("read, when the TLB has been told", INNER_READ, trial.address,
				   FAULT_NOT_MAPPED);
	}
	trial_end();
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

	expect_status("protect", guest_protect(trial_guest(), table, page_size(), flags),
		      PAGING_OK);
	answer = probe_order(&trial.probe, INNER_READ, trial.view + TRIAL_DATA, 0);
	if (answer.done || answer.faulted)
		expect_equal(what, answer.fault.cause, cause);
	if (answer.faulted) {
		expect_true("by its own walk", answer.fault.walk);
		expect_equal("its page", answer.fault.phys & answer.fault.phys_exact,
			     table & answer.fault.phys_exact);
		expect_true("its page is known", answer.fault.phys_exact != 0);
	}
	expect_status("protect", guest_protect(trial_guest(), table, page_size(), trial_all),
		      PAGING_OK);
}

/* The guest's own walk reads its tables, and writes to them where it marks what it uses. */
void check_own_walk(const struct check *check)
{
	struct page_flags read_only = { .read = 1, .execute = 1 };
	struct page_flags write_only = { .write = 1 };
	struct page_flags own = { .read = 1 };

	if (!trial_begin(check->leaf, check->leaf))
		return;
	if (trial_must_map(trial_all)) {
		trial_view(own);
		try_own_table("through a table that is write-only", write_only, FAULT_PERMISSION);
		try_own_table("through a table that is read-only", read_only, FAULT_NONE);
		if (hypervisor.cpu.hardware_accessed) {
			own.idle = 1;
			trial_view(own);
			el2_take(&trial.probe.vcpu)->system.tcr |= TCR_HA;
			try_own_table("marking in a table that is read-only", read_only,
				      FAULT_PERMISSION);
			try_own_table("marking in a table that may be written", trial_all,
				      FAULT_NONE);
		}
		trial_unmap();
	}
	trial_end();
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

void check_device(const struct check *check)
{
	struct model model = { .value = 0x21 };

	if (!trial_begin(check->leaf, check->leaf))
		return;
	/* Memory that comes and goes leaves a hole that is one. */
	if (trial_must_map(trial_all)) {
		trial_expect_order("read of memory", INNER_READ, trial.address, FAULT_NONE);
		trial_unmap();
	}
	expect_equal("a read", order_device(&model, INNER_READ, 0), 0x21);
	order_device(&model, INNER_WRITE, 0x43);
	expect_equal("what was written", model.value, 0x43);
	order_device(&model, INNER_MODIFY, 0x10);
	expect_equal("what was modified", model.value, 0x53);
	expect_equal("reads", model.reads, 2);
	expect_equal("writes", model.writes, 2);
	trial_end();
}
