/* SPDX-License-Identifier: MIT */
/* The guest-physical addresses and ports of an x86_64 machine that is ours to choose. */
#ifndef VMM_X86_LAYOUT_H
#define VMM_X86_LAYOUT_H

#include <stdint.h>

/* No RAM here: devices, APICs, and KVM's own pages for Intel CPUs. */
#define MMIO_HOLE_START UINT64_C(0xc0000000)
#define MMIO_HOLE_END   UINT64_C(0x100000000)
#define IDENTITY_MAP    UINT64_C(0xfffbc000)
#define TSS_ADDRESS     UINT64_C(0xfffbd000)

/* hvm_start_info, the module list, the memory map and the command line. */
#define BOOT_DATA_START UINT64_C(0x6000)
#define BOOT_DATA_SIZE  UINT64_C(0x3000)

#define INITRD_LOWEST UINT64_C(0x100000)

#define LAST_PORT                0xffff
#define PORT_KEYBOARD_CONTROLLER 0x64
#define PORT_DEBUG_EXIT          0xf4
#define PORT_SERIAL              0x3f8
#define PORT_PVPANIC             0x505 /* as in QEMU */
#define PORT_PM1_CONTROL         0x604
#define SERIAL_IRQ               4

#endif
