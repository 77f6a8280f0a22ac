/* SPDX-License-Identifier: MIT */
/* Prints a configuration in the form that config_load takes. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_json.h"
#include "number.h"

/* Paths in a file are relative to its folder, and nobody knows where this will be put. */
static json_t *path_json(const char *prefix, const char *path)
{
	char *folder = path[0] == '/' ? NULL : getcwd(NULL, 0);
	json_t *json =
		json_sprintf("%s%s%s%s", prefix, folder ? folder : "", folder ? "/" : "", path);

	free(folder);
	return json;
}

static json_t *hex_json(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

static json_t *boot_json(const struct config *config)
{
	json_t *json = json_object();

	if (config->kernel)
		(void)json_object_set_new(json, "kernel_image_path", path_json("", config->kernel));
	if (config->command_line)
		(void)json_object_set_new(json, "boot_args", json_string(config->command_line));
	if (config->initrd)
		(void)json_object_set_new(json, "initrd_path", path_json("", config->initrd));
	if (config->dtb)
		(void)json_object_set_new(json, "dtb_path", path_json("", config->dtb));
	return json;
}

static json_t *region_json(const struct memory_region *region)
{
	json_t *json = json_pack("{s:o, s:o, s:s}", "base", hex_json(region->base), "size",
				 hex_json(region->size), "kind", config_region_name(region->kind));

	if (region->file)
		(void)json_object_set_new(json, "file", path_json("", region->file));
	return json;
}

static json_t *regions_json(const struct config *config)
{
	json_t *json = json_array();

	for (size_t i = 0; i < config->region_count; i++)
		(void)json_array_append_new(json, region_json(&config->regions[i]));
	return json;
}

static json_t *devices_json(const struct config *config)
{
	json_t *json = json_array();

	if (config->debug_exit.present)
		(void)json_array_append_new(json,
					    json_pack("{s:s, s:o, s:i}", "type", "isa-debug-exit",
						      "iobase", hex_json(config->debug_exit.iobase),
						      "iosize", (int)config->debug_exit.iosize));
	return json;
}

static json_t *serial_json(const struct config *config)
{
	if (config->serial == SERIAL_FILE)
		return path_json("file:", config->serial_file);
	return json_string(config->serial == SERIAL_STDIO ? "stdio" : "null");
}

/* What is off when its key is absent, and has no value that says so. */
static void set_optional(json_t *json, const struct config *config)
{
	if (config->timeout_ms % 1000 != 0)
		(void)json_object_set_new(json, "timeout",
					  json_real((double)config->timeout_ms / 1000.0));
	else if (config->timeout_ms != 0)
		(void)json_object_set_new(json, "timeout",
					  json_integer((json_int_t)(config->timeout_ms / 1000)));
	if (config->stats == STATS_TEXT)
		(void)json_object_set_new(json, "stats", json_string("text"));
	if (config->stats == STATS_JSON)
		(void)json_object_set_new(json, "stats", path_json("json:", config->stats_file));
	if (config->dirty_log == DIRTY_LOG_TEXT)
		(void)json_object_set_new(json, "dirty-log", json_string("text"));
	if (config->dirty_log == DIRTY_LOG_JSON)
		(void)json_object_set_new(json, "dirty-log",
					  path_json("json:", config->dirty_log_file));
	if (config->dump_dtb)
		(void)json_object_set_new(json, "dump-dtb", path_json("", config->dump_dtb));
}

bool config_print(const struct config *config, struct failure *failure)
{
	json_t *json = json_pack(
		"{s:o, s:{s:I, s:I}, s:o, s:o, s:s, s:o, s:s, s:s, s:b, s:b, s:o}", "boot-source",
		boot_json(config), "machine-config", "mem_size_mib",
		(json_int_t)(config->memory / MIB), "vcpu_count", (json_int_t)config->vcpus,
		"memory-regions", regions_json(config), "devices", devices_json(config), "irqchip",
		config_irqchip_name(config->irqchip), "serial", serial_json(config), "escape",
		config->escape ? "^A" : "none", "on-rom-write",
		config_rom_write_name(config->rom_write), "memory-control",
		(int)config->memory_control, "dump-stage2", (int)config->dump_stage2, "kvm-device",
		path_json("", config->kvm_device));
	bool good;

	if (!json)
		return fail(failure, STATUS_USAGE,
			    "--print-config: a path or the command line is not UTF-8, which JSON "
			    "must be");
	set_optional(json, config);
	good = json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) == 0;
	json_decref(json);
	if (!good)
		return fail(failure, STATUS_HOST,
			    "--print-config: standard output cannot be written");
	(void)putchar('\n');
	return true;
}
