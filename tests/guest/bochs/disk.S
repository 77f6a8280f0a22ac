/* SPDX-License-Identifier: MIT */
/*
 * For rom.S: the whole of the first disk (ATA, by PIO: ATA/ATAPI-6 6.20, 8.16, 8.34, 9.5) to where
 * DISK says. Bochs 2.7 would place files in memory itself (optramimage1), but no more than 128 KiB of each.
 */
#define ATA_DATA     0x1f0
#define ATA_COUNT    0x1f2
#define ATA_LBA	     0x1f3 /* bits 7:0, 15:8 and 23:16, and 27:24 in the next one */
#define ATA_DEVICE   0x1f6
#define ATA_COMMAND  0x1f7 /* written; read: the status */
#define ATA_CONTROL  0x3f6
#define ATA_BUSY     0x80
#define ATA_FAULT    0x21 /* or error */
#define ATA_REQUEST  0x08
#define ATA_NOTHING  0xff /* nobody is at the port */
#define ATA_BY_LBA   0xe0
#define ATA_POLLED   0x02 /* no interrupts */
#define ATA_IDENTIFY 0xec
#define ATA_READ     0x20
#define SECTORS	     120 /* of IDENTIFY's answer */
#define WORDS	     256 /* of a sector */
#define AT_ONCE	     256 /* sectors of a command, which 0 stands for */

#define UART_DATA    0x3f8
#define UART_STATUS  0x3fd
#define UART_EMPTY   0x20
#define UART_IDLE    0x40
#define BOCHS_EXIT   0x8900

#define BUFFER	     0x7000

	/* All registers but ESP are its own. */
read_disk:
	mov $ATA_POLLED, %al
	mov $ATA_CONTROL, %dx
	out %al, %dx
	mov $ATA_BY_LBA, %al
	mov $ATA_DEVICE, %dx
	out %al, %dx
	mov $ATA_COMMAND, %dx
	in %dx, %al
	cmp $ATA_NOTHING, %al
	je bad_disk
	mov $ATA_IDENTIFY, %al
	out %al, %dx
	mov $BUFFER, %edi
	call read_sector
	mov BUFFER + SECTORS, %ebp	/* what is left */
	xor %ebx, %ebx			/* the next one */
	mov $DISK, %edi
1:	test %ebp, %ebp
	jz 4f
	mov $AT_ONCE, %esi
	cmp %esi, %ebp
	jae 2f
	mov %ebp, %esi
2:	call order_sectors
	add %esi, %ebx
	sub %esi, %ebp
3:	call read_sector
	dec %esi
	jnz 3b
	jmp 1b
4:	ret

	/* ESI sectors from EBX on. */
order_sectors:
	mov %esi, %eax
	mov $ATA_COUNT, %dx
	out %al, %dx
	mov %ebx, %eax
	mov $ATA_LBA, %dx
5:	out %al, %dx
	shr $8, %eax
	inc %edx
	cmp $ATA_DEVICE, %dx
	jne 5b
	or $ATA_BY_LBA, %al
	out %al, %dx
	mov $ATA_READ, %al
	mov $ATA_COMMAND, %dx
	out %al, %dx
	ret

	/* To EDI, which it moves on. */
read_sector:
	mov $ATA_COMMAND, %dx
6:	in %dx, %al
	test $ATA_BUSY, %al
	jnz 6b
	test $ATA_FAULT, %al
	jnz bad_disk
	test $ATA_REQUEST, %al
	jz 6b
	mov $ATA_DATA, %dx
	mov $WORDS, %ecx
	rep insw
	ret

bad_disk:
	mov $bad_disk_text, %esi
7:	mov $UART_STATUS, %dx
8:	in %dx, %al
	test $UART_EMPTY, %al
	jz 8b
	lodsb
	mov $UART_DATA, %dx
	out %al, %dx
	cmpb $0, (%esi)
	jne 7b
	mov $UART_STATUS, %dx
9:	in %dx, %al
	test $UART_IDLE, %al
	jz 9b
	mov $BOCHS_EXIT, %dx
	mov $bochs_exit_text, %esi
	mov $8, %ecx
	rep outsb
	hlt

bad_disk_text:
	.asciz "Bail out! ROM: the first disk cannot be read\n"
bochs_exit_text:
	.ascii "Shutdown"
