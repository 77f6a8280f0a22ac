/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include "../raw.h"
#include "el2.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"

#define WFI UINT32_C(0xd503207f)

struct trial trial;

bool trial_begin(uint64_t slot, uint64_t size)
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
	*(volatile uint32_t *)(void *)(frame_bytes(trial.page) + TRIAL_WAIT) = WFI;
	frame_bytes(trial.page)[TRIAL_DATA] = TRIAL_BYTE;
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

void trial_end(void)
{
	sabotage_enter(SABOTAGE_SELFTEST);
	probe_guest_end(&trial.probe);
	test_frame_free(trial.page);
	expect_equal("frames in use", kernel.pool.in_use, trial.frames);
}

struct inner_guest *trial_guest(void)
{
	return &trial.probe.guest;
}

enum paging_status trial_map(struct page_flags flags)
{
	return guest_map(trial_guest(), trial.slot, addr_align_down(trial.page.start, trial.size),
			 trial.size, flags, trial.leaves);
}

bool trial_must_map(struct page_flags flags)
{
	return expect_status("map", trial_map(flags), PAGING_OK);
}

void trial_unmap(void)
{
	expect_status("unmap", guest_unmap(trial_guest(), trial.slot, trial.size), PAGING_OK);
}

void trial_view(struct page_flags flags)
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

volatile uint64_t *trial_entry(phys_addr inner, unsigned int stop, unsigned int *level)
{
	const struct aarch64_stage2_registers *registers = el2_take_tables(trial_guest());

	return raw_stage2_entry(registers->vttbr, registers->vtcr, inner, stop, level);
}

volatile uint64_t *trial_descriptor(phys_addr inner)
{
	unsigned int level;

	return trial_entry(inner, 3, &level);
}

void trial_expect(const char *what, const struct probe_answer *answer, unsigned int access,
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

void trial_expect_order(const char *what, enum inner_order order, virt_addr at,
			enum fault_cause cause)
{
	static const unsigned int accesses[] = { FAULT_READ, FAULT_WRITE, FAULT_EXECUTE };
	struct probe_answer answer = probe_order(&trial.probe, order, at, TRIAL_BYTE);

	trial_expect(what, &answer, accesses[order], at, cause);
}

void trial_expect_rights(const struct page_flags *flags)
{
	struct page_mapping m = { .flags = *flags };

	trial_expect_order("read", INNER_READ, trial.address + TRIAL_DATA,
			   page_fault_predict(&m, FAULT_READ, false, true));
	trial_expect_order("write", INNER_WRITE, trial.address + TRIAL_DATA,
			   page_fault_predict(&m, FAULT_WRITE, false, true));
	trial_expect_order("fetch", INNER_FETCH, trial.address,
			   page_fault_predict(&m, FAULT_EXECUTE, false, true));
}
