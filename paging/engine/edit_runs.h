/* SPDX-License-Identifier: MIT */
/* Unmapping and changing runs of leaves and of whole lowest tables, as parts of an edit (edit.h).
 */
#ifndef PAGING_ENGINE_EDIT_RUNS_H
#define PAGING_ENGINE_EDIT_RUNS_H

#include "edit_state.h"
#include "sabotage.h"
#include "tell.h"

/* The leaves from [from] to before [to], counted from the one of `level` at `input`, have been
 * unmapped or changed. */
static inline void run_gather(const struct encoder *e, const struct page_table *table,
			      struct tlb_gather *gather, uint64_t input, unsigned int level,
			      uint64_t from, uint64_t to, bool global)
{
	unsigned int shift = level_shift(e, level);

	if (from == to)
		return;
	gather_range(gather,
		     &(struct tlb_range){ .start = input_extend(e, table, input + (from << shift)),
					  .last = input_extend(e, table, input + (to << shift) - 1),
					  .leaf_size = level_size(e, level),
					  .global = global });
}

/* The same from the cursor on. */
static inline void edit_run_gather(const struct encoder *e, const struct page_table *table,
				   const struct edit *edit, uint64_t from, uint64_t to, bool global)
{
	if (edit->change.kind != CHANGE_SOFTWARE)
		run_gather(e, table, edit->op->gather, edit->c.input, edit->c.level, from, to,
			   global);
}

/* Unmaps a run of leaves that are global all, or none. What hardware marks in them meanwhile is
 * nobody's concern, unless it is told, so that a store will do. */
static ALWAYS_INLINE uint64_t run_unmap(const struct encoder *e, const struct page_table *table,
					struct edit *edit, unsigned int level)
{
	const struct tlb_gather *gather = edit->op->gather;
	uint64_t *entry = cursor_entry(table, e, &edit->c);
	uint64_t limit = edit_run_limit(e, table, edit);
	bool global = is_global(e, entry_load(entry));
	uint64_t n;

	if ((edit->op->mode & PAGING_RESUMABLE) != 0 && gather && !gather_can_flush(gather))
		return 0;
	if (op_tells(edit->op))
		return 0;
	for (n = 0; n < limit; n++) {
		uint64_t d = entry_load(&entry[n]);

		if (!edit_runs_on(e, table, edit, d, level) || is_global(e, d) != global)
			break;
		entry_write(&entry[n],
			    paging_sabotage(PAGING_SABOTAGE_CLEAR, level, edit->change.left));
	}
	if (n != 0)
		memory_clean(table, entry, n * sizeof(*entry));
	if (edit->change.left == 0)
		edit->removed[level] += n;
	edit_run_gather(e, table, edit, 0, n, global);
	return n;
}

/* Takes the table that the entry leads to out of the tree. */
static ALWAYS_INLINE struct frame run_unlink_one(const struct encoder *e,
						 const struct page_table *view, uint64_t *entry,
						 uint64_t size)
{
	uint64_t d = entry_load(entry);

	entry_publish(entry, paging_sabotage(PAGING_SABOTAGE_CLEAR, 1, 0));
	return (struct frame){ .start = table_address(e, view, d), .size = size };
}

/* Takes the tables that `count` entries lead to out of the tree, and notes their frames. */
static ALWAYS_INLINE void run_unlink(const struct encoder *e, const struct page_table *table,
				     uint64_t *entry, uint64_t count, struct frame *frames)
{
	uint64_t size = table_bytes(e, table, 0);
	struct page_table view;
	uint64_t n = 0;

	table_view(&view, table);
	for (; count - n >= 4; n += 4) {
		frames[n] = run_unlink_one(e, &view, &entry[n], size);
		frames[n + 1] = run_unlink_one(e, &view, &entry[n + 1], size);
		frames[n + 2] = run_unlink_one(e, &view, &entry[n + 2], size);
		frames[n + 3] = run_unlink_one(e, &view, &entry[n + 3], size);
	}
	for (; n < count; n++)
		frames[n] = run_unlink_one(e, &view, &entry[n], size);
}

/* The same of a table that no walker uses: the frames go back at once. */
static ALWAYS_INLINE void run_unlink_offline(const struct encoder *e,
					     const struct page_table *table, uint64_t *entry,
					     uint64_t count, struct frame_allocator *allocator)
{
	struct frame frames[16];

	for (uint64_t done = 0; done < count;) {
		uint64_t some = count - done < 16 ? count - done : 16;

		run_unlink(e, table, entry + done, some, frames);
		paging_frames_free(allocator, frames, some);
		done += some;
	}
}

/* Unmaps a run of whole lowest tables, as many as the gather has room for: each is unlinked as it
 * is, unless its leaves are told of. */
static inline uint64_t run_unmap_tables(const struct encoder *e, struct page_table *table,
					struct edit *edit)
{
	struct tlb_gather *gather = edit->op->gather;
	uint64_t *entry = cursor_entry(table, e, &edit->c);
	uint64_t limit = edit_tables_limit(e, table, edit);
	bool skips = edit_skips(edit);
	uint64_t n;

	if (!edit_takes_tables(edit) || limit == 0 ||
	    !edit_table_runs_on(e, entry_load(entry), skips))
		return 0;
	/* Tables above may become empty too, which edit_gather_full looks after. */
	if ((edit->op->mode & PAGING_RESUMABLE) != 0 && gather && !gather_can_flush(gather))
		return 0;
	if (gather && gather_room(gather) == 0)
		tlb_gather_finish(gather);
	if (gather && limit > gather_room(gather))
		limit = gather_room(gather);
	n = skips ? edit_tables_ahead(e, entry, limit, true)
		  : edit_tables_ahead(e, entry, limit, false);
	if (gather) {
		run_unlink(e, table, entry, n, gather->frames + gather->frame_count);
		gather->frame_count += n;
	} else {
		run_unlink_offline(e, table, entry, n, edit->op->frames);
	}
	memory_clean(table, entry, n * sizeof(*entry));
	recent_forget(table);
	table->tables -= n;
	edit->removed[1] += n;
	if (gather)
		gather_tables(e, table, gather, edit->c.input,
			      edit->c.input + (n << level_shift(e, 1)) - 1, 0, true,
			      (table->held & HELD_GLOBALS) != 0);
	return n;
}

/* Changes the attributes of a run; the leaves that do change are gathered in pieces. */
static ALWAYS_INLINE uint64_t run_change(const struct encoder *e, const struct page_table *table,
					 struct edit *edit, unsigned int level)
{
	uint64_t *entry = cursor_entry(table, e, &edit->c);
	uint64_t limit = edit_run_limit(e, table, edit);
	uint64_t from = 0; /* [from, n) are changed, and global or not as `global` says */
	bool global = false;
	uint64_t n;

	for (n = 0; n < limit; n++) {
		uint64_t old = entry_load(&entry[n]);
		uint64_t new;

		if (!edit_runs_on(e, table, edit, old, level))
			break;
		do {
			new = paging_sabotage(PAGING_SABOTAGE_LEAF, level,
					      leaf_changed(e, table, &edit->change, old, level));
		} while (new != old && !entry_replace(table, &entry[n], &old, new));
		if (new != old && is_global(e, old) == global)
			continue;
		edit_run_gather(e, table, edit, from, n, global);
		from = new != old ? n : n + 1;
		global = is_global(e, old);
	}
	edit_run_gather(e, table, edit, from, n, global);
	return n;
}

#endif
