# SPDX-License-Identifier: MIT
"""The configuration file: what it sets, what it refuses and where, and the round trip."""

import json
import os
import re
import sys

from harness import Suite, Vmm, check, equal
from images import GOOD

vmm = Vmm(sys.argv[1])
suite = Suite()

TOP = (
    "boot-source, machine-config, memory-regions, devices, irqchip, serial, escape, on-rom-write, "
    "timeout, stats, dirty-log, memory-control, dump-stage2, dump-dtb, kvm-device"
)


def region(base='"0x100000000"', size='"64K"', kind='"ram"', more=""):
    return f'{{"memory-regions": [\n{{"base": {base}, "size": {size}, "kind": {kind}{more}}}]}}'


LIMIT = "is not a time limit; expected seconds above 0 and up to 31536000, such as 30 or 0.5"
KINDS = 'expected "ram", "rom" or "hole"'
IS_SIZE = 'expected a size: a number of bytes, or a string such as "64K" or "2M"'
IS_NUMBER = 'expected a number of 0 or more, or a string such as "0xf4"'

# name: (content, line, what is said after "FILE:LINE: ")
BAD = {
    "an unknown key": (
        '{\n  "irqchip": "none",\n  "boot-sauce": {}\n}', 3,
        f"boot-sauce: unknown key; expected one of {TOP}"),
    "an unknown key inside": (
        '{"boot-source":\n {"boot_args": "\\"kernel_image_pat\\": {[",\n\n  "kernel_image_pat": "x"}}',
        4, "boot-source.kernel_image_pat: unknown key; expected one of kernel_image_path, "
           "boot_args, initrd_path, dtb_path"),
    "an unknown key written with an escape": (
        '{"irqchip": "none", "serial": "null",\n"n\\u00f6": 1}', 2,
        f"nö: unknown key; expected one of {TOP}"),
    "an unknown key in an array": (
        '{"devices": [\n{"type": "isa-debug-exit",\n "iobass": 1}]}', 3,
        "devices[0].iobass: unknown key; expected one of type, iobase, iosize"),
    "an unknown key of a machine": (
        '{"machine-config": {"mem_size_mib": 1, "smt": false}}', 1,
        "machine-config.smt: unknown key; expected one of mem_size_mib, vcpu_count"),
    "an unknown key of a region": (
        region(more=',\n"host": 1'), 3,
        "memory-regions[0].host: unknown key; expected one of base, size, kind, file"),
    "a duplicate key": (
        '{\n"irqchip": "none",\n"serial": "null",\n"irqchip": "full"}', 4,
        "duplicate object key near '\"irqchip\"'; expected valid JSON"),
    "a duplicate key inside": (
        '{"machine-config": {\n"vcpu_count": 1,\n"vcpu_count": 1}}', 3,
        "duplicate object key near '\"vcpu_count\"'; expected valid JSON"),
    "nothing": ("", 1, "'[' or '{' expected near end of file; expected valid JSON"),
    "half an object": ('{"irqchip":\n', 2, "unexpected token near end of file; expected valid JSON"),
    "text after the object": ("{}\nx", 2, "end of file expected near 'x'; expected valid JSON"),
    "an array": ("[]", 1, "expected an object, {...}"),
    "boot-source is no object": ('{\n\n"boot-source": []}', 3,
                                 "boot-source: expected an object, {...}"),
    "memory-regions is no array": ('{"memory-regions": {}}', 1,
                                   "memory-regions: expected an array, [...]"),
    "a device is no object": ('{"devices":\n[\n"isa-debug-exit"]}', 3,
                              "devices[0]: expected an object, {...}"),
    "a kernel is no string": ('{"boot-source": {"kernel_image_path": 1}}', 1,
                              "boot-source.kernel_image_path: expected a path"),
    "an empty path": ('{"boot-source": {"initrd_path": ""}}', 1,
                      "boot-source.initrd_path: expected a path"),
    "arguments are no string": ('{"boot-source": {"boot_args": ["a"]}}', 1,
                                "boot-source.boot_args: expected a string"),
    "a device tree": ('{"boot-source": {\n"dtb_path": "x"}}', 2,
                      "boot-source.dtb_path: a machine of x86_64 has no device tree"),
    "a device tree to write": ('{"dump-dtb": "x"}', 1,
                               "dump-dtb: a machine of x86_64 has no device tree"),
    "arguments are too long": (
        '{"boot-source": {"boot_args": "' + "x" * 4096 + '"}}', 1,
        "boot-source.boot_args: command line of 4096 bytes; expected at most 4095"),
    "memory is a string": ('{"machine-config": {"mem_size_mib": "1G"}}', 1,
                           "machine-config.mem_size_mib: expected a number of MiB"),
    "memory is a real": ('{"machine-config": {"mem_size_mib": 1.5}}', 1,
                         "machine-config.mem_size_mib: expected a number of MiB"),
    "memory is negative": ('{"machine-config": {"mem_size_mib": -1}}', 1,
                           "machine-config.mem_size_mib: expected a number of MiB"),
    "memory is 0": ('{"machine-config": {"mem_size_mib": 0}}', 1,
                    "machine-config.mem_size_mib: 0 is no memory; expected at least 1 MiB"),
    "memory is too much": (
        '{"machine-config": {"mem_size_mib": 9223372036854775807}}', 1,
        "machine-config.mem_size_mib: 9223372036854775807 MiB is too much; expected at most "
        "67108864 MiB"),
    "too many vCPUs": ('{"machine-config": {"vcpu_count": 256}}', 1,
                  "machine-config.vcpu_count: 256 vCPUs; expected 1 to 255"),
    "vCPUs are a string": ('{"machine-config": {"vcpu_count": "1"}}', 1,
                           "machine-config.vcpu_count: expected a number of vCPUs"),
    "an irqchip": ('{"irqchip": "pic"}', 1,
                   'irqchip: "pic" is not an interrupt controller; expected none, split or full'),
    "an irqchip that is no string": ('{"irqchip": true}', 1, "irqchip: expected a string"),
    "a serial": ('{"serial": "pty"}', 1,
                 'serial: "pty" is unknown; expected stdio, file:PATH or null'),
    "an escape": ('{"escape": "^X"}', 1, 'escape: "^X" is unknown; expected none or ^A'),
    "on-rom-write": ('{"on-rom-write": "x"}', 1,
                     'on-rom-write: "x" is unknown; expected drop or stop'),
    "a timeout that is a string": ('{"timeout": "5"}', 1,
                                   "timeout: expected a number of seconds"),
    "a timeout of 0": ('{"timeout": 0}', 1, f'timeout: "0" {LIMIT}'),
    "a negative timeout": ('{"timeout": -0.5}', 1, f'timeout: "-0.500" {LIMIT}'),
    "a timeout that is too long": ('{"timeout": 100000000}', 1, f'timeout: "100000000" {LIMIT}'),
    "a timeout of many digits": ('{"timeout": 1e300}', 1, f'timeout: "1e+300" {LIMIT}'),
    "stats": ('{"stats": "json:"}', 1, 'stats: "json:" is unknown; expected text or json:FILE'),
    "dirty-log": ('{"dirty-log": "json"}', 1,
                  'dirty-log: "json" is unknown; expected text or json:FILE'),
    "memory-control": ('{"memory-control": "on"}', 1, "memory-control: expected true or false"),
    "dump-stage2": ('{"dump-stage2": 1}', 1, "dump-stage2: expected true or false"),
    "kvm-device": ('{"kvm-device": false}', 1, "kvm-device: expected a path"),
    "a device without type": ('{"devices": [{"iosize": 1}]}', 1,
                              'devices[0]: expected a member "type"'),
    "an unknown device": ('{"devices": [{"type": "pl011"}]}', 1,
                          'devices[0].type: expected "isa-debug-exit"'),
    "two devices of a kind": (
        '{"devices": [{"type": "isa-debug-exit"},\n{"type": "isa-debug-exit"}]}', 2,
        "devices[1]: a second isa-debug-exit; expected at most one"),
    "a device's size": ('{"devices": [{"type": "isa-debug-exit", "iosize": 8}]}', 1,
                        "devices[0]: iosize 8; expected 1, 2 or 4"),
    "a device's base": ('{"devices": [{"type": "isa-debug-exit",\n"iobase": "f4"}]}', 2,
                        f"devices[0].iobase: {IS_NUMBER}"),
    "a device's base that is negative": ('{"devices": [{"type": "isa-debug-exit", "iobase": -1}]}',
                                         1, f"devices[0].iobase: {IS_NUMBER}"),
    "a region without kind": ('{"memory-regions": [{"base": 0, "size": 4096}]}', 1,
                              'memory-regions[0]: expected a member "kind"'),
    "a region's kind": (region(kind='"flash"'), 2, f"memory-regions[0].kind: {KINDS}"),
    "a region's base": (region(base='"4 GiB"'), 2, f"memory-regions[0].base: {IS_SIZE}"),
    "a region's base not aligned": (
        region(base='"0x100000100"'), 2,
        "memory-regions[0]: base 0x100000100; expected a multiple of 4 KiB"),
    "a region's size not aligned": (
        region(size="100"), 2,
        "memory-regions[0]: size 0x64; expected a multiple of 4 KiB, not zero"),
    "a region of size 0": (
        region(size="0"), 2,
        "memory-regions[0]: size 0x0; expected a multiple of 4 KiB, not zero"),
    "a region that wraps": (
        region(base='"0xfffffffffffff000"', size='"8K"'), 2,
        "memory-regions[0]: base 0xfffffffffffff000 and size 0x2000 pass the end of 64-bit "
        "addresses"),
    "a hole with content": (
        region(base="0", kind='"hole"', more=', "file": "x"'), 2,
        "memory-regions[0]: a hole has no content; expected no file"),
    "regions that overlap": (
        '{"memory-regions": [{"base": "4G", "size": "8K", "kind": "ram"},\n'
        '{"base": "0x100001000", "size": "4K", "kind": "rom"}]}', 2,
        "memory-regions[1]: 0x100001000-0x100001fff overlaps region 0 at "
        "0x100000000-0x100001fff; expected none to overlap"),
}


def refused(content, line, text):
    path = vmm.file("bad.json", content)
    vmm.refuses(["--config", path, "k"], f"{path}:{line}: {text}")


for name, (content, line, text) in BAD.items():
    suite.add(f"refused: {name}", refused, content, line, text)


@suite.point("refused: 33 memory regions")
def too_many_regions():
    regions = [dict(base=2**32 + i * 8192, size=4096, kind="ram") for i in range(33)]
    path = vmm.file("bad.json", json.dumps({"memory-regions": regions}))
    vmm.refuses(["--config", path, "k"],
                f"{path}:1: memory-regions[32]: too many memory regions; expected at most 32")


@suite.point("refused: a file that is too large")
def large_file():
    path = vmm.file("large.json", " " * (2**20 + 1))
    vmm.refuses(["--config", path, "k"],
                f"--config: {path}: is larger than 1 MiB; expected a configuration")


def printed(*options, cwd=None):
    seen = vmm.run("--print-config", *options, cwd=cwd)
    equal((seen.status, seen.err), (0, ""), f"status and stderr\n{seen}\n")
    return seen.out


FULL = {
    "boot-source": {
        "kernel_image_path": "/k \u00e4\"\\",
        "boot_args": "console=ttyS0 \"x\"",
        "initrd_path": "/i",
    },
    "machine-config": {"mem_size_mib": 96, "vcpu_count": 1},
    "memory-regions": [
        {"base": "0x100000000", "size": "0x200000", "kind": "ram"},
        {"base": "0xf0000", "size": "0x10000", "kind": "rom", "file": "/f"},
        {"base": "0x200000", "size": "0x1000", "kind": "hole"},
    ],
    "devices": [{"type": "isa-debug-exit", "iobase": "0x501", "iosize": 2}],
    "irqchip": "split",
    "serial": "file:/s",
    "escape": "none",
    "on-rom-write": "stop",
    "timeout": 2.125,
    "stats": "json:/j",
    "dirty-log": "json:/d",
    "memory-control": True,
    "dump-stage2": True,
    "kvm-device": "/dev/other",
}


@suite.point("everything that can be set is printed as it was set")
def everything():
    path = vmm.file("full.json", json.dumps(FULL))
    equal(json.loads(printed("--config", path)), FULL, "printed")


@suite.point("round trip: what is printed is accepted, and printed again the same")
def round_trip():
    for number, options in enumerate((
        [],
        ["--config", vmm.file("full.json", json.dumps(FULL))],
        ["k", "-p", "a b", "-i", "initrd", "-m", "3G", "--timeout", "0.1", "--stats", "--", "c"],
        ["--device", "isa-debug-exit,iosize=1", "--serial", "file:out", "--stats=json:x"],
    )):
        first = printed(*options)
        path = vmm.file(f"elsewhere/{number}.json", first)
        equal(printed("--config", path), first, f"second print of {options}")


@suite.point("paths are relative to the file's folder, wherever it is called from")
def relative():
    content = json.dumps({
        "boot-source": {"kernel_image_path": "../k", "initrd_path": "i"},
        "serial": "file:s",
        "stats": "json:j",
        "memory-regions": [{"base": "4G", "size": "4K", "kind": "rom", "file": "f"}],
    })
    path = vmm.file("folder/config.json", content)
    folder = os.path.dirname(path)
    for seen in (
        json.loads(printed("--config", path)),
        json.loads(printed("--config", "folder/config.json", cwd=vmm.scratch)),
        json.loads(printed("--config", "config.json", cwd=folder)),
    ):
        equal(seen["boot-source"]["kernel_image_path"], f"{folder}/../k", "kernel")
        equal(seen["boot-source"]["initrd_path"], f"{folder}/i", "initrd")
        equal(seen["serial"], f"file:{folder}/s", "serial")
        equal(seen["stats"], f"json:{folder}/j", "stats")
        equal(seen["memory-regions"][0]["file"], f"{folder}/f", "region")


@suite.point("options override the file, one by one")
def override():
    path = vmm.file("full.json", json.dumps(FULL))
    cases = (
        (["-m", "1G"], ("machine-config", "mem_size_mib"), 1024),
        (["-p", "x"], ("boot-source", "boot_args"), "x"),
        (["--", "x"], ("boot-source", "boot_args"), 'console=ttyS0 "x" x'),
        (["/other"], ("boot-source", "kernel_image_path"), "/other"),
        (["-i", "/other"], ("boot-source", "initrd_path"), "/other"),
        (["--irqchip", "none"], ("irqchip",), "none"),
        (["--serial", "stdio"], ("serial",), "stdio"),
        (["--escape", "^A"], ("escape",), "^A"),
        (["--on-rom-write", "drop"], ("on-rom-write",), "drop"),
        (["--timeout", "7"], ("timeout",), 7),
        (["--stats"], ("stats",), "text"),
        (["--kvm-device", "/x"], ("kvm-device",), "/x"),
        (["--device", "isa-debug-exit"], ("devices",),
         [{"type": "isa-debug-exit", "iobase": "0xf4", "iosize": 4}]),
    )
    for options, keys, value in cases:
        config, expected = json.loads(printed("--config", path, *options)), dict(FULL)
        expected = json.loads(json.dumps(expected))
        inner = expected
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        equal(config, expected, f"{options}")


# Memory that cannot be: found when the machine is put together.
def refused_memory(options, content, text):
    path = vmm.file("memory.json", content)
    vmm.refuses(["--config", path, "--dump-stage2", *options],
                re.compile(re.escape(f"{path}:2: memory-regions[0]: ram: ") + text))


suite.add("refused: RAM on top of RAM", refused_memory, ["-m", "32"],
          region(base='"0x1ff0000"', size='"128K"'),
          r"there is RAM already, at 0x[0-9a-f]+-0x1ffffff; expected free addresses")
suite.add("refused: a region beyond the guest's addresses", refused_memory, [],
          region(base='"0xffffffff0000"', size='"128K"'),
          ".*")
suite.add("refused: a region larger than a file", refused_memory, [],
          region(size='"0x7ffffffffffff000"'),
          "0x7ffffffffffff000 bytes do not fit in a file")


@suite.point("refused: a region whose file is not there")
def missing_content():
    path = vmm.file("memory.json", region(more=', "file": "nosuch"'))
    vmm.refuses(["--config", path, vmm.file("k", GOOD)],
                f"{path}:2: memory-regions[0]: file {vmm.scratch}/nosuch: cannot be opened: No such "
                "file or directory")


@suite.point("ROM and holes take the place of RAM, and neighbours stay")
def shape():
    path = vmm.file("shape.json", json.dumps({
        "machine-config": {"mem_size_mib": 16},
        "memory-regions": [
            {"base": "0xf0000", "size": "64K", "kind": "rom"},
            {"base": "0x200000", "size": "4K", "kind": "hole"},
            {"base": "0xfff00000", "size": "1M", "kind": "rom"},
            {"base": "0x100000000", "size": "2M", "kind": "ram"},
        ],
    }))
    seen = vmm.run("--config", path, "--dump-stage2")
    equal((seen.status, seen.err), (0, ""), f"status and stderr\n{seen}\n")
    rights = []
    for line in seen.out.splitlines():
        match = re.match(r"0x([0-9a-f]+)-0x([0-9a-f]+) -> \S+ +\S+ +\S+ (\S+) ", line)
        if not match:
            continue
        start, end, right = int(match[1], 16), int(match[2], 16), match[3]
        if rights and rights[-1][1:] == [start, right]:
            rights[-1][1] = end
        else:
            rights.append([start, end, right])
    equal(rights, [
        [0, 0xF0000, "rwx"],
        [0xF0000, 0x100000, "r-x"],
        [0x100000, 0x200000, "rwx"],
        [0x201000, 0x1000000, "rwx"],
        [0xFFF00000, 0x100000000, "r-x"],
        [0x100000000, 0x100200000, "rwx"],
    ], "memory")


@suite.point("the configuration of the self-test is accepted")
def selftest():
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.path.join(here, "..", "..", "configs", "selftest.json")
    config = json.loads(printed("--config", path))
    check(config["boot-source"]["kernel_image_path"].endswith("/build/guest/twofold-guest.elf"),
          str(config))
    equal(config["devices"], [{"type": "isa-debug-exit", "iobase": "0xf4", "iosize": 4}],
          "devices")
    check(64 <= config["machine-config"]["mem_size_mib"] <= 128, str(config))
    check(config["timeout"] > 0, str(config))


suite.run()
