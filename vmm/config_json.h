/* SPDX-License-Identifier: MIT */
/* The configuration as a JSON file. docs/vmm.md lists the keys. */
#ifndef VMM_CONFIG_JSON_H
#define VMM_CONFIG_JSON_H

#include <stdbool.h>

#include "config.h"
#include "failure.h"

/* Sets what the file sets. Paths in it are relative to the file's own folder. */
bool config_load(struct config *config, const char *path, struct failure *failure);

/* Prints all of it to standard output, in the form that config_load takes. Paths are absolute. */
bool config_print(const struct config *config, struct failure *failure);

#endif
