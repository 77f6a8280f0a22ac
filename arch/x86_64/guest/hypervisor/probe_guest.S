/* SPDX-License-Identifier: MIT */
/* The probe guest (guest/inner.h). It may run wherever it is copied to, and has no stack. */

#define INNER_PORT	 0xe0
#define INNER_CALL_READY 1

	.section .rodata
	.balign 16
	.global inner_probe_start, inner_probe_end
inner_probe_start:
ready:
	mov $INNER_CALL_READY, %edi
	out %al, $INNER_PORT
	cmp $1, %edi
	jb read
	je write
	cmp $3, %edi
	jb fetch
	je modify
	cmp $5, %edi
	jb set_root
	je flush
	cmp $7, %edi
	jb sweep
	hlt
read:
	movzbl (%rsi), %esi
	jmp ready
write:
	movb %dl, (%rsi)
	jmp ready
fetch:
	lea ready(%rip), %rbx
	jmp *%rsi
modify:
	addb %dl, (%rsi)
	jmp ready
set_root:
	mov %rdx, %cr3
	jmp ready
flush:
	invlpg (%rsi)
	jmp ready
sweep:
	mov %rsi, (%rsi)
	add %rcx, %rsi
	cmp %rdx, %rsi
	jb sweep
	jmp ready
inner_probe_end:

	.section .note.GNU-stack, "", @progbits
