# SPDX-License-Identifier: MIT
"""Every option, and every way to get one wrong. Nothing here runs a guest."""

import json
import os
import re
import sys

from harness import Skipped, Suite, Vmm, check, equal

vmm = Vmm(sys.argv[1])
suite = Suite()

SIZE = "is not a size; expected a number of MiB, or one with K, M, G or T, such as 512M"
TOO_MUCH = "is too much; expected at most 67108864 MiB"
LIMIT = "is not a time limit; expected seconds above 0 and up to 31536000, such as 30 or 0.5"
PORTS = "ports within 0x0-0xffff"

BAD = [
    ([], 'no kernel: expected one as an argument, by --kernel or in --config; "vmm --help" says more'),
    (["--nonsense"], '--nonsense: unknown option; "vmm --help" lists what is expected'),
    (["-z"], '-z: unknown option; "vmm --help" lists what is expected'),
    (["--k", "x"], '--k: unknown option; "vmm --help" lists what is expected'),
    (["-m512"], '-m512: unknown option; "vmm --help" lists what is expected'),
    (["--memory-size=1"], '--memory-size=1: unknown option; "vmm --help" lists what is expected'),
    (["--="], '--=: unknown option; "vmm --help" lists what is expected'),
    (["-k"], "--kernel: no value; expected FILE"),
    (["-append"], "--append: no value; expected STRING"),
    (["-i"], "--initrd: no value; expected FILE"),
    (["x", "-m"], "--memory: no value; expected SIZE"),
    (["--smp"], "--smp: no value; expected N"),
    (["--config"], "--config: no value; expected FILE"),
    (["--timeout"], "--timeout: no value; expected SECONDS"),
    (["--device"], "--device: no value; expected isa-debug-exit[,iobase=N][,iosize=4]"),
    (["--irqchip"], "--irqchip: no value; expected none|split|full"),
    (["--on-rom-write"], "--on-rom-write: no value; expected drop|stop"),
    (["--serial"], "--serial: no value; expected stdio|file:PATH|null"),
    (["--escape"], "--escape: no value; expected none|^A"),
    (["--kvm-device"], "--kvm-device: no value; expected PATH"),
    (["--print-config=yes"], '--print-config: expected no value, but there is "yes"'),
    (["-nographic="], '--nographic: expected no value, but there is ""'),
    (["-m", "1", "--memory=2"], "--memory: given twice; expected once"),
    (["-k", "a", "-kernel", "b"], "--kernel: given twice; expected once"),
    (["a", "-k", "b"], "--kernel: given twice; expected once"),
    (["--stats", "--stats=json:x"], "--stats: given twice; expected once"),
    (["-nographic", "-nographic"], "--nographic: given twice; expected once"),
    (["a", "b"], "b: a kernel is given already, a; expected the guest's arguments after --"),
    (["-k", "a", "b"], "b: a kernel is given already, a; expected the guest's arguments after --"),
    (["-m", ""], f'--memory: "" {SIZE}'),
    (["-m", "big"], f'--memory: "big" {SIZE}'),
    (["-m", "-1"], f'--memory: "-1" {SIZE}'),
    (["-m", "+1"], f'--memory: "+1" {SIZE}'),
    (["-m", " 1"], f'--memory: " 1" {SIZE}'),
    (["-m", "1 "], f'--memory: "1 " {SIZE}'),
    (["-m", "512MB"], f'--memory: "512MB" {SIZE}'),
    (["-m", "12Q"], f'--memory: "12Q" {SIZE}'),
    (["-m", "1.5G"], f'--memory: "1.5G" {SIZE}'),
    (["-m", "size="], f'--memory: "size=" {SIZE}'),
    (["-m", "size=1G,backing=thp"], f'--memory: "size=1G,backing=thp" {SIZE}'),
    (["-m", "99999999999999999999x"], f'--memory: "99999999999999999999x" {SIZE}'),
    (["-m", "99999999999999999999"], f'--memory: "99999999999999999999" {TOO_MUCH}'),
    (["-m", "16777216T"], f'--memory: "16777216T" {TOO_MUCH}'),
    (["-m", "17592186044416M"], f'--memory: "17592186044416M" {TOO_MUCH}'),
    (["-m", "1536K"], '--memory: "1536K" is not a whole number of MiB; expected one, such as 512M'),
    (["-m", "0"], "--memory: 0 is no memory; expected at least 1 MiB"),
    (["-m", "0G"], "--memory: 0 is no memory; expected at least 1 MiB"),
    (["-m", "65T"], f"--memory: 68157440 MiB {TOO_MUCH}"),
    (["-smp", "256"], "--smp: 256 vCPUs; expected 1 to 255"),
    (["-c", "0"], "--smp: 0 vCPUs; expected 1 to 255"),
    (["-c", "two"], '--smp: "two" is not a number of vCPUs; expected 1 to 255'),
    (["-c", "1x"], '--smp: "1x" is not a number of vCPUs; expected 1 to 255'),
    (["-c", "2", "--irqchip", "none"],
     "--smp 2 with --irqchip none: nothing can start the second vCPU; expected an interrupt "
     "controller, or --smp 1"),
    (["--timeout", "0"], f'--timeout: "0" {LIMIT}'),
    (["--timeout", "0.000"], f'--timeout: "0.000" {LIMIT}'),
    (["--timeout", "-1"], f'--timeout: "-1" {LIMIT}'),
    (["--timeout", "5s"], f'--timeout: "5s" {LIMIT}'),
    (["--timeout", "1."], f'--timeout: "1." {LIMIT}'),
    (["--timeout", ".5"], f'--timeout: ".5" {LIMIT}'),
    (["--timeout", "0.0001"], f'--timeout: "0.0001" {LIMIT}'),
    (["--timeout", "1e3"], f'--timeout: "1e3" {LIMIT}'),
    (["--timeout", "31536000.001"], f'--timeout: "31536000.001" {LIMIT}'),
    (["--timeout", "100000000"], f'--timeout: "100000000" {LIMIT}'),
    (["--timeout", "99999999999999999999"], f'--timeout: "99999999999999999999" {LIMIT}'),
    (["--irqchip", "kernel"],
     '--irqchip: "kernel" is not an interrupt controller; expected none, split or full'),
    (["--on-rom-write", "ignore"], '--on-rom-write: "ignore" is unknown; expected drop or stop'),
    (["--serial", "tty"], '--serial: "tty" is unknown; expected stdio, file:PATH or null'),
    (["--serial", "file:"], '--serial: "file:" is unknown; expected stdio, file:PATH or null'),
    (["--escape", "^B"], '--escape: "^B" is unknown; expected none or ^A'),
    (["--stats=xml"], '--stats: "xml" is unknown; expected text or json:FILE'),
    (["--stats=json:"], '--stats: "json:" is unknown; expected text or json:FILE'),
    (["--device", "e1000"], '--device: "e1000" is not a device; expected isa-debug-exit'),
    (["--device", ""], '--device: "" is not a device; expected isa-debug-exit'),
    (["--device", "isa-debug-exit,port=1"],
     '--device: isa-debug-exit has no property "port=1"; expected iobase=N or iosize=N'),
    (["--device", "isa-debug-exit,"],
     '--device: isa-debug-exit has no property ""; expected iobase=N or iosize=N'),
    (["--device", "isa-debug-exit,iobase"],
     '--device: isa-debug-exit has no property "iobase"; expected iobase=N or iosize=N'),
    (["--device", "isa-debug-exit,iobase="],
     '--device: "iobase=": expected a number after the ='),
    (["--device", "isa-debug-exit,iobase=0x"],
     '--device: "iobase=0x": expected a number after the ='),
    (["--device", "isa-debug-exit,iobase=1,iobase=1"],
     "--device: iobase is given twice; expected once"),
    (["--device", "isa-debug-exit,iosize=3"], "--device: iosize 3; expected 1, 2 or 4"),
    (["--device", "isa-debug-exit,iosize=0"], "--device: iosize 0; expected 1, 2 or 4"),
    (["--device", "isa-debug-exit,iobase=0x10000"],
     f"--device: iobase 0x10000; expected 4 {PORTS}"),
    (["--device", "isa-debug-exit,iobase=0xfffd"],
     f"--device: iobase 0xfffd; expected 4 {PORTS}"),
    (["--device", "isa-debug-exit,iobase=0xffffffffffffffff"],
     f"--device: iobase 0xffffffffffffffff; expected 4 {PORTS}"),
    (["--device", "isa-debug-exit", "--device", "isa-debug-exit"],
     "--device: given twice; expected once"),
    (["doctor", "x"], 'x: "vmm doctor" takes no argument but --kvm-device PATH'),
    (["doctor", "-m", "1"], '--memory: "vmm doctor" takes no option but --kvm-device PATH'),
    (["--config", "/nonexistent/x.json"],
     "--config: /nonexistent/x.json: cannot be opened: No such file or directory"),
    (["--dtb", "x"], "--dtb: a machine of x86_64 has no device tree"),
    (["--dump-dtb", "x"], "--dump-dtb: a machine of x86_64 has no device tree"),
    *[([*options, ""], f'--{name}: "" is not a path; expected one')
      for options, name in ((["-nographic"], "kernel"), (["-k"], "kernel"), (["-i"], "initrd"),
                            (["--dtb"], "dtb"), (["--dump-dtb"], "dump-dtb"),
                            (["--config"], "config"), (["--kvm-device"], "kvm-device"))],
    (["--config", "/"], re.compile(r"--config: /: cannot be (read|opened.*)")),
]

for options, text in BAD:
    suite.add(f"refused: {' '.join(options) or 'nothing'}", vmm.refuses, options, text)


def printed(*options, cwd=None):
    """What --print-config says of these options."""
    seen = vmm.run("--print-config", *options, cwd=cwd)
    equal(seen.status, 0, f"status\n{seen}\n")
    equal(seen.err, "", "stderr")
    return json.loads(seen.out)


def sets(options, key, value):
    config = printed(*options)
    for part in key.split("."):
        config = config[part]
    equal(config, value, key)


KERNEL, ARGS = "boot-source.kernel_image_path", "boot-source.boot_args"
INITRD, MEMORY = "boot-source.initrd_path", "machine-config.mem_size_mib"
DEBUG_EXIT = [{"type": "isa-debug-exit", "iobase": "0xf4", "iosize": 4}]

GOOD = [
    (["/k"], KERNEL, "/k"),
    (["-k", "/k"], KERNEL, "/k"),
    (["-kernel", "/k"], KERNEL, "/k"),
    (["--kernel", "/k"], KERNEL, "/k"),
    (["--kernel=/k"], KERNEL, "/k"),
    (["-kernel=/k"], KERNEL, "/k"),
    (["-k=/k"], KERNEL, "/k"),
    (["--kernel=/a=b"], KERNEL, "/a=b"),
    (["k"], KERNEL, os.path.join(os.getcwd(), "k")),
    (["-p", "a b"], ARGS, "a b"),
    (["-append", "-v"], ARGS, "-v"),
    (["--append="], ARGS, ""),
    (["-p", "a", "/k", "--", "b", "-c", "--d"], ARGS, "a b -c --d"),
    (["--", "b"], ARGS, "b"),
    (["-i", "/i"], INITRD, "/i"),
    (["-initrd", "/i"], INITRD, "/i"),
    (["--initrd=/i"], INITRD, "/i"),
    ([], MEMORY, 256),
    (["-m", "512"], MEMORY, 512),
    (["-m", "512M"], MEMORY, 512),
    (["-m", "512m"], MEMORY, 512),
    (["-memory", "1G"], MEMORY, 1024),
    (["--memory=size=512M"], MEMORY, 512),
    (["-m", "size=2g"], MEMORY, 2048),
    (["-m", "2048K"], MEMORY, 2),
    (["-m", "0x20"], MEMORY, 32),
    (["-m", "1T"], MEMORY, 1048576),
    (["-m", "64T"], MEMORY, 67108864),
    (["-c", "1"], "machine-config.vcpu_count", 1),
    (["-smp", "1"], "machine-config.vcpu_count", 1),
    (["--timeout", "30"], "timeout", 30),
    (["--timeout", "0.25"], "timeout", 0.25),
    (["--timeout=1.5"], "timeout", 1.5),
    (["--timeout", "0.001"], "timeout", 0.001),
    (["--timeout", "31536000"], "timeout", 31536000),
    (["--stats"], "stats", "text"),
    (["--stats=json:/s"], "stats", "json:/s"),
    (["--dirty-log"], "dirty-log", "text"),
    (["--dirty-log=json:/d"], "dirty-log", "json:/d"),
    (["--memory-control"], "memory-control", True),
    ([], "memory-control", False),
    (["--dump-stage2"], "dump-stage2", True),
    ([], "dump-stage2", False),
    ([], "devices", []),
    (["--device", "isa-debug-exit"], "devices", DEBUG_EXIT),
    (["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"], "devices", DEBUG_EXIT),
    (["--device=isa-debug-exit,iosize=1,iobase=65535"], "devices",
     [{"type": "isa-debug-exit", "iobase": "0xffff", "iosize": 1}]),
    (["--smp", "255"], "machine-config.vcpu_count", 255),
    ([], "irqchip", "none"),
    (["--smp", "2"], "irqchip", "full"),
    (["--smp", "2", "--irqchip", "split"], "irqchip", "split"),
    (["--irqchip", "split"], "irqchip", "split"),
    (["--irqchip=full"], "irqchip", "full"),
    ([], "on-rom-write", "drop"),
    (["--on-rom-write", "stop"], "on-rom-write", "stop"),
    ([], "serial", "stdio"),
    (["--serial", "null"], "serial", "null"),
    (["--serial", "file:/f"], "serial", "file:/f"),
    ([], "escape", "^A"),
    (["--escape", "none"], "escape", "none"),
    ([], "kvm-device", "/dev/kvm"),
    (["--kvm-device", "/x"], "kvm-device", "/x"),
    (["-nographic", "-no-reboot", "/k"], KERNEL, "/k"),
    (["--nographic", "--no-reboot", "/k"], KERNEL, "/k"),
]

for options, where, wanted in GOOD:
    name = f"{' '.join(options) or 'the default'} sets {where}"
    suite.add(name, sets, options, where, wanted)


@suite.point("--help names every option and every status")
def help_text():
    for option in ("--help", "-help", "-h"):
        seen = vmm.run(option)
        equal((seen.status, seen.err), (0, ""), "status and stderr")
        for word in (
            "Usage: vmm [options] KERNEL [-- args]", "vmm doctor", "-k, --kernel", "-p, --append",
            "-i, --initrd", "-m, --memory", "-c, --smp", "--config", "--print-config", "--timeout",
            "--stats", "--dirty-log", "--memory-control", "--dump-stage2", "--dtb", "--dump-dtb", "--device", "--irqchip", "--on-rom-write", "--serial",
            "--escape", "--kvm-device", "--nographic", "--no-reboot", "--version", "^A x",
        ):
            check(word in seen.out, f"{option} does not say {word!r}")
        for status in (0, 2, 4, 6, 32, 34, 38, 40, 42, 44, 46, 124):
            check(re.search(rf"\b{status}  ", seen.out), f"{option} does not list status {status}")
        widest = max(len(line) for line in seen.out.splitlines())
        check(widest <= 100, f"{option} has a line of {widest} columns")


@suite.point("--version")
def version():
    seen = vmm.run("--version")
    equal((seen.status, seen.err), (0, ""), "status and stderr")
    check(re.fullmatch(r"vmm \(twofold\) \d+\.\d+\.\d+\n", seen.out), seen.out)


@suite.point("a full disk is not a success")
def full_disk():
    import subprocess

    if not os.path.exists("/dev/full"):
        raise Skipped("no /dev/full")
    kernel = vmm.file("k", __import__("images").GOOD)
    for options in (["--help"], ["--version"], ["--print-config"], ["--dump-stage2"],
                    ["--dump-stage2", kernel]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([vmm.path, *options], stdout=full, stderr=subprocess.PIPE,
                                  check=False)
        equal(done.returncode, 6, f"{options}: status")
        check(done.stderr.endswith(b"standard output cannot be written\n"), f"{done.stderr}")


@suite.point("a limit of the size of files is an error, and no death: status 6")
def file_size_limit():
    import resource
    import subprocess

    done = subprocess.run(
        [vmm.path, "--dump-stage2"], capture_output=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    equal((done.returncode, done.stderr),
          (6, b"vmm: no memory file of 256 MiB for the guest: File too large\n"),
          "status and stderr")


@suite.point("a file that is read, or written already, is not written: status 2")
def files_kept():
    kernel = vmm.file("kept/k", __import__("images").GOOD)
    other, new = vmm.file("kept/initrd", "x"), os.path.join(vmm.scratch, "kept/new")
    config = vmm.file("kept/config.json", "{}")
    link = os.path.join(vmm.scratch, "kept/link")
    os.symlink("k", link)
    for options, text in (
            (["--serial", f"file:{kernel}"], f"--serial: {kernel}: it is the file of the kernel"),
            ([f"--stats=json:{link}"], f"--stats: {link}: it is the file of the kernel"),
            (["--initrd", other, f"--dirty-log=json:{other}"],
             f"--dirty-log: {other}: it is the file of --initrd"),
            (["--config", config, f"--stats=json:{config}"],
             f"--stats: {config}: it is the file of --config"),
            (["--serial", f"file:{new}", f"--stats=json:{new}"],
             f"--stats: {new}: it is the file of --serial")):
        vmm.refuses([kernel, *options], f"{text} too; expected another one")
    with open(kernel, "rb") as file:
        check(file.read() == __import__("images").GOOD, "the kernel is lost")
    check(not os.path.exists(new), f"{new} is there")
    # What is not kept can be shared.
    vmm.refuses([kernel, "--stats=json:/dev/null", "--dirty-log=json:/dev/null",
                 "--kvm-device", "/nonexistent/kvm"], re.compile("/nonexistent/kvm: .*"), status=4)


def no_kvm(device, pattern):
    kernel = vmm.file("k", __import__("images").GOOD)
    vmm.refuses(["--kvm-device", device, kernel], re.compile(pattern), status=4)


NOT_KVM = "is not a KVM device: Inappropriate ioctl for device; expected one, such as /dev/kvm"
suite.add("status 4 where there is no KVM", no_kvm, "/nonexistent/kvm",
          "/nonexistent/kvm: No such file or directory; "
          '"vmm doctor --kvm-device /nonexistent/kvm" says what to do')
suite.add("status 4 where the device is something else", no_kvm, "/dev/null", f"/dev/null: {NOT_KVM}")
suite.add("status 4 where the device is a file", no_kvm, sys.argv[0], f"{sys.argv[0]}: {NOT_KVM}")
suite.add("status 4 where it cannot be opened", no_kvm, "/dev",
          '/dev: Is a directory; "vmm doctor --kvm-device /dev" says what to do')


@suite.point("doctor says what is wrong with a device, and what to do, status 4")
def doctor_without():
    for device, text in (("/nonexistent/kvm", "No such file or directory"),
                         ("/dev", "Is a directory"), ("/dev/null", NOT_KVM)):
        seen = vmm.run("doctor", "--kvm-device", device)
        equal((seen.status, seen.err), (4, ""), "status and stderr")
        check(seen.out.startswith(f"no   KVM: {device}: {text}\n     -> give --kvm-device a KVM "
                                  "device, or leave it out"), seen.out)
        check("firmware" not in seen.out, seen.out)
        check(seen.out.rstrip().splitlines()[-1].startswith("Guests cannot run here"), seen.out)


@suite.point("doctor says what to do where there is no /dev/kvm, status 4")
def doctor_without_kvm():
    if os.path.exists("/dev/kvm"):
        raise Skipped("there is a /dev/kvm")
    seen = vmm.run("doctor")
    equal((seen.status, seen.err), (4, ""), "status and stderr")
    check("no   KVM: there is no /dev/kvm" in seen.out, seen.out)
    check("qemu-system-x86_64 -accel tcg" in seen.out, seen.out)


@suite.point("doctor says how to get permission, status 4")
def doctor_permission():
    import subprocess

    if os.getuid() != 0:
        raise Skipped("needs root, to be somebody else")
    device = vmm.file("open/kvm", "")
    os.chmod(device, 0o660)
    os.chown(device, 0, 5)
    os.chmod(vmm.scratch, 0o755)
    os.chmod(os.path.dirname(device), 0o755)
    binary = vmm.file("open/vmm", open(vmm.path, "rb").read())
    os.chmod(binary, 0o755)
    done = subprocess.run([binary, "doctor", "--kvm-device", device], capture_output=True,
                          text=True, user=65534, group=65534, extra_groups=[], check=False)
    equal((done.returncode, done.stderr), (4, ""), "status and stderr")
    check("is there, but you may not use it" in done.stdout, done.stdout)
    check('"sudo adduser $USER tty"' in done.stdout, done.stdout)


@suite.point("--dump-stage2 without a kernel shows memory, and needs no KVM")
def dump():
    seen = vmm.run("--dump-stage2", "-m", "4G", "--kvm-device", "/nonexistent")
    equal((seen.status, seen.err), (0, ""), "status and stderr")
    lines = seen.out.splitlines()
    low = r"0x0000000000000000-0x00000000c0000000 -> 0x0000000000000000 +3G +1G rwx .*"
    high = r"0x0000000100000000-0x0000000140000000 -> 0x00000000c0000000 +1G +1G rwx .*"
    check(re.fullmatch(low, lines[0]), lines[0])
    check(re.fullmatch(high, lines[1]), lines[1])
    check(lines[-1].startswith("KVM enforces: read and write"), lines[-1])


suite.run()
