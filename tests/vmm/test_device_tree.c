/* SPDX-License-Identifier: MIT */
/* The device tree: what dtc makes of it, what it says, and which trees of a user's are refused. */
#include <criterion/criterion.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device_tree.h"

#define SIZE 65536

static struct device_tree_machine machine;
static uint8_t tree[SIZE], other[SIZE];
static size_t length, other_length;
static struct failure failure;

static void set_up(void)
{
	machine = (struct device_tree_machine){
		.gic = 3,
		.cpus = 1,
		.has_debug_exit = true,
		.debug_exit_base = 0x90f0000,
		.debug_exit_size = 4,
		.has_memory_control = true,
		.memory_control_base = 0x90e0000,
		.memory = { { 0x40000000, 0x10000000 }, { 0x100000000, 0x200000 } },
		.memory_count = 2,
		.command_line = "console=ttyAMA0 \"x\"",
		.initrd = { 0x48000000, 0x1234 },
	};
}

TestSuite(device_tree, .init = set_up);

static void build(void)
{
	cr_assert(device_tree_build(&machine, tree, SIZE, &length, &failure), "%s", failure.text);
}

/* To source and back by dtc, which says nothing: the same again. (That phandles are numbers is all
 * that dtc dislikes about its own source.) */
static void round_trip(void)
{
	char name[] = "/tmp/test-device-tree-XXXXXX", command[512];
	int fd = mkstemp(name), status;
	FILE *pipe;

	build();
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, tree, length), (ssize_t)length);
	(void)close(fd);
	(void)snprintf(command, sizeof(command),
		       "exec 2>&1; dtc -I dtb -O dts -o %s.dts %s && dtc -W no-clocks_property -I "
		       "dts -O dtb -o %s.2 "
		       "%s.dts && dtc -s -I dtb -O dts -o %s.3 %s && dtc -s -I dtb -O dts -o %s.4 "
		       "%s.2 && cmp %s.3 %s.4; s=$?; rm -f %s %s.*; exit $s",
		       name, name, name, name, name, name, name, name, name, name, name, name);
	pipe = popen(command, "r");
	cr_assert_not_null(pipe);
	cr_expect_null(fgets(command, sizeof(command), pipe), "dtc says: %s", command);
	status = pclose(pipe);
	cr_expect_eq(status, 0, "status %#x", (unsigned int)status);
}

Test(device_tree, dtc_gic3)
{
	round_trip();
}

Test(device_tree, dtc_gic2)
{
	machine.gic = 2;
	round_trip();
}

Test(device_tree, dtc_bare)
{
	machine.gic = 0;
	machine.has_debug_exit = false;
	machine.command_line = "";
	machine.initrd.size = 0;
	machine.memory_count = 1;
	round_trip();
}

static void has(const char *path, const char *property, const void *value, int size)
{
	int node = fdt_path_offset(tree, path), found;
	const void *seen = fdt_getprop(tree, node, property, &found);

	cr_assert_not_null(seen, "%s has no %s", path, property);
	cr_assert_eq(found, size, "%s of %s has %d bytes", property, path, found);
	cr_expect_eq(memcmp(seen, value, (size_t)size), 0, "%s of %s", property, path);
}

Test(device_tree, says)
{
	build();
	cr_expect_eq(fdt_check_full(tree, length), 0);
	has("/chosen", "stdout-path", "/pl011@9000000", 15);
	has("/chosen", "bootargs", "console=ttyAMA0 \"x\"", 20);
	has("/chosen", "linux,initrd-start", "\0\0\0\0\x48\0\0\0", 8);
	has("/chosen", "linux,initrd-end", "\0\0\0\0\x48\0\x12\x34", 8);
	has("/memory@40000000", "reg", "\0\0\0\0\x40\0\0\0\0\0\0\0\x10\0\0\0", 16);
	has("/memory@100000000", "reg", "\0\0\0\1\0\0\0\0\0\0\0\0\0\x20\0\0", 16);
	has("/cpus/cpu@0", "enable-method", "psci", 5);
	has("/psci", "method", "hvc", 4);
	has("/intc@8000000", "compatible", "arm,gic-v3", 11);
	has("/pl011@9000000", "reg", "\0\0\0\0\x09\0\0\0\0\0\0\0\0\0\x10\0", 16);
	has("/pl011@9000000", "interrupts", "\0\0\0\0\0\0\0\1\0\0\0\4", 12);
	has("/pvpanic@90d0000", "compatible", "qemu,pvpanic-mmio", 18);
	has("/pvpanic@90d0000", "reg", "\0\0\0\0\x09\x0d\0\0\0\0\0\0\0\0\0\2", 16);
	has("/memory-control@90e0000", "compatible", "twofold,memory-control", 23);
	has("/memory-control@90e0000", "reg", "\0\0\0\0\x09\x0e\0\0\0\0\0\0\0\0\0\x08", 16);
	has("/debug-exit@90f0000", "compatible", "twofold,debug-exit", 19);
	has("/debug-exit@90f0000", "reg", "\0\0\0\0\x09\x0f\0\0\0\0\0\0\0\0\0\4", 16);
}

Test(device_tree, cpus)
{
	machine.cpus = 18;
	build();
	has("/cpus/cpu@0", "reg", "\0\0\0\0", 4);
	has("/cpus/cpu@f", "reg", "\0\0\0\x0f", 4);
	has("/cpus/cpu@100", "reg", "\0\0\1\0", 4);
	has("/cpus/cpu@101", "enable-method", "psci", 5);
	cr_expect_lt(fdt_path_offset(tree, "/cpus/cpu@102"), 0);
	/* Distributor, and 18 redistributors of 128 KiB. */
	has("/intc@8000000", "reg",
	    "\0\0\0\0\x08\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\x08\x0a\0\0\0\0\0\0\0\x24\0\0", 32);
}

Test(device_tree, interrupts_of_gicv2_go_to_all_cpus)
{
	static const uint8_t two[] = "\0\0\0\1\0\0\0\x0d\0\0\3\4";
	const uint8_t *interrupts;

	machine.gic = 2;
	machine.cpus = 2;
	build();
	interrupts = fdt_getprop(tree, fdt_path_offset(tree, "/timer"), "interrupts", NULL);
	cr_assert_not_null(interrupts);
	cr_expect_eq(memcmp(interrupts, two, 12), 0);
}

Test(device_tree, says_what_there_is)
{
	machine.gic = 0;
	machine.has_debug_exit = false;
	machine.command_line = "";
	machine.initrd.size = 0;
	build();
	cr_expect_lt(fdt_path_offset(tree, "/intc@8000000"), 0);
	cr_expect_lt(fdt_path_offset(tree, "/timer"), 0);
	cr_expect_lt(fdt_path_offset(tree, "/debug-exit@90f0000"), 0);
	cr_expect_null(fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "bootargs", NULL));
	cr_expect_null(
		fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "linux,initrd-start", NULL));
}

Test(device_tree, too_small)
{
	cr_expect(!device_tree_build(&machine, tree, 512, &length, &failure));
	cr_expect_str_eq(failure.text, "the device tree cannot be built: FDT_ERR_NOSPACE");
}

/* The user's tree is one of ours, for it is sound; then the machine's settings change. */
static void adopt(void)
{
	cr_assert(device_tree_adopt(&machine, tree, length, other, SIZE, &other_length, &failure),
		  "%s", failure.text);
	memcpy(tree, other, SIZE);
	cr_expect_eq(fdt_check_full(tree, other_length), 0);
}

Test(device_tree, adopted)
{
	build();
	machine.command_line = "quiet";
	machine.initrd.base = 0x44000000;
	adopt();
	has("/chosen", "bootargs", "quiet", 6);
	has("/chosen", "linux,initrd-start", "\0\0\0\0\x44\0\0\0", 8);
	has("/chosen", "linux,initrd-end", "\0\0\0\0\x44\0\x12\x34", 8);
	has("/psci", "method", "hvc", 4);
}

Test(device_tree, adopted_as_it_is)
{
	build();
	machine.command_line = "";
	machine.initrd.size = 0;
	adopt();
	has("/chosen", "bootargs", "console=ttyAMA0 \"x\"", 20);
	has("/chosen", "linux,initrd-end", "\0\0\0\0\x48\0\x12\x34", 8);
}

Test(device_tree, adopted_without_chosen)
{
	build();
	cr_assert_eq(fdt_del_node(tree, fdt_path_offset(tree, "/chosen")), 0);
	adopt();
	has("/chosen", "bootargs", "console=ttyAMA0 \"x\"", 20);
}

static void refused(size_t bytes, const char *message)
{
	cr_expect(!device_tree_adopt(&machine, tree, bytes, other, SIZE, &other_length, &failure));
	cr_expect_eq(failure.status, STATUS_USAGE);
	cr_expect_str_eq(failure.text, message);
}

Test(device_tree, refused_bytes)
{
	build();
	refused(39, "39 bytes are too few for a device tree; expected at least 40");
	fdt_set_totalsize(tree, 0x800);
	refused(0x7ff, "the device tree has 0x800 bytes, and the file only 0x7ff");
	build();
	memset(tree + fdt_off_dt_struct(tree) + 8, 0xff, 4);
	refused(length, "the device tree is damaged: FDT_ERR_BADSTRUCTURE");
	tree[0] = 0x7f;
	refused(length, "not a device tree: it begins 7f0dfeed, expected d00dfeed");
}

Test(device_tree, refused_memory)
{
	build();
	machine.memory[1].size = 0x100000;
	refused(length,
		"the device tree's node memory@100000000: 0x200000 bytes at 0x100000000 are "
		"not RAM of this machine (-m)");
	machine.memory[1].size = 0x300000;
	refused(length, "the device tree has 0x10200000 bytes of memory and the machine 0x10300000 "
			"(-m); expected the same");
	cr_assert_eq(fdt_setprop(tree, fdt_path_offset(tree, "/memory@100000000"), "reg", tree, 12),
		     0);
	refused(length,
		"the device tree's node memory@100000000: expected a \"reg\" of addresses and "
		"sizes");
	cr_assert_eq(fdt_setprop_u32(tree, 0, "#address-cells", 3), 0);
	refused(length, "the device tree's root has 3 address and 2 size cells; expected 1 or 2");
}
