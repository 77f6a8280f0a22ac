# SPDX-License-Identifier: MIT
"""Guests on KVM: every way that a run ends, and what a guest finds in its machine."""

import json
import os
import re
import struct
import subprocess
import sys
import time

from harness import Skipped, Suite, Vmm, check, equal, interprets, need_kvm

vmm = Vmm(sys.argv[1], sys.argv[2])
suite = Suite()
EXIT = ["--device", "isa-debug-exit"]
LIMIT = ["--timeout", "30"]


def ends(kernel, options, status, out="", err=""):
    """`err` is a pattern of the whole of stderr, without the "vmm: " and the line feed."""
    need_kvm()
    seen = vmm.run(vmm.kernel(kernel), *LIMIT, *options)
    equal(seen.status, status, f"status\n{seen}\n")
    equal(seen.out, out, "stdout")
    if err:
        check(re.fullmatch(f"vmm: {err}\n", seen.err), f"stderr {seen.err!r}, expected {err!r}")
    else:
        equal(seen.err, "", "stderr")
    return seen


WHERE = r"interrupts (on|off), RIP 0x1000[0-9a-f]+, CR0 0x11, CR2 0x0, CR3 0x0, instruction {} \(.*\)"
TOO_BIG = r"the guest ended with value {}, which no exit status can carry; expected at most 0x7f"

suite.add("power off: status 0, silent", ends, "poweroff", [], 0, "on\n")
suite.add("success: status 33, silent", ends, "hello", EXIT, 33, "hello\n")
for command, status in (
    ("b 00", 1), ("b 01", 3), ("b 10", 33), ("w 10", 33), ("l 10", 33), ("b 7f", 255), ("l 7f", 255),
):
    suite.add(f"debug exit, {command}: status {status}", ends, "exit", [*EXIT, "-p", command], status)
for command in ("b 80", "w 80", "l ff"):
    suite.add(f"debug exit, {command}: status 40", ends, "exit", [*EXIT, "-p", command], 40, "",
              TOO_BIG.format("0x" + command[2:]))
suite.add("debug exit by the configuration's arguments", ends, "exit", [*EXIT, "-p", "b", "--", "11"],
          35)
suite.add("without the device its port is nobody's, and the guest halts", ends, "hello", [], 46,
          "hello\n", "the guest halted for good; " + WHERE.format("(.*)"))
suite.add("the device at another port is not at this one", ends, "hello",
          ["--device", "isa-debug-exit,iobase=0x501"], 46, "hello\n", "the guest halted .*")
suite.add("reset: status 32", ends, "reset", EXIT, 32, "", "the guest asked for a reset")
suite.add("crash: status 34", ends, "panic", EXIT, 34, "", "the guest reported a crash")
suite.add("triple fault: status 38, with the instruction", ends, "triple", EXIT, 38, "",
          "triple fault; " + WHERE.format("0f 0b .*"))
suite.add("halt with interrupts off: status 46", ends, "halt", EXIT, 46, "halting\n",
          "the guest halted for good; " + WHERE.format("eb fd .*"))
suite.add("halt with interrupts on and no controller: status 46", ends, "halt", [*EXIT, "-p", "i"],
          46, "halting\n",
          "the guest halted, and there is no interrupt controller to wake it; .*")
suite.add("what ports read", ends, "ports", EXIT, 33)
suite.add("string I/O", ends, "string", EXIT, 33, "0123456789abcdefghijklmnopqrstuvwxyz\n")
suite.add("state at the entry", ends, "entry", EXIT, 33)
for chip in ("split", "full"):
    suite.add(f"state at the entry, --irqchip {chip}", ends, "entry", [*EXIT, "--irqchip", chip], 33)
for chip, count in (("split", 2), ("full", 2), ("full", 5)):
    suite.add(f"{count} vCPUs run, --irqchip {chip}", ends, "smp",
              [*EXIT, "--smp", str(count), "--irqchip", chip, "-p", "n"], 33)
suite.add("the second vCPU ends the run of both", ends, "smp", [*EXIT, "--smp", "2", "-p", "e"], 35)
suite.add("a triple fault of the second vCPU ends the run of both", ends, "smp",
          [*EXIT, "--smp", "2", "-p", "t"], 38, "", "triple fault; .*")
suite.add("the first vCPU ends the run of others that were never started", ends, "exit",
          [*EXIT, "--smp", "3", "-p", "b 10"], 33)
suite.add("a walk over all ports does no harm", ends, "sweep", EXIT, 33, "\x01")
suite.add("--serial null is silent", ends, "hello", [*EXIT, "--serial", "null"], 33)


@suite.point("an instruction that KVM cannot emulate: status 38, its bytes, and the kind of KVM")
def emulation_failure():
    need_kvm()
    if not interprets():
        raise Skipped("this machine's KVM does not interpret")
    ends("breakpoint", EXIT, 38, "",
         r"KVM internal error 1 \(it could not emulate an instruction\); interrupts off, "
         r"RIP 0x1000[0-9a-f]+, CR0 0x11, CR2 0x0, CR3 0x0, instruction cc .* "
         r"\(interpreting KVM: .*\)")


def times_out(kernel, options, out):
    need_kvm()
    start = time.monotonic()
    seen = vmm.run(*EXIT, *options, "--timeout", "0.5", vmm.kernel(kernel))
    took = time.monotonic() - start
    equal(seen.status, 124, f"status\n{seen}\n")
    equal(seen.err, "vmm: the time limit of 0.500 s is over\n", "stderr")
    equal(seen.out, out, "stdout")
    check(0.5 <= took < 20, f"it took {took:.1f} s")


suite.add("--timeout ends a loop", times_out, "spin", [], "spinning\n")
for chip in ("split", "full"):
    suite.add(f"--timeout ends a loop, --irqchip {chip}", times_out, "spin", ["--irqchip", chip],
              "spinning\n")
    suite.add(f"--timeout ends a halt with interrupts off, --irqchip {chip}", times_out, "halt",
              ["--irqchip", chip], "halting\n")
    suite.add(f"--timeout ends a halt with interrupts on, --irqchip {chip}", times_out, "halt",
              ["--irqchip", chip, "-p", "i"], "halting\n")
suite.add("--timeout ends three vCPUs, two of which were never started", times_out, "spin",
          ["--smp", "3"], "spinning\n")
suite.add("--timeout ends a guest that waits for input", times_out, "echo", [], "ready\n")


@suite.point("a --timeout that is over at the start is not lost, 30 times")
def early_timeout():
    need_kvm()
    for _ in range(30):
        seen = vmm.run("--timeout", "0.001", vmm.kernel("spin"))
        equal(seen.status, 124, f"status\n{seen}\n")


@suite.point("--timeout ends a guest whose output nobody reads")
def stuck_output():
    need_kvm()
    reader, writer = os.pipe()
    try:
        child = subprocess.Popen([vmm.path, "--timeout", "0.5", vmm.kernel("flood")],
                                 stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE)
        _, err = child.communicate(timeout=30)
        equal(child.returncode, 124, "status")
        equal(err, b"vmm: the time limit of 0.500 s is over\n", "stderr")
    finally:
        os.close(reader)
        os.close(writer)


@suite.point("a reader that leaves ends the run: status 6")
def reader_leaves():
    need_kvm()
    child = subprocess.Popen([vmm.path, *LIMIT, vmm.kernel("flood")], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.read(10)
    child.stdout.close()
    err = child.stderr.read()
    equal(child.wait(timeout=30), 6, "status")
    equal(err, b"vmm: the console cannot be written: Broken pipe\n", "stderr")
    child.stderr.close()


@suite.point("without standard files nothing else has their numbers, and the verdict stands")
def no_standard_files():
    need_kvm()
    serial = os.path.join(vmm.scratch, "serial")
    close = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", vmm.path, *EXIT, *LIMIT, "--serial"]
    with subprocess.Popen([*close, f"file:{serial}", vmm.kernel("spin")]) as child:
        deadline = time.monotonic() + 20
        while not (os.path.exists(serial) and os.path.getsize(serial)) and time.monotonic() < deadline:
            time.sleep(0.01)
        seen = [os.readlink(f"/proc/{child.pid}/fd/{number}") for number in range(3)]
        child.terminate()
    equal(seen, ["/dev/null"] * 3, "files 0 to 2")
    equal(subprocess.run([*close, "null", vmm.kernel("hello")], check=False).returncode, 33, "status")


@suite.point("without standard output the console cannot be written: status 6")
def no_standard_output():
    need_kvm()
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", vmm.path, *LIMIT, vmm.kernel("hello")],
                          stderr=subprocess.PIPE, check=False)
    equal((done.returncode, done.stderr),
          (6, b"vmm: the console cannot be written: Bad file descriptor\n"), "status and stderr")


@suite.point("--serial file:PATH takes the output")
def serial_file():
    path = os.path.join(vmm.scratch, "serial")
    ends("hello", [*EXIT, "--serial", f"file:{path}"], 33)
    with open(path, encoding="ascii") as file:
        equal(file.read(), "hello\n", "file")


def unwritable(option, value):
    """Refused before anything runs, and where there is no KVM too."""
    vmm.refuses(["--kvm-device", "/nonexistent", vmm.kernel("hello"), f"{option}={value}"],
                f"{option}: /nonexistent/x: cannot be written: No such file or directory", status=6)


for option, value in (("--serial", "file:/nonexistent/x"), ("--stats", "json:/nonexistent/x"),
                      ("--dirty-log", "json:/nonexistent/x")):
    suite.add(f"{option}={value}, which cannot be written: status 6", unwritable, option, value)


def piped_input(kernel, options):
    """Input longer than the FIFO, by a pipe that then closes."""
    need_kvm()
    text = "".join(chr(ord("A") + i % 26) for i in range(1000))
    child = subprocess.Popen([vmm.path, *EXIT, *LIMIT, *options, vmm.kernel(kernel)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    # Not before the guest is ready: turning the FIFOs on empties them.
    equal(child.stdout.readline(), b"ready\n", "first line")
    out, _ = child.communicate(text.encode() + b"q", timeout=60)
    equal(child.returncode, 33, "status")
    equal(out.decode(), text, "echo")


suite.add("input by a pipe, polled", piped_input, "echo", [])
suite.add("input by a pipe, by interrupts", piped_input, "irq", ["--irqchip", "full"])
suite.add("input by a pipe, --irqchip split, polled", piped_input, "echo", ["--irqchip", "split"])


@suite.point("the end of input is not the end of the run")
def closed_input():
    need_kvm()
    for kernel, chip in (("echo", "none"), ("irq", "full")):
        seen = vmm.run(*EXIT, "--irqchip", chip, "--timeout", "0.5", vmm.kernel(kernel), stdin=b"")
        equal((seen.status, seen.out), (124, "ready\n"), f"{kernel}: status and output")


def memory_config(rom=False):
    """16 MiB with something else in a page at 2 MiB."""
    page = {"base": "0x200000", "size": "4K", "kind": "rom" if rom else "hole"}
    if rom:
        page["file"] = vmm.file("rom", b"ROM!" + b"\xb8\x0d\x60\0\0\xc3")
    return vmm.file("memory.json", json.dumps(
        {"machine-config": {"mem_size_mib": 16}, "memory-regions": [page]}))


@suite.point("MMIO that nobody answers reads all ones, in a hole of RAM too")
def mmio():
    ends("mmio", [*EXIT, "--config", memory_config()], 33)


DROPPED = (
    r"the guest wrote 4 bytes to read-only memory at 0x200000: dropped, and later ones without a "
    r"word"
)


@suite.point("writes to ROM are dropped and reported once")
def rom_drop():
    ends("rom", [*EXIT, "--config", memory_config(rom=True)], 33, "", DROPPED)


@suite.point("--on-rom-write stop: status 42")
def rom_stop():
    ends("rom", [*EXIT, "--config", memory_config(rom=True), "--on-rom-write", "stop"], 42, "",
         "the guest wrote 4 bytes to read-only memory at 0x200000")


@suite.point("the file of a region that is larger than it")
def rom_too_large():
    big = vmm.file("big", b"\0" * 4097)
    path = vmm.file("big.json", json.dumps({"memory-regions": [
        {"base": "4G", "size": "4K", "kind": "rom", "file": big}]}))
    vmm.refuses(["--config", path, vmm.kernel("hello")],
                f"{path}:1: memory-regions[0]: file {big}: its 4097 bytes do not fit in 0x1000")


def misplaced(regions, text):
    content = vmm.file("content", b"\1" * 100)
    for entry in regions:
        if entry["kind"] != "hole":
            entry["file"] = content
    path = vmm.file("misplaced.json", json.dumps({"memory-regions": regions}))
    vmm.refuses(["--config", path, vmm.kernel("hello")], re.compile(text))


suite.add(
    "a kernel on top of a region's content", misplaced,
    [{"base": "1M", "size": "4K", "kind": "rom"}],
    r"kernel \S+: ELF segment at 0x100000-0x[0-9a-f]+ overlaps the content of the memory region at "
    r"0x100000-0x100fff")
suite.add(
    "boot data on top of a region's content", misplaced,
    [{"base": "0x8000", "size": "4K", "kind": "rom"}],
    "the boot data at 0x6000-0x8fff overlaps the content of the memory region at 0x8000-0x8fff")
suite.add(
    "boot data where a hole is", misplaced, [{"base": "0x7000", "size": "4K", "kind": "hole"}],
    r"the boot data \(memory map, command line\) needs memory at 0x6000-0x8fff, but 0x7000 is not "
    r"mapped")


def told(*options):
    """What the guest was told: start info, memory map, modules, command line, module's bytes."""
    seen = vmm.run(vmm.kernel("info"), *LIMIT, *EXIT, *options)
    equal((seen.status, seen.err), (33, ""), f"status and stderr\n{seen}\n")
    info, memory, modules, command_line, content = (
        bytes.fromhex(line) for line in seen.out.split("\n")[:5]
    )
    magic, version, flags, module_count, _, _, rsdp, _, entries, reserved = struct.unpack(
        "<IIIIQQQQII", info)
    equal((magic, version, flags, rsdp, reserved), (0x336EC578, 1, 0, 0, 0), "start info")
    equal(len(memory), entries * 24, "memory map's size")
    return {
        "map": [struct.unpack_from("<QQII", memory, i) for i in range(0, len(memory), 24)],
        "modules": [struct.unpack_from("<QQQQ", modules, i) for i in range(0, len(modules), 32)],
        "module_count": module_count,
        "command_line": command_line.decode(),
        "content": content,
    }


@suite.point("hvm_start_info: memory map, command line")
def start_info():
    need_kvm()
    seen = told("-m", "64", "-p", "console=ttyS0 a=b", "--", "--last")
    equal(seen["map"], [(0, 64 << 20, 1, 0)], "memory map")
    equal(seen["command_line"], "console=ttyS0 a=b --last", "command line")
    equal(seen["module_count"], 0, "modules")
    equal(told("-m", "2")["command_line"], "", "command line")
    longest = "x" * 4095
    equal(told("-p", longest)["command_line"], longest, "command line")


@suite.point("hvm_start_info: RAM above and below the MMIO hole, ROM reserved, holes left out")
def memory_map():
    need_kvm()
    path = vmm.file("map.json", json.dumps({
        "machine-config": {"mem_size_mib": 4096},
        "memory-regions": [
            {"base": "0xf0000", "size": "64K", "kind": "rom"},
            {"base": "0x1000000", "size": "1M", "kind": "hole"},
            {"base": "0x200000000", "size": "4K", "kind": "ram"},
        ],
    }))
    equal(told("--config", path)["map"], [
        (0, 0xF0000, 1, 0),
        (0xF0000, 0x10000, 2, 0),
        (0x100000, 0xF00000, 1, 0),
        (0x1100000, 0xC0000000 - 0x1100000, 1, 0),
        (0x100000000, 0x40000000, 1, 0),
        (0x200000000, 0x1000, 1, 0),
    ], "memory map")


@suite.point("hvm_start_info: the initrd as a module, at the top of low memory")
def initrd():
    need_kvm()
    content = bytes(range(256)) * 20 + b"end"
    path = vmm.file("initrd", content)
    seen = told("-m", "16", "-i", path)
    equal(seen["module_count"], 1, "modules")
    start, size, command_line, reserved = seen["modules"][0]
    equal((size, command_line, reserved), (len(content), 0, 0), "module")
    equal(start, ((16 << 20) - len(content)) & ~4095, "its address")
    equal(seen["content"], content[:16], "its first bytes")
    # The top is a hole, and just below it there is too little: it goes below both.
    config = vmm.file("initrd.json", json.dumps({
        "machine-config": {"mem_size_mib": 16},
        "memory-regions": [
            {"base": "0xfff000", "size": "4K", "kind": "hole"},
            {"base": "0xffd000", "size": "4K", "kind": "hole"},
            {"base": "0xffa000", "size": "4K", "kind": "rom"},
        ],
    }))
    seen = told("--config", config, "-i", path)
    equal(seen["modules"][0][0], 0xFFB000, "its address with holes")
    equal(seen["content"], content[:16], "its first bytes")


@suite.point("--stats reports on stderr, and only there")
def stats_text():
    need_kvm()
    seen = vmm.run(*EXIT, "--stats", vmm.kernel("hello"))
    equal((seen.status, seen.out), (33, "hello\n"), "status and stdout")
    pattern = (
        r"vmm: ended by debug-exit, status 33\n"
        r"vmm: exits: 7, io 7\n"
        r"vmm: time from exec: first guest instruction \d+\.\d{3} ms, end \d+\.\d{3} ms\n"
        r"vmm: memory: guest 262144 KiB in 1 slots, \d+ KiB of it touched; vmm's own \d+ KiB, \d+ "
        r"KiB of it page tables\n"
    )
    check(re.fullmatch(pattern, seen.err), seen.err)


@suite.point("--stats=json:FILE writes the same as JSON")
def stats_json():
    path = os.path.join(vmm.scratch, "stats.json")
    ends("mmio", [*EXIT, f"--stats=json:{path}", "--config", memory_config()], 33)
    with open(path, encoding="utf-8") as file:
        stats = json.load(file)
    equal((stats["ended_by"], stats["status"]), ("debug-exit", 33), "end")
    equal(stats["exits_total"], sum(stats["exits"].values()), "sum of exits")
    equal(stats["exits"]["io"], 1, "port exits")
    check(stats["exits"]["mmio"] >= 8, str(stats))
    times, memory = stats["time_ns"], stats["memory"]
    check(0 < times["first_instruction"] < times["end"] < 60e9, str(times))
    equal(memory["guest_bytes"], (16 << 20) - 4096, "guest memory")
    equal(memory["guest_slots"], 2, "slots")
    check(0 < memory["guest_touched_bytes"] <= 1 << 20, str(memory))
    check(100 << 10 < memory["vmm_resident_bytes"] < 64 << 20, str(memory))
    check(memory["page_table_bytes"] % 4096 == 0 and memory["page_table_bytes"] > 0, str(memory))


@suite.point("--stats=json:FILE on a full disk: status 6")
def stats_json_full():
    need_kvm()
    seen = vmm.run(*EXIT, "--stats=json:/dev/full", vmm.kernel("hello"))
    equal((seen.status, seen.out, seen.err),
          (6, "hello\n", "vmm: --stats: /dev/full: cannot be written\n"), "status and output")


WRITTEN = {0x500, 0x601, 0x602, 0xFFF}  # pages that the test kernel writes to
READ = {0x100, 0x400, 0x408}  # KVM may count what it maps for the first time


@suite.point("--dirty-log=json:FILE has the pages that were written to")
def dirty_log():
    path = os.path.join(vmm.scratch, "dirty.json")
    ends("dirty", [*EXIT, "-m", "16", f"--dirty-log=json:{path}"], 33)
    with open(path, encoding="utf-8") as file:
        rounds = [json.loads(line) for line in file]
    equal([entry["round"] for entry in rounds], [1], "rounds")
    pages = set()
    for entry in rounds[0]["ranges"]:
        first = int(entry["base"], 16) // 4096
        pages |= set(range(first, first + entry["size"] // 4096))
    equal(len(pages), rounds[0]["pages"], "number of pages")
    check(WRITTEN <= pages <= WRITTEN | READ, f"pages {sorted(map(hex, pages))}")


@suite.point("--memory-control where there is memory: status 2")
def memory_control_in_memory():
    path = vmm.file("control.json", json.dumps({"memory-regions": [
        {"base": "0xd0000000", "size": "4K", "kind": "ram"}]}))
    vmm.refuses(["--config", path, "--memory-control", vmm.kernel("hello")],
                "--memory-control: there is memory at 0xd0000000; expected none where its register is")


@suite.point("--dump-stage2 prints, then boots")
def dump_and_boot():
    need_kvm()
    seen = vmm.run(*EXIT, "--dump-stage2", "-m", "16", vmm.kernel("hello"))
    equal((seen.status, seen.err), (33, ""), "status and stderr")
    lines = seen.out.splitlines()
    check(lines[0].startswith("0x0000000000000000-0x0000000001000000 -> "), lines[0])
    equal(lines[-1], "hello", "last line")


@suite.point("devices that overlap: status 2")
def overlapping_devices():
    vmm.refuses(["--device", "isa-debug-exit,iobase=0x3fc", vmm.kernel("hello")],
                "isa-debug-exit at 0x3fc-0x3ff overlaps the serial port at 0x3f8-0x3ff; expected a "
                "free range")


@suite.point("doctor finds KVM, status 0")
def doctor():
    need_kvm()
    seen = vmm.run("doctor")
    equal((seen.status, seen.err), (0, ""), "status and stderr")
    for line in ("yes  KVM: /dev/kvm is there and permitted", "yes  virtual machines can be made",
                 "yes  read-only memory (ROM)"):
        check(f"{line}\n" in seen.out, f"{line!r} is not in\n{seen.out}")
    kind = "interpreting KVM" if interprets() else "hardware KVM"
    check(kind in seen.out, f"{kind!r} is not in\n{seen.out}")
    for part in ("vCPUs: ", "huge pages of 2 MiB", "nested ", "memory slots: "):
        check(part in seen.out, f"{part!r} is not in\n{seen.out}")
    equal(seen.out.splitlines()[-1], "Guests can run here.", "last line")


suite.run()
