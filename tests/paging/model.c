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
	const struct model_leaf *entry = model_find(model, virt);
	unsigned int level = model->format->levels - 1;

	if (entry != NULL && entry->note != 0) {
		*start = entry->virt;
		*size = entry->size;
		return;
	}
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

bool model_op_adds(const struct model_op *op)
{
	return op->kind == MODEL_MAP_TO || op->kind == MODEL_MAP ||
	       (op->kind == MODEL_ANNOTATE && op->note != 0);
}

bool model_op_empties(const struct model_op *op)
{
	return (op->kind == MODEL_UNMAP || op->kind == MODEL_ANNOTATE) && op->note == 0;
}

/* The first leaf in [start, last], annotated entries passed over, or NULL. */
static const struct model_leaf *first_mapped(const struct model *model, virt_addr start,
					     virt_addr last)
{
	for (size_t i = model_index(model, start); i < model->count; i++) {
		if (model->leaves[i].virt > last)
			break;
		if (model->leaves[i].note == 0)
			return &model->leaves[i];
	}
	return NULL;
}

/* Rules of error */

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
	bool flags_count = maps || op->kind == MODEL_PROTECT;
	uint32_t both = PAGING_SPLIT | PAGING_ENLARGE;
	uint32_t own = maps ? PAGING_REPLACE | PAGING_TELL : PAGING_ENLARGE;
	uint64_t granule = format_granule(format);

	if (!addr_is_aligned(op->virt, granule) || !addr_is_aligned(op->size, granule) ||
	    (maps && !addr_is_aligned(op->phys, granule)))
		return PAGING_UNALIGNED;
	if (op->size == 0 || op->virt + op->size - 1 < op->virt)
		return PAGING_BAD_SIZE;
	if (!format_has_inputs(format, op->virt, op->virt + op->size - 1))
		return PAGING_INPUT_RANGE;
	if (op->kind == MODEL_ANNOTATE)
		own = 0;
	if (op->kind == MODEL_UNMAP)
		own |= PAGING_TELL;
	if (op->kind != MODEL_MAP_TO &&
	    ((op->mode & (PAGING_REPLACE | PAGING_ENLARGE | PAGING_TELL) & ~own) != 0 ||
	     (op->mode & both) == both))
		return PAGING_BAD_ARGUMENT;
	if (maps && !output_ok(format, op->phys, op->size))
		return PAGING_OUTPUT_RANGE;
	if (op->kind == MODEL_SOFTWARE && op->flags.software >> format->software_bits != 0)
		return PAGING_BAD_FLAGS;
	if ((op->kind == MODEL_UNMAP || op->kind == MODEL_ANNOTATE) && op->note >> 39 != 0)
		return PAGING_BAD_FLAGS;
	if (flags_count) {
		struct page_flags flags = op->flags;

		if (op->kind == MODEL_PROTECT)
			flags.idle = flags.dirty = 0;
		if (!format->expressible(format, flags))
			return PAGING_BAD_FLAGS;
	}
	return PAGING_OK;
}

/* The operation is about annotated entries, and mappings are nothing to it; or the other way. */
static bool about_notes(const struct model_op *op)
{
	return op->kind == MODEL_ANNOTATE;
}

/* The obstacle at [at, last] for what changes things: a hole, or an entry in part. */
static bool obstacle(const struct model *model, const struct model_op *op, virt_addr at,
		     virt_addr last, struct model_answer *answer)
{
	const struct model_leaf *leaf = model_find(model, at);

	if (leaf == NULL || (leaf->note != 0) != about_notes(op)) {
		if ((op->mode & PAGING_SKIP_HOLES) || about_notes(op))
			return false;
		answer->status = PAGING_NOT_MAPPED;
		model_hole(model, at, &answer->conflict, &answer->conflict_size);
		return true;
	}
	if ((leaf->virt >= op->virt && last_of(leaf) <= last) || (op->mode & PAGING_SPLIT))
		return false;
	if (op->mode & PAGING_ENLARGE)
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
	if (!model_op_adds(op))
		return answer_change(model, op);
	answer.done = op->size;
	leaf = first_mapped(model, op->virt, op->virt + op->size - 1);
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

/* Whether none of the entries that a leaf of that size is made of has a table under it. */
static bool no_table_at(const struct model *model, virt_addr virt, uint64_t size)
{
	const struct format_case *format = model->format;
	uint64_t piece = format_is_group(format, size) ? format_split_leaf(format, size) : size;

	for (uint64_t at = 0; at < size; at += piece) {
		if (model_has_table(model, virt + at, piece))
			return false;
	}
	return true;
}

/* A map of a parallel table that others may be beside puts in each leaf by itself: no group. */
static bool makes_groups(const struct model *model, const struct model_op *op)
{
	return !model->format->config.parallel ||
	       (op->mode & (PAGING_RESUMABLE | PAGING_REPLACE)) != PAGING_RESUMABLE;
}

/* The largest leaf that can stand at `virt` and `phys` with `left` bytes to go; 0: none can. */
static uint64_t leaf_at(const struct model *model, const struct model_op *op, uint64_t at,
			uint64_t left)
{
	const struct format_case *format = model->format;
	uint64_t size = format_largest_leaf(format);

	for (; size != 0; size = format_next_smaller_leaf(format, size)) {
		uint64_t needed = format_leaf_cap(format, size) | format_granule(format);
		uint64_t allowed = op->leaf_sizes | format_granule(format);
		bool wanted = op->leaf_sizes == 0 || (needed & ~allowed) == 0;

		if (format_is_group(format, size) && !makes_groups(model, op))
			continue;
		if (wanted && size <= left &&
		    addr_is_aligned((op->virt + at) | (op->phys + at), size) &&
		    no_table_at(model, op->virt + at, size))
			return size;
	}
	return 0;
}

/* The largest entry, of whatever level. */
static uint64_t note_at(const struct model *model, const struct model_op *op, uint64_t at,
			uint64_t left)
{
	for (unsigned int level = model->format->levels; level-- != 0;) {
		uint64_t size = model->format->level_size[level];

		if (size <= left && addr_is_aligned(op->virt + at, size) &&
		    !model_has_table(model, op->virt + at, size))
			return size;
	}
	return 0;
}

/* The size of what an operation that adds something puts at op->virt + at. */
static uint64_t size_at(const struct model *model, const struct model_op *op, uint64_t at,
			uint64_t left)
{
	if (op->kind == MODEL_MAP_TO)
		return format_granule(model->format);
	return op->kind == MODEL_MAP ? leaf_at(model, op, at, left) : note_at(model, op, at, left);
}

/* Adds to `after`, which has room there, what `before` lets it. */
static void apply_addition(const struct model *before, struct model *after,
			   const struct model_op *op, uint64_t bytes)
{
	size_t index = model_index(after, op->virt);

	for (uint64_t at = 0; at < bytes;) {
		struct model_leaf leaf = { .virt = op->virt + at };

		leaf.size = size_at(before, op, at, bytes - at);
		if (op->kind == MODEL_ANNOTATE) {
			leaf.note = op->note;
		} else {
			leaf.phys = op->phys + at;
			leaf.flags = before->format->reported(before->format, op->flags);
		}
		REQUIRE(leaf.size != 0, "no leaf fits at 0x%llx", (unsigned long long)leaf.virt);
		insert(after, index++, leaf);
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
		if (whole.note == 0)
			model->leaves[index + i].phys += i * size;
		model->leaves[index + i].size = size;
	}
}

/* Splits until no leaf (with `notes`: annotated entry) lies on both sides of the border before
 * `virt`. */
static void cut(struct model *model, virt_addr virt, bool notes)
{
	for (;;) {
		const struct model_leaf *leaf = model_find(model, virt);

		if (leaf == NULL || leaf->virt == virt || (leaf->note != 0) != notes)
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

	if (op->kind == MODEL_ANNOTATE || model_op_adds(op))
		return false;
	for (size_t i = model_index(model, op->virt); i < model->count; i++) {
		const struct model_leaf *leaf = &model->leaves[i];
		bool whole = leaf->virt >= op->virt && last_of(leaf) <= last;
		bool group = format_is_group(format, leaf->size);
		struct page_flags to;

		if (leaf->virt > last)
			break;
		if (leaf->note != 0)
			continue;
		if (!whole && !(op->mode & PAGING_ENLARGE) && (group || format->break_sizes))
			return true;
		if (op->kind != MODEL_PROTECT)
			continue;
		to = changed(model, leaf->flags, op->flags);
		if ((group && !page_flags_equal(to, leaf->flags)) ||
		    (format->break_flags != NULL && format->break_flags(leaf->flags, to)))
			return true;
	}
	return false;
}

/* Takes out the leaves, or else the annotated entries, of [index, end). */
static void take_out(struct model *model, size_t index, size_t end, bool notes)
{
	size_t kept = index;

	for (size_t i = index; i < model->count; i++) {
		if (i >= end || (model->leaves[i].note != 0) != notes)
			model->leaves[kept++] = model->leaves[i];
	}
	model->count = kept;
}

/* Unmapping leaves the annotation in each entry, of which a group has many. */
static void leave_note(struct model *model, size_t index, virt_addr last, uint64_t note)
{
	for (; index < model->count && model->leaves[index].virt <= last; index++) {
		if (model->leaves[index].note != 0)
			continue;
		if (format_is_group(model->format, model->leaves[index].size)) {
			if (last_of(&model->leaves[index]) > last)
				last = last_of(&model->leaves[index]);
			split(model, index);
		}
		model->leaves[index].phys = 0;
		model->leaves[index].flags = (struct page_flags){ .read = 0 };
		model->leaves[index].note = note;
	}
}

static void apply_change(struct model *model, const struct model_op *op, virt_addr last)
{
	size_t index = model_index(model, op->virt), end = index;

	for (; end < model->count && model->leaves[end].virt <= last; end++) {
		struct model_leaf *leaf = &model->leaves[end];

		if (leaf->note != 0)
			continue;
		if (op->kind == MODEL_PROTECT)
			leaf->flags = changed(model, leaf->flags, op->flags);
		if (op->kind == MODEL_SOFTWARE)
			leaf->flags.software = op->flags.software;
	}
	if (op->kind == MODEL_UNMAP && op->note != 0)
		leave_note(model, index, last, op->note);
	else if (op->kind == MODEL_UNMAP || op->kind == MODEL_ANNOTATE)
		take_out(model, index, end, op->kind == MODEL_ANNOTATE);
}

void model_apply(struct model *model, const struct model_op *op, uint64_t bytes)
{
	virt_addr last = op->virt + bytes - 1;
	bool notes = model_op_adds(op) || op->kind == MODEL_ANNOTATE;
	struct model before = { 0 };

	if (bytes == 0)
		return;
	if (model_op_adds(op))
		model_copy(&before, model);
	if (notes || !(op->mode & PAGING_ENLARGE)) {
		cut(model, op->virt, notes);
		if (last != UINT64_MAX)
			cut(model, last + 1, notes);
	}
	if (model_op_adds(op)) {
		size_t index = model_index(model, op->virt), end = index;

		while (end < model->count && model->leaves[end].virt <= last)
			end++;
		take_out(model, index, end, true);
		apply_addition(&before, model, op, bytes);
		model_drop(&before);
	} else {
		apply_change(model, op, last);
	}
}

void model_told(const struct model *model, const struct model_op *op, uint64_t bytes,
		struct model *told)
{
	virt_addr last = op->virt + (bytes - 1);
	struct model before = { 0 };

	told->count = 0;
	if (bytes == 0 || model->count == 0)
		return;
	model_copy(&before, model);
	if (!(op->mode & PAGING_ENLARGE)) {
		cut(&before, op->virt, false);
		if (last != UINT64_MAX)
			cut(&before, last + 1, false);
	}
	for (size_t i = model_index(&before, op->virt); i < before.count; i++) {
		if (before.leaves[i].virt > last)
			break;
		if (before.leaves[i].note == 0)
			model_append(told, before.leaves[i]);
	}
	model_drop(&before);
}

void model_enlarge(const struct model *model, const struct model_op *op, uint64_t bytes,
		   virt_addr *start, uint64_t *size)
{
	const struct model_leaf *leaf;
	virt_addr last = op->virt + (bytes - 1);

	*start = op->virt;
	*size = bytes;
	if (bytes == 0 || op->kind == MODEL_ANNOTATE)
		return;
	leaf = model_find(model, op->virt);
	if (leaf != NULL && leaf->note == 0)
		*start = leaf->virt;
	leaf = model_find(model, last);
	if (leaf != NULL && leaf->note == 0)
		last = last_of(leaf);
	*size = last - *start + 1;
}

static uint64_t cost_of_addition(const struct model *model, const struct model_op *op,
				 uint64_t limit)
{
	uint64_t cost = 0;

	for (uint64_t at = 0; at < op->size && cost < limit; cost++) {
		uint64_t size = size_at(model, op, at, op->size - at);

		at += size == 0 ? op->size : size;
	}
	return cost;
}

/* What unmapping adds if it leaves a note in each entry of groups. */
static uint64_t cost_of_notes(const struct model *model, const struct model_op *op)
{
	uint64_t cost = 0;

	for (size_t i = model_index(model, op->virt); i < model->count; i++) {
		uint64_t size = model->leaves[i].size;

		if (model->leaves[i].virt > op->virt + (op->size - 1))
			break;
		if (format_is_group(model->format, size))
			cost += size / format_split_leaf(model->format, size);
	}
	return cost;
}

uint64_t model_cost(const struct model *model, const struct model_op *op, uint64_t limit)
{
	const struct format_case *format = model->format;
	virt_addr ends[2] = { op->virt, op->virt + op->size };
	uint64_t cost = 0;

	if (model_op_adds(op))
		cost = cost_of_addition(model, op, limit);
	if (op->kind == MODEL_UNMAP && op->note != 0)
		cost = cost_of_notes(model, op);
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

		if (x->virt + used_a != y->virt + used_b || x->note != y->note)
			return false;
		if (x->note == 0 &&
		    (x->phys + used_a != y->phys + used_b || !page_flags_equal(x->flags, y->flags)))
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
