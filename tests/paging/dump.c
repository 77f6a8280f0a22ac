/* SPDX-License-Identifier: MIT */
/* The dump: read back, it must be the model with equal neighbours joined. Column widths are free.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <twofold/dump.h>

#include "require.h"
#include "rng.h"
#include "suite.h"
#include "world.h"

#define LINES 256
#define WIDTH 200

struct dump {
	char lines[LINES][WIDTH];
	size_t count;
};

static void take_line(void *context, const char *line)
{
	struct dump *dump = context;

	REQUIRE(dump->count < LINES && strlen(line) < WIDTH, "line %zu: %s", dump->count, line);
	REQUIRE(strchr(line, '\n') == NULL, "a newline in: %s", line);
	memcpy(dump->lines[dump->count++], line, strlen(line) + 1);
}

static const struct dump *dump_of(struct world *world)
{
	static struct dump dump;

	dump.count = 0;
	REQUIRE(page_table_dump(&world->table, take_line, &dump) == PAGING_OK, "it failed");
	REQUIRE(world->memory->held == 0, "%u tables are held", world->memory->held);
	REQUIRE(dump.count != 0, "no line at all");
	return &dump;
}

/* "4K", "3G": the number times the unit. */
static uint64_t size_of_text(const char *text)
{
	static const char units[] = "BKMGTPE";
	char *end;
	uint64_t number = strtoull(text, &end, 10);
	const char *unit = strchr(units, *end);

	REQUIRE(end != text && *end != '\0' && unit != NULL && end[1] == '\0', "size %s", text);
	return number << (10 * (unit - units));
}

static bool joins(const struct model_leaf *a, const struct model_leaf *b)
{
	return a->virt + a->size == b->virt && a->phys + a->size == b->phys && a->size == b->size &&
	       page_flags_equal(a->flags, b->flags);
}

static const char *type_text(struct page_flags flags)
{
	static const char *const texts[] = { "WB", "WT", "NC", "DEV", "WP", "UC-", "SO" };

	return texts[flags.type];
}

/* What follows the nine columns: all that two lines can differ in is in them. */
static const char *rest_text(struct page_flags flags)
{
	static const char *const shares[] = { "", " inner", " outer", " none" };
	static char text[80];
	char key[10] = "", software[14] = "";

	if (flags.protection_key != 0)
		(void)snprintf(key, sizeof(key), " key=%u", flags.protection_key);
	if (flags.software != 0)
		(void)snprintf(software, sizeof(software), " sw=%u", flags.software);
	(void)snprintf(text, sizeof(text), "%s%s%s%s%s%s", key, software, shares[flags.share],
		       flags.suppress_ve ? " no-ve" : "", flags.guarded ? " guarded" : "",
		       flags.modified ? " modified" : "");
	return text;
}

/* Who may fetch: all that may access the page, or whom the flags name. */
static char fetch_letter(struct page_flags flags)
{
	if (flags.execute)
		return 'x';
	if (flags.execute_privileged && flags.execute_user)
		return 'X';
	if (flags.execute_privileged)
		return 'p';
	return flags.execute_user ? 'u' : '-';
}

/* One line against leaves[first .. end). */
static void check_line(const char *line, const struct model_leaf *first, uint64_t total)
{
	char start[24], end[24], phys[24], all[16], leaf[16], rights[8], who[8], type[8], state[8];
	int length = 0;
	int fields = sscanf(line,
			    "%18[0-9a-fx]-%18[0-9a-fx] -> %18[0-9a-fx] %15s %15s %7s %7s %7s %7s%n",
			    start, end, phys, all, leaf, rights, who, type, state, &length);
	struct page_flags flags = first->flags;
	char type_wanted[8];
	char wanted[4] = { flags.read ? 'r' : '-', flags.write ? 'w' : '-', fetch_letter(flags),
			   '\0' };
	char bits[3] = { flags.idle ? '-' : 'A', flags.dirty ? 'D' : '-', '\0' };

	REQUIRE(fields == 9, "%d fields: %s", fields, line);
	REQUIRE(strlen(start) == 18 && strlen(end) == 18 && strlen(phys) == 18, "%s", line);
	REQUIRE(strtoull(start, NULL, 16) == first->virt &&
			strtoull(end, NULL, 16) == first->virt + total &&
			strtoull(phys, NULL, 16) == first->phys,
		"0x%" PRIx64 "+0x%" PRIx64 ": %s", first->virt, total, line);
	REQUIRE(size_of_text(all) == total && size_of_text(leaf) == first->size, "%s", line);
	REQUIRE(strcmp(rights, wanted) == 0 && strcmp(state, bits) == 0, "%s", line);
	REQUIRE((strchr(who, 'U') != NULL) == flags.user &&
			(strchr(who, 'G') != NULL) == flags.global,
		"%s", line);
	(void)snprintf(type_wanted, sizeof(type_wanted), "%s%s", type_text(flags),
		       flags.ignore_pat ? "!" : "");
	REQUIRE(strcmp(type, type_wanted) == 0, "%s", line);
	REQUIRE(strcmp(line + length, rest_text(flags)) == 0, "not \"%s\" behind: %s",
		rest_text(flags), line);
}

/* The last line: how many leaves of each size, how many tables. */
static void check_totals(struct world *world, const char *line)
{
	const struct format_case *format = world->format;
	const char *rest;
	unsigned long long tables;

	for (unsigned int level = 0; level < format->levels; level++) {
		uint64_t size = format->level_size[level], count = 0;
		char wanted[40];

		for (size_t i = 0; i < world->model.count; i++)
			count += world->model.leaves[i].size == size;
		if (count == 0)
			continue;
		(void)snprintf(wanted, sizeof(wanted), "%" PRIu64 " x %u%c", count,
			       1u << (__builtin_ctzll(size) % 10),
			       "BKMGT"[__builtin_ctzll(size) / 10]);
		rest = strstr(line, wanted);
		REQUIRE(rest != NULL && (rest == line || rest[-1] == ' '), "no \"%s\" in: %s",
			wanted, line);
	}
	REQUIRE((strncmp(line, "nothing mapped; ", strlen("nothing mapped; ")) == 0) ==
			(world->model.count == 0),
		"%s", line);
	rest = strchr(line, ';');
	REQUIRE(rest != NULL && strchr(line, ';') == strrchr(line, ';') &&
			sscanf(rest, "; %llu table", &tables) == 1 &&
			(rest[strlen(rest) - 1] == 's') == (tables != 1) &&
			tables == model_tables(&world->model),
		"%s", line);
}

static void check_dump(struct world *world)
{
	const struct dump *dump = dump_of(world);
	const struct model *model = &world->model;
	size_t line = 0;

	for (size_t i = 0, end; i < model->count; i = end) {
		for (end = i + 1;
		     end < model->count && joins(&model->leaves[end - 1], &model->leaves[end]);)
			end++;
		REQUIRE(line + 1 < dump->count, "only %zu lines", dump->count);
		check_line(dump->lines[line++], &model->leaves[i],
			   (end - i) * model->leaves[i].size);
	}
	REQUIRE(line + 1 == dump->count, "%zu lines, not %zu", dump->count, line + 1);
	check_totals(world, dump->lines[line]);
}

/* Runs that join, and runs that differ in just one respect. */
FORMAT_TEST(dump, runs)
{
	uint64_t granule = format_granule(format), size = format_largest_leaf(format), state = 5;
	virt_addr virt = format_middle(format);
	struct input_range ranges[2];
	unsigned int count = format_ranges(format, ranges);
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	check_dump(&world);
	world_map(&world, virt - 3 * granule, 4 * size - 3 * granule, 2 * size + 5 * granule);
	world_map(&world, virt + 2 * size + 2 * granule, 0, granule);           /* another output */
	world_map(&world, virt + 2 * size + 4 * granule, 2 * granule, granule); /* a gap */
	for (unsigned int i = 0; i < count; i++)
		world_map(&world, ranges[i].last - granule + 1, 0, granule);
	check_dump(&world);
	for (unsigned int i = 0; i < 60; i++) {
		struct model_op what = { .kind = MODEL_MAP_TO, .size = granule };

		what.virt = virt + 8 * size + i * granule;
		what.phys = i * granule;
		what.flags = format_random_flags(format, &state);
		if (i % 3 == 1)
			what.flags =
				world.model.leaves[model_index(&world.model, what.virt) - 1].flags;
		world_must(&world, &what);
		check_dump(&world);
	}
	world_close(&world);
}

/* Runs of powers of two: each is said in the largest unit that it has a number of. */
FORMAT_TEST(dump, sizes)
{
	uint64_t granule = format_granule(format), span = format->level_size[1];
	virt_addr virt = format_middle(format);
	const struct dump *dump;
	struct world world;
	size_t line = 0;

	world_open(&world, format, MEMORY_BY_OFFSET);
	for (uint64_t size = granule; size < span; size *= 2) {
		world_map(&world, virt, 0, size);
		virt += span;
	}
	dump = dump_of(&world);
	for (uint64_t size = granule; size < span; size *= 2) {
		char text[24];

		if (size < UINT64_C(1) << 20)
			(void)snprintf(text, sizeof(text), " %" PRIu64 "K ", size >> 10);
		else
			(void)snprintf(text, sizeof(text), " %" PRIu64 "M ", size >> 20);
		REQUIRE(strstr(dump->lines[line], text) != NULL, "not%sin: %s", text,
			dump->lines[line]);
		line++;
	}
	world_close(&world);
}

/* They are no mappings, but the last line counts them. */
FORMAT_TEST(dump, annotations)
{
	uint64_t granule = format_granule(format);
	virt_addr virt = format_middle(format);
	struct page_table_op op = { 0 };
	const struct dump *dump;
	const char *last;
	struct world world;

	world_open(&world, format, MEMORY_BY_OFFSET);
	op.frames = world_frames(&world);
	world_map(&world, virt, 0, granule);
	REQUIRE(page_table_annotate(&world.table, virt + granule, 3 * granule, 7, &op) == PAGING_OK,
		"annotate");
	dump = dump_of(&world);
	last = dump->lines[dump->count - 1];
	REQUIRE(dump->count == 2 && strstr(last, "; ") != NULL &&
			strcmp(last + strlen(last) - strlen(" tables, 3 annotated"),
			       " tables, 3 annotated") == 0,
		"%zu lines, the last: %s", dump->count, last);
	world_resync(&world);
	world_close(&world);
}
