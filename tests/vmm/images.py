# SPDX-License-Identifier: MIT
"""
Malformed kernel images, one for each thing that the loader refuses, with what it must say. They are
made here, byte for byte the same each time, and can be written out as seeds for a fuzzer:

    python3 images.py FOLDER
"""

import os
import struct
import sys

PT_LOAD, PT_NOTE = 1, 4
EHDR = struct.Struct("<4sBBBB8xHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
ENTRY = 0x100000
CODE = b"\xf4" * 16  # hlt
NOTE_ENTRY = 18


def note(content=struct.pack("<I", ENTRY), owner=b"Xen\0", kind=NOTE_ENTRY):
    def pad(data):
        return data + b"\0" * (-len(data) % 4)

    return struct.pack("<III", len(owner), len(content), kind) + pad(owner) + pad(content)


def load(paddr=ENTRY, data=CODE, memsz=None, **other):
    return dict(type=PT_LOAD, paddr=paddr, data=data, memsz=memsz, **other)


def notes(data=None):
    return dict(type=PT_NOTE, paddr=0, data=note() if data is None else data, memsz=None)


def elf(segments=None, **header):
    """An image of these segments; `header` replaces fields of the file header, and filesz, offset in
    a segment what is true of it."""
    segments = [load(), notes()] if segments is None else segments
    offset = EHDR.size + PHDR.size * len(segments)
    table, body = b"", b""
    for segment in segments:
        data = segment["data"]
        memsz = len(data) if segment["memsz"] is None else segment["memsz"]
        table += PHDR.pack(
            segment["type"],
            7,
            segment.get("offset", offset + len(body)),
            segment["paddr"],
            segment["paddr"],
            segment.get("filesz", len(data)),
            memsz,
            4,
        )
        body += data
    fields = dict(
        magic=b"\x7fELF",
        elf_class=2,
        data=1,
        ident_version=1,
        osabi=0,
        type=2,
        machine=62,
        version=1,
        entry=ENTRY,
        phoff=EHDR.size,
        shoff=0,
        flags=0,
        ehsize=EHDR.size,
        phentsize=PHDR.size,
        phnum=len(segments),
        shentsize=64,
        shnum=0,
        shstrndx=0,
    )
    fields.update(header)
    return EHDR.pack(*fields.values()) + table + body


GOOD = elf()
SIZE = len(GOOD)
MANY = [load(paddr=ENTRY + i * 4096) for i in range(65)]

# name: (image, what must be said after "kernel PATH: ")
IMAGES = {
    "empty": (b"", "is empty; expected an ELF image"),
    "short": (GOOD[:63], "63 bytes are too few for an ELF file; expected at least 64"),
    "magic": (
        elf(magic=b"MZ\0\0"),
        "not an ELF file: it begins 4d 5a 00 00, expected 7f 45 4c 46",
    ),
    "class-32": (elf(elf_class=1), "ELF class 1; expected 2 (64-bit)"),
    "big-endian": (elf(data=2), "ELF byte order 2; expected 1 (little-endian)"),
    "ident-version": (elf(ident_version=0), "ELF version 0, 1; expected 1"),
    "version": (elf(version=7), "ELF version 1, 7; expected 1"),
    "type-relocatable": (elf(type=1), "ELF type 1; expected 2 (executable)"),
    "type-shared": (elf(type=3), "ELF type 3; expected 2 (executable)"),
    "machine-aarch64": (elf(machine=183), "ELF machine 183; expected 62"),
    "phentsize": (elf(phentsize=32), "ELF program headers of 32 bytes; expected 56"),
    "phnum-0": (elf(phnum=0), "no ELF program headers; expected at least one"),
    "phnum-extended": (
        elf(phnum=0xFFFF),
        "more than 65534 ELF program headers; expected fewer",
    ),
    "phoff-in-header": (
        elf(phoff=32),
        "ELF program headers at 0x20, inside the file header; expected 0x40 or more",
    ),
    "phoff-past-end": (
        elf(phoff=SIZE - 56),
        f"2 ELF program headers at {SIZE - 56:#x} pass the end of the file ({SIZE:#x} bytes)",
    ),
    "phoff-far": (
        elf(phoff=2**64 - 56),
        f"2 ELF program headers at {2**64 - 56:#x} pass the end of the file ({SIZE:#x} bytes)",
    ),
    "filesz-above-memsz": (
        elf([load(memsz=8), notes()]),
        "ELF segment 0: 0x10 bytes in the file but 0x8 in memory; expected no more than that",
    ),
    "offset-past-end": (
        elf([load(offset=SIZE - 15), notes()]),
        f"ELF program header 0: 0x10 bytes at {SIZE - 15:#x} pass the end of the file "
        f"({SIZE:#x} bytes)",
    ),
    "offset-wraps": (
        elf([load(offset=2**64 - 8), notes()]),
        f"ELF program header 0: 0x10 bytes at {2**64 - 8:#x} pass the end of the file "
        f"({SIZE:#x} bytes)",
    ),
    "note-past-end": (
        elf([load(), dict(notes(), filesz=4096)]),
        f"ELF program header 1: 0x1000 bytes at {SIZE - 20:#x} pass the end of the file "
        f"({SIZE:#x} bytes)",
    ),
    "paddr-wraps": (
        elf([load(paddr=2**64 - 8), notes()]),
        f"ELF segment 0: 0x10 bytes at {2**64 - 8:#x} pass the end of 64-bit addresses",
    ),
    "outside-ram": (
        elf([load(), load(paddr=0x10000000), notes()]),
        "ELF segment at 0x10000000-0x1000000f is outside of guest memory: 0x10000000 is not "
        "mapped; more memory (-m) or another address is needed",
    ),
    "end-outside-ram": (
        elf([load(memsz=0x10000000), notes()]),
        "ELF segment at 0x100000-0x100fffff is outside of guest memory: 0x2000000 is not "
        "mapped; more memory (-m) or another address is needed",
    ),
    "above-everything": (
        elf([load(), load(paddr=2**64 - 16), notes()]),
        f"ELF segment at {2**64 - 16:#x}-{2**64 - 1:#x} is outside of guest memory: "
        f"{2**64 - 16:#x} is not mapped; more memory (-m) or another address is needed",
    ),
    "overlap": (
        elf([load(memsz=0x2000), load(paddr=ENTRY + 0x1FFF), notes()]),
        "ELF segment 1 at 0x101fff-0x10200e overlaps another at 0x100000-0x101fff",
    ),
    "overlap-boot-data": (
        elf([load(), load(paddr=0x8FFF), notes()]),
        "ELF segment at 0x8fff-0x900e overlaps the boot data at 0x6000-0x8fff",
    ),
    "overlap-boot-data-below": (
        elf([load(), load(paddr=0x5FF1), notes()]),
        "ELF segment at 0x5ff1-0x6000 overlaps the boot data at 0x6000-0x8fff",
    ),
    "too-many-segments": (
        elf(MANY + [notes()]),
        "more than 64 ELF segments; expected fewer",
    ),
    "no-load": (
        elf([notes()]),
        "no loadable ELF segment; expected at least one PT_LOAD",
    ),
    "empty-load": (
        elf([load(data=b"", memsz=0), notes()]),
        "no loadable ELF segment; expected at least one PT_LOAD",
    ),
    "no-note": (
        elf([load()]),
        'no PVH note; expected an ELF note "Xen" of type 18 (XEN_ELFNOTE_PHYS32_ENTRY)',
    ),
    "other-owner": (
        elf([load(), notes(note(owner=b"GNU\0"))]),
        'no PVH note; expected an ELF note "Xen" of type 18 (XEN_ELFNOTE_PHYS32_ENTRY)',
    ),
    "other-note": (
        elf([load(), notes(note(kind=1))]),
        'no PVH note; expected an ELF note "Xen" of type 18 (XEN_ELFNOTE_PHYS32_ENTRY)',
    ),
    "note-size-2": (
        elf([load(), notes(note(b"\0\0"))]),
        "PVH note of 2 bytes; expected 4 or 8",
    ),
    "note-size-16": (
        elf([load(), notes(note(b"\0" * 16))]),
        "PVH note of 16 bytes; expected 4 or 8",
    ),
    "note-truncated": (
        elf([load(), notes(note()[:11])]),
        "ELF program header 1: a note passes the end of its segment",
    ),
    "note-name-too-long": (
        elf([load(), notes(struct.pack("<III", 0xFFFFFFFF, 4, 18) + b"Xen\0" + b"\0" * 4)]),
        "ELF program header 1: a note passes the end of its segment",
    ),
    "note-content-too-long": (
        elf([load(), notes(struct.pack("<III", 4, 0xFFFFFFFF, 18) + b"Xen\0" + b"\0" * 4)]),
        "ELF program header 1: a note passes the end of its segment",
    ),
    "entry-above-4g": (
        elf([load(), notes(note(struct.pack("<Q", 2**32 + ENTRY)))]),
        f"PVH entry {2**32 + ENTRY:#x} is above 4 GiB; expected a 32-bit address",
    ),
    "entry-outside": (
        elf([load(), notes(note(struct.pack("<I", ENTRY + 16)))]),
        "PVH entry 0x100010 is in no loaded ELF segment; expected it in one",
    ),
}

# Images that look odd and are fine: they must boot, which here is to halt (status 46).
ACCEPTED = {
    "plain": GOOD,
    "entry-of-8-bytes": elf([load(), notes(note(struct.pack("<Q", ENTRY)))]),
    # Name and content are padded to 4 each; a loader that pads to 8 misses the second note.
    "second-note": elf([load(), notes(note(b"\1" * 5, b"Linux\0", 7) + note())]),
    "second-note-segment": elf([load(), notes(note(kind=1)), notes()]),
    "last-note-not-padded": elf(
        [load(data=CODE), notes(note(kind=2, content=b"\1")[:-3]), notes()]
    ),
    "ends-at-the-top-of-memory": elf(
        [load(memsz=32 * 2**20 - ENTRY), notes()]
    ),
    "neighbours": elf([load(memsz=0x1000), load(paddr=ENTRY + 0x1000), notes()]),
    "beside-the-boot-data": elf(
        [load(), load(paddr=0x9000), load(paddr=0x5FF0), notes()]
    ),
    "64-segments": elf(MANY[:64] + [notes()]),
}


if __name__ == "__main__":
    for image_name, (image, _) in IMAGES.items():
        with open(os.path.join(sys.argv[1], image_name), "wb") as output:
            output.write(image)
    for image_name, image in ACCEPTED.items():
        with open(os.path.join(sys.argv[1], "good-" + image_name), "wb") as output:
            output.write(image)
