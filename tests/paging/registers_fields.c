/* SPDX-License-Identifier: MIT */
/*
 * Which bits of a CPU's registers the register helpers look at: those that the manuals name, by
 * hand (Arm ARM DDI 0487, D19.2; SDM vol. 2A CPUID, vol. 3D A.3.3, A.10; APM vol. 3 E.4), and no
 * other. What they make of them is in registers_aarch64.c and registers_x86.c.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include <twofold/aarch64.h>
#include <twofold/aarch64_registers.h>
#include <twofold/x86_64.h>
#include <twofold/x86_64_registers.h>

#include "fixed_root.h"
#include "require.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* All that the calls for one CPU answered, as text. */
struct answers {
	char text[8192];
	size_t length;
};

static __attribute__((format(printf, 2, 3))) void note(struct answers *answers, const char *text,
						       ...)
{
	va_list list;

	va_start(list, text);
	answers->length += (size_t)vsnprintf(answers->text + answers->length,
					     sizeof(answers->text) - answers->length, text, list);
	va_end(list);
	REQUIRE(answers->length < sizeof(answers->text), "too much text");
}

static void note_status(struct answers *answers, enum register_status status,
			const struct register_refusal *refusal)
{
	if (status == REGISTER_OK)
		note(answers, "; ");
	else
		note(answers, "; %s %s.%s %" PRIx64 " %" PRIx64, register_status_text(status),
		     refusal->name, refusal->field, refusal->wanted, refusal->has);
}

static void note_config(struct answers *answers, const struct page_table_config *config)
{
	note(answers, "%u to %u, leaves %" PRIx64 ", features %x, attributes %" PRIx64,
	     config->input_bits, config->output_bits, config->leaf_sizes, config->features,
	     config->memory_attributes);
}

/* AArch64: fields of 4 bits */

/* Everything: 52 bits, LPA2 with 4K and 16K at both stages, LVA, FWB, BBM level 2, BTI. */
static const struct aarch64_cpu arm_cpu = {
	.id_aa64mmfr0 = UINT64_C(0x0000032310201126),
	.id_aa64mmfr1 = 0x10312122,
	.id_aa64mmfr2 = UINT64_C(0x0021011110011111),
	.id_aa64pfr1 = 0x00000001,
};

static const struct page_table_format *const arm_formats[] = {
	&aarch64_stage1_4k,       &aarch64_stage1_16k,      &aarch64_stage1_64k,
	&aarch64_stage1_4k_lpa2,  &aarch64_stage1_16k_lpa2, &aarch64_stage2_4k,
	&aarch64_stage2_16k,      &aarch64_stage2_64k,      &aarch64_stage2_4k_lpa2,
	&aarch64_stage2_16k_lpa2,
};

/* What tables of arm_cpu need of this CPU, and the registers of those. */
static void arm_registers(const struct aarch64_cpu *cpu, const struct page_table *table,
			  const struct aarch64_walk *walk, struct answers *answers)
{
	struct aarch64_stage1_registers stage1 = { 0 };
	struct aarch64_stage2_registers stage2 = { 0 };
	struct register_refusal refusal;

	note_status(answers,
		    aarch64_stage1_registers(cpu, table, NULL, 0xff, walk, &stage1, &refusal),
		    &refusal);
	note(answers, " %" PRIx64, stage1.tcr);
	note_status(answers, aarch64_stage2_registers(cpu, table, 0xff, walk, &stage2, &refusal),
		    &refusal);
	note(answers, " %" PRIx64, stage2.vtcr);
}

static void arm_answers(const struct aarch64_cpu *cpu, struct answers *answers)
{
	static const struct aarch64_walk walks[] = { { .accessed = true }, { .common = true } };

	answers->length = 0;
	for (size_t i = 0; i < COUNT(arm_formats); i++) {
		struct page_table_config config = { .format = arm_formats[i],
						    .features = AARCH64_BBM2 };
		struct register_refusal refusal;
		struct page_table table;

		note_status(answers, aarch64_config(cpu, &config, &refusal), &refusal);
		note_config(answers, &config);
		config = (struct page_table_config){ .format = arm_formats[i],
						     .features = AARCH64_BBM2 };
		REQUIRE(aarch64_config(&arm_cpu, &config, NULL) == REGISTER_OK, "%zu", i);
		fixed_root_open(&table, &config, 0x41200000);
		note_status(answers, aarch64_check(cpu, &table, &refusal), &refusal);
		config.features = 0;
		fixed_root_open(&table, &config, 0x41200000);
		for (size_t w = 0; w < COUNT(walks); w++)
			arm_registers(cpu, &table, &walks[w], answers);
	}
}

/* Values with one letter are answered alike, and others are not. */
static const char *arm_letters(unsigned int word, unsigned int shift)
{
	static const struct {
		unsigned int word, shift;
		const char *letters;
	} fields[] = {
		{ 1, 0, "0123456666666666" },  /* PARange */
		{ 1, 4, "aabaaaaaaaaaaaaa" },  /* ASIDBits */
		{ 1, 20, "abcccccccccccccd" }, /* TGran16; what lacks tells the value */
		{ 1, 24, "aaaaaaaaaaaaaaab" }, /* TGran64 */
		{ 1, 28, "abbbbbbbbbbbbbbc" }, /* TGran4 */
		{ 1, 32, "aBCaaaaaaaaaaaaD" }, /* TGran16_2; 0 is as at stage 1 */
		{ 1, 36, "aBaaaaaaaaaaaaaD" }, /* TGran64_2 */
		{ 1, 40, "aBCaaaaaaaaaaaaD" }, /* TGran4_2 */
		{ 2, 0, "abcccccccccccccc" },  /* HAFDBS */
		{ 2, 4, "aabaaaaaaaaaaaaa" },  /* VMIDBits */
		{ 2, 28, "abbbbbbbbbbbbbbb" }, /* XNX */
		{ 3, 0, "abbbbbbbbbbbbbbb" },  /* CnP */
		{ 3, 16, "abbbbbbbbbbbbbbb" }, /* VARange */
		{ 3, 40, "abbbbbbbbbbbbbbb" }, /* FWB */
		{ 3, 52, "abcccccccccccccc" }, /* BBM; what lacks tells the value */
		{ 4, 0, "abbbbbbbbbbbbbbb" },  /* BT */
	};

	for (size_t i = 0; i < COUNT(fields); i++) {
		if (fields[i].word == word && fields[i].shift == shift)
			return fields[i].letters;
	}
	return "aaaaaaaaaaaaaaaa";
}

Test(registers_fields, aarch64)
{
	static struct answers answers[16];

	for (unsigned int word = 0; word < 5; word++) {
		for (unsigned int shift = 0; shift < 64; shift += 4) {
			const char *letters = arm_letters(word, shift);

			for (uint64_t value = 0; value < 16; value++) {
				struct aarch64_cpu cpu = arm_cpu;
				uint64_t *words[] = { &cpu.id_aa64isar0, &cpu.id_aa64mmfr0,
						      &cpu.id_aa64mmfr1, &cpu.id_aa64mmfr2,
						      &cpu.id_aa64pfr1 };

				*words[word] &= ~(UINT64_C(0xf) << shift);
				*words[word] |= value << shift;
				arm_answers(&cpu, &answers[value]);
				for (uint64_t other = 0; other < value; other++)
					REQUIRE((strcmp(answers[value].text, answers[other].text) ==
						 0) == (letters[value] == letters[other]),
						"register %u, bit %u, values %" PRIu64
						" and %" PRIu64,
						word, shift, value, other);
			}
		}
	}
}

/* x86_64: bits */

/* The registers of struct x86_64_cpu, and their bits that matter. */
enum {
	WORD_1_ECX,
	WORD_1_EDX,
	WORD_7_ECX,
	WORD_80000001_ECX,
	WORD_80000001_EDX,
	WORD_80000008_EAX,
	WORD_8000000A_EBX,
	WORD_8000000A_EDX,
	WORD_8000001F_EAX,
	WORD_8000001F_EBX,
	WORD_CTLS2,
	WORD_EPT_CAP,
	WORD_CR4,
	WORD_EFER,
	WORD_PAT,
	WORDS
};

#define BIT(n) (UINT64_C(1) << (n))

static void flip(struct x86_64_cpu *cpu, unsigned int word, unsigned int bit)
{
	uint32_t *low[] = { &cpu->cpuid_1_ecx,        &cpu->cpuid_1_edx,
			    &cpu->cpuid_7_ecx,        &cpu->cpuid_80000001_ecx,
			    &cpu->cpuid_80000001_edx, &cpu->cpuid_80000008_eax,
			    &cpu->cpuid_8000000a_ebx, &cpu->cpuid_8000000a_edx,
			    &cpu->cpuid_8000001f_eax, &cpu->cpuid_8000001f_ebx };
	uint64_t *high[] = { &cpu->vmx_procbased_ctls2, &cpu->vmx_ept_vpid_cap, &cpu->cr4,
			     &cpu->efer, &cpu->pat };

	if (word < COUNT(low))
		*low[word] ^= (uint32_t)BIT(bit);
	else
		*high[word - COUNT(low)] ^= BIT(bit);
}

/* One bit of one register after the other is the other way: that makes another answer if the bit is
 * one of those, and none if not. */
static void bits_require(const struct x86_64_cpu *cpu, const uint64_t matter[WORDS],
			 void (*ask)(const struct x86_64_cpu *cpu, struct answers *answers))
{
	static struct answers as_it_is, other;

	ask(cpu, &as_it_is);
	for (unsigned int word = 0; word < WORDS; word++) {
		for (unsigned int bit = 0; bit < (word < WORD_CTLS2 ? 32 : 64); bit++) {
			struct x86_64_cpu flipped = *cpu;

			flip(&flipped, word, bit);
			ask(&flipped, &other);
			REQUIRE((strcmp(as_it_is.text, other.text) != 0) ==
					((matter[word] & BIT(bit)) != 0),
				"register %u, bit %u: %s instead of %s", word, bit, other.text,
				as_it_is.text);
		}
	}
}

static void ask_config(const struct x86_64_cpu *cpu, struct answers *answers,
		       enum register_status (*fill)(const struct x86_64_cpu *cpu,
						    struct page_table_config *config,
						    struct register_refusal *refusal))
{
	struct page_table_config config = { .input_bits = 0 };
	struct register_refusal refusal;

	answers->length = 0;
	note_status(answers, fill(cpu, &config, &refusal), &refusal);
	note_config(answers, &config);
}

static void ask_stage1(const struct x86_64_cpu *cpu, struct answers *answers)
{
	ask_config(cpu, answers, x86_64_stage1_config);
}

static void ask_npt(const struct x86_64_cpu *cpu, struct answers *answers)
{
	ask_config(cpu, answers, x86_64_npt_config);
}

static void ask_ept(const struct x86_64_cpu *cpu, struct answers *answers)
{
	ask_config(cpu, answers, x86_64_ept_config);
}

static void ask_enable(const struct x86_64_cpu *cpu, struct answers *answers)
{
	struct x86_64_cpu enabled = *cpu;

	answers->length = 0;
	x86_64_enable(&enabled);
	note(answers, " %" PRIx64, enabled.cr4);
	note(answers, " %" PRIx64, enabled.efer);
}

/* All bits set; what is a number is small. */
static const struct x86_64_cpu rich = {
	.cpuid_1_ecx = UINT32_MAX,
	.cpuid_1_edx = UINT32_MAX,
	.cpuid_7_ecx = UINT32_MAX,
	.cpuid_80000001_ecx = UINT32_MAX,
	.cpuid_80000001_edx = UINT32_MAX,
	.cpuid_80000008_eax = 0xffffff30,
	.cpuid_8000000a_ebx = UINT32_MAX,
	.cpuid_8000000a_edx = UINT32_MAX,
	.cpuid_8000001f_eax = UINT32_MAX,
	.cpuid_8000001f_ebx = UINT32_MAX,
	.vmx_procbased_ctls2 = UINT64_MAX,
	.vmx_ept_vpid_cap = UINT64_MAX,
	.cr4 = UINT64_MAX,
	.efer = UINT64_MAX,
	.pat = X86_64_PAT,
};

/* What each of the three formats must have, and no more. */
static const struct x86_64_cpu poor = {
	.cpuid_1_edx = BIT(6),
	.cpuid_80000001_ecx = BIT(2),
	.cpuid_80000001_edx = BIT(29),
	.cpuid_80000008_eax = 40,
	.cpuid_8000000a_edx = BIT(0),
	.vmx_procbased_ctls2 = BIT(33),
	.vmx_ept_vpid_cap = BIT(6),
	.pat = X86_64_PAT,
};

Test(registers_fields, x86_64_stage1)
{
	static const uint64_t of_rich[WORDS] = {
		[WORD_1_ECX] = BIT(17),
		[WORD_1_EDX] = BIT(6) | BIT(13) | BIT(16),
		[WORD_7_ECX] = BIT(3) | BIT(16) | BIT(31),
		[WORD_80000001_EDX] = BIT(20) | BIT(26) | BIT(29),
		[WORD_80000008_EAX] = 0xff,
		[WORD_CR4] = BIT(7) | BIT(12), /* a key of one kind is left */
		[WORD_EFER] = BIT(11),
		[WORD_PAT] = UINT64_MAX,
	};
	static const uint64_t of_poor[WORDS] = {
		[WORD_1_EDX] = BIT(6) | BIT(16),
		[WORD_80000001_EDX] = BIT(26) | BIT(29),
		[WORD_80000008_EAX] = 0xff,
		[WORD_CR4] = BIT(7) | BIT(12) | BIT(17) | BIT(22) | BIT(24),
		[WORD_EFER] = BIT(11),
	};

	bits_require(&rich, of_rich, ask_stage1);
	bits_require(&poor, of_poor, ask_stage1);
}

Test(registers_fields, npt)
{
	static const uint64_t of_rich[WORDS] = {
		[WORD_1_EDX] = BIT(16),       [WORD_7_ECX] = BIT(16),
		[WORD_80000001_ECX] = BIT(2), [WORD_80000001_EDX] = BIT(20) | BIT(26) | BIT(29),
		[WORD_80000008_EAX] = 0xff,   [WORD_8000000A_EDX] = BIT(0),
		[WORD_CR4] = BIT(12),         [WORD_EFER] = BIT(11),
		[WORD_PAT] = UINT64_MAX,
	};
	static const uint64_t of_poor[WORDS] = {
		[WORD_1_EDX] = BIT(16),
		[WORD_80000001_ECX] = BIT(2),
		[WORD_80000001_EDX] = BIT(26) | BIT(29),
		[WORD_80000008_EAX] = 0xff,
		[WORD_8000000A_EDX] = BIT(0),
		[WORD_CR4] = BIT(12),
		[WORD_EFER] = BIT(11),
	};

	bits_require(&rich, of_rich, ask_npt);
	bits_require(&poor, of_poor, ask_npt);
}

Test(registers_fields, ept)
{
	static const uint64_t of_rich[WORDS] = {
		[WORD_80000008_EAX] = 0xff,
		[WORD_CTLS2] = BIT(33) | BIT(50) | BIT(54),
		[WORD_EPT_CAP] = BIT(0) | BIT(7) | BIT(16) | BIT(17) | BIT(21),
	};
	static const uint64_t of_poor[WORDS] = {
		[WORD_80000008_EAX] = 0xff,
		[WORD_CTLS2] = BIT(33) | BIT(50) | BIT(54),
		[WORD_EPT_CAP] = BIT(0) | BIT(6) | BIT(7) | BIT(16) | BIT(21), /* no 1G alone */
	};

	bits_require(&rich, of_rich, ask_ept);
	bits_require(&poor, of_poor, ask_ept);
}

Test(registers_fields, enable)
{
	struct x86_64_cpu cpu = { .pat = 0 };
	static const uint64_t matter[WORDS] = {
		[WORD_1_EDX] = BIT(13),
		[WORD_80000001_EDX] = BIT(20),
		[WORD_CR4] = UINT64_MAX,
		[WORD_EFER] = UINT64_MAX,
	};

	bits_require(&cpu, matter, ask_enable);
}

/* Tables that are just too wide by the bits that encryption costs. */
static void ask_encrypted(const struct x86_64_cpu *cpu, struct answers *answers)
{
	struct page_table_config config = {
		.format = &x86_64_npt,
		.input_bits = 48,
		.output_bits = 44,
		.leaf_sizes = PAGE_SIZE_4K,
		.memory_attributes = X86_64_PAT,
		.modifier = BIT(51),
	};
	struct register_refusal refusal;
	struct page_table table;

	answers->length = 0;
	fixed_root_open(&table, &config, 0x41200000);
	note_status(answers, x86_64_npt_check(cpu, &table, &refusal), &refusal);
}

/* SME is EAX bit 0, SEV bit 1; EBX 5:0 the C-bit, 11:6 how many bits fewer; the rest of EBX is no
 * matter. */
Test(registers_fields, memory_encryption)
{
	struct x86_64_cpu cpu = poor;
	uint64_t matter[WORDS] = {
		[WORD_1_EDX] = BIT(16),        [WORD_80000001_ECX] = BIT(2),
		[WORD_80000001_EDX] = BIT(29), [WORD_80000008_EAX] = 0xff,
		[WORD_8000000A_EDX] = BIT(0),  [WORD_8000001F_EBX] = 0xfff,
		[WORD_CR4] = BIT(12),          [WORD_EFER] = BIT(11),
		[WORD_PAT] = UINT64_MAX,
	};

	cpu.cpuid_1_edx |= BIT(16);
	cpu.cpuid_80000008_eax = 48;
	cpu.cpuid_8000001f_ebx = 5 << 6 | 51;
	for (unsigned int bit = 0; bit < 2; bit++) {
		cpu.cpuid_8000001f_eax = (uint32_t)BIT(bit);
		matter[WORD_8000001F_EAX] = BIT(bit);
		bits_require(&cpu, matter, ask_encrypted);
	}
}

/* MAXPHYADDR: 36 where CPUID does not say, and no more than a descriptor holds. */
Test(registers_fields, x86_64_widths)
{
	for (uint32_t bits = 0; bits < 256; bits++) {
		struct page_table_config config = { .input_bits = 0 };
		struct x86_64_cpu cpu = poor;
		unsigned int wanted = bits == 0 ? 36 : bits;

		cpu.cpuid_80000008_eax = bits;
		REQUIRE(x86_64_npt_config(&cpu, &config, NULL) == REGISTER_OK, "%u", bits);
		REQUIRE(config.output_bits == (wanted < 52 ? wanted : 52), "%u: %u", bits,
			config.output_bits);
	}
}

/* PARange says that many bits, and PS at least as many as the table has. */
Test(registers_fields, aarch64_widths)
{
	static const uint8_t widths[] = { 32, 36, 40, 42, 44, 48, 52 };
	unsigned int size = 0;

	for (unsigned int range = 0; range < COUNT(widths); range++) {
		struct page_table_config config = { .format = &aarch64_stage1_64k };
		struct aarch64_cpu cpu = arm_cpu;

		cpu.id_aa64mmfr0 = range;
		REQUIRE(aarch64_config(&cpu, &config, NULL) == REGISTER_OK, "%u", range);
		REQUIRE(config.output_bits == widths[range], "%u: %u", range, config.output_bits);
	}
	for (uint8_t bits = 32; bits <= 52; bits++) {
		struct page_table_config config = { .format = &aarch64_stage2_64k,
						    .input_bits = 48,
						    .output_bits = bits,
						    .leaf_sizes = PAGE_SIZE_64K };
		static const struct aarch64_walk walk;
		struct aarch64_stage2_registers registers;
		struct page_table table;

		if (bits > widths[size])
			size++;
		fixed_root_open(&table, &config, 0x41200000);
		REQUIRE(aarch64_stage2_registers(&arm_cpu, &table, 0, &walk, &registers, NULL) ==
				REGISTER_OK,
			"%u", bits);
		REQUIRE((registers.vtcr >> 16 & 7) == size, "%u: VTCR 0x%" PRIx64, bits,
			registers.vtcr);
	}
}
