/* SPDX-License-Identifier: MIT */
/* The probe guest: its memory, and giving orders to it. */
#include "probe_guest.h"

#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/selftest.h"
#include "guest/text.h"

#define OWN_TABLES UINT64_C(0x20000) /* from PROBE_BASE on */

static const struct page_flags all = { .read = 1, .write = 1, .execute = 1 };

virt_addr probe_far(const struct probe_guest *probe)
{
	return UINT64_C(1) << (probe->own.input_bits - 2);
}

phys_addr probe_far_slot(const struct probe_guest *probe)
{
	unsigned int bits = hypervisor.cpu.config.input_bits;

	if (bits > probe->own.output_bits)
		bits = probe->own.output_bits;
	return UINT64_C(1) << (bits - 1);
}

static void map_own(struct probe_guest *probe, virt_addr virt, phys_addr inner, uint64_t size)
{
	struct page_table_op op = { .frames = &probe->own_frames.allocator };
	enum paging_status status = page_table_map(&probe->own, virt, inner, size, all, &op);

	if (status != PAGING_OK)
		panic("the probe guest's own tables: 0x%lx, 0x%lx bytes: %s", virt, size,
		      paging_status_text(status));
}

static void build_own(struct probe_guest *probe)
{
	struct page_table_config config = hypervisor.cpu.own;
	enum paging_status status;

	config.access = kernel.mmu.config.access;
	config.access.offset += probe->base.start - PROBE_BASE;
	frame_pool_init(&probe->own_frames, PROBE_BASE + OWN_TABLES, PROBE_BASE + PROBE_BASE_SIZE,
			&config.access);
	status = page_table_init(&probe->own, &config, &probe->own_frames.allocator);
	if (status != PAGING_OK)
		panic("the probe guest's own tables: %s", paging_status_text(status));
	map_own(probe, PROBE_BASE, PROBE_BASE, PROBE_BASE_SIZE);
	for (unsigned int rank = LEAF_PAGE; rank <= LEAF_LARGE; rank++) {
		/* Where addresses are too narrow for that, no such leaf is tried out. */
		if (arch_leaf_size(rank) >> (probe->own.output_bits - 1) != 0)
			break;
		map_own(probe, probe_slot(arch_leaf_size(rank)), probe_slot(arch_leaf_size(rank)),
			arch_leaf_size(rank));
	}
	/* With 4K pages it is where a leaf of 2M is tried out. */
	if (arch_leaf_size(LEAF_BLOCK) != PROBE_REGION)
		map_own(probe, PROBE_REGION, PROBE_REGION, PROBE_REGION);
	map_own(probe, probe_far(probe), probe_slot(page_size()), page_size());
	map_own(probe, probe_far(probe) + page_size(), probe_far_slot(probe), page_size());
}

bool probe_guest_start(struct probe_guest *probe)
{
	struct inner_start start = { .how = INNER_PAGED, .entry = PROBE_BASE, .own = &probe->own };
	struct inner_exit exit;
	enum paging_status status;

	probe->base = test_frame(PROBE_BASE_SIZE);
	memset(frame_bytes(probe->base), 0, PROBE_BASE_SIZE);
	memcpy(frame_bytes(probe->base), inner_probe_start,
	       (size_t)((uintptr_t)inner_probe_end - (uintptr_t)inner_probe_start));
	build_own(probe);
	inner_memory_ready(frame_bytes(probe->base), PROBE_BASE_SIZE);
	guest_create(&probe->guest, 0);
	status = guest_map(&probe->guest, PROBE_BASE, probe->base.start, PROBE_BASE_SIZE, all,
			   page_size());
	if (status != PAGING_OK)
		panic("the probe guest's memory: %s", paging_status_text(status));
	probe->vcpu = (struct inner_vcpu){ .guest = &probe->guest };
	if (!hypervisor.backend->vcpu_create(&probe->vcpu, &start, &kernel.pool.allocator))
		panic("the probe guest: no memory");
	hypervisor.backend->run(&probe->vcpu, &exit);
	probe->ready = probe->vcpu.pc;
	if (exit.reason == INNER_HYPERCALL && probe->vcpu.arguments[0] == INNER_CALL_READY)
		return true;
	complain_exit("the probe guest's first hypercall", &probe->vcpu, &exit);
	return false;
}

void probe_guest_end(struct probe_guest *probe)
{
	hypervisor.backend->vcpu_destroy(&probe->vcpu, &kernel.pool.allocator);
	guest_destroy(&probe->guest);
	test_frame_free(probe->base);
}

void probe_order_set(struct probe_guest *probe, enum inner_order order, virt_addr address,
		     uint64_t value)
{
	probe->vcpu.pc = probe->ready;
	probe->vcpu.arguments[0] = order;
	probe->vcpu.arguments[1] = address;
	probe->vcpu.arguments[2] = value;
}

struct probe_answer probe_order(struct probe_guest *probe, enum inner_order order,
				virt_addr address, uint64_t value)
{
	struct inner_vcpu *vcpu = &probe->vcpu;
	struct probe_answer answer = { .done = false };
	struct inner_exit *exit = &probe->exit;

	probe_order_set(probe, order, address, value);
	hypervisor.backend->run(vcpu, exit);
	answer.faulted = exit->reason == INNER_FAULT;
	answer.done = exit->reason == INNER_HYPERCALL && vcpu->arguments[0] == INNER_CALL_READY;
	answer.full = exit->reason == INNER_LOG_FULL;
	if (answer.full)
		return answer;
	if (answer.faulted)
		answer.fault = hypervisor.backend->explain(vcpu, exit);
	else if (answer.done)
		answer.value = vcpu->arguments[1] & 0xff;
	else
		complain_exit("an order to the probe guest", vcpu, exit);
	return answer;
}
