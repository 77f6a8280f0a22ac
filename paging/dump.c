/* SPDX-License-Identifier: MIT */
/* Prints a table for people. Freestanding, so numbers are formatted here. */
#include "twofold/dump.h"

#include "dump_runs.h"
#include "twofold/statistics.h"

#define LINE_SIZE 160

struct line {
	char text[LINE_SIZE];
	unsigned int length;
};

struct dump {
	page_dump_line print;
	void *context;
};

static void put_char(struct line *line, char c)
{
	if (line->length < LINE_SIZE - 1)
		line->text[line->length++] = c;
}

static void put_text(struct line *line, const char *text)
{
	while (*text != '\0')
		put_char(line, *text++);
}

static void put_address(struct line *line, uint64_t value)
{
	put_text(line, "0x");
	for (unsigned int shift = 64; shift != 0; shift -= 4)
		put_char(line, "0123456789abcdef"[value >> (shift - 4) & 0xf]);
}

/* Right-aligned in `width` columns. */
static void put_number(struct line *line, uint64_t value, unsigned int width)
{
	char digits[20];
	unsigned int count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	for (unsigned int pad = count; pad < width; pad++)
		put_char(line, ' ');
	while (count != 0)
		put_char(line, digits[--count]);
}

/* In the largest unit that divides it. */
static void put_size(struct line *line, uint64_t bytes, unsigned int width)
{
	static const char units[] = "KMGTPE";
	unsigned int unit = 0;

	bytes >>= 10;
	while (bytes != 0 && (bytes & 0x3ff) == 0) {
		bytes >>= 10;
		unit++;
	}
	put_number(line, bytes, width - 1);
	put_char(line, units[unit]);
}

static void put_execute(struct line *line, struct page_flags flags)
{
	if (flags.execute)
		put_char(line, 'x');
	else if (flags.execute_privileged && flags.execute_user)
		put_char(line, 'X');
	else if (flags.execute_privileged)
		put_char(line, 'p');
	else
		put_char(line, flags.execute_user ? 'u' : '-');
}

static void put_flags(struct line *line, struct page_flags flags)
{
	static const char types[8][4] = { "WB", "WT", "NC", "DEV", "WP", "UC-", "SO", "?" };

	put_char(line, flags.read ? 'r' : '-');
	put_char(line, flags.write ? 'w' : '-');
	put_execute(line, flags);
	put_char(line, ' ');
	put_char(line, flags.user ? 'U' : '-');
	put_char(line, flags.global ? 'G' : '-');
	put_char(line, ' ');
	put_text(line, types[flags.type]);
	put_text(line, flags.ignore_pat ? "! " : " ");
	put_char(line, flags.idle ? '-' : 'A');
	put_char(line, flags.dirty ? 'D' : '-');
	if (flags.protection_key != 0) {
		put_text(line, " key=");
		put_number(line, flags.protection_key, 0);
	}
	if (flags.software != 0) {
		put_text(line, " sw=");
		put_number(line, flags.software, 0);
	}
	if (flags.share != SHARE_DEFAULT) {
		static const char *const names[4] = { "", " inner", " outer", " none" };

		put_text(line, names[flags.share]);
	}
	if (flags.suppress_ve)
		put_text(line, " no-ve");
	if (flags.guarded)
		put_text(line, " guarded");
	if (flags.modified)
		put_text(line, " modified");
}

static void print_line(const struct dump *dump, struct line *line)
{
	line->text[line->length] = '\0';
	dump->print(dump->context, line->text);
}

static void print_run(void *context, const struct page_mapping *run, uint64_t total)
{
	const struct dump *dump = context;
	struct line line;

	line.length = 0;
	put_address(&line, run->virt);
	put_char(&line, '-');
	put_address(&line, run->virt + total);
	put_text(&line, " -> ");
	put_address(&line, run->phys);
	put_char(&line, ' ');
	put_size(&line, total, 6);
	put_char(&line, ' ');
	put_size(&line, run->size, 4);
	put_char(&line, ' ');
	put_flags(&line, run->flags);
	print_line(dump, &line);
}

static void print_summary(const struct dump *dump, const struct page_table *table)
{
	struct page_statistics statistics;
	struct line line;
	const char *separator = "";

	page_table_statistics(table, &statistics);
	line.length = 0;
	for (unsigned int shift = 0; shift < 64; shift++) {
		if (statistics.leaves[shift] == 0)
			continue;
		put_text(&line, separator);
		put_number(&line, statistics.leaves[shift], 0);
		put_text(&line, " x ");
		put_size(&line, UINT64_C(1) << shift, 1);
		separator = ", ";
	}
	if (line.length == 0)
		put_text(&line, "nothing mapped");
	put_text(&line, "; ");
	put_number(&line, statistics.tables, 0);
	put_text(&line, statistics.tables == 1 ? " table" : " tables");
	if (statistics.annotated != 0) {
		put_text(&line, ", ");
		put_number(&line, statistics.annotated, 0);
		put_text(&line, " annotated");
	}
	print_line(dump, &line);
}

enum paging_status page_table_dump(const struct page_table *table, page_dump_line line,
				   void *context)
{
	struct dump dump;
	enum paging_status status;

	dump.print = line;
	dump.context = context;
	status = runs_show(table, print_run, &dump);
	print_summary(&dump, table);
	return status;
}
