/* SPDX-License-Identifier: MIT */
/* The guest-physical addresses and interrupts of an AArch64 machine: those of QEMU's "virt". */
#ifndef VMM_ARM_LAYOUT_H
#define VMM_ARM_LAYOUT_H

#include <stdint.h>

#define GIC_DISTRIBUTOR        UINT64_C(0x08000000)
#define GIC_DISTRIBUTOR_SIZE   UINT64_C(0x10000)
#define GIC_REDISTRIBUTOR      UINT64_C(0x080a0000)
#define GIC_REDISTRIBUTOR_SIZE UINT64_C(0x20000) /* of each vCPU */
#define GIC_V2_CPU             UINT64_C(0x08010000)
#define GIC_V2_CPU_SIZE        UINT64_C(0x10000)
#define GIC_INTERRUPTS         64 /* shared and private ones together */

#define UART_BASE       UINT64_C(0x09000000)
#define UART_SPI        1
#define UART_CLOCK_HZ   24000000
#define DEBUG_EXIT_BASE UINT64_C(0x090f0000)

#define PVPANIC_BASE        UINT64_C(0x090d0000)
#define MEMORY_CONTROL_BASE UINT64_C(0x090e0000)

#define DEVICES_LAST UINT64_C(0x3fffffff)
#define RAM_BASE     UINT64_C(0x40000000)

/* Private interrupts of the timers: secure and non-secure physical, virtual, hypervisor's. */
#define TIMER_SECURE_PPI     13
#define TIMER_NON_SECURE_PPI 14
#define TIMER_VIRTUAL_PPI    11
#define TIMER_HYPERVISOR_PPI 10

#endif
