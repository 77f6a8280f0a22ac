/* SPDX-License-Identifier: MIT */
/* The public cursor: each call goes to the table's format. */
#include "twofold/page_cursor.h"

#include "engine/engine.h"

enum paging_status page_cursor_open(struct page_cursor *cursor, struct page_table *table,
				    virt_addr virt, struct page_table_op *op)
{
	return table->operations->cursor_open(cursor, table, virt, op);
}

enum paging_status page_cursor_seek(struct page_cursor *cursor, virt_addr virt)
{
	return cursor->table->operations->cursor_seek(cursor, virt);
}

enum paging_status page_cursor_query(struct page_cursor *cursor, struct page_mapping *mapping)
{
	return cursor->table->operations->cursor_query(cursor, mapping);
}

enum paging_status page_cursor_next(struct page_cursor *cursor)
{
	return cursor->table->operations->cursor_next(cursor);
}

enum paging_status page_cursor_map(struct page_cursor *cursor, phys_addr phys, uint64_t size,
				   struct page_flags flags)
{
	return cursor->table->operations->cursor_map(cursor, phys, size, flags);
}

enum paging_status page_cursor_unmap(struct page_cursor *cursor)
{
	return cursor->table->operations->cursor_unmap(cursor);
}

enum paging_status page_cursor_protect(struct page_cursor *cursor, struct page_flags flags)
{
	return cursor->table->operations->cursor_protect(cursor, flags);
}

void page_cursor_close(struct page_cursor *cursor)
{
	cursor->table->operations->cursor_close(cursor);
}
