# SPDX-License-Identifier: MIT
"""L1: Debian's kernel under QEMU's emulation, with an initramfs that runs commands and tells about them.

    machine = Machine(ARCHITECTURES['x86_64'], build)
    initramfs = Initramfs(machine, [Command(['vmm', '-k', 'kernel.elf'], 60)])
    for event in run(machine, initramfs, log): ...

Nothing in here prints; what goes wrong with L1 itself is raised as Broken, with one sentence.
"""

import ctypes
import dataclasses
import glob
import os
import re
import secrets
import selectors
import signal
import socket
import subprocess
import time

import channel
import files
import newc

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), '../..'))
# How long L1 may take to come up, and to go on between two commands. A busy machine is slow.
BOOT_SECONDS = 120
PAUSE_SECONDS = 30
OUTPUT_LIMIT = 16 << 20
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Broken(Exception):
    """L1 did not do its part: what a command would have done is not known."""


class Hung(Broken):
    """Nothing came for too long."""


@dataclasses.dataclass(frozen=True)
class Architecture:
    name: str
    debian: str
    elf_machine: int
    kernel: str  # its Debian package
    modules: tuple  # to be loaded in this order
    program: str  # QEMU
    machine: tuple
    cpu: str
    console: str
    channel: tuple  # QEMU's device, and what L1 calls it
    append: str


ARCHITECTURES = {
    # ACPI stays on: without it L1 now and then takes a useless clock. 640 MiB or more for huge pages.
    'x86_64': Architecture(
        name='x86_64',
        debian='amd64',
        elf_machine=62,
        kernel='linux-image-6.1.*-cloud-amd64',
        modules=('virt/lib/irqbypass', 'arch/x86/kvm/kvm', 'arch/x86/kvm/kvm-amd'),
        program='qemu-system-x86_64',
        machine=('-M', 'q35', '-accel', 'tcg'),
        cpu='max',
        console='ttyS0',
        channel=('isa-serial', '/dev/ttyS1'),
        append='cryptomgr.notests=1',
    ),
    # A virtual address width, pointer authentication and the like of the newest CPUs cost time.
    'aarch64': Architecture(
        name='aarch64',
        debian='arm64',
        elf_machine=183,
        kernel='linux-image-6.1.*-cloud-arm64',
        modules=(),
        program='qemu-system-aarch64',
        machine=('-M', 'virt,virtualization=on,gic-version=3', '-accel', 'tcg'),
        cpu='neoverse-n1',
        console='ttyAMA0',
        channel=('pci-serial', '/dev/ttyS0'),
        append='cryptomgr.notests=1 kpti=0',
    ),
}


@dataclasses.dataclass
class Machine:
    """The machine that QEMU emulates, and where the programs for it were built."""

    architecture: Architecture
    build: str
    cpu: str = None
    memory: str = '1G'
    processors: int = 1
    machine: tuple = ()

    def program(self, name):
        """A program that was built for L1."""
        path = os.path.join(self.build, name)
        if not os.path.exists(path):
            raise Broken(f'{path} is missing: build it first (make)')
        return path


@dataclasses.dataclass
class Command:
    argv: list
    seconds: int  # 0: on the console, for as long as it wants


@dataclasses.dataclass
class Event:
    """What happened: kind is up, note, begin, out, err, end, file or done."""

    kind: str
    number: int = -1  # of the command
    data: bytes = b''
    how: int = channel.EXIT
    value: int = 0
    seconds: float = 0.0


def fetch(architecture, *packages):
    """The directory where Debian packages are unpacked; from the network if they never were."""
    command = [os.path.join(SOURCE, 'configs/fetch-packages'), architecture.debian, *packages]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise Broken(f"L1's {' '.join(packages)} cannot be had: see above")
    return os.fsdecode(done.stdout.rstrip(b'\n'))


def read(path):
    with open(path, 'rb') as stream:
        return stream.read()


class Kernel:
    def __init__(self, architecture):
        directory = fetch(architecture, architecture.kernel)
        (self.image,) = glob.glob(os.path.join(glob.escape(directory), 'boot/vmlinuz-*'))
        (modules,) = glob.glob(os.path.join(glob.escape(directory), 'lib/modules/*/kernel'))
        self.modules = [os.path.join(modules, name + '.ko') for name in architecture.modules]


class Initramfs:
    """What L1 has in it: init, the kernel's modules, the commands and the files that they name."""

    def __init__(self, machine, commands, more_files=(), outputs=()):
        self.kernel = Kernel(machine.architecture)
        self.commands = commands
        self.outputs = [os.path.abspath(path) for path in outputs]
        self.nonce = secrets.token_bytes(16)
        self._machine = machine
        self._archive = newc.Archive()
        self._modules = []
        self._add_base()
        self._argv = [self._add_command(command.argv) for command in commands]
        for path in more_files:
            if files.is_reserved(os.path.abspath(path)):
                raise files.Unfit(f'{path}: L1 has something else under this name')
            self._add_file(os.path.abspath(path))
        for path in self.outputs:
            self._archive.directory(os.path.dirname(path))

    def _add_base(self):
        for directory in ('/dev', '/proc', '/sys', '/bin', '/modules', os.getcwd()):
            self._archive.directory(directory)
        if '/tmp' not in self._archive:
            self._archive.directory('/tmp', 0o1777)
        init = self._machine.program('tests/nested/l1/nested-init')
        self._archive.file('/init', read(init), 0o755)
        for path in self.kernel.modules:
            name = '/modules/' + os.path.basename(path)
            self._archive.file(name, read(path))
            self._modules.append(name)

    def _add_file(self, path):
        if path not in self._archive:
            try:
                self._archive.file(path, read(path), os.stat(path).st_mode & 0o777)
            except OSError as error:
                raise files.Unfit(f'{path}: {error.strerror}') from None

    def _add_command(self, argv):
        """The command as L1 has it: its program by absolute name, all else as it is."""
        program = argv[0]
        if program == 'vmm':
            source, program = self._machine.program('vmm/vmm'), '/bin/vmm'
        elif program == 'sh':
            return self._add_shell(argv)
        elif os.path.isfile(program) and '/' in program:
            source = program = os.path.abspath(program)
        else:
            raise files.Unfit(f'{program}: neither vmm, nor sh, nor the path of a program')
        content = read(source)
        files.check_program(source, content, self._machine.architecture)
        if program not in self._archive:
            self._archive.file(program, content, 0o755)
        for path in files.named_files(argv[1:]):
            self._add_file(path)
        return [program, *argv[1:]]

    def _add_shell(self, argv):
        """Busybox, and vmm for it to call."""
        if '/bin/busybox' not in self._archive:
            directory = fetch(self._machine.architecture, 'busybox-static')
            self._archive.file('/bin/busybox', read(os.path.join(directory, 'bin/busybox')), 0o755)
            self._archive.symlink('/bin/sh', 'busybox')
        if '/bin/vmm' not in self._archive:
            self._archive.file('/bin/vmm', read(self._machine.program('vmm/vmm')), 0o755)
        for word in argv[1:]:
            for path in files.named_files([word, *word.split()]):
                self._add_file(path)
        return ['/bin/sh', *argv[1:]]

    def content(self):
        architecture = self._machine.architecture
        words = [self.nonce.hex(), architecture.channel[1], '/dev/' + architecture.console, os.getcwd()]
        words += [len(self._modules), *self._modules, len(self.commands)]
        for command, argv in zip(self.commands, self._argv):
            words += [command.seconds, len(argv), *argv]
        words += [len(self.outputs), *self.outputs]
        text = b''.join(os.fsencode(str(word)) + b'\0' for word in words)
        self._archive.file('/commands', text, 0o600)
        return self._archive.finish()


def qemu_command(machine, kernel, initrd, console, channel_fd):
    architecture = machine.architecture
    return [
        architecture.program,
        *(machine.machine or architecture.machine),
        *('-cpu', machine.cpu or architecture.cpu, '-m', machine.memory),
        *('-smp', str(machine.processors)),
        *('-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'),
        *('-chardev', console, '-serial', 'chardev:console'),
        *('-chardev', f'socket,id=channel,fd={channel_fd}'),
        *('-device', f'{architecture.channel[0]},chardev=channel'),
        *('-kernel', kernel, '-initrd', initrd),
        *('-append', f'console={architecture.console} quiet panic=-1 {architecture.append}'),
    ]


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Run:
    """One boot. `log` is the name of the file that gets L1's console, and all else there is to see."""

    def __init__(self, machine, initramfs, log, scratch, on_terminal=False):
        self._initramfs = initramfs
        self._log_name = log
        self._log = open(log, 'ab', buffering=0)
        self._reader = channel.Reader(initramfs.nonce)
        self._current = -1
        self._ended = 0
        self._output = 0
        self._file = None
        self._is_up = False
        self._on_terminal = on_terminal
        initrd = os.path.join(scratch, 'initramfs.cpio')
        with open(initrd, 'wb') as stream:
            stream.write(initramfs.content())
        self._start_qemu(machine, initrd)

    def _start_qemu(self, machine, initrd):
        console = f'file,id=console,path={self._log_name},append=on'
        if self._on_terminal:
            console = f'stdio,id=console,signal=off,logfile={self._log_name},logappend=on'
        self._socket, theirs = socket.socketpair()
        command = qemu_command(machine, self._initramfs.kernel.image, initrd, console, theirs.fileno())
        self._note('$ ' + ' '.join(command))
        try:
            self._qemu = subprocess.Popen(
                command,
                stdin=None if self._on_terminal else subprocess.DEVNULL,
                stdout=None if self._on_terminal else self._log,
                stderr=self._log,
                pass_fds=[theirs.fileno()],
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            raise Broken(f'cannot run {command[0]}: {error.strerror}') from None
        finally:
            theirs.close()

    def _note(self, text):
        self._log.write(f'--- {text}\n'.encode('utf-8', 'surrogateescape'))

    def close(self):
        if self._qemu.poll() is None:
            self._qemu.kill()
        self._qemu.wait()
        self._socket.close()
        self._log.close()

    def _deadline(self):
        """When the next frame must have come."""
        if not self._is_up:
            seconds = BOOT_SECONDS
        elif self._current < 0:
            seconds = PAUSE_SECONDS
        elif self._initramfs.commands[self._current].seconds == 0:
            return float('inf')
        else:
            seconds = self._initramfs.commands[self._current].seconds + PAUSE_SECONDS
        return self._since + seconds

    def events(self):
        """What happens, until L1 says that all is done. Raises Broken when it does not get there."""
        self._since = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            while True:
                if not selector.select(timeout=0.5):
                    if time.monotonic() > self._deadline():
                        raise Hung(self._hung())
                    continue
                try:
                    data = self._socket.recv(65536)
                except ConnectionError:
                    data = b''
                if not data:
                    raise Broken(self._ending())
                try:
                    for kind, payload in self._reader.feed(data):
                        event = self._event(kind, payload)
                        if event:
                            yield event
                        if kind == 'done':
                            return
                except channel.Garbled as error:
                    raise Broken(f'the result channel is garbled: {error}') from None

    def _event(self, kind, payload):
        """Checks that the frame is due; keeps the log."""
        take = getattr(self, '_take_' + kind)
        return take(payload)

    def _demand(self, condition, what):
        if not condition:
            raise channel.Garbled(f'{what} out of turn')

    def _take_up(self, payload):
        self._demand(not self._is_up, 'a second start')
        self._is_up = True
        self._since = time.monotonic()
        self._note(f'L1 is up: {payload.decode()}')
        return Event('up', data=payload)

    def _take_note(self, payload):
        self._note(f'L1: {payload.decode()}')
        return Event('note', data=payload)

    def _take_begn(self, payload):
        number = int.from_bytes(payload, 'little')
        due = self._is_up and self._current < 0 and number == self._ended
        self._demand(due and number < len(self._initramfs.commands), f'the beginning of command {number}')
        self._current = number
        self._since = time.monotonic()
        self._output = 0
        self._note(f'begin {number}: {" ".join(self._initramfs.commands[number].argv)}')
        return Event('begin', number)

    def _take_output(self, kind, payload):
        self._demand(self._current >= 0, 'output')
        self._output += len(payload)
        self._log.write(payload)
        return Event(kind, self._current, payload)

    def _take_out(self, payload):
        return self._take_output('out', payload)

    def _take_err(self, payload):
        return self._take_output('err', payload)

    def _take_end(self, payload):
        self._demand(len(payload) == channel.END.size, 'an end')
        number, how, value, milliseconds = channel.END.unpack(payload)
        self._demand(number == self._current and number >= 0, f'the end of command {number}')
        self._current = -1
        self._ended += 1
        self._since = time.monotonic()
        event = Event('end', number, how=how, value=value, seconds=milliseconds / 1000)
        self._note(f'end {number}: {describe(event)}, {event.seconds:.2f} s')
        return event

    def _take_file(self, payload):
        path = os.fsdecode(payload)
        self._demand(path in self._initramfs.outputs, f'file {path!r}')
        self._file = path
        try:
            open(path, 'wb').close()
        except OSError as error:
            raise Broken(f'{path}: {error.strerror}') from None
        return Event('file', data=payload)

    def _take_data(self, payload):
        self._demand(self._file, 'data of a file')
        with open(self._file, 'ab') as stream:
            stream.write(payload)

    def _take_done(self, payload):
        number = int.from_bytes(payload, 'little')
        self._demand(self._current < 0 and number == self._ended == len(self._initramfs.commands), 'the end')
        self._note('done')
        return Event('done')

    def _doing(self):
        if not self._is_up:
            return 'while it booted'
        if self._current < 0:
            return f'after {self._ended} of {len(self._initramfs.commands)} commands'
        return f'while it ran {" ".join(self._initramfs.commands[self._current].argv[:1])}'

    def _hung(self):
        return f'L1 hangs: nothing came for {time.monotonic() - self._since:.0f} s, {self._doing()}'

    def _ending(self):
        """Why the channel was closed before its time."""
        try:
            status = self._qemu.wait(10)
        except subprocess.TimeoutExpired:
            return f'QEMU closed the result channel, {self._doing()}'
        cut = ' in the middle of a frame' if self._reader.rest() else ''
        text = read(self._log_name).decode('utf-8', 'replace')
        panic = re.findall(r'Kernel panic - not syncing: .*', text)
        if panic:
            return f'L1 ended{cut}, {self._doing()}: {panic[-1].strip()}'
        messages = re.findall(r'^qemu-system-\S*: (?!warning).*$', text, re.MULTILINE)
        why = f' ({messages[-1].strip()})' if messages and status != 0 else ''
        return f'L1 ended{cut}, {self._doing()}, without its closing line; QEMU: status {status}{why}'


def describe(event):
    """How a command ended, in words."""
    if event.how == channel.EXIT:
        return f'status {event.value}'
    if event.how == channel.SIGNAL:
        try:
            return f'killed by signal {event.value} ({signal.Signals(event.value).name})'
        except ValueError:
            return f'killed by signal {event.value}'
    if event.how == channel.TIMEOUT:
        return f'still running after {event.value} s: killed'
    return f'not started: {os.strerror(event.value)}'
