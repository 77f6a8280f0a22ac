/* SPDX-License-Identifier: MIT */
/* The checker for a whole table, and what its rules are called. */
#include "engine/engine.h"

enum paging_status page_table_check_range(const struct page_table *table, virt_addr virt,
					  uint64_t size, struct page_check *check)
{
	return table->format->check(table, virt, size, check);
}

/* The tables that were read, and the root. Of a table that was adopted there is no number. */
static bool check_total(const struct page_table *table, struct page_check *check, uint64_t tables)
{
	struct page_violation violation = {
		.level = table->levels - 1u,
		.entry = table->root,
		.found = tables,
	};

	if (table->tables == 0 || table->tables == tables)
		return true;
	return check_report(check, &violation, PAGE_RULE_TABLE_TOTAL);
}

enum paging_status page_table_check(const struct page_table *table, struct page_check *check)
{
	struct input_range ranges[2];
	unsigned int count = page_table_ranges(table, ranges);
	uint64_t before = check->tables;
	enum paging_status status = PAGING_OK;

	for (unsigned int i = 0; i < count && status == PAGING_OK; i++)
		status = page_table_check_range(table, ranges[i].first,
						ranges[i].last - ranges[i].first + 1, check);
	if (status == PAGING_OK && !check_total(table, check, check->tables - before + 1))
		status = PAGING_STOPPED;
	return status;
}

enum page_rule_class page_rule_class(enum page_rule rule)
{
	return check_class(rule);
}

const char *page_rule_text(enum page_rule rule)
{
	static const char *const texts[PAGE_RULES] = {
		[PAGE_RULE_ENTRY_TYPE] = "no such kind of entry at this level",
		[PAGE_RULE_RESERVED] = "reserved bits",
		[PAGE_RULE_FEATURE] = "bits of a feature that is off",
		[PAGE_RULE_PERMISSIONS] = "permissions that do not go together",
		[PAGE_RULE_MEMORY_TYPE] = "no such memory type",
		[PAGE_RULE_LEAF_SIZE] = "no such leaf size",
		[PAGE_RULE_LEAF_UNALIGNED] = "output address not aligned to the leaf size",
		[PAGE_RULE_LEAF_OUTPUT] = "output address too wide",
		[PAGE_RULE_TABLE_OUTPUT] = "address of a table too wide",
		[PAGE_RULE_GROUP_MIXED] = "contiguous group of entries that are not alike",
		[PAGE_RULE_GROUP_UNALIGNED] = "contiguous group not aligned to its size",
		[PAGE_RULE_TABLE_LOOP] = "table leads back to itself",
		[PAGE_RULE_TABLE_REFUSED] = "table where none may be",
		[PAGE_RULE_STRAY] = "not present, not empty, no annotation",
		[PAGE_RULE_MODIFIER] = "address modifier of a table entry",
		[PAGE_RULE_SHADOW_STACK] = "dirty without write, a shadow-stack page",
		[PAGE_RULE_NO_ACCESS] = "mapped but nobody has access",
		[PAGE_RULE_UNNAMED_TYPE] = "memory type without a name",
		[PAGE_RULE_GROUP_SOFTWARE] = "contiguous group with different software bits",
		[PAGE_RULE_TABLE_EMPTY] = "empty table",
		[PAGE_RULE_LIVE_COUNT] = "wrong number of entries in use",
		[PAGE_RULE_TABLE_TOTAL] = "wrong number of tables",
	};

	return (unsigned int)rule < PAGE_RULES ? texts[rule] : "unknown rule";
}
