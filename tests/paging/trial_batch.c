/* SPDX-License-Identifier: MIT */
/* Batches (twofold/page_batch.h) as the dice fall, page by page against the model. */
#include <inttypes.h>

#include <twofold/page_batch.h>

#include "require.h"
#include "trial.h"

/* More than go down side by side. */
#define PAGES      12
#define UNTOUCHED  UINT64_C(0xeeeeeeeeeeeeeeee)
#define LEAVES_MAX 1500

/* What mapping the page alone would answer. */
static struct model_op page_of(const struct trial *trial, const struct page_pair *page,
			       struct page_flags flags)
{
	return (struct model_op){ .kind = MODEL_MAP_TO,
				  .virt = page->virt,
				  .phys = page->phys,
				  .size = format_granule(trial->world.format),
				  .flags = flags };
}

static size_t some_pages(struct trial *trial, struct page_pair pages[PAGES])
{
	size_t count = dice_below(&trial->dice, PAGES + 1);

	for (size_t i = 0; i < count; i++) {
		bool beside = i != 0 && dice_one_in(&trial->dice, 2);

		pages[i].virt = beside ? pages[i - 1].virt + format_granule(trial->world.format)
				       : trial_virt(trial);
		pages[i].phys = trial_phys(trial, pages[i].virt);
	}
	return count;
}

static void map_some(struct trial *trial)
{
	struct world *world = &trial->world;
	struct page_flags flags = trial_flags(trial);
	struct page_pair pages[PAGES];
	size_t count = some_pages(trial, pages), done = count + 1;
	enum paging_status status;

	if (dice_one_in(&trial->dice, 8))
		memory_fail_at(world->memory, 1 + dice_below(&trial->dice, 8), false);
	status = page_table_map_batch(&world->table, pages, count, flags, world_frames(world),
				      &done);
	require_story("map %zu pages -> %s after %zu", count, status_name(status), done);
	REQUIRE(done <= count && (status == PAGING_OK) == (done == count), "%s after %zu of %zu",
		status_name(status), done, count);
	for (size_t i = 0; i < count && i <= done; i++) {
		struct model_op what = page_of(trial, &pages[i], flags);
		enum paging_status expected = model_answer(&world->model, &what).status;

		if (i < done) {
			REQUIRE(expected == PAGING_OK, "page %zu is mapped, not %s", i,
				status_name(expected));
			model_apply(&world->model, &what, what.size);
		} else if (status == PAGING_NO_MEMORY) {
			REQUIRE(world->memory->failures != 0 && expected == PAGING_OK,
				"memory was not short");
		} else {
			REQUIRE(status == expected, "page %zu: %s, not %s", i, status_name(status),
				status_name(expected));
		}
	}
	memory_fail_at(world->memory, 0, false);
	world_check(world);
}

/* What one address alone translates to. */
static enum paging_status translation(const struct world *world, virt_addr virt, phys_addr *phys)
{
	const struct model_leaf *leaf = model_find(&world->model, virt);

	if (!format_has_input(world->format, virt))
		return PAGING_INPUT_RANGE;
	if (leaf == NULL || leaf->note != 0)
		return PAGING_NOT_MAPPED;
	*phys = leaf->phys + (virt - leaf->virt);
	return PAGING_OK;
}

static void translate_some(struct trial *trial)
{
	struct world *world = &trial->world;
	struct page_pair pages[PAGES];
	size_t count = some_pages(trial, pages), done = count + 1;
	enum paging_status status;

	for (size_t i = 0; i < count; i++) {
		pages[i].virt += dice_below(&trial->dice, format_granule(world->format));
		pages[i].phys = UNTOUCHED;
	}
	status = page_table_translate_batch(&world->table, pages, count, &done);
	REQUIRE(done <= count && (status == PAGING_OK) == (done == count), "%s after %zu of %zu",
		status_name(status), done, count);
	for (size_t i = 0; i < count && i <= done; i++) {
		phys_addr phys = UNTOUCHED;
		enum paging_status expected = translation(world, pages[i].virt, &phys);

		REQUIRE(expected == (i < done ? PAGING_OK : status), "0x%" PRIx64 ": %s, not %s",
			pages[i].virt, status_name(i < done ? PAGING_OK : status),
			status_name(expected));
		REQUIRE(i == done || pages[i].phys == phys,
			"0x%" PRIx64 " goes to 0x%" PRIx64 ", not 0x%" PRIx64, pages[i].virt,
			pages[i].phys, phys);
	}
}

void trial_batch(struct trial *trial)
{
	if (trial->world.model.count <= LEAVES_MAX)
		map_some(trial);
	translate_some(trial);
}
