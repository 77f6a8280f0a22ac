/* SPDX-License-Identifier: MIT */
/* What this CPU's MMU has, and how it is switched from the boot tables to others and back. */
#include "mmu.h"

#include "boot.h"
#include "cpu.h"
#include "ending.h"
#include "flush.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/text.h"
#include "layout.h"
#include "level.h"
#include "twofold/aarch64.h"

#define MMFR1_HAFDBS UINT64_C(15) /* 0: hardware marks nothing; 2 and more: dirty, too */

struct granule {
	const char *name;
	unsigned int page_bits;
	const struct page_table_format *format, *stage2;
	bool lpa2;
};

static const struct granule granules[] = {
	{ "4k", 12, &aarch64_stage1_4k, &aarch64_stage2_4k, false },
	{ "16k", 14, &aarch64_stage1_16k, &aarch64_stage2_16k, false },
	{ "64k", 16, &aarch64_stage1_64k, &aarch64_stage2_64k, false },
	{ "4k-lpa2", 12, &aarch64_stage1_4k_lpa2, &aarch64_stage2_4k_lpa2, true },
	{ "16k-lpa2", 14, &aarch64_stage1_16k_lpa2, &aarch64_stage2_16k_lpa2, true },
};

unsigned int mmu_page_bits = 12;
bool mmu_lpa2;

static const struct granule *granule = &granules[0];
static uint8_t inner_bits; /* of inner-physical addresses; 0: the most there can be */
static struct aarch64_cpu cpu;
static struct aarch64_walk walk;

/* A lower half with nothing but the code that switches, where it lies; none, and root 0, where the
 * kernel is there itself. */
static struct page_table step;

void switch_regime(uint64_t from, const struct aarch64_stage1_registers *to, phys_addr code);
extern const char set_regime[];

const char arch_options_text[] =
	", el=1|2, exit=semihosting|device, granule=4k|16k|64k|4k-lpa2|16k-lpa2 and ipa=BITS";

static bool choose_granule(const char *value)
{
	for (size_t i = 0; i < sizeof(granules) / sizeof(granules[0]); i++) {
		if (!text_equal(value, granules[i].name))
			continue;
		granule = &granules[i];
		mmu_page_bits = granule->page_bits;
		mmu_lpa2 = granule->lpa2;
		return true;
	}
	return false;
}

static bool choose_inner_bits(const char *value)
{
	uint64_t bits;

	if (*text_number(value, &bits) != '\0' || bits < 32 || bits > 52)
		return false;
	inner_bits = (uint8_t)bits;
	return true;
}

bool arch_option(const char *key, const char *value)
{
	if (text_equal(key, "granule")) {
		if (!choose_granule(value))
			panic("command line: granule=%s: expected 4k, 16k, 64k, 4k-lpa2 or "
			      "16k-lpa2",
			      value);
		return true;
	}
	if (text_equal(key, "ipa")) {
		if (!choose_inner_bits(value))
			panic("command line: ipa=%s: expected 32 to 52", value);
		return true;
	}
	if (text_equal(key, "el")) {
		if (!level_choose(value))
			panic("command line: el=%s: expected 1 or 2", value);
		return true;
	}
	if (!text_equal(key, "exit"))
		return false;
	if (!ending_choose(value))
		panic("command line: exit=%s: expected semihosting or device", value);
	return true;
}

uint64_t arch_leaf_size(unsigned int rank)
{
	return UINT64_C(1) << (mmu_page_bits + rank * (mmu_page_bits - 3));
}

uint64_t mmu_group_size(unsigned int rank)
{
	static const uint64_t groups[3][2] = {
		{ 16, 16 },
		{ 128, 32 },
		{ 32, 32 },
	};

	return arch_leaf_size(rank) * groups[(mmu_page_bits - 12) / 2][rank];
}

static _Noreturn void panic_of(const char *what, enum register_status status,
			       const struct register_refusal *refusal)
{
	panic("%s: %s.%s is %s, wanted 0x%lx, has 0x%lx", what, refusal->name, refusal->field,
	      register_status_text(status), refusal->wanted, refusal->has);
}

void arch_mmu_start(struct arch_mmu *mmu)
{
	bool halves = cpu_has_upper_half();
	struct register_refusal refusal;
	enum register_status status;

	level_check();
	read_cpu(&cpu);
	mmu->config = (struct page_table_config){ .format = granule->format,
						  .input_bits = 48,
						  .features = halves ? 0 : AARCH64_EL2 };
	status = aarch64_config(&cpu, &mmu->config, &refusal);
	if (status != REGISTER_OK)
		panic_of("this granule is not for this CPU", status, &refusal);
	/* These came with 52-bit addresses, and some emulators have half of that. */
	if (mmu->config.output_bits == 52)
		mmu->doubtful_leaf = mmu->config.leaf_sizes & arch_leaf_size(LEAF_LARGE);
	walk.accessed = (cpu.id_aa64mmfr1 & MMFR1_HAFDBS) != 0;
	mmu->tables = halves ? 2 : 1;
	mmu->upper_features = AARCH64_UPPER;
	mmu->no_execute = true;
	mmu->global = halves;
	mmu->no_user = !halves;
	mmu->hardware_accessed = walk.accessed;
	mmu->hardware_dirty = (mmu->config.features & AARCH64_HARDWARE_DIRTY) != 0;
}

void mmu_stage2(struct page_table_config *config)
{
	struct register_refusal refusal;
	enum register_status status;

	*config = (struct page_table_config){ .format = granule->stage2, .input_bits = inner_bits };
	status = aarch64_config(&cpu, config, &refusal);
	if (status != REGISTER_OK)
		panic_of("such a stage 2 is not for this CPU", status, &refusal);
	/* What has been found out about stage 1 goes for both. */
	if ((kernel.mmu.config.leaf_sizes & arch_leaf_size(LEAF_LARGE)) == 0)
		config->leaf_sizes &= ~arch_leaf_size(LEAF_LARGE);
}

const struct aarch64_cpu *mmu_cpu(void)
{
	return &cpu;
}

const struct aarch64_walk *mmu_walk(void)
{
	return &walk;
}

uint64_t mmu_step_root(void)
{
	return step.root;
}

static void make_step(void)
{
	struct page_table_config config = kernel.mmu.config;
	struct page_table_op op = { .frames = &kernel.pool.allocator };
	struct page_flags flags = { .read = 1, .execute = 1 };
	phys_addr code = addr_align_down(image_phys(set_regime), arch_leaf_size(LEAF_PAGE));
	enum paging_status status = page_table_init(&step, &config, &kernel.pool.allocator);

	if (status == PAGING_OK)
		status = page_table_map(&step, code, code, arch_leaf_size(LEAF_PAGE), flags, &op);
	if (status != PAGING_OK)
		panic("cannot make the table to switch tables by: %s", paging_status_text(status));
}

/* By way of the step, since there is no TTBR0 with the kernel in it. */
static void load_halves(struct aarch64_stage1_registers *registers)
{
	uint64_t from = step.root, ttbr0 = registers->ttbr0;

	if (step.root == 0) {
		from = boot.registers.ttbr0;
		make_step();
	}
	registers->ttbr0 = step.root;
	barrier_store_sync();
	switch_regime(from, registers, image_phys(set_regime));
	write_own_ttbr0(ttbr0);
	flush_everything();
}

void arch_load_tables(const struct page_table tables[])
{
	const struct page_table *upper = kernel.mmu.tables == 2 ? &tables[1] : NULL;
	struct aarch64_stage1_registers registers;
	struct register_refusal refusal;
	enum register_status status =
		aarch64_stage1_registers(&cpu, &tables[0], upper, 0, &walk, &registers, &refusal);

	if (status != REGISTER_OK)
		panic_of("the tables are not for this CPU", status, &refusal);
	if (upper) {
		load_halves(&registers);
		return;
	}
	barrier_store_sync();
	switch_regime(0, &registers, image_phys(set_regime));
}

void arch_load_boot_tables(void)
{
	switch_regime(step.root, &boot.registers, image_phys(set_regime));
}
