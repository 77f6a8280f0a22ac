# SPDX-License-Identifier: MIT
"""Which files of the host a command needs in L1: they are put there under the names they have here.

So no argument is rewritten, whatever form it has, and what a command says about a file means the file on
the host. A program must run in L1 as it is: linked statically, for L1's architecture.
"""

import os
import struct

# What L1 has of its own under these names would hide the host's.
RESERVED = ('/dev', '/proc', '/sys', '/init', '/commands', '/modules')

# Identification, type, machine, version, entry, program headers, section headers, flags, and the sizes.
ELF = struct.Struct('<4s2B10xHHIQQQIHHH')
ELF_CLASS_64, ELF_LITTLE_ENDIAN = 2, 1
PT_INTERP = (3).to_bytes(4, 'little')


class Unfit(Exception):
    """A command that cannot run in L1; the text says why."""


def candidates(argument):
    """What in an argument may be the name of a file: FILE, OPTION=FILE, OPTION=WORD:FILE."""
    value = argument.partition('=')[2]
    return [text for text in (argument, value, value.partition(':')[2], argument.partition(':')[2]) if text]


def named_files(arguments):
    """The files of the host that are named in the arguments, by absolute name."""
    found = {}
    for argument in arguments:
        for text in candidates(argument):
            if os.path.isfile(text) and '\0' not in text:
                name = os.path.abspath(text)
                if not is_reserved(name):
                    found[name] = None
    return list(found)


def is_reserved(name):
    return any(name == top or name.startswith(top + '/') for top in RESERVED)


def check_program(name, content, architecture):
    """Raises Unfit unless the program can run in L1."""
    if content[:2] == b'#!':
        raise Unfit(f'{name}: a script, and there is no interpreter in L1')
    try:
        header = ELF.unpack_from(content)
    except struct.error:
        raise Unfit(f'{name}: not a program (too short)') from None
    magic, bits, order, _, machine, _, _, headers, _, _, _, size, count = header
    if magic != b'\x7fELF' or bits != ELF_CLASS_64 or order != ELF_LITTLE_ENDIAN:
        raise Unfit(f'{name}: not an ELF64 program')
    if machine != architecture.elf_machine:
        raise Unfit(f'{name}: not a program for {architecture.name} (ELF machine {machine})')
    for i in range(count):
        start = headers + i * size
        if content[start : start + 4] == PT_INTERP:
            raise Unfit(f'{name}: linked dynamically, and L1 has no libraries: link it with -static')
