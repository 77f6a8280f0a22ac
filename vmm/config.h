/* SPDX-License-Identifier: MIT */
/* What a machine is to be: the sum of defaults, configuration file and command line. */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define CONFIG_MAX_REGIONS      32
#define CONFIG_MAX_COMMAND_LINE 4095 /* without its NUL */

#define DEBUG_EXIT_IOSIZE 4

enum irqchip {
	IRQCHIP_NONE,
	IRQCHIP_SPLIT,
	IRQCHIP_FULL,
	IRQCHIP_NOT_SAID, /* until config_complete */
};
enum serial_backend {
	SERIAL_STDIO,
	SERIAL_FILE,
	SERIAL_NULL
};
enum rom_write {
	ROM_WRITE_DROP,
	ROM_WRITE_STOP
};
enum stats_format {
	STATS_OFF,
	STATS_TEXT,
	STATS_JSON
};
enum dirty_log_format {
	DIRTY_LOG_OFF,
	DIRTY_LOG_TEXT,
	DIRTY_LOG_JSON
};
enum region_kind {
	REGION_RAM,
	REGION_ROM,
	REGION_HOLE
};

/* Both multiples of 4 KiB, size not zero, and the end does not pass 2^64. */
struct memory_region {
	uint64_t base;
	uint64_t size;
	enum region_kind kind;
	char *file;   /* what is in it at the start; NULL: zeros */
	char *origin; /* where it was asked for: "FILE:LINE: KEY" */
};

struct debug_exit_config {
	bool present;
	uint64_t iobase;
	uint64_t iosize;
};

/* Every pointer is the configuration's own (malloc), or NULL. */
struct config {
	char *config_file; /* that some of it was read from */
	char *kernel;
	char *command_line;
	char *initrd;
	char *dtb;       /* the guest's device tree; NULL: one that is made */
	uint64_t memory; /* bytes, whole MiB */
	uint64_t vcpus;
	struct memory_region regions[CONFIG_MAX_REGIONS];
	size_t region_count;
	struct debug_exit_config debug_exit;
	enum irqchip irqchip;
	enum serial_backend serial;
	char *serial_file;
	bool escape; /* ^A x ends the run */
	enum rom_write rom_write;
	uint64_t timeout_ms; /* 0: none */
	enum stats_format stats;
	char *stats_file;
	enum dirty_log_format dirty_log;
	char *dirty_log_file;
	bool memory_control; /* the guest may change its memory (vmm/memory_control.h) */
	bool dump_stage2;
	char *dump_dtb; /* a file for the device tree */
	char *kvm_device;
};

void config_init(struct config *config);
void config_free(struct config *config);

/*
 * One setting from text, as the command line has it. The failure says what was expected, not what
 * the setting is called: the caller knows that.
 */
bool config_set_memory(struct config *config, const char *text, struct failure *failure);
bool config_set_vcpus(struct config *config, const char *text, struct failure *failure);
bool config_set_irqchip(struct config *config, const char *text, struct failure *failure);
bool config_set_serial(struct config *config, const char *text, struct failure *failure);
bool config_set_escape(struct config *config, const char *text, struct failure *failure);
bool config_set_rom_write(struct config *config, const char *text, struct failure *failure);
bool config_set_timeout(struct config *config, const char *text, struct failure *failure);
bool config_set_stats(struct config *config, const char *text, struct failure *failure);
bool config_set_dirty_log(struct config *config, const char *text, struct failure *failure);
/* "isa-debug-exit[,iobase=N][,iosize=N]" */
bool config_set_device(struct config *config, const char *text, struct failure *failure);

/* After the last setting: what was not said, and depends on what was. */
void config_complete(struct config *config);
/* Refuses settings that do not go together. */
bool config_check(const struct config *config, struct failure *failure);
/* ... of them, that a file is written which another setting names. */
bool config_check_files(const struct config *config, struct failure *failure);

/* The pieces that a file gives as numbers. */
bool config_check_memory_mib(uint64_t mib, struct failure *failure);
bool config_check_vcpus(uint64_t count, struct failure *failure);
/* What was put into config->command_line. */
bool config_check_command_line(const struct config *config, struct failure *failure);
bool config_set_debug_exit(struct config *config, uint64_t iobase, uint64_t iosize,
			   struct failure *failure);
/* Takes the region's strings over if it succeeds. */
bool config_add_region(struct config *config, const struct memory_region *region,
		       struct failure *failure);
void config_free_region(struct memory_region *region);

const char *config_irqchip_name(enum irqchip irqchip);
const char *config_rom_write_name(enum rom_write policy);
const char *config_region_name(enum region_kind kind);
bool config_region_kind(const char *name, enum region_kind *kind);

/* Replaces *slot by a copy of `text`. */
void config_set_string(char **slot, const char *text);
/* ... which must not be empty. */
bool config_check_path(const char *text, struct failure *failure);
bool config_set_path(char **slot, const char *text, struct failure *failure);

#endif
