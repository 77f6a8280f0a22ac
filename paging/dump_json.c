/* SPDX-License-Identifier: MIT */
/* Prints a table for programs, as JSON. Freestanding, so numbers are formatted here. */
#include "dump_runs.h"
#include "engine/engine.h"
#include "twofold/dump.h"
#include "twofold/statistics.h"

struct json {
	page_dump_write write;
	void *context;
	bool first; /* of its array or object: no comma before it */
};

static void put(const struct json *json, const char *text)
{
	json->write(json->context, text);
}

/* Between the members of an object, and the elements of an array. */
static void separate(struct json *json)
{
	if (!json->first)
		put(json, ",");
	json->first = false;
}

static void put_key(struct json *json, const char *key)
{
	separate(json);
	put(json, "\"");
	put(json, key);
	put(json, "\":");
}

/* `value` in that base, of 10 or 16. */
static void put_digits(const struct json *json, uint64_t value, unsigned int base)
{
	char text[21];
	unsigned int at = sizeof(text) - 1;

	text[at] = '\0';
	do {
		text[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	put(json, &text[at]);
}

static void put_number(const struct json *json, uint64_t value)
{
	put_digits(json, value, 10);
}

static void put_count(struct json *json, const char *key, uint64_t value)
{
	put_key(json, key);
	put_number(json, value);
}

static void put_hex(struct json *json, const char *key, uint64_t value)
{
	put_key(json, key);
	put(json, "\"0x");
	put_digits(json, value, 16);
	put(json, "\"");
}

static void put_name(struct json *json, const char *key, const char *name)
{
	put_key(json, key);
	put(json, "\"");
	put(json, name);
	put(json, "\"");
}

static void put_bool(struct json *json, const char *key, bool value)
{
	put_key(json, key);
	put(json, value ? "true" : "false");
}

static void begin(struct json *json, const char *bracket)
{
	put(json, bracket);
	json->first = true;
}

static void end(struct json *json, const char *bracket)
{
	put(json, bracket);
	json->first = false;
}

static void put_flags(struct json *json, struct page_flags flags)
{
	static const char *const types[8] = {
		"normal",          "write_through", "noncacheable",  "device",
		"write_protected", "device_weak",   "device_strict", "unnamed",
	};
	static const char *const shares[4] = { "default", "inner", "outer", "none" };

	put_bool(json, "read", flags.read);
	put_bool(json, "write", flags.write);
	put_bool(json, "execute", flags.execute);
	put_bool(json, "execute_privileged", flags.execute_privileged);
	put_bool(json, "execute_user", flags.execute_user);
	put_bool(json, "user", flags.user);
	put_bool(json, "global", flags.global);
	put_bool(json, "idle", flags.idle);
	put_bool(json, "dirty", flags.dirty);
	put_name(json, "type", types[flags.type]);
	put_name(json, "share", shares[flags.share]);
	put_bool(json, "ignore_pat", flags.ignore_pat);
	put_bool(json, "suppress_ve", flags.suppress_ve);
	put_count(json, "protection_key", flags.protection_key);
	put_bool(json, "guarded", flags.guarded);
	put_bool(json, "modified", flags.modified);
	put_count(json, "software", flags.software);
}

static void put_run(void *context, const struct page_mapping *run, uint64_t total)
{
	struct json *json = context;

	separate(json);
	begin(json, "{");
	put_hex(json, "virt", run->virt);
	put_hex(json, "phys", run->phys);
	put_hex(json, "size", total);
	put_hex(json, "leaf_size", run->size);
	put_flags(json, run->flags);
	end(json, "}");
}

static void put_summary(struct json *json, const struct page_table *table)
{
	struct page_statistics statistics;

	page_table_statistics(table, &statistics);
	put_key(json, "summary");
	begin(json, "{");
	put_key(json, "leaves");
	begin(json, "[");
	for (unsigned int shift = 0; shift < 64; shift++) {
		if (statistics.leaves[shift] == 0)
			continue;
		separate(json);
		begin(json, "{");
		put_hex(json, "size", UINT64_C(1) << shift);
		put_count(json, "count", statistics.leaves[shift]);
		end(json, "}");
	}
	end(json, "]");
	put_hex(json, "mapped", statistics.mapped);
	put_count(json, "annotated", statistics.annotated);
	put_count(json, "tables", statistics.tables);
	put_hex(json, "table_bytes", statistics.table_bytes);
	put_key(json, "tables_by_level");
	begin(json, "[");
	for (unsigned int level = 0; level < statistics.level_count; level++) {
		separate(json);
		put_number(json, statistics.levels[level]);
	}
	end(json, "]");
	end(json, "}");
}

enum paging_status page_table_dump_json(const struct page_table *table, page_dump_write write,
					void *context)
{
	struct json json = { .write = write, .context = context };
	enum paging_status status;

	begin(&json, "{");
	put_name(&json, "format", table->format->name);
	put_key(&json, "runs");
	begin(&json, "[");
	status = runs_show(table, put_run, &json);
	end(&json, "]");
	put_summary(&json, table);
	end(&json, "}");
	return status;
}
