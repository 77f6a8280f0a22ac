/* SPDX-License-Identifier: MIT */
/* A page table as a sorted list. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "require.h"

static virt_addr last_of(const struct model_leaf *leaf)
{
	return leaf->virt + leaf->size - 1;
}

void model_init(struct model *model, const struct format_case *format)
{
	*model = (struct model){ .format = format };
}

void model_drop(struct model *model)
{
	free(model->leaves);
	model->leaves = NULL;
	model->count = model->capacity = 0;
}

static void reserve(struct model *model, size_t count)
{
	if (count <= model->capacity)
		return;
	model->capacity = count * 2;
	model->leaves = realloc(model->leaves, model->capacity * sizeof(*model->leaves));
	REQUIRE(model->leaves != NULL, "no memory for the model");
}

void model_copy(struct model *to, const struct model *from)
{
	to->format = from->format;
	reserve(to, from->count);
	to->count = from->count;
	if (from->count != 0)
		memcpy(to->leaves, from->leaves, from->count * sizeof(*from->leaves));
}

size_t model_index(const struct model *model, virt_addr virt)
{
	size_t low = 0, high = model->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (last_of(&model->leaves[middle]) < virt)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct model_leaf *model_find(const struct model *model, virt_addr virt)
{
	size_t index = model_index(model, virt);

	if (index == model->count || model->leaves[index].virt > virt)
		return NULL;
	return &model->leaves[index];
}

/* The first leaf that touches [start, last], or NULL. */
static const struct model_leaf *first_in(const struct model *model, virt_addr start, virt_addr last)
{
	size_t index = model_index(model, start);

	if (index == model->count || model->leaves[index].virt > last)
		return NULL;
	return &model->leaves[index];
}

void model_hole(const struct model *model, virt_addr virt, virt_addr *start, uint64_t *size)
{
	unsigned int level = model->format->levels - 1;

	for (;; level--) {
		*size = model->format->level_size[level];
		*start = addr_align_down(virt, *size);
		if (first_in(model, *start, *start + *size - 1) == NULL)
			return;
		REQUIRE(level != 0, "no hole at 0x%llx", (unsigned long long)virt);
	}
}

uint64_t model_tables(const struct model *model)
{
	uint64_t tables = 1;

	for (unsigned int level = 1; level < model->format->levels; level++) {
		uint64_t span = model->format->level_size[level];
		virt_addr before = 1; /* no multiple of any span */

		for (size_t i = 0; i < model->count; i++) {
			virt_addr start = addr_align_down(model->leaves[i].virt, span);

			if (model->leaves[i].size < span && start != before) {
				tables++;
				before = start;
			}
		}
	}
	return tables;
}

bool model_has_table(const struct model *model, virt_addr start, uint64_t span)
{
	size_t index = model_index(model, start);

	return index < model->count && model->leaves[index].virt <= start + (span - 1) &&
	       model->leaves[index].size < span;
}

uint64_t model_tables_gone(const struct model *before, const struct model *after,
			   void (*each)(void *context, virt_addr start, uint64_t span),
			   void *context)
{
	uint64_t gone = 0;

	for (unsigned int level = 1; level < before->format->levels; level++) {
		uint64_t span = before->format->level_size[level];
		virt_addr seen = 1; /* no multiple of any span */

		for (size_t i = 0; i < before->count; i++) {
			virt_addr start = addr_align_down(before->leaves[i].virt, span);

			if (before->leaves[i].size >= span || start == seen)
				continue;
			seen = start;
			if (model_has_table(after, start, span))
				continue;
			gone++;
			if (each != NULL)
				each(context, start, span);
		}
	}
	return gone;
}

/* Rules of error */

static bool input_ok(const struct format_case *format, virt_addr first, virt_addr last)
{
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);

	for (unsigned int i = 0; i < count; i++) {
		if (first >= ranges[i].first && last <= ranges[i].last)
			return true;
	}
	return false;
}

static bool output_ok(const struct format_case *format, phys_addr first, uint64_t size)
{
	return first <= format_output_last(format) &&
	       size - 1 <= format_output_last(format) - first;
}

/* What can be told without looking at any mapping. */
static enum paging_status check_arguments(const struct format_case *format,
					  const struct model_op *op)
{
	bool maps = op->kind == MODEL_MAP_TO || op->kind == MODEL_MAP;
	uint64_t granule = format_granule(format);

	if (!addr_is_aligned(op->virt, granule) || !addr_is_aligned(op->size, granule) ||
	    (maps && !addr_is_aligned(op->phys, granule)))
		return PAGING_UNALIGNED;
	if (op->size == 0 || op->virt + op->size - 1 < op->virt)
		return PAGING_BAD_SIZE;
	if (!input_ok(format, op->virt, op->virt + op->size - 1))
		return PAGING_INPUT_RANGE;
	if (maps && !output_ok(format, op->phys, op->size))
		return PAGING_OUTPUT_RANGE;
	if (op->kind != MODEL_UNMAP) {
		struct page_flags flags = op->flags;

		if (op->kind == MODEL_PROTECT)
			flags.idle = flags.dirty = 0;
		if (!format->expressible(format, flags))
			return PAGING_BAD_FLAGS;
	}
	return PAGING_OK;
}

/* The obstacle at [at, last] for unmap and protect: a hole, or a leaf in part. */
static bool obstacle(const struct model *model, const struct model_op *op, virt_addr at,
		     virt_addr last, struct model_answer *answer)
{
	const struct model_leaf *leaf = model_find(model, at);

	if (leaf == NULL) {
		if (op->mode & PAGING_SKIP_HOLES)
			return false;
		answer->status = PAGING_NOT_MAPPED;
		model_hole(model, at, &answer->conflict, &answer->conflict_size);
		return true;
	}
	if ((leaf->virt >= op->virt && last_of(leaf) <= last) || (op->mode & PAGING_SPLIT))
		return false;
	answer->status = PAGING_WOULD_SPLIT;
	answer->conflict = leaf->virt;
	answer->conflict_size = leaf->size;
	return true;
}

static struct model_answer answer_change(const struct model *model, const struct model_op *op)
{
	struct model_answer answer = { .status = PAGING_OK, .done = op->size };
	virt_addr last = op->virt + op->size - 1;
	virt_addr at = op->virt;

	for (;;) {
		const struct model_leaf *leaf = model_find(model, at);
		size_t next = model_index(model, at);

		if (obstacle(model, op, at, last, &answer)) {
			answer.done = at - op->virt;
			return answer;
		}
		if (leaf != NULL) {
			if (last_of(leaf) >= last)
				return answer;
			at = last_of(leaf) + 1;
		} else if (next == model->count || model->leaves[next].virt > last) {
			return answer;
		} else {
			at = model->leaves[next].virt;
		}
	}
}

struct model_answer model_answer(const struct model *model, const struct model_op *op)
{
	struct model_answer answer = { .status = check_arguments(model->format, op) };
	const struct model_leaf *leaf;

	if (answer.status != PAGING_OK)
		return answer;
	if (op->kind == MODEL_UNMAP || op->kind == MODEL_PROTECT)
		return answer_change(model, op);
	answer.done = op->size;
	leaf = first_in(model, op->virt, op->virt + op->size - 1);
	if (leaf != NULL) {
		answer.status = PAGING_ALREADY_MAPPED;
		answer.done = leaf->virt > op->virt ? leaf->virt - op->virt : 0;
		answer.conflict = leaf->virt;
		answer.conflict_size = leaf->size;
	}
	return answer;
}

/* Changes */

static void insert(struct model *model, size_t index, struct model_leaf leaf)
{
	reserve(model, model->count + 1);
	memmove(&model->leaves[index + 1], &model->leaves[index],
		(model->count - index) * sizeof(leaf));
	model->leaves[index] = leaf;
	model->count++;
}

void model_append(struct model *model, struct model_leaf leaf)
{
	insert(model, model->count, leaf);
}

/* The largest leaf that can stand at `virt` and `phys` with `left` bytes to go; 0: none can. */
static uint64_t leaf_at(const struct format_case *format, const struct model_op *op, virt_addr virt,
			phys_addr phys, uint64_t left)
{
	uint64_t size = format_largest_leaf(format);

	for (; size != 0; size = format_next_smaller_leaf(format, size)) {
		uint64_t needed = format_leaf_cap(format, size) | format_granule(format);
		uint64_t allowed = op->leaf_sizes | format_granule(format);
		bool wanted = op->leaf_sizes == 0 || (needed & ~allowed) == 0;

		if (wanted && size <= left && addr_is_aligned(virt | phys, size))
			return size;
	}
	return 0;
}

static void apply_map(struct model *model, const struct model_op *op, uint64_t bytes)
{
	struct page_flags flags = model->format->reported(model->format, op->flags);
	size_t index = model_index(model, op->virt);

	for (uint64_t at = 0; at < bytes;) {
		struct model_leaf leaf = { .virt = op->virt + at, .phys = op->phys + at };

		leaf.flags = flags;
		leaf.size = op->kind == MODEL_MAP_TO
				    ? format_granule(model->format)
				    : leaf_at(model->format, op, leaf.virt, leaf.phys, bytes - at);
		REQUIRE(leaf.size != 0, "no leaf fits at 0x%llx", (unsigned long long)leaf.virt);
		insert(model, index++, leaf);
		at += leaf.size;
	}
}

/* Cuts the leaf at `index` into what a table, or a group, has for it. */
static void split(struct model *model, size_t index)
{
	struct model_leaf whole = model->leaves[index];
	uint64_t size = format_split_leaf(model->format, whole.size);
	size_t pieces = (size_t)(whole.size / size);

	reserve(model, model->count + pieces);
	memmove(&model->leaves[index + pieces], &model->leaves[index + 1],
		(model->count - index - 1) * sizeof(whole));
	model->count += pieces - 1;
	for (size_t i = 0; i < pieces; i++) {
		model->leaves[index + i] = whole;
		model->leaves[index + i].virt += i * size;
		model->leaves[index + i].phys += i * size;
		model->leaves[index + i].size = size;
	}
}

/* Splits until no leaf lies on both sides of the border before `virt`. */
static void cut(struct model *model, virt_addr virt)
{
	for (;;) {
		const struct model_leaf *leaf = model_find(model, virt);

		if (leaf == NULL || leaf->virt == virt)
			return;
		split(model, (size_t)(leaf - model->leaves));
	}
}

static struct page_flags changed(const struct model *model, struct page_flags from,
				 struct page_flags to)
{
	to.idle = from.idle;
	to.dirty = from.dirty;
	return model->format->reported(model->format, to);
}

bool model_breaks(const struct model *model, const struct model_op *op)
{
	const struct format_case *format = model->format;
	virt_addr last = op->virt + op->size - 1;

	if (op->kind != MODEL_UNMAP && op->kind != MODEL_PROTECT)
		return false;
	for (size_t i = model_index(model, op->virt); i < model->count; i++) {
		const struct model_leaf *leaf = &model->leaves[i];
		bool whole = leaf->virt >= op->virt && last_of(leaf) <= last;
		bool group = format_is_group(format, leaf->size);

		if (leaf->virt > last)
			break;
		if (!whole && (group || format->break_sizes))
			return true;
		if (op->kind == MODEL_UNMAP)
			continue;
		if (group ||
		    (format->break_flags != NULL &&
		     format->break_flags(leaf->flags, changed(model, leaf->flags, op->flags))))
			return true;
	}
	return false;
}

void model_apply(struct model *model, const struct model_op *op, uint64_t bytes)
{
	virt_addr last = op->virt + bytes - 1;
	size_t index, end;

	if (bytes == 0)
		return;
	if (op->kind == MODEL_MAP_TO || op->kind == MODEL_MAP) {
		apply_map(model, op, bytes);
		return;
	}
	cut(model, op->virt);
	if (last != UINT64_MAX)
		cut(model, last + 1);
	index = end = model_index(model, op->virt);
	for (; end < model->count && model->leaves[end].virt <= last; end++) {
		if (op->kind == MODEL_PROTECT)
			model->leaves[end].flags =
				changed(model, model->leaves[end].flags, op->flags);
	}
	if (op->kind == MODEL_UNMAP && index != end) {
		memmove(&model->leaves[index], &model->leaves[end],
			(model->count - end) * sizeof(model->leaves[0]));
		model->count -= end - index;
	}
}

static uint64_t cost_of_map(const struct format_case *format, const struct model_op *op,
			    uint64_t limit)
{
	uint64_t cost = 0;

	for (uint64_t at = 0; at < op->size && cost < limit; cost++) {
		uint64_t size = leaf_at(format, op, op->virt + at, op->phys + at, op->size - at);

		at += size == 0 ? op->size : size;
	}
	return cost;
}

uint64_t model_cost(const struct model *model, const struct model_op *op, uint64_t limit)
{
	const struct format_case *format = model->format;
	virt_addr ends[2] = { op->virt, op->virt + op->size };
	uint64_t cost = 0;

	if (op->kind == MODEL_MAP)
		return cost_of_map(format, op, limit);
	for (unsigned int i = 0; i < 2; i++) {
		const struct model_leaf *leaf = model_find(model, ends[i]);
		uint64_t size = leaf == NULL ? 0 : leaf->size;

		while (size != 0 && !addr_is_aligned(ends[i], size)) {
			uint64_t smaller = format_split_leaf(format, size);

			cost += smaller == 0 ? 0 : size / smaller;
			size = smaller;
		}
	}
	return cost;
}

/* Walks both lists in step, in pieces that end where either one's leaf ends. */
bool model_same_translation(const struct model *a, const struct model *b)
{
	size_t i = 0, j = 0;
	uint64_t used_a = 0, used_b = 0; /* bytes of the present leaves that are behind us */

	while (i < a->count && j < b->count) {
		const struct model_leaf *x = &a->leaves[i];
		const struct model_leaf *y = &b->leaves[j];
		uint64_t left_x = x->size - used_a, left_y = y->size - used_b;
		uint64_t step = left_x < left_y ? left_x : left_y;

		if (x->virt + used_a != y->virt + used_b || x->phys + used_a != y->phys + used_b ||
		    !page_flags_equal(x->flags, y->flags))
			return false;
		used_a += step;
		used_b += step;
		if (used_a == x->size) {
			used_a = 0;
			i++;
		}
		if (used_b == y->size) {
			used_b = 0;
			j++;
		}
	}
	return i == a->count && j == b->count;
}
