/* SPDX-License-Identifier: MIT */
/* The settings of a machine: defaults, the parsing of each from text, and what each may be. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "kvm.h"
#include "number.h"

#define DEFAULT_MEMORY (256 * MIB)
#define MAX_MEMORY_MIB (UINT64_C(1) << 26) /* 64 TiB; what the host really has is seen later */
#define MAX_TIMEOUT_MS (UINT64_C(1000) * 60 * 60 * 24 * 365)

static char *copy_string(const char *text)
{
	char *copy = strdup(text);

	if (!copy) {
		/* A few bytes at start-up: nothing is running that could be saved. */
		(void)fputs("vmm: out of memory\n", stderr);
		exit(STATUS_HOST);
	}
	return copy;
}

void config_set_string(char **slot, const char *text)
{
	free(*slot);
	*slot = copy_string(text);
}

bool config_check_path(const char *text, struct failure *failure)
{
	return text[0] != '\0' || fail(failure, STATUS_USAGE, "\"\" is not a path; expected one");
}

bool config_set_path(char **slot, const char *text, struct failure *failure)
{
	if (!config_check_path(text, failure))
		return false;
	config_set_string(slot, text);
	return true;
}

void config_init(struct config *config)
{
	memset(config, 0, sizeof(*config));
	config->memory = DEFAULT_MEMORY;
	config->vcpus = 1;
	config->irqchip = IRQCHIP_NOT_SAID;
	config->serial = SERIAL_STDIO;
	config->escape = true;
	config_set_string(&config->kvm_device, KVM_DEVICE);
}

void config_free_region(struct memory_region *region)
{
	free(region->file);
	free(region->origin);
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < config->region_count; i++)
		config_free_region(&config->regions[i]);
	free(config->kernel);
	free(config->command_line);
	free(config->initrd);
	free(config->dtb);
	free(config->config_file);
	free(config->serial_file);
	free(config->stats_file);
	free(config->dirty_log_file);
	free(config->dump_dtb);
	free(config->kvm_device);
	memset(config, 0, sizeof(*config));
}

bool config_check_memory_mib(uint64_t mib, struct failure *failure)
{
	if (mib == 0)
		return fail(failure, STATUS_USAGE, "0 is no memory; expected at least 1 MiB");
	if (mib > MAX_MEMORY_MIB)
		return fail(failure, STATUS_USAGE,
			    "%" PRIu64 " MiB is too much; expected at most %" PRIu64 " MiB", mib,
			    MAX_MEMORY_MIB);
	return true;
}

static bool not_a_size(const char *text, bool too_large, struct failure *failure)
{
	if (too_large)
		return fail(failure, STATUS_USAGE,
			    "\"%s\" is too much; expected at most %" PRIu64 " MiB", text,
			    MAX_MEMORY_MIB);
	return fail(failure, STATUS_USAGE,
		    "\"%s\" is not a size; expected a number of MiB, or one with K, M, G or T, "
		    "such as 512M",
		    text);
}

bool config_set_memory(struct config *config, const char *text, struct failure *failure)
{
	const char *size = strncmp(text, "size=", 5) == 0 ? text + 5 : text;
	uint64_t bytes;

	if (!parse_size(size, MIB, &bytes))
		return not_a_size(text, errno == ERANGE, failure);
	if (bytes % MIB != 0)
		return fail(failure, STATUS_USAGE,
			    "\"%s\" is not a whole number of MiB; expected one, such as 512M",
			    text);
	if (!config_check_memory_mib(bytes / MIB, failure))
		return false;
	config->memory = bytes;
	return true;
}

bool config_check_vcpus(uint64_t count, struct failure *failure)
{
	if (count >= 1 && count <= arch_board.vcpus_max)
		return true;
	return fail(failure, STATUS_USAGE, "%" PRIu64 " vCPUs; expected 1 to %u", count,
		    arch_board.vcpus_max);
}

bool config_set_vcpus(struct config *config, const char *text, struct failure *failure)
{
	uint64_t count;

	if (!parse_number(text, &count))
		return fail(failure, STATUS_USAGE,
			    "\"%s\" is not a number of vCPUs; expected 1 to %u", text,
			    arch_board.vcpus_max);
	if (!config_check_vcpus(count, failure))
		return false;
	config->vcpus = count;
	return true;
}

bool config_check_command_line(const struct config *config, struct failure *failure)
{
	size_t length = config->command_line ? strlen(config->command_line) : 0;

	if (length <= CONFIG_MAX_COMMAND_LINE)
		return true;
	return fail(failure, STATUS_USAGE, "command line of %zu bytes; expected at most %d", length,
		    CONFIG_MAX_COMMAND_LINE);
}

/* Several vCPUs start and wake each other by their interrupt controllers. */
void config_complete(struct config *config)
{
	if (config->irqchip == IRQCHIP_NOT_SAID)
		config->irqchip = config->vcpus > 1 ? IRQCHIP_FULL : arch_board.irqchip;
}

bool config_check(const struct config *config, struct failure *failure)
{
	if (config->vcpus > 1 && config->irqchip == IRQCHIP_NONE)
		return fail(failure, STATUS_USAGE,
			    "--smp %" PRIu64 " with --irqchip none: nothing can start the second "
			    "vCPU; expected an interrupt controller, or --smp 1",
			    config->vcpus);
	return config_check_files(config, failure);
}

static const char *const irqchip_names[] = { "none", "split", "full", NULL };
static const char *const rom_write_names[] = { "drop", "stop", NULL };
static const char *const region_names[] = { "ram", "rom", "hole", NULL };

static int find_name(const char *const *names, const char *text)
{
	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], text) == 0)
			return i;
	}
	return -1;
}

const char *config_irqchip_name(enum irqchip irqchip)
{
	return irqchip_names[irqchip];
}

const char *config_rom_write_name(enum rom_write policy)
{
	return rom_write_names[policy];
}

const char *config_region_name(enum region_kind kind)
{
	return region_names[kind];
}

bool config_region_kind(const char *name, enum region_kind *kind)
{
	int found = find_name(region_names, name);

	if (found < 0)
		return false;
	*kind = (enum region_kind)found;
	return true;
}

bool config_set_irqchip(struct config *config, const char *text, struct failure *failure)
{
	int found = find_name(irqchip_names, text);

	if (found < 0)
		return fail(failure, STATUS_USAGE,
			    "\"%s\" is not an interrupt controller; expected none, split or full",
			    text);
	if (!arch_has_irqchip((enum irqchip)found, failure))
		return false;
	config->irqchip = (enum irqchip)found;
	return true;
}

bool config_set_rom_write(struct config *config, const char *text, struct failure *failure)
{
	int found = find_name(rom_write_names, text);

	if (found < 0)
		return fail(failure, STATUS_USAGE, "\"%s\" is unknown; expected drop or stop",
			    text);
	config->rom_write = (enum rom_write)found;
	return true;
}

bool config_set_serial(struct config *config, const char *text, struct failure *failure)
{
	if (strcmp(text, "stdio") == 0) {
		config->serial = SERIAL_STDIO;
	} else if (strcmp(text, "null") == 0) {
		config->serial = SERIAL_NULL;
	} else if (strncmp(text, "file:", 5) == 0 && text[5] != '\0') {
		config->serial = SERIAL_FILE;
		config_set_string(&config->serial_file, text + 5);
	} else {
		return fail(failure, STATUS_USAGE,
			    "\"%s\" is unknown; expected stdio, file:PATH or null", text);
	}
	return true;
}

bool config_set_escape(struct config *config, const char *text, struct failure *failure)
{
	if (strcmp(text, "^A") != 0 && strcmp(text, "none") != 0)
		return fail(failure, STATUS_USAGE, "\"%s\" is unknown; expected none or ^A", text);
	config->escape = text[0] == '^';
	return true;
}

bool config_set_timeout(struct config *config, const char *text, struct failure *failure)
{
	uint64_t milliseconds;

	if (!parse_milliseconds(text, &milliseconds) || milliseconds == 0 ||
	    milliseconds > MAX_TIMEOUT_MS)
		return fail(failure, STATUS_USAGE,
			    "\"%s\" is not a time limit; expected seconds above 0 and up to "
			    "%" PRIu64 ", such as 30 or 0.5",
			    text, MAX_TIMEOUT_MS / 1000);
	config->timeout_ms = milliseconds;
	return true;
}

bool config_set_stats(struct config *config, const char *text, struct failure *failure)
{
	if (strcmp(text, "text") == 0) {
		config->stats = STATS_TEXT;
	} else if (strncmp(text, "json:", 5) == 0 && text[5] != '\0') {
		config->stats = STATS_JSON;
		config_set_string(&config->stats_file, text + 5);
	} else {
		return fail(failure, STATUS_USAGE, "\"%s\" is unknown; expected text or json:FILE",
			    text);
	}
	return true;
}

bool config_set_dirty_log(struct config *config, const char *text, struct failure *failure)
{
	if (strcmp(text, "text") == 0) {
		config->dirty_log = DIRTY_LOG_TEXT;
	} else if (strncmp(text, "json:", 5) == 0 && text[5] != '\0') {
		config->dirty_log = DIRTY_LOG_JSON;
		config_set_string(&config->dirty_log_file, text + 5);
	} else {
		return fail(failure, STATUS_USAGE, "\"%s\" is unknown; expected text or json:FILE",
			    text);
	}
	return true;
}

bool config_set_debug_exit(struct config *config, uint64_t iobase, uint64_t iosize,
			   struct failure *failure)
{
	if (iosize != 1 && iosize != 2 && iosize != 4)
		return fail(failure, STATUS_USAGE, "iosize %" PRIu64 "; expected 1, 2 or 4",
			    iosize);
	if (iobase > arch_board.debug_exit_last || iosize - 1 > arch_board.debug_exit_last - iobase)
		return fail(failure, STATUS_USAGE,
			    "iobase 0x%" PRIx64 "; expected %" PRIu64 " %s within 0x0-0x%" PRIx64,
			    iobase, iosize, arch_board.debug_exit_units,
			    arch_board.debug_exit_last);
	config->debug_exit.present = true;
	config->debug_exit.iobase = iobase;
	config->debug_exit.iosize = iosize;
	return true;
}

static bool set_device_property(const char *property, uint64_t *iobase, uint64_t *iosize,
				bool seen[2], struct failure *failure)
{
	bool is_size = strncmp(property, "iosize=", 7) == 0;

	if (!is_size && strncmp(property, "iobase=", 7) != 0)
		return fail(failure, STATUS_USAGE,
			    "isa-debug-exit has no property \"%s\"; expected iobase=N or iosize=N",
			    property);
	if (seen[is_size])
		return fail(failure, STATUS_USAGE, "%s is given twice; expected once",
			    is_size ? "iosize" : "iobase");
	seen[is_size] = true;
	if (!parse_number(property + 7, is_size ? iosize : iobase))
		return fail(failure, STATUS_USAGE,
			    "\"%s\": expected a number after the =", property);
	return true;
}

bool config_set_device(struct config *config, const char *text, struct failure *failure)
{
	uint64_t iobase = arch_board.debug_exit_iobase, iosize = DEBUG_EXIT_IOSIZE;
	bool seen[2] = { false, false };
	char *copy = copy_string(text), *rest = copy, *word = strsep(&rest, ",");
	bool good = true;

	if (strcmp(word, "isa-debug-exit") != 0)
		good = fail(failure, STATUS_USAGE,
			    "\"%s\" is not a device; expected isa-debug-exit", word);
	while (good && (word = strsep(&rest, ",")))
		good = set_device_property(word, &iobase, &iosize, seen, failure);
	free(copy);
	return good && config_set_debug_exit(config, iobase, iosize, failure);
}

static bool region_is_sound(const struct memory_region *region, struct failure *failure)
{
	if (region->base % (4 * KIB) != 0)
		return fail(failure, STATUS_USAGE,
			    "base 0x%" PRIx64 "; expected a multiple of 4 KiB", region->base);
	if (region->size == 0 || region->size % (4 * KIB) != 0)
		return fail(failure, STATUS_USAGE,
			    "size 0x%" PRIx64 "; expected a multiple of 4 KiB, not zero",
			    region->size);
	if (region->size - 1 > UINT64_MAX - region->base)
		return fail(failure, STATUS_USAGE,
			    "base 0x%" PRIx64 " and size 0x%" PRIx64
			    " pass the end of 64-bit addresses",
			    region->base, region->size);
	if (region->file && region->kind == REGION_HOLE)
		return fail(failure, STATUS_USAGE, "a hole has no content; expected no file");
	return true;
}

bool config_add_region(struct config *config, const struct memory_region *region,
		       struct failure *failure)
{
	if (!region_is_sound(region, failure))
		return false;
	for (size_t i = 0; i < config->region_count; i++) {
		const struct memory_region *other = &config->regions[i];

		if (region->base <= other->base + (other->size - 1) &&
		    other->base <= region->base + (region->size - 1))
			return fail(failure, STATUS_USAGE,
				    "0x%" PRIx64 "-0x%" PRIx64 " overlaps region %zu at 0x%" PRIx64
				    "-0x%" PRIx64 "; expected none to overlap",
				    region->base, region->base + (region->size - 1), i, other->base,
				    other->base + (other->size - 1));
	}
	if (config->region_count == CONFIG_MAX_REGIONS)
		return fail(failure, STATUS_USAGE, "too many memory regions; expected at most %d",
			    CONFIG_MAX_REGIONS);
	config->regions[config->region_count++] = *region;
	return true;
}
