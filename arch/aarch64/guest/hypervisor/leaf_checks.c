/* SPDX-License-Identifier: MIT */
/*
 * Leaves of Arm's second stages: EL0's and EL1's fetches apart, types and shareability as PAR_EL1
 * tells them, contiguous groups, every bit.
 */
#include "../cpu.h"
#include "../mmu.h"
#include "../probe_code.h"
#include "../raw.h"
#include "checks.h"
#include "el2.h"
#include "guest/selftest.h"
#include "trial.h"
#include "twofold/aarch64.h"

/* EL0 runs the page's WFI, which comes back to us, if it may. */
static struct probe_answer fetch_as_user(void)
{
	struct inner_vcpu *vcpu = &trial.probe.vcpu;
	struct el2_registers *registers = &el2_take(vcpu)->registers;
	struct probe_answer answer = { .done = false };
	struct inner_exit *exit = &trial.probe.exit;

	registers->pstate = PSTATE_EL0;
	vcpu->pc = trial.view + TRIAL_WAIT;
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

void check_execute(const struct check *check)
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
	if (!trial_begin(check->leaf, check->leaf))
		return;
	trial_view((struct page_flags){ .read = 1, .execute = 1, .user = 1 });
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_mapping m = { .flags = cases[i] };
		struct probe_answer answer;

		if (!trial_must_map(cases[i]))
			break;
		if (expect_status("query",
				  page_table_query(&trial_guest()->table, trial.address, &m),
				  PAGING_OK))
			expect_true("query has it as it was asked for",
				    page_flags_equal(m.flags, cases[i]));
		trial_expect_rights(&cases[i]);
		answer = fetch_as_user();
		m.flags = cases[i];
		trial_expect("fetch by EL0", &answer, FAULT_EXECUTE, trial.address + TRIAL_WAIT,
			     page_fault_predict(&m, FAULT_EXECUTE, true, true));
		trial_unmap();
	}
	trial_end();
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
	trial_view((struct page_flags){ .read = 1, .type = MEMORY_NONCACHEABLE });
	mixed = translate(trial.view) >> PAR_TYPE_SHIFT;
	if (device)
		expect_equal("device memory in PAR_EL1, non-cacheable by the guest's own tables",
			     mixed >> 4, 0);
	else
		expect_equal("the type in PAR_EL1, non-cacheable by the guest's own tables", mixed,
			     probe_type_byte(forced ? type : MEMORY_NONCACHEABLE));
}

void check_types(const struct check *check)
{
	unsigned int possible = 0;

	if (!trial_begin(check->leaf, check->leaf))
		return;
	for (unsigned int type = 0; type < MEMORY_TYPES; type++) {
		struct page_flags flags = trial_all;
		enum paging_status status;

		flags.type = type & 7;
		status = trial_map(flags);
		if (status == PAGING_BAD_FLAGS)
			continue;
		if (!expect_status("map", status, PAGING_OK))
			break;
		possible++;
		expect_type(type);
		trial_unmap();
	}
	expect_true("at least five types can be said", possible >= 5);
	trial_end();
}

void check_share(const struct check *check)
{
	static const struct {
		unsigned int share, bits;
	} shares[] = { { SHARE_DEFAULT, 3 }, { SHARE_OUTER, 2 }, { SHARE_NONE, 0 } };

	if (mmu_lpa2) {
		check_skip("with LPA2 shareability is the whole table's, in VTCR_EL2");
		return;
	}
	if (!trial_begin(check->leaf, check->leaf))
		return;
	trial_view((struct page_flags){ .read = 1, .share = SHARE_NONE });
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		struct page_flags flags = trial_all;
		struct page_mapping m;

		flags.share = shares[i].share & 3;
		if (!trial_must_map(flags))
			break;
		expect_equal("shareability in PAR_EL1",
			     translate(trial.view) >> PAR_SHARE_SHIFT & 3, shares[i].bits);
		if (expect_status("query",
				  page_table_query(&trial_guest()->table, trial.address, &m),
				  PAGING_OK))
			expect_equal("shareability that query has", m.flags.share, shares[i].share);
		trial_unmap();
	}
	trial_end();
}

void check_software(const struct check *check)
{
	struct page_flags flags = trial_all;

	if (!trial_begin(check->leaf, check->leaf))
		return;
	for (flags.software = 4; flags.software != 0; flags.software >>= 1) {
		struct page_mapping m;

		if (!trial_must_map(flags))
			break;
		trial_expect_rights(&flags);
		if (expect_status("query",
				  page_table_query(&trial_guest()->table, trial.address, &m),
				  PAGING_OK))
			expect_equal("software bits", m.flags.software, flags.software);
		trial_unmap();
	}
	trial_end();
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
	/* Device memory is outer shareable, whatever the bits say (B2.7.2); the library says so. */
	if (!mmu_lpa2)
		bits |= (uint64_t)(flags.type == MEMORY_DEVICE ? 2 : shares[flags.share]) << 8;
	bits |= flags.idle ? 0 : RAW_ACCESSED;
	/* Dirty: written by S2AP, where DBM says that it may be; else a software bit, the
	 * library's. */
	if (flags.dirty)
		bits |= flags.write ? RAW_STAGE2_WRITE : UINT64_C(1) << 55;
	bits |= (uint64_t)(flags.execute              ? 0
			   : flags.execute_privileged ? 3
			   : flags.execute_user       ? 1
						      : 2)
		<< 53;
	return bits | (uint64_t)flags.software << 56;
}

/* Every bit, those that this CPU makes nothing of too. */
void check_bits(const struct check *check)
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
		{ .read = 1, .type = MEMORY_DEVICE },
		{ .read = 1, .write = 1, .dirty = 1 },
		{ .read = 1, .dirty = 1 },
		{ .read = 1, .share = SHARE_OUTER },
		{ .read = 1, .share = SHARE_NONE },
		{ .read = 1, .software = 5 },
		{ .read = 1, .software = 2 },
	};

	unsigned int stop = 3 - check->rank, level;

	if (!trial_begin(check->leaf, check->leaf))
		return;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum paging_status status = trial_map(cases[i]);

		if (status == PAGING_BAD_FLAGS)
			continue;
		if (!expect_status("map", status, PAGING_OK))
			break;
		expect_entry("the descriptor", trial_entry(trial.address, stop, &level), UINT64_MAX,
			     by_hand(cases[i]) | addr_align_down(trial.page.start, trial.size));
		trial_unmap();
		expect_equal("where it was", *trial_descriptor(trial.address), 0);
	}
	trial_end();
}

/* Entries of tables that are made for a page far from all else; of the root too. */
void check_table_bits(const struct check *check)
{
	/* Address bits that no table here has, but for LPA2. */
	uint64_t fixed =
		RAW_VALID | RAW_TABLE | RAW_STAGE2_TABLE_RES0 | (mmu_lpa2 ? 0 : UINT64_C(3) << 48);
	unsigned int level;
	phys_addr far;

	if (!trial_begin(check->leaf, check->leaf))
		return;
	far = probe_far_slot(&trial.probe);
	if (expect_status(
		    "map",
		    guest_map(trial_guest(), far, trial.page.start, page_size(), trial_all, 0),
		    PAGING_OK)) {
		for (unsigned int stop = 0; stop < 3; stop++) {
			volatile uint64_t *entry = trial_entry(far, stop, &level);

			if (level == stop)
				expect_entry("a table's entry: V, table, and what is reserved",
					     entry, fixed, RAW_VALID | RAW_TABLE);
		}
		expect_entry("the page's descriptor", trial_entry(far, 3, &level), UINT64_MAX,
			     by_hand(trial_all) | trial.page.start);
		expect_equal("its level", level, 3);
		expect_status("unmap", guest_unmap(trial_guest(), far, page_size()), PAGING_OK);
	}
	trial_end();
}

/* Every entry of the group has the hint, the same attributes, and its own part of the memory. */
static void expect_group(uint64_t leaf)
{
	uint64_t first = *trial_descriptor(trial.slot);

	expect_true("the first entry has the contiguous hint", (first & RAW_CONTIGUOUS) != 0);
	for (uint64_t at = leaf; at < trial.size; at += leaf) {
		if (!expect_equal("an entry of the group", *trial_descriptor(trial.slot + at),
				  first + at))
			return;
	}
}

/* One of its entries is taken out: the others lead where they did, and are no group. */
static void try_part(uint64_t leaf)
{
	phys_addr part = addr_align_down(trial.address, leaf);
	phys_addr hole = part == trial.slot ? part + leaf : trial.slot;

	expect_status("unmap of a part", guest_unmap(trial_guest(), hole, leaf), PAGING_OK);
	trial_expect_order("the hole is read", INNER_READ, hole, FAULT_NOT_MAPPED);
	expect_equal("what the others lead to",
		     probe_order(&trial.probe, INNER_READ, trial.address + TRIAL_DATA, 0).value,
		     TRIAL_BYTE);
	expect_equal("the hint of the others", *trial_descriptor(trial.address) & RAW_CONTIGUOUS,
		     0);
	expect_status("map of the part",
		      guest_map(trial_guest(), hole,
				addr_align_down(trial.page.start, trial.size) + (hole - trial.slot),
				leaf, trial_all, leaf),
		      PAGING_OK);
}

void check_group(const struct check *check)
{
	static const struct page_flags cases[] = {
		{ .read = 1 },
		{ .read = 1, .execute = 1 },
		{ .read = 1, .write = 1 },
		{ .read = 1, .write = 1, .execute = 1 },
	};
	unsigned int above = check->rank + 1u;

	if (!trial_begin(arch_leaf_size(above), mmu_group_size(check->rank)))
		return;
	trial.leaves |= check->leaf;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_mapping m;

		if (!trial_must_map(cases[i]))
			break;
		if (expect_status("query",
				  page_table_query(&trial_guest()->table, trial.address, &m),
				  PAGING_OK))
			expect_equal("size of the group", m.size, trial.size);
		expect_group(check->leaf);
		trial_expect_rights(&cases[i]);
		if (cases[i].write && cases[i].execute)
			try_part(check->leaf);
		trial_unmap();
	}
	trial_end();
}
