/* SPDX-License-Identifier: MIT */
/* Where an architecture's start-up code hands over. */
#ifndef GUEST_MAIN_H
#define GUEST_MAIN_H

/* kernel.memory is filled in, exceptions are taken, the boot tables are in use. */
_Noreturn void guest_main(char *command_line);

#endif
