/* SPDX-License-Identifier: MIT */
#include "recorder.h"

#include <inttypes.h>
#include <string.h>

#include "require.h"
#include "trap.h"

#define STORES_MAX  40000
#define STORE_BYTES 64    /* the widest store there is */
#define READS       16384 /* more than twice as many as all probes read: groups have 128 entries */

/* What a walker makes of an address: its translation, or no translation and what stands there. */
struct sight {
	phys_addr phys;
	uint64_t hole; /* the descriptor: 0, or an annotation */
	unsigned int type;
	uint8_t faults[WORLD_ACCESSES];
	bool accessed, dirty;
};

struct recorder {
	struct world *world;
	struct trap trap;
	const struct recorder_probes *probes;
	size_t seen;           /* in `history` */
	bool breaks;           /* entries may be made invalid on the way */
	phys_addr read[READS]; /* the words that the last look read, as a hash table; 0: none */
};

/* What was seen; [0] is before the operation. Most of it is never touched, and stays no memory: as
 * calloc does it under MALLOC_PERTURB_, that would be most of the time these tests take. */
static struct sight history[STORES_MAX][RECORDER_PROBES];

/* Which slot has that word, or is free for it. */
static size_t slot_of(const struct recorder *recorder, phys_addr word)
{
	size_t slot = (size_t)((word >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 52) % READS;

	while (recorder->read[slot] != 0 && recorder->read[slot] != word)
		slot = (slot + 1) % READS;
	return slot;
}

static uint64_t read_and_note(void *context, uint64_t address)
{
	struct recorder *recorder = context;

	recorder->read[slot_of(recorder, address)] = address;
	return memory_read(recorder->world->memory, address);
}

static struct sight look(struct recorder *recorder, virt_addr virt)
{
	const struct world *world = recorder->world;
	struct walk_memory memory = { .read = read_and_note, .context = recorder };
	struct sight sight = { 0 };

	for (unsigned int i = 0; i < WORLD_ACCESSES; i++) {
		struct walk_result result = world->format->translate(
			world->format, world->table.root, &memory, virt, world_accesses[i]);

		sight.faults[i] = (uint8_t)result.fault;
		if (result.fault == WALK_OK || result.fault == WALK_DENIED) {
			sight.phys = result.phys;
			sight.type = result.type;
			sight.accessed = result.accessed;
			sight.dirty = result.dirty;
		} else if (result.fault == WALK_NOT_PRESENT) {
			sight.hole = result.descriptor;
		}
	}
	return sight;
}

static bool same(const struct sight *a, const struct sight *b)
{
	return a->phys == b->phys && a->hole == b->hole && a->type == b->type &&
	       a->accessed == b->accessed && a->dirty == b->dirty &&
	       memcmp(a->faults, b->faults, sizeof(a->faults)) == 0;
}

/* Whether the last two sights are the same for each probe. */
static bool nothing_changed(const struct recorder *recorder)
{
	const struct sight *now = history[recorder->seen];
	const struct sight *before = history[recorder->seen - 1];

	for (size_t i = 0; i < recorder->probes->count; i++) {
		if (!same(&now[i], &before[i]))
			return false;
	}
	return true;
}

static void look_at_all(struct recorder *recorder)
{
	REQUIRE(recorder->seen < STORES_MAX, "too many stores");
	memset(recorder->read, 0, sizeof(recorder->read));
	for (size_t i = 0; i < recorder->probes->count; i++)
		history[recorder->seen][i] = look(recorder, recorder->probes->virt[i]);
	/* Most stores fill a table that is not linked yet: the sight is the same, and kept once. */
	if (recorder->seen == 0 || !nothing_changed(recorder))
		recorder->seen++;
}

static void after_store(struct trap *trap, phys_addr address)
{
	struct recorder *recorder = trap->context;

	/* Who reads none of the words that it wrote sees what was there before. */
	for (uint64_t word = 0; word < STORE_BYTES; word += 8) {
		if (recorder->read[slot_of(recorder, address + word)] != 0) {
			look_at_all(recorder);
			return;
		}
	}
}

static void add_probe(struct recorder_probes *probes, const struct format_case *format,
		      virt_addr virt)
{
	for (size_t i = 0; i < probes->count; i++) {
		if (probes->virt[i] == virt)
			return;
	}
	if (format_has_input(format, virt) && probes->count < RECORDER_PROBES)
		probes->virt[probes->count++] = virt;
}

void recorder_choose(struct recorder_probes *probes, const struct world *world, virt_addr virt,
		     uint64_t size)
{
	const struct format_case *format = world->format;
	const struct model *model = &world->model;
	virt_addr last = virt + size - 1;

	probes->count = 0;
	add_probe(probes, format, virt);
	add_probe(probes, format, virt - 1);
	add_probe(probes, format, last);
	add_probe(probes, format, last + 1);
	add_probe(probes, format, virt + size / 2);
	for (unsigned int level = 0; level < format->levels; level++) {
		add_probe(probes, format, virt + format->level_size[level]);
		add_probe(probes, format, virt - format->level_size[level]);
		add_probe(probes, format, last + format->level_size[level]);
		add_probe(probes, format, addr_align_down(virt, format->level_size[level]));
	}
	for (size_t i = 0; i < model->count; i += model->count / 8 + 1) {
		const struct model_leaf *leaf = &model->leaves[i];

		add_probe(probes, format, leaf->virt);
		add_probe(probes, format, leaf->virt + leaf->size - 1);
	}
}

/* Broken, and not made yet: nothing, or part of a group. */
static bool is_broken(const struct recorder *recorder, const struct sight *now)
{
	if (!recorder->breaks)
		return false;
	return (now->faults[0] == WALK_NOT_PRESENT && now->hole == 0) ||
	       (now->faults[0] == WALK_RESERVED && format_has_groups(recorder->world->format));
}

/* Old until it is new, and then new. */
static void check_history(const struct recorder *recorder)
{
	size_t end = recorder->seen - 1;

	for (size_t i = 0; i < recorder->probes->count; i++) {
		const struct sight *old = &history[0][i], *new = &history[end][i];
		bool changed = false;

		for (size_t t = 1; t <= end; t++) {
			const struct sight *now = &history[t][i];

			if (is_broken(recorder, now))
				continue;
			REQUIRE(same(now, old) || same(now, new),
				"0x%" PRIx64
				" is neither old nor new in between: fault %d, phys 0x%" PRIx64,
				recorder->probes->virt[i], now->faults[0], now->phys);
			REQUIRE(!changed || same(now, new), "0x%" PRIx64 " is back to what it was",
				recorder->probes->virt[i]);
			changed = !same(now, old);
		}
	}
}

struct recording recorder_watch(struct world *world, const struct recorder_probes *probes,
				const struct recorder_call *call)
{
	static struct recorder recorder;
	struct recording record;

	memset(&recorder, 0, sizeof(recorder));
	recorder.world = world;
	recorder.probes = probes;
	recorder.breaks = call->breaks;
	look_at_all(&recorder);
	recorder.trap = (struct trap){ .memory = world->memory,
				       .after = after_store,
				       .format = world->format,
				       .context = &recorder };
	trap_begin(&recorder.trap);
	record.status = call->call(call->context);
	trap_end(&recorder.trap);
	check_history(&recorder);
	record.stores = recorder.trap.stores;
	record.states = recorder.seen;
	return record;
}
