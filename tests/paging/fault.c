/* SPDX-License-Identifier: MIT */
/* Faults explained: register values written by hand from the manuals, and what they say. */
#include <inttypes.h>
#include <string.h>

#include <criterion/criterion.h>

#include "require.h"
#include "twofold/aarch64_fault.h"
#include "twofold/riscv_fault.h"
#include "twofold/x86_64_fault.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ALL          UINT64_MAX
#define NO_OFFSET    (~UINT64_C(0xfff))
#define R            FAULT_READ
#define W            FAULT_WRITE
#define X            FAULT_EXECUTE

#define LINEAR   UINT64_C(0xffff800012345678)
#define PHYSICAL UINT64_C(0x000000023456789a)

static void require_cause(const struct page_fault *seen, enum fault_cause cause,
			  unsigned int access, size_t row)
{
	REQUIRE(seen->cause == cause, "row %zu: %s, not %s", row, fault_cause_text(seen->cause),
		fault_cause_text(cause));
	REQUIRE(seen->access == access, "row %zu: access %u, not %u", row, seen->access, access);
}

/* SDM vol. 3A figure 4-12. */
Test(fault, x86_64_page_fault)
{
	static const struct {
		uint64_t code;
		enum fault_cause cause;
		unsigned int access;
		bool user;
	} rows[] = {
		{ 0x0, FAULT_NOT_MAPPED, R, false },     { 0x2, FAULT_NOT_MAPPED, W, false },
		{ 0x4, FAULT_NOT_MAPPED, R, true },      { 0x10, FAULT_NOT_MAPPED, X, false },
		{ 0x1, FAULT_PERMISSION, R, false },     { 0x3, FAULT_PERMISSION, W, false },
		{ 0x7, FAULT_PERMISSION, W, true },      { 0x15, FAULT_PERMISSION, X, true },
		{ 0x9, FAULT_MISCONFIGURED, R, false },  { 0xb, FAULT_MISCONFIGURED, W, false },
		{ 0x25, FAULT_PROTECTION_KEY, R, true }, { 0x8007, FAULT_OTHER, W, true }, /* SGX */
		{ 0x80000007, FAULT_OTHER, W, true },                                      /* RMP */
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct page_fault seen = x86_64_explain_page_fault(rows[i].code, LINEAR);

		require_cause(&seen, rows[i].cause, rows[i].access, i);
		REQUIRE(seen.stage == 1 && !seen.walk && seen.level == FAULT_NO_LEVEL, "row %zu",
			i);
		REQUIRE(seen.privilege_known && seen.user == rows[i].user, "row %zu: privilege", i);
		REQUIRE(seen.virt == LINEAR && seen.virt_exact == ALL && seen.phys_exact == 0,
			"row %zu: addresses", i);
	}
}

/* SDM vol. 3C table 27-7. */
Test(fault, ept_violation)
{
	static const struct {
		uint64_t qualification;
		enum fault_cause cause;
		unsigned int access;
		bool walk, linear;
	} rows[] = {
		{ 0x181, FAULT_NOT_MAPPED, R, false, true },
		{ 0x182, FAULT_NOT_MAPPED, W, false, true },
		{ 0x184, FAULT_NOT_MAPPED, X, false, true },
		{ 0x183, FAULT_NOT_MAPPED, R | W, false, true },
		{ 0x18a, FAULT_PERMISSION, W, false, true }, /* readable */
		{ 0x1a1, FAULT_PERMISSION, R, false, true }, /* executable only */
		{ 0x1c4, FAULT_PERMISSION, X, false, true }, /* executable by user mode only */
		{ 0x081, FAULT_NOT_MAPPED, R, true, true },  /* of the guest's own walk */
		{ 0x08b, FAULT_PERMISSION, R | W, true, true },
		{ 0x001, FAULT_NOT_MAPPED, R, false, false },
		{ 0x101, FAULT_NOT_MAPPED, R, false, false }, /* bit 8 without bit 7 says nothing */
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct page_fault seen =
			x86_64_explain_ept_violation(rows[i].qualification, PHYSICAL, LINEAR);

		require_cause(&seen, rows[i].cause, rows[i].access, i);
		REQUIRE(seen.stage == 2 && seen.walk == rows[i].walk, "row %zu: walk", i);
		REQUIRE(seen.phys == PHYSICAL && seen.phys_exact == ALL, "row %zu: physical", i);
		REQUIRE(seen.virt == (rows[i].linear ? LINEAR : 0) &&
				seen.virt_exact == (rows[i].linear ? ALL : 0),
			"row %zu: linear", i);
		REQUIRE(!seen.privilege_known && seen.level == FAULT_NO_LEVEL, "row %zu", i);
	}
}

Test(fault, ept_misconfiguration)
{
	struct page_fault seen = x86_64_explain_ept_misconfiguration(PHYSICAL);

	require_cause(&seen, FAULT_MISCONFIGURED, 0, 0);
	REQUIRE(seen.stage == 2 && seen.phys == PHYSICAL && seen.phys_exact == ALL &&
			seen.virt_exact == 0,
		"addresses");
}

/* APM vol. 2 15.25.6; bit 2 is always set, bit 32 or 33 too. */
Test(fault, nested_page_fault)
{
	static const struct {
		uint64_t info;
		enum fault_cause cause;
		unsigned int access;
		bool walk;
	} rows[] = {
		{ 0x100000004, FAULT_NOT_MAPPED, R, false },
		{ 0x100000006, FAULT_NOT_MAPPED, W, false },
		{ 0x100000014, FAULT_NOT_MAPPED, X, false },
		{ 0x100000005, FAULT_PERMISSION, R, false },
		{ 0x100000007, FAULT_PERMISSION, W, false },
		{ 0x100000015, FAULT_PERMISSION, X, false },
		{ 0x10000000d, FAULT_MISCONFIGURED, R, false },
		{ 0x10000001d, FAULT_MISCONFIGURED, X, false },
		{ 0x200000006, FAULT_NOT_MAPPED, W, true },
		{ 0x200000007, FAULT_PERMISSION, W, true },
		{ 0x180000007, FAULT_OTHER, W, false }, /* RMP */
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct page_fault seen = x86_64_explain_npf(rows[i].info, PHYSICAL);

		require_cause(&seen, rows[i].cause, rows[i].access, i);
		REQUIRE(seen.stage == 2 && seen.walk == rows[i].walk, "row %zu: walk", i);
		REQUIRE(seen.phys == PHYSICAL && seen.phys_exact == ALL && seen.virt_exact == 0,
			"row %zu: addresses", i);
		REQUIRE(!seen.privilege_known && seen.level == FAULT_NO_LEVEL, "row %zu", i);
	}
}

/* DDI 0487, ESR_EL1: class in 31:26, 16 or 32-bit instruction in 25, syndrome below. */
Test(fault, aarch64_stage1)
{
	static const struct {
		uint64_t esr;
		enum fault_cause cause;
		unsigned int access, level;
	} rows[] = {
		{ 0x96000004, FAULT_NOT_MAPPED, R, 3 },
		{ 0x96000047, FAULT_NOT_MAPPED, W, 0 },
		{ 0x92000006, FAULT_NOT_MAPPED, R, 1 },
		{ 0x86000005, FAULT_NOT_MAPPED, X, 2 },
		{ 0x8200000f, FAULT_PERMISSION, X, 0 },
		{ 0x9600004f, FAULT_PERMISSION, W, 0 },
		{ 0x9600000d, FAULT_PERMISSION, R, 2 },
		{ 0x9600000b, FAULT_ACCESS_FLAG, R, 0 },
		{ 0x96000049, FAULT_ACCESS_FLAG, W, 2 },
		{ 0x96000000, FAULT_ADDRESS_SIZE, R, 3 },
		{ 0x96000003, FAULT_ADDRESS_SIZE, R, 0 },
		{ 0x96000029, FAULT_ADDRESS_SIZE, R, 4 },
		{ 0x9600002b, FAULT_NOT_MAPPED, R, 4 },
		{ 0x96000146, FAULT_NOT_MAPPED, 0, 1 }, /* cache maintenance */
		{ 0x96000021, FAULT_OTHER, R, FAULT_NO_LEVEL },
		{ 0x96000010, FAULT_OTHER, R, FAULT_NO_LEVEL },
		{ 0x96000017, FAULT_OTHER, R, FAULT_NO_LEVEL },
		{ 0x96000030, FAULT_OTHER, R, FAULT_NO_LEVEL },
		{ 0x96000028, FAULT_OTHER, R, FAULT_NO_LEVEL },
		{ 0x96000012, FAULT_UNKNOWN, R, FAULT_NO_LEVEL },
		{ 0x9600002a, FAULT_UNKNOWN, R, FAULT_NO_LEVEL },
		{ 0x9600003f, FAULT_UNKNOWN, R, FAULT_NO_LEVEL },
	};
	struct page_fault seen;

	for (size_t i = 0; i < COUNT(rows); i++) {
		REQUIRE(aarch64_explain_stage1(rows[i].esr, LINEAR, &seen), "row %zu: no abort", i);
		require_cause(&seen, rows[i].cause, rows[i].access, i);
		REQUIRE(seen.stage == 1 && seen.level == rows[i].level, "row %zu: level %u", i,
			seen.level);
		REQUIRE(seen.virt == LINEAR && seen.virt_exact == ALL && seen.phys_exact == 0,
			"row %zu: addresses", i);
		REQUIRE(!seen.walk && !seen.privilege_known, "row %zu", i);
	}
	REQUIRE(aarch64_explain_stage1(0x96000410, LINEAR, &seen) && seen.virt == 0 &&
			seen.virt_exact == 0,
		"FAR is not valid");
}

/* All of DFSC: address size, translation, access flag, permission, others that are defined. */
Test(fault, aarch64_each_status)
{
	static const char statuses[] = "AAAATTTTFFFFPPPPoo-oooooo--ooooo"
				       "-o-ooooooA-T----oo--oo----------";
	static const char letters[] = "ATFPo-";
	static const enum fault_cause causes[] = { FAULT_ADDRESS_SIZE, FAULT_NOT_MAPPED,
						   FAULT_ACCESS_FLAG,  FAULT_PERMISSION,
						   FAULT_OTHER,        FAULT_UNKNOWN };
	struct page_fault seen;

	for (unsigned int status = 0; status < 64; status++) {
		enum fault_cause cause = causes[strchr(letters, statuses[status]) - letters];

		REQUIRE(aarch64_explain_stage1(0x96000000 | status, LINEAR, &seen) &&
				seen.cause == cause,
			"status 0x%x: cause %u", status, seen.cause);
	}
}

/* HPFAR_EL2 bits 43:4 are IPA bits 51:12. */
Test(fault, aarch64_stage2)
{
	static const struct {
		uint64_t esr;
		enum fault_cause cause;
		unsigned int access, level;
		bool walk;
		phys_addr phys;
		uint64_t exact;
	} rows[] = {
		{ 0x92000006, FAULT_NOT_MAPPED, R, 1, false, 0xabcd123456678, ALL },
		{ 0x92000047, FAULT_NOT_MAPPED, W, 0, false, 0xabcd123456678, ALL },
		{ 0x82000007, FAULT_NOT_MAPPED, X, 0, false, 0xabcd123456678, ALL },
		{ 0x9200000b, FAULT_ACCESS_FLAG, R, 0, false, 0xabcd123456678, ALL },
		{ 0x92000000, FAULT_ADDRESS_SIZE, R, 3, false, 0xabcd123456678, ALL },
		{ 0x9200004f, FAULT_PERMISSION, W, 0, false, 0, 0 },
		{ 0x8200000e, FAULT_PERMISSION, X, 1, false, 0, 0 },
		/* S1PTW, of a store, a load and a fetch: the walk of each only reads, or it marks.
		 */
		{ 0x920000cf, FAULT_PERMISSION, R | W, 0, true, 0xabcd123456000, NO_OFFSET },
		{ 0x9200008f, FAULT_PERMISSION, R | W, 0, true, 0xabcd123456000, NO_OFFSET },
		{ 0x8200008f, FAULT_PERMISSION, R | W, 0, true, 0xabcd123456000, NO_OFFSET },
		{ 0x92000086, FAULT_NOT_MAPPED, R, 1, true, 0xabcd123456000, NO_OFFSET },
		{ 0x920000c6, FAULT_NOT_MAPPED, R, 1, true, 0xabcd123456000, NO_OFFSET },
		{ 0x82000086, FAULT_NOT_MAPPED, R, 1, true, 0xabcd123456000, NO_OFFSET },
		{ 0x820000ab, FAULT_NOT_MAPPED, R, 4, true, 0xabcd123456000, NO_OFFSET },
		{ 0x920000ca, FAULT_ACCESS_FLAG, R, 1, true, 0xabcd123456000, NO_OFFSET },
		{ 0x820000a9, FAULT_ADDRESS_SIZE, R, 4, true, 0xabcd123456000, NO_OFFSET },
		{ 0x92000406, FAULT_NOT_MAPPED, R, 1, false, 0xabcd123456000, NO_OFFSET },
		{ 0x92000010, FAULT_OTHER, R, FAULT_NO_LEVEL, false, 0, 0 },
	};
	const uint64_t hpfar = UINT64_C(0x00000abcd1234560);
	struct page_fault seen;

	for (size_t i = 0; i < COUNT(rows); i++) {
		REQUIRE(aarch64_explain_stage2(rows[i].esr, LINEAR, hpfar, &seen),
			"row %zu: no abort", i);
		require_cause(&seen, rows[i].cause, rows[i].access, i);
		REQUIRE(seen.stage == 2 && seen.level == rows[i].level && seen.walk == rows[i].walk,
			"row %zu: level %u", i, seen.level);
		REQUIRE(seen.phys == rows[i].phys && seen.phys_exact == rows[i].exact,
			"row %zu: 0x%" PRIx64 ", 0x%" PRIx64 " exact", i, seen.phys,
			seen.phys_exact);
	}
}

/* Hypervisor call, system register, SError, watchpoint: nothing is written. */
Test(fault, aarch64_no_abort)
{
	static const uint64_t others[] = { 0x5a000000, 0x62000000, 0xbe000011, 0xd2000022,
					   0x8a000000, 0x9a000000, 0 };

	for (size_t i = 0; i < COUNT(others); i++) {
		struct page_fault seen = { .cause = FAULT_NONE, .stage = 77 };

		REQUIRE(!aarch64_explain_stage1(others[i], LINEAR, &seen) &&
				!aarch64_explain_stage2(others[i], LINEAR, 0, &seen) &&
				seen.stage == 77,
			"0x%" PRIx64 " is an abort", others[i]);
	}
}

/* Privileged specification, table of scause: page faults, and access faults of the same kinds. */
Test(fault, riscv_page_fault)
{
	static const struct {
		uint64_t scause;
		enum fault_cause cause;
		unsigned int access;
	} rows[] = {
		{ 12, FAULT_REFUSED, X }, { 13, FAULT_REFUSED, R }, { 15, FAULT_REFUSED, W },
		{ 1, FAULT_OTHER, X },    { 5, FAULT_OTHER, R },    { 7, FAULT_OTHER, W },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct page_fault seen;

		REQUIRE(riscv_explain_page_fault(rows[i].scause, LINEAR, &seen), "row %zu: none",
			i);
		require_cause(&seen, rows[i].cause, rows[i].access, i);
		REQUIRE(seen.stage == 1 && !seen.walk && !seen.privilege_known &&
				seen.level == FAULT_NO_LEVEL,
			"row %zu", i);
		REQUIRE(seen.virt == LINEAR && seen.virt_exact == ALL && seen.phys_exact == 0,
			"row %zu: addresses", i);
	}
}

/* htval is the guest-physical address shifted right by 2; htinst 0x2000 and 0x3000 are reads,
 * 0x2020 and 0x3020 writes by the walk of the guest's tables, other values are of the instruction.
 */
Test(fault, riscv_guest_page_fault)
{
	static const struct {
		uint64_t scause, htval, htinst;
		unsigned int access;
		bool walk;
		phys_addr phys;
		uint64_t exact;
	} rows[] = {
		{ 20, 0x8d159e26, 0, X, false, 0x234567898, ALL },
		{ 21, 0x8d159e26, 0, R, false, 0x234567898, ALL },
		{ 23, 0x8d159e26, 0, W, false, 0x234567898, ALL },
		{ 21, 0x8d159e26, 0x0000b503, R, false, 0x234567898, ALL }, /* ld */
		{ 23, 0x8d159e26, 0x00a03023, W, false, 0x234567898, ALL }, /* sd: 0x3023 */
		{ 21, 0x8d159e26, 0x3001, R, false, 0x234567898, ALL },     /* as no walk says */
		{ 21, 0x8d159e26, 0x3040, R, false, 0x234567898, ALL },
		{ 21, 0x8d159e26, 0x3021, R, false, 0x234567898, ALL },
		{ 21, 0x8d159e26, 0x1000, R, false, 0x234567898, ALL },
		{ 21, 0x8d159e26, 0x3000, R, true, 0x234567898, ALL },
		{ 23, 0x8d159e26, 0x3000, R, true, 0x234567898, ALL },
		{ 20, 0x8d159e26, 0x3020, W, true, 0x234567898, ALL },
		{ 20, 0x8d159e26, 0x2000, R, true, 0x234567898, ALL },
		{ 21, 0x8d159e26, 0x2020, W, true, 0x234567898, ALL },
		{ 21, 0xc000000000000001, 0, R, false, 4, ALL },
		{ 21, 0, 0, R, false, 0, 0 }, /* not told, or 0 */
	};
	struct page_fault seen;

	for (size_t i = 0; i < COUNT(rows); i++) {
		REQUIRE(riscv_explain_guest_page_fault(rows[i].scause, LINEAR, rows[i].htval,
						       rows[i].htinst, &seen),
			"row %zu: none", i);
		require_cause(&seen, FAULT_REFUSED, rows[i].access, i);
		REQUIRE(seen.stage == 2 && seen.walk == rows[i].walk && !seen.privilege_known &&
				seen.level == FAULT_NO_LEVEL,
			"row %zu: walk", i);
		REQUIRE(seen.virt == LINEAR && seen.virt_exact == ALL, "row %zu: virt", i);
		REQUIRE(seen.phys == rows[i].phys && seen.phys_exact == rows[i].exact,
			"row %zu: 0x%" PRIx64, i, seen.phys);
	}
	/* Bits 1:0 are the virtual address's, but for an entry of a table. */
	REQUIRE(riscv_explain_guest_page_fault(21, LINEAR + 3, 0x8d159e26, 0, &seen) &&
			seen.phys == 0x23456789b,
		"0x%" PRIx64, seen.phys);
	REQUIRE(riscv_explain_guest_page_fault(21, LINEAR + 3, 0x8d159e26, 0x3000, &seen) &&
			seen.phys == 0x234567898,
		"0x%" PRIx64, seen.phys);
}

/* Each explains its own codes, and neither an interrupt of the same number: nothing is written. */
Test(fault, riscv_other_traps)
{
	const uint64_t page_faults = 1 << 1 | 1 << 5 | 1 << 7 | 1 << 12 | 1 << 13 | 1 << 15;
	const uint64_t guest_page_faults = 1 << 20 | 1 << 21 | 1 << 23;

	for (unsigned int code = 0; code < 128; code++) {
		struct page_fault seen = { .cause = FAULT_NONE, .stage = 77 };
		uint64_t scause = code < 64 ? code : UINT64_C(1) << 63 | (code - 64);
		uint64_t bit = code < 64 ? UINT64_C(1) << code : 0;

		REQUIRE(riscv_explain_page_fault(scause, LINEAR, &seen) ==
				((page_faults & bit) != 0),
			"code %u", code);
		REQUIRE(riscv_explain_guest_page_fault(scause, LINEAR, 1, 0, &seen) ==
				((guest_page_faults & bit) != 0),
			"code %u of a guest", code);
		REQUIRE((seen.stage == 77) == ((bit & (page_faults | guest_page_faults)) == 0),
			"code %u was written", code);
	}
}

/* Which bits of a register say something: one is the other way, and the rest stays. */

static bool alike(const struct page_fault *a, const struct page_fault *b)
{
	return a->cause == b->cause && a->access == b->access && a->walk == b->walk &&
	       a->user == b->user && a->level == b->level && a->virt == b->virt &&
	       a->phys == b->phys && a->phys_exact == b->phys_exact;
}

Test(fault, x86_64_bits)
{
	/* Reads of what is not present. */
	const struct page_fault read = x86_64_explain_page_fault(0, LINEAR);
	const struct page_fault ept = x86_64_explain_ept_violation(0x181, PHYSICAL, LINEAR);
	const struct page_fault npf = x86_64_explain_npf(0x100000004, PHYSICAL);

	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t flip = UINT64_C(1) << bit;
		struct page_fault other = x86_64_explain_page_fault(flip, LINEAR);

		REQUIRE(!alike(&read, &other) == ((flip & UINT64_C(0x8000803f)) != 0),
			"bit %u of an error code", bit);
		other = x86_64_explain_ept_violation(0x181 ^ flip, PHYSICAL, LINEAR);
		REQUIRE(!alike(&ept, &other) == (bit < 9), "bit %u of a qualification", bit);
		other = x86_64_explain_npf(0x100000004 ^ flip, PHYSICAL);
		REQUIRE(!alike(&npf, &other) == ((flip & UINT64_C(0x28000001b)) != 0),
			"bit %u of EXITINFO1", bit);
	}
}

Test(fault, aarch64_bits)
{
	struct page_fault data, other;

	/* A load that stage 2 did not translate. */
	REQUIRE(aarch64_explain_stage2(0x92000006, LINEAR, 0xabcd0, &data), "no abort");
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t flip = UINT64_C(1) << bit;
		bool abort = aarch64_explain_stage2(0x92000006 ^ flip, LINEAR, 0xabcd0, &other);

		REQUIRE(abort == (bit < 27 || bit == 28 || bit > 31), "bit %u of the class", bit);
		REQUIRE(!abort || !alike(&data, &other) == (bit < 9 || bit == 10 || bit == 28),
			"bit %u of ESR", bit);
		REQUIRE(aarch64_explain_stage2(0x92000006, 0, flip, &other) &&
				other.phys == (bit >= 4 && bit < 48 ? flip << 8 : 0),
			"bit %u of HPFAR", bit);
	}
	for (uint64_t ec = 0; ec < 64; ec++)
		REQUIRE(aarch64_explain_stage1(ec << 26 | 6, LINEAR, &other) ==
				(ec == 0x20 || ec == 0x21 || ec == 0x24 || ec == 0x25),
			"class 0x%" PRIx64, ec);
}

Test(fault, riscv_bits)
{
	struct page_fault walk, other;

	REQUIRE(riscv_explain_guest_page_fault(23, LINEAR, 1, 0x3000, &walk), "none");
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t htinst = 0x3000 ^ UINT64_C(1) << bit;

		REQUIRE(riscv_explain_guest_page_fault(23, LINEAR, 1, htinst, &other), "none");
		REQUIRE(other.walk == (bit == 5 || bit == 12) &&
				other.access == (bit == 12 ? R : W),
			"bit %u of htinst", bit);
	}
}

Test(fault, prediction)
{
	static const struct {
		struct page_flags flags;
		unsigned int access;
		bool user, marks;
		enum fault_cause cause;
	} rows[] = {
		{ { .read = 1 }, R, false, true, FAULT_NONE },
		{ { .read = 1 }, W, false, true, FAULT_PERMISSION },
		{ { .read = 1 }, R | W, false, true, FAULT_PERMISSION },
		{ { .read = 1 }, X, false, true, FAULT_PERMISSION },
		{ { .write = 1 }, W, false, true, FAULT_NONE },
		{ { .write = 1 }, R | W, false, true, FAULT_PERMISSION },
		{ { .read = 1, .write = 1 }, R | W, false, true, FAULT_NONE },
		{ { .execute = 1 }, X, true, true, FAULT_NONE },
		{ { .execute = 1 }, R, true, true, FAULT_PERMISSION },
		{ { .read = 1, .execute_user = 1 }, X, true, true, FAULT_NONE },
		{ { .read = 1, .execute_user = 1 }, X, false, true, FAULT_PERMISSION },
		{ { .read = 1, .execute_privileged = 1 }, X, false, true, FAULT_NONE },
		{ { .read = 1, .execute_privileged = 1 }, X, true, true, FAULT_PERMISSION },
		{ { .read = 1, .idle = 1 }, R, false, true, FAULT_NONE },
		{ { .read = 1, .idle = 1 }, R, false, false, FAULT_ACCESS_FLAG },
		{ { .read = 1, .idle = 1 }, W, false, false, FAULT_ACCESS_FLAG },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct page_mapping mapping = { .size = PAGE_SIZE_4K,
						      .flags = rows[i].flags };
		enum fault_cause cause =
			page_fault_predict(&mapping, rows[i].access, rows[i].user, rows[i].marks);

		REQUIRE(cause == rows[i].cause, "row %zu: %s", i, fault_cause_text(cause));
	}
	REQUIRE(page_fault_predict(NULL, R, false, false) == FAULT_NOT_MAPPED, "a hole");
}
