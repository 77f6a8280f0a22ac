/* SPDX-License-Identifier: MIT */
/*
 * A hole in a guest's memory that is a device: an access to it ends in this kernel, which does what
 * the guest's instruction would have done, and the guest goes on behind it. Neither SVM nor VMX
 * describes the instruction: its bytes are read from the guest's memory.
 */
#include "../mmu.h"
#include "checks.h"
#include "guest/kernel.h"
#include "guest/sabotage.h"
#include "guest/selftest.h"
#include "guest/text.h"
#include "hypervisor/hypervisor.h"
#include "hypervisor/probe_guest.h"

/* Opcodes with a byte in memory and a register: SDM vol. 2, appendix A.3. */
#define OPCODE_ADD    0x00
#define OPCODE_MOV    0x88
#define OPCODE_ESCAPE 0x0f
#define OPCODE_MOVZX  0xb6

/* ModRM: mod and rm of "memory at RSI", and the register's number. */
#define MODRM_MEMORY   0xc7
#define MODRM_AT_RSI   0x06
#define MODRM_REGISTER 3

static const struct page_flags all = { .read = 1, .write = 1, .execute = 1 };

static struct probe_guest inner;

/* A device of one register, which counts what is done to it. */
struct model {
	uint8_t value;
	unsigned int reads, writes;
};

/* The guest's register of that number, if it is one of those that orders use; else NULL. */
static uint64_t *argument_of(struct inner_vcpu *vcpu, unsigned int number)
{
	static const uint8_t arguments[8] = { [7] = 1, [6] = 2, [2] = 3, [1] = 4 };

	return arguments[number] != 0 ? &vcpu->arguments[arguments[number] - 1] : NULL;
}

/* The flags that an addition leaves stay as they are: the probe guest does not look at them. */
static void emulate(struct model *model, struct inner_vcpu *vcpu)
{
	const uint8_t *code = frame_bytes(inner.base) + (vcpu->pc - PROBE_BASE);
	bool load = code[0] == OPCODE_ESCAPE && code[1] == OPCODE_MOVZX;
	uint8_t modrm = code[load ? 2 : 1];
	uint64_t *argument = argument_of(vcpu, modrm >> MODRM_REGISTER & 7);

	expect_true("the operand is memory at RSI, and a register",
		    (modrm & MODRM_MEMORY) == MODRM_AT_RSI && argument != NULL);
	expect_true("a load, a store or an addition",
		    load || code[0] == OPCODE_MOV || code[0] == OPCODE_ADD);
	vcpu->pc += load ? 3 : 2;
	if (!argument)
		return;
	if (load || code[0] == OPCODE_ADD)
		model->reads++;
	if (load) {
		*argument = model->value;
		return;
	}
	model->value = (uint8_t)((code[0] == OPCODE_ADD ? model->value : 0) + *argument);
	model->writes++;
}

/* An order to the guest at the hole, and the rest of it when the device has answered. */
static uint64_t order_device(struct model *model, enum inner_order order, uint64_t value)
{
	struct inner_vcpu *vcpu = &inner.vcpu;
	virt_addr at = probe_slot(page_size());
	struct page_fault expected = order_predict(NULL, order, at);
	struct probe_answer answer = probe_order(&inner, order, at, value);

	order_expect("an order to the device", &answer, &expected);
	if (!answer.faulted)
		return answer.value;
	emulate(model, vcpu);
	hypervisor.backend->run(vcpu, &inner.exit);
	expect_true("the order is done",
		    inner.exit.reason == INNER_HYPERCALL && vcpu->arguments[0] == INNER_CALL_READY);
	return vcpu->arguments[1] & 0xff;
}

static void try_device(struct model *model)
{
	expect_equal("a read", order_device(model, INNER_READ, 0), 0x21);
	order_device(model, INNER_WRITE, 0x43);
	expect_equal("what was written", model->value, 0x43);
	order_device(model, INNER_MODIFY, 0x10);
	expect_equal("what was modified", model->value, 0x53);
	expect_equal("reads", model->reads, 2);
	expect_equal("writes", model->writes, 2);
}

void check_device(const struct check *check)
{
	struct model model = { .value = 0x21 };
	uint64_t frames = kernel.pool.in_use;
	phys_addr at = probe_slot(page_size());
	struct frame page;

	(void)check;
	sabotage_enter(SABOTAGE_SELFTEST);
	page = test_frame(page_size());
	memset(frame_bytes(page), 0x99, page_size());
	if (probe_guest_start(&inner)) {
		sabotage_enter(SABOTAGE_INNER);
		/* Memory that comes and goes leaves a hole that is one. */
		expect_status("map", guest_map(&inner.guest, at, page.start, page_size(), all, 0),
			      PAGING_OK);
		expect_equal("a read of memory", probe_order(&inner, INNER_READ, at, 0).value,
			     0x99);
		expect_status("unmap", guest_unmap(&inner.guest, at, page_size()), PAGING_OK);
		try_device(&model);
		expect_equal("memory afterwards", frame_bytes(page)[0], 0x99);
		sabotage_enter(SABOTAGE_SELFTEST);
	}
	probe_guest_end(&inner);
	test_frame_free(page);
	expect_equal("frames in use", kernel.pool.in_use, frames);
}
