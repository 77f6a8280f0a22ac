/* SPDX-License-Identifier: MIT */
/* No file is written that the run reads, or writes already: what was in it would be lost. */
#include <string.h>
#include <sys/stat.h>

#include "config.h"

#define MAX_FILES (CONFIG_MAX_REGIONS + 8)

struct named_file {
	const char *name; /* as messages have it */
	const char *path;
	bool written;
};

struct file_list {
	struct named_file files[MAX_FILES];
	size_t count;
};

static void add(struct file_list *list, const char *name, const char *path, bool written)
{
	if (path)
		list->files[list->count++] = (struct named_file){ name, path, written };
}

/* By whatever names; /dev/null and the like are no one's. One that is not there yet is known by its
 * path alone. */
static bool same_file(const char *one, const char *other)
{
	struct stat a, b;

	if (stat(one, &a) != 0 || stat(other, &b) != 0)
		return strcmp(one, other) == 0;
	return S_ISREG(a.st_mode) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* `file`, which is written, and the first `count` of the list. */
static bool check_file(const struct file_list *list, size_t count, const struct named_file *file,
		       struct failure *failure)
{
	for (size_t i = 0; i < count; i++) {
		const struct named_file *other = &list->files[i];

		if (same_file(file->path, other->path))
			return fail(failure, STATUS_USAGE,
				    "%s: %s: it is the file of %s too; expected another one",
				    file->name, file->path, other->name);
	}
	return true;
}

bool config_check_files(const struct config *config, struct failure *failure)
{
	struct file_list list = { .count = 0 };

	add(&list, "the kernel", config->kernel, false);
	add(&list, "--initrd", config->initrd, false);
	add(&list, "--dtb", config->dtb, false);
	add(&list, "--config", config->config_file, false);
	for (size_t i = 0; i < config->region_count; i++)
		add(&list, config->regions[i].origin, config->regions[i].file, false);
	if (config->serial == SERIAL_FILE)
		add(&list, "--serial", config->serial_file, true);
	if (config->stats == STATS_JSON)
		add(&list, "--stats", config->stats_file, true);
	if (config->dirty_log == DIRTY_LOG_JSON)
		add(&list, "--dirty-log", config->dirty_log_file, true);
	add(&list, "--dump-dtb", config->dump_dtb, true);
	for (size_t i = 0; i < list.count; i++) {
		if (list.files[i].written && !check_file(&list, i, &list.files[i], failure))
			return false;
	}
	return true;
}
