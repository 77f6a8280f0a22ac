/* SPDX-License-Identifier: MIT */
/* Reads a configuration file. Every complaint names the file, the line and the key. */
#include "config_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "json_position.h"
#include "number.h"

#define MAX_FILE (UINT64_C(1) << 20)

struct reader {
	struct config *config;
	const char *path;
	char *text;
	size_t length;
	struct failure *failure;
};

/* A member that an object may have, and what reads it into `target`. */
struct field {
	const char *key;
	bool (*read)(struct reader *reader, const json_t *value, const struct json_place *place,
		     void *target);
};

/* "devices[0].iobase" */
static void place_name(const struct json_place *place, char *name, size_t size)
{
	size_t used;

	name[0] = '\0';
	if (place->parent)
		place_name(place->parent, name, size);
	used = strlen(name);
	if (place->key)
		(void)snprintf(name + used, size - used, "%s%s", used ? "." : "", place->key);
	else
		(void)snprintf(name + used, size - used, "[%zu]", place->index);
}

/* File, line and key; NULL if out of memory. */
static char *origin(const struct reader *reader, const struct json_place *place)
{
	char name[256], *text = NULL;

	place_name(place, name, sizeof(name));
	if (asprintf(&text, "%s:%u: %s", reader->path,
		     json_position_line(reader->text, reader->length, place), name) < 0)
		return NULL;
	return text;
}

/* Puts file, line and key before what the failure says. */
static bool locate(struct reader *reader, const struct json_place *place)
{
	char *text = origin(reader, place);

	(void)fail_prefix(reader->failure, "%s", text ? text : reader->path);
	free(text);
	return false;
}

static bool bad(struct reader *reader, const struct json_place *place, const char *expected)
{
	(void)fail(reader->failure, STATUS_USAGE, "expected %s", expected);
	return locate(reader, place);
}

static bool unknown_key(struct reader *reader, const struct json_place *place,
			const struct field *fields)
{
	char list[512] = "";

	for (; fields->key; fields++) {
		size_t used = strlen(list);

		(void)snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
			       fields->key);
	}
	(void)fail(reader->failure, STATUS_USAGE, "unknown key; expected one of %s", list);
	return locate(reader, place);
}

static bool read_member(struct reader *reader, const char *key, const json_t *value,
			const struct json_place *parent, const struct field *fields, void *target)
{
	struct json_place place = { .parent = parent, .key = key };

	for (const struct field *field = fields; field->key; field++) {
		if (strcmp(field->key, key) == 0)
			return field->read(reader, value, &place, target);
	}
	return unknown_key(reader, &place, fields);
}

/* `fields` ends with a NULL key. `place` is NULL for the file itself. */
static bool read_object(struct reader *reader, const json_t *object, const struct json_place *place,
			const struct field *fields, void *target)
{
	/* jansson's iterators want a json_t that is not const, and leave it alone. */
	json_t *walked = (json_t *)(uintptr_t)object;
	const char *key;
	json_t *value;

	if (!json_is_object(object) && !place)
		return fail(reader->failure, STATUS_USAGE, "%s:1: expected an object, {...}",
			    reader->path);
	if (!json_is_object(object))
		return bad(reader, place, "an object, {...}");
	json_object_foreach(walked, key, value)
	{
		if (!read_member(reader, key, value, place, fields, target))
			return false;
	}
	return true;
}

static bool read_array(struct reader *reader, const json_t *array, const struct json_place *place,
		       bool (*read)(struct reader *reader, const json_t *value,
				    const struct json_place *place))
{
	if (!json_is_array(array))
		return bad(reader, place, "an array, [...]");
	for (size_t i = 0; i < json_array_size(array); i++) {
		struct json_place element = { .parent = place, .index = i };

		if (!read(reader, json_array_get(array, i), &element))
			return false;
	}
	return true;
}

/* A number: an integer, or a string for hexadecimal and, where `unit` is not 0, sizes. */
static bool read_number(struct reader *reader, const json_t *value, const struct json_place *place,
			bool is_size, uint64_t *number)
{
	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*number = (uint64_t)json_integer_value(value);
		return true;
	}
	if (json_is_string(value) && (is_size ? parse_size(json_string_value(value), 1, number)
					      : parse_number(json_string_value(value), number)))
		return true;
	return bad(reader, place,
		   is_size ? "a size: a number of bytes, or a string such as \"64K\" or \"2M\""
			   : "a number of 0 or more, or a string such as \"0xf4\"");
}

/* A string, given to one of the setters that the command line uses too. */
static bool read_setting(struct reader *reader, const json_t *value, const struct json_place *place,
			 bool (*set)(struct config *config, const char *text,
				     struct failure *failure))
{
	if (!json_is_string(value))
		return bad(reader, place, "a string");
	return set(reader->config, json_string_value(value), reader->failure) ||
	       locate(reader, place);
}

/* What a path in this file means: relative to the file's folder. NULL if out of memory. */
static char *resolve_path(const struct reader *reader, const char *path)
{
	const char *slash = strrchr(reader->path, '/');
	size_t folder = slash ? (size_t)(slash - reader->path) + 1 : 0;
	char *whole = NULL;

	if (path[0] == '/')
		folder = 0;
	if (asprintf(&whole, "%.*s%s", (int)folder, reader->path, path) < 0)
		return NULL;
	return whole;
}

static bool read_path(struct reader *reader, const json_t *value, const struct json_place *place,
		      char **path)
{
	if (!json_is_string(value) || json_string_value(value)[0] == '\0')
		return bad(reader, place, "a path");
	free(*path);
	*path = resolve_path(reader, json_string_value(value));
	return *path || fail(reader->failure, STATUS_HOST, "out of memory");
}

/* The path after "file:" or "json:" is this file's, too. */
static bool resolve_setting(struct reader *reader, char **path)
{
	char *relative = *path;

	if (!relative)
		return true;
	*path = resolve_path(reader, relative);
	free(relative);
	return *path || fail(reader->failure, STATUS_HOST, "out of memory");
}

static bool read_kernel(struct reader *reader, const json_t *value, const struct json_place *place,
			void *target)
{
	(void)target;
	return read_path(reader, value, place, &reader->config->kernel);
}

static bool read_initrd(struct reader *reader, const json_t *value, const struct json_place *place,
			void *target)
{
	(void)target;
	return read_path(reader, value, place, &reader->config->initrd);
}

static bool read_dtb(struct reader *reader, const json_t *value, const struct json_place *place,
		     void *target)
{
	(void)target;
	return read_path(reader, value, place, &reader->config->dtb) &&
	       (arch_has_device_tree(reader->failure) || locate(reader, place));
}

static bool read_boot_args(struct reader *reader, const json_t *value,
			   const struct json_place *place, void *target)
{
	(void)target;
	if (!json_is_string(value))
		return bad(reader, place, "a string");
	config_set_string(&reader->config->command_line, json_string_value(value));
	return config_check_command_line(reader->config, reader->failure) || locate(reader, place);
}

static bool read_boot_source(struct reader *reader, const json_t *value,
			     const struct json_place *place, void *target)
{
	static const struct field fields[] = { { "kernel_image_path", read_kernel },
					       { "boot_args", read_boot_args },
					       { "initrd_path", read_initrd },
					       { "dtb_path", read_dtb },
					       { NULL, NULL } };

	return read_object(reader, value, place, fields, target);
}

static bool read_mem_size(struct reader *reader, const json_t *value,
			  const struct json_place *place, void *target)
{
	uint64_t mib;

	(void)target;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return bad(reader, place, "a number of MiB");
	mib = (uint64_t)json_integer_value(value);
	if (!config_check_memory_mib(mib, reader->failure))
		return locate(reader, place);
	reader->config->memory = mib * MIB;
	return true;
}

static bool read_vcpus(struct reader *reader, const json_t *value, const struct json_place *place,
		       void *target)
{
	uint64_t count;

	(void)target;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return bad(reader, place, "a number of vCPUs");
	count = (uint64_t)json_integer_value(value);
	if (!config_check_vcpus(count, reader->failure))
		return locate(reader, place);
	reader->config->vcpus = count;
	return true;
}

static bool read_machine(struct reader *reader, const json_t *value, const struct json_place *place,
			 void *target)
{
	static const struct field fields[] = { { "mem_size_mib", read_mem_size },
					       { "vcpu_count", read_vcpus },
					       { NULL, NULL } };

	return read_object(reader, value, place, fields, target);
}

static bool read_region_base(struct reader *reader, const json_t *value,
			     const struct json_place *place, void *target)
{
	return read_number(reader, value, place, true, &((struct memory_region *)target)->base);
}

static bool read_region_size(struct reader *reader, const json_t *value,
			     const struct json_place *place, void *target)
{
	return read_number(reader, value, place, true, &((struct memory_region *)target)->size);
}

static bool read_region_kind(struct reader *reader, const json_t *value,
			     const struct json_place *place, void *target)
{
	struct memory_region *region = target;

	if (!json_is_string(value) || !config_region_kind(json_string_value(value), &region->kind))
		return bad(reader, place, "\"ram\", \"rom\" or \"hole\"");
	return true;
}

static bool read_region_file(struct reader *reader, const json_t *value,
			     const struct json_place *place, void *target)
{
	return read_path(reader, value, place, &((struct memory_region *)target)->file);
}

/* The members that there is no sensible default for. */
static bool require(struct reader *reader, const json_t *object, const struct json_place *place,
		    const char *const *keys)
{
	for (; *keys; keys++) {
		if (!json_object_get(object, *keys)) {
			(void)fail(reader->failure, STATUS_USAGE, "expected a member \"%s\"",
				   *keys);
			return locate(reader, place);
		}
	}
	return true;
}

static bool read_region(struct reader *reader, const json_t *value, const struct json_place *place)
{
	static const struct field fields[] = { { "base", read_region_base },
					       { "size", read_region_size },
					       { "kind", read_region_kind },
					       { "file", read_region_file },
					       { NULL, NULL } };
	static const char *const required[] = { "base", "size", "kind", NULL };
	struct memory_region region = { .file = NULL, .origin = origin(reader, place) };

	if (!region.origin)
		return fail(reader->failure, STATUS_HOST, "out of memory");
	if (read_object(reader, value, place, fields, &region) &&
	    require(reader, value, place, required)) {
		if (config_add_region(reader->config, &region, reader->failure))
			return true;
		(void)locate(reader, place);
	}
	config_free_region(&region);
	return false;
}

static bool read_regions(struct reader *reader, const json_t *value, const struct json_place *place,
			 void *target)
{
	(void)target;
	return read_array(reader, value, place, read_region);
}

struct device_fields {
	uint64_t iobase, iosize;
};

static bool read_device_type(struct reader *reader, const json_t *value,
			     const struct json_place *place, void *target)
{
	(void)target;
	if (!json_is_string(value) || strcmp(json_string_value(value), "isa-debug-exit") != 0)
		return bad(reader, place, "\"isa-debug-exit\"");
	return true;
}

static bool read_device_iobase(struct reader *reader, const json_t *value,
			       const struct json_place *place, void *target)
{
	return read_number(reader, value, place, false, &((struct device_fields *)target)->iobase);
}

static bool read_device_iosize(struct reader *reader, const json_t *value,
			       const struct json_place *place, void *target)
{
	return read_number(reader, value, place, false, &((struct device_fields *)target)->iosize);
}

static bool read_device(struct reader *reader, const json_t *value, const struct json_place *place)
{
	static const struct field fields[] = { { "type", read_device_type },
					       { "iobase", read_device_iobase },
					       { "iosize", read_device_iosize },
					       { NULL, NULL } };
	static const char *const required[] = { "type", NULL };
	struct device_fields device = { .iobase = arch_board.debug_exit_iobase,
					.iosize = DEBUG_EXIT_IOSIZE };

	if (!read_object(reader, value, place, fields, &device) ||
	    !require(reader, value, place, required))
		return false;
	if (reader->config->debug_exit.present) {
		(void)fail(reader->failure, STATUS_USAGE,
			   "a second isa-debug-exit; expected at most one");
		return locate(reader, place);
	}
	return config_set_debug_exit(reader->config, device.iobase, device.iosize,
				     reader->failure) ||
	       locate(reader, place);
}

static bool read_devices(struct reader *reader, const json_t *value, const struct json_place *place,
			 void *target)
{
	(void)target;
	return read_array(reader, value, place, read_device);
}

static bool read_irqchip(struct reader *reader, const json_t *value, const struct json_place *place,
			 void *target)
{
	(void)target;
	return read_setting(reader, value, place, config_set_irqchip);
}

static bool read_serial(struct reader *reader, const json_t *value, const struct json_place *place,
			void *target)
{
	(void)target;
	return read_setting(reader, value, place, config_set_serial) &&
	       resolve_setting(reader, &reader->config->serial_file);
}

static bool read_escape(struct reader *reader, const json_t *value, const struct json_place *place,
			void *target)
{
	(void)target;
	return read_setting(reader, value, place, config_set_escape);
}

static bool read_rom_write(struct reader *reader, const json_t *value,
			   const struct json_place *place, void *target)
{
	(void)target;
	return read_setting(reader, value, place, config_set_rom_write);
}

static bool read_timeout(struct reader *reader, const json_t *value, const struct json_place *place,
			 void *target)
{
	double seconds = json_number_value(value);
	char text[64];

	(void)target;
	if (!json_is_number(value))
		return bad(reader, place, "a number of seconds");
	/* The same rule as on the command line, whose parser knows neither signs nor exponents. */
	if (json_is_integer(value))
		(void)snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
			       json_integer_value(value));
	else if (fabs(seconds) < 1e12)
		(void)snprintf(text, sizeof(text), "%.3f", seconds);
	else
		(void)snprintf(text, sizeof(text), "%g", seconds); /* and not 300 digits */
	return config_set_timeout(reader->config, text, reader->failure) || locate(reader, place);
}

static bool read_stats(struct reader *reader, const json_t *value, const struct json_place *place,
		       void *target)
{
	(void)target;
	return read_setting(reader, value, place, config_set_stats) &&
	       resolve_setting(reader, &reader->config->stats_file);
}

static bool read_dirty_log(struct reader *reader, const json_t *value,
			   const struct json_place *place, void *target)
{
	(void)target;
	return read_setting(reader, value, place, config_set_dirty_log) &&
	       resolve_setting(reader, &reader->config->dirty_log_file);
}

static bool read_memory_control(struct reader *reader, const json_t *value,
				const struct json_place *place, void *target)
{
	(void)target;
	if (!json_is_boolean(value))
		return bad(reader, place, "true or false");
	reader->config->memory_control = json_is_true(value);
	return true;
}

static bool read_dump_stage2(struct reader *reader, const json_t *value,
			     const struct json_place *place, void *target)
{
	(void)target;
	if (!json_is_boolean(value))
		return bad(reader, place, "true or false");
	reader->config->dump_stage2 = json_is_true(value);
	return true;
}

static bool read_dump_dtb(struct reader *reader, const json_t *value,
			  const struct json_place *place, void *target)
{
	(void)target;
	return read_path(reader, value, place, &reader->config->dump_dtb) &&
	       (arch_has_device_tree(reader->failure) || locate(reader, place));
}

static bool read_kvm_device(struct reader *reader, const json_t *value,
			    const struct json_place *place, void *target)
{
	(void)target;
	return read_path(reader, value, place, &reader->config->kvm_device);
}

static bool read_file(struct reader *reader)
{
	FILE *file = fopen(reader->path, "re");
	bool good;

	if (!file)
		return fail(reader->failure, STATUS_USAGE, "--config: %s: cannot be opened: %m",
			    reader->path);
	reader->text = malloc(MAX_FILE + 1);
	reader->length = reader->text ? fread(reader->text, 1, MAX_FILE + 1, file) : 0;
	good = reader->text && !ferror(file);
	(void)fclose(file);
	if (!good)
		return fail(reader->failure, STATUS_USAGE, "--config: %s: cannot be read",
			    reader->path);
	if (reader->length > MAX_FILE)
		return fail(reader->failure, STATUS_USAGE,
			    "--config: %s: is larger than 1 MiB; expected a configuration",
			    reader->path);
	return true;
}

static bool parse(struct reader *reader)
{
	static const struct field fields[] = {
		{ "boot-source", read_boot_source }, { "machine-config", read_machine },
		{ "memory-regions", read_regions },  { "devices", read_devices },
		{ "irqchip", read_irqchip },         { "serial", read_serial },
		{ "escape", read_escape },           { "on-rom-write", read_rom_write },
		{ "timeout", read_timeout },         { "stats", read_stats },
		{ "dirty-log", read_dirty_log },     { "memory-control", read_memory_control },
		{ "dump-stage2", read_dump_stage2 }, { "dump-dtb", read_dump_dtb },
		{ "kvm-device", read_kvm_device },   { NULL, NULL },
	};
	json_error_t error;
	json_t *root = json_loadb(reader->text, reader->length, JSON_REJECT_DUPLICATES, &error);
	bool good;

	if (!root)
		return fail(reader->failure, STATUS_USAGE, "%s:%d: %s; expected valid JSON",
			    reader->path, error.line, error.text);
	good = read_object(reader, root, NULL, fields, NULL);
	json_decref(root);
	return good;
}

bool config_load(struct config *config, const char *path, struct failure *failure)
{
	struct reader reader = { .config = config, .path = path, .failure = failure };
	bool good = read_file(&reader) && parse(&reader);

	config_set_string(&config->config_file, path);
	free(reader.text);
	return good;
}
