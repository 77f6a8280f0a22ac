/* SPDX-License-Identifier: MIT */
/*
 * A VMM that is broken on purpose, in the way that $SABOTAGE names: tests/nested/test-run demands
 * that its tests turn red. The linker puts each __wrap_ function in the place of the one that it is
 * called after (--wrap).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest_memory.h"
#include "machine.h"

static bool is(const char *name)
{
	const char *chosen = getenv("SABOTAGE");

	return chosen && strcmp(chosen, name) == 0;
}

enum paging_status __real_page_table_map(struct page_table *table, virt_addr virt, phys_addr phys,
					 uint64_t size, struct page_flags flags,
					 struct page_table_op *op);
enum paging_status __wrap_page_table_map(struct page_table *table, virt_addr virt, phys_addr phys,
					 uint64_t size, struct page_flags flags,
					 struct page_table_op *op);

/* A permission of the second stage: what can be read can be written. */
enum paging_status __wrap_page_table_map(struct page_table *table, virt_addr virt, phys_addr phys,
					 uint64_t size, struct page_flags flags,
					 struct page_table_op *op)
{
	if (is("writable"))
		flags.write = 1;
	return __real_page_table_map(table, virt, phys, size, flags, op);
}

enum paging_status __real_page_table_unmap(struct page_table *table, virt_addr virt, uint64_t size,
					   struct page_table_op *op);
enum paging_status __wrap_page_table_unmap(struct page_table *table, virt_addr virt, uint64_t size,
					   struct page_table_op *op);

enum paging_status __wrap_page_table_unmap(struct page_table *table, virt_addr virt, uint64_t size,
					   struct page_table_op *op)
{
	return is("stays") ? PAGING_OK : __real_page_table_unmap(table, virt, size, op);
}

bool __real_guest_memory_mark_dirty(struct guest_memory *memory, uint64_t address);
bool __wrap_guest_memory_mark_dirty(struct guest_memory *memory, uint64_t address);

/* One page of the log in sixteen is forgotten. */
bool __wrap_guest_memory_mark_dirty(struct guest_memory *memory, uint64_t address)
{
	if (is("forgets") && (address / GUEST_PAGE & 15) == 4)
		return true;
	return __real_guest_memory_mark_dirty(memory, address) || is("anywhere");
}

bool __real_guest_memory_check(const struct guest_memory *memory, uint64_t address, uint64_t length,
			       enum guest_access access, struct guest_fault *fault);
bool __wrap_guest_memory_check(const struct guest_memory *memory, uint64_t address, uint64_t length,
			       enum guest_access access, struct guest_fault *fault);

/* A bitmap of a round may be where no memory is: what is written there is lost. */
bool __wrap_guest_memory_check(const struct guest_memory *memory, uint64_t address, uint64_t length,
			       enum guest_access access, struct guest_fault *fault)
{
	return __real_guest_memory_check(memory, address, length, access, fault) ||
	       (is("anywhere") && access == GUEST_WRITE);
}

bool __real_guest_memory_load(const struct guest_memory *memory, uint64_t address,
			      const void *buffer, uint64_t length, struct guest_fault *fault);
bool __wrap_guest_memory_load(const struct guest_memory *memory, uint64_t address,
			      const void *buffer, uint64_t length, struct guest_fault *fault);

bool __wrap_guest_memory_load(const struct guest_memory *memory, uint64_t address,
			      const void *buffer, uint64_t length, struct guest_fault *fault)
{
	return __real_guest_memory_load(memory, address, buffer, length, fault) || is("anywhere");
}

enum guest_change __real_guest_memory_change(struct guest_memory *memory, uint64_t address,
					     uint64_t size, bool readable, bool writable,
					     struct guest_undo *undo);
enum guest_change __wrap_guest_memory_change(struct guest_memory *memory, uint64_t address,
					     uint64_t size, bool readable, bool writable,
					     struct guest_undo *undo);

enum guest_change __wrap_guest_memory_change(struct guest_memory *memory, uint64_t address,
					     uint64_t size, bool readable, bool writable,
					     struct guest_undo *undo)
{
	if (is("yes"))
		return GUEST_CHANGE_DONE;
	return __real_guest_memory_change(memory, address, size, readable, writable, undo);
}

void __real_machine_end(struct machine *machine, int status, const char *name, const char *format,
			...) __attribute__((format(printf, 4, 5)));
void __wrap_machine_end(struct machine *machine, int status, const char *name, const char *format,
			...) __attribute__((format(printf, 4, 5)));

void __wrap_machine_end(struct machine *machine, int status, const char *name, const char *format,
			...)
{
	va_list arguments;
	char text[1024];

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	__real_machine_end(machine, status + (is("status") ? 2 : 0), name, "%s", text);
}

#ifdef __aarch64__
int __real_fdt_property(void *tree, const char *name, const void *value, int length);
int __wrap_fdt_property(void *tree, const char *name, const void *value, int length);

/* A node of the device tree that is not what it says. */
int __wrap_fdt_property(void *tree, const char *name, const void *value, int length)
{
	static const char debug_exit[] = "twofold,debug-exit";

	if (is("node") && length == (int)sizeof(debug_exit) &&
	    memcmp(value, debug_exit, sizeof(debug_exit)) == 0)
		value = "twofold,debug-exot";
	return __real_fdt_property(tree, name, value, length);
}
#endif
