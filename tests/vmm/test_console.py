# SPDX-License-Identifier: MIT
"""The console on a terminal, which here is a pseudo-terminal that we hold the other end of."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

from harness import Failed, Suite, Vmm, check, equal, need_kvm

vmm = Vmm(sys.argv[1], sys.argv[2])
suite = Suite()
PATIENCE = 30  # seconds; nothing here takes more than a fraction of one
LFLAG, IFLAG, OFLAG, CC = 3, 0, 1, 6
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


# A shell, in short: stays in the foreground, and ends as the background job that it started. Using the
# terminal stops such a job, which ends as status 99.
BACKGROUND = """
import os, subprocess, sys
job = subprocess.Popen(sys.argv[1:], process_group=0)
_, status = os.waitpid(job.pid, os.WUNTRACED)
if os.WIFSTOPPED(status):
    job.kill()
    sys.exit(99)
os._exit(os.waitstatus_to_exitcode(status))
"""


class Terminal:
    """vmm as the foreground job of a terminal; `typed` goes in, `seen` is what came out."""

    def __init__(self, *arguments, background=False, stdin_only=False):
        need_kvm()
        self.ours, self.theirs = pty.openpty()
        self.before = termios.tcgetattr(self.theirs)
        self.seen = b""
        launcher = [sys.executable, "-c", BACKGROUND] if background else []
        # A session of its own with the terminal as the controlling one: its leader is in the
        # foreground.
        self.child = subprocess.Popen(
            [*launcher, vmm.path, *arguments],
            stdin=self.theirs,
            stdout=subprocess.PIPE if stdin_only else self.theirs,
            stderr=subprocess.PIPE,
            preexec_fn=self._own_terminal,
        )

    @staticmethod
    def _own_terminal():
        # What nohup ignores for us, vmm would leave ignored.
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        self.child.stderr.close()
        os.close(self.ours)
        os.close(self.theirs)

    def type(self, text):
        os.write(self.ours, text)

    def read_until(self, text):
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            left = deadline - time.monotonic()
            check(left > 0, f"no {text!r} within {PATIENCE} s; seen: {self.seen!r}")
            if select.select([self.ours], [], [], left)[0]:
                self.seen += os.read(self.ours, 4096)

    def mode(self):
        return termios.tcgetattr(self.theirs)

    def wait_until_raw(self):
        deadline = time.monotonic() + PATIENCE
        while self.mode()[LFLAG] & termios.ICANON:
            check(time.monotonic() < deadline, "the terminal does not become raw")
            time.sleep(0.005)

    def ends(self, status, err=b""):
        """It ends so, says that, and the terminal is as before."""
        try:
            equal(self.child.wait(PATIENCE), status, "status")
        except subprocess.TimeoutExpired:
            raise Failed(f"still running; seen: {self.seen!r}") from None
        equal(self.child.stderr.read(), err, "stderr")
        equal(self.mode(), self.before, "terminal mode after the end")


ECHO = ["--device", "isa-debug-exit"]
ENDED = b"vmm: ended from the console\n"


@suite.point("raw mode while the guest runs: no echo, no lines, no signals; output as before")
def raw():
    with Terminal(*ECHO, vmm.kernel("echo")) as terminal:
        terminal.read_until(b"ready\r\n")
        mode = terminal.mode()
        for name in ("ICANON", "ECHO", "ISIG", "IEXTEN"):
            check(not mode[LFLAG] & getattr(termios, name), f"{name} is on")
        for name in ("ICRNL", "IXON", "INLCR", "IGNCR", "ISTRIP"):
            check(not mode[IFLAG] & getattr(termios, name), f"{name} is on")
        equal(mode[OFLAG], terminal.before[OFLAG], "output flags")
        terminal.type(b"q")
        terminal.ends(33)


@suite.point("what is typed reaches the guest, control characters too")
def echo():
    with Terminal(*ECHO, vmm.kernel("echo")) as terminal:
        terminal.read_until(b"ready\r\n")
        typed = b"ab\r\x03\x1a\x1c\x04\x13\x11\x7f\x00\xff."
        terminal.type(typed)
        terminal.read_until(b".")
        equal(terminal.seen, b"ready\r\n" + typed, "seen")
        terminal.type(b"q")
        terminal.ends(33)


@suite.point("by interrupts, too")
def echo_irq():
    with Terminal(*ECHO, "--irqchip", "full", vmm.kernel("irq")) as terminal:
        terminal.read_until(b"ready\r\n")
        for byte in (b"a", b"b", b"c"):
            terminal.type(byte)
            terminal.read_until(byte)
        equal(terminal.seen, b"ready\r\nabc", "seen")
        terminal.type(b"q")
        terminal.ends(33)


@suite.point("^A x ends the run: status 44, terminal restored")
def escape():
    with Terminal(*ECHO, vmm.kernel("echo")) as terminal:
        terminal.read_until(b"ready\r\n")
        terminal.type(b"\x01x")
        terminal.ends(44, ENDED)


@suite.point("^A x in two pieces, and in a guest that never leaves")
def escape_pieces():
    with Terminal(vmm.kernel("spin")) as terminal:
        terminal.read_until(b"spinning\r\n")
        terminal.type(b"\x01")
        time.sleep(0.1)
        check(terminal.child.poll() is None, "^A alone ended it")
        terminal.type(b"x")
        terminal.ends(44, ENDED)


@suite.point("^A x while the guest is halted for good, with the controllers in the kernel")
def escape_halted():
    for chip in ("split", "full"):
        with Terminal("--irqchip", chip, vmm.kernel("halt")) as terminal:
            terminal.read_until(b"halting\r\n")
            terminal.type(b"\x01x")
            terminal.ends(44, ENDED)


@suite.point("^A x after more input than the guest takes")
def escape_flooded():
    with Terminal(vmm.kernel("spin")) as terminal:
        terminal.read_until(b"spinning\r\n")
        terminal.type(b"z" * 10 + b"\x01x")
        terminal.ends(44, ENDED)


@suite.point("^A a and ^A ^A send one ^A, ^A and another key sends both")
def escaped():
    with Terminal(*ECHO, vmm.kernel("echo")) as terminal:
        terminal.read_until(b"ready\r\n")
        terminal.type(b"1\x01a2\x01\x013\x01y4.")
        terminal.read_until(b".")
        equal(terminal.seen, b"ready\r\n1\x012\x013\x01y4.", "seen")
        terminal.type(b"q")
        terminal.ends(33)


@suite.point("--escape none: ^A x is input like any other")
def no_escape():
    with Terminal(*ECHO, "--escape", "none", vmm.kernel("echo")) as terminal:
        terminal.read_until(b"ready\r\n")
        terminal.type(b"\x01x.")
        terminal.read_until(b".")
        equal(terminal.seen, b"ready\r\n\x01x.", "seen")
        terminal.type(b"q")
        terminal.ends(33)


def killed(number):
    for kernel, words in (("echo", b"ready\r\n"), ("spin", b"spinning\r\n")):
        with Terminal(vmm.kernel(kernel)) as terminal:
            terminal.read_until(words)
            terminal.wait_until_raw()
            terminal.child.send_signal(number)
            terminal.ends(-number)


for signal_number in ENDING:
    suite.add(f"{signal_number.name} kills, and restores the terminal", killed, signal_number)


@suite.point("a signal at any moment of the start leaves the terminal sane, 40 times")
def killed_early():
    for i in range(40):
        with Terminal(vmm.kernel("spin")) as terminal:
            time.sleep(0.0005 * i)
            terminal.child.send_signal(signal.SIGTERM)
            terminal.ends(-signal.SIGTERM)


@suite.point("a crash of vmm itself restores the terminal")
def crash():
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
        with Terminal(vmm.kernel("spin")) as terminal:
            terminal.read_until(b"spinning\r\n")
            terminal.wait_until_raw()
            # Twice: the handler restores and returns, as after a real fault, which then repeats.
            terminal.child.send_signal(number)
            time.sleep(0.1)
            terminal.child.send_signal(number)
            terminal.ends(-number)


@suite.point("every other end restores the terminal")
def other_ends():
    for kernel, options, status in (
        ("poweroff", [], 0), ("reset", [], 32), ("triple", [], 38), ("halt", [], 46),
        ("spin", ["--timeout", "0.2"], 124),
    ):
        with Terminal(*options, vmm.kernel(kernel)) as terminal:
            equal(terminal.child.wait(PATIENCE), status, f"status of {kernel}")
            equal(terminal.mode(), terminal.before, f"terminal mode after {kernel}")


@suite.point("a message after raw mode begins at the left")
def message_column():
    with Terminal(vmm.kernel("halt")) as terminal:
        terminal.read_until(b"halting\r\n")
        equal(terminal.child.wait(PATIENCE), 46, "status")
        check(terminal.child.stderr.read().endswith(b"\n"), "no line feed")


@suite.point("SIGTSTP gives the terminal back, SIGCONT takes it again")
def stop_and_continue():
    with Terminal(*ECHO, vmm.kernel("echo")) as terminal:
        terminal.read_until(b"ready\r\n")
        terminal.wait_until_raw()
        terminal.child.send_signal(signal.SIGTSTP)
        _, status = os.waitpid(terminal.child.pid, os.WUNTRACED)
        check(os.WIFSTOPPED(status), f"not stopped: {status:#x}")
        equal(terminal.mode(), terminal.before, "terminal mode while stopped")
        terminal.child.send_signal(signal.SIGCONT)
        terminal.wait_until_raw()
        terminal.type(b"x.")
        terminal.read_until(b".")
        equal(terminal.seen, b"ready\r\nx.", "seen")
        terminal.type(b"q")
        terminal.ends(33)


@suite.point("in the background the terminal stays as it is, and input is left to others")
def background():
    with Terminal(*ECHO, "--timeout", "1", vmm.kernel("echo"), background=True) as terminal:
        terminal.read_until(b"ready\r\n")
        equal(terminal.mode(), terminal.before, "terminal mode")
        terminal.type(b"q\n")
        terminal.ends(124, b"vmm: the time limit of 1.000 s is over\n")


@suite.point("--serial null and file: leave the terminal alone, and ^C kills")
def not_used():
    for serial in ("null", f"file:{vmm.scratch}/out"):
        with Terminal("--serial", serial, vmm.kernel("spin")) as terminal:
            time.sleep(0.3)
            equal(terminal.mode(), terminal.before, "terminal mode")
            terminal.type(b"\x03")
            terminal.ends(-signal.SIGINT)


@suite.point("only standard input is a terminal")
def input_only():
    with Terminal(*ECHO, vmm.kernel("echo"), stdin_only=True) as terminal:
        equal(terminal.child.stdout.readline(), b"ready\n", "first line")
        terminal.type(b"ab")
        equal(terminal.child.stdout.read(2), b"ab", "output")
        terminal.type(b"\x01x")
        equal(terminal.child.stdout.read(), b"", "more output")
        terminal.child.stdout.close()
        terminal.ends(44, ENDED)


@suite.point("the terminal goes away: it ends by SIGHUP")
def hang_up():
    terminal = Terminal(vmm.kernel("spin"))
    terminal.read_until(b"spinning\r\n")
    os.close(terminal.theirs)
    os.close(terminal.ours)
    try:
        equal(terminal.child.wait(PATIENCE), -signal.SIGHUP, "status")
    finally:
        if terminal.child.poll() is None:
            terminal.child.kill()
            terminal.child.wait()
        terminal.child.stderr.close()


@suite.point("an ignored SIGINT stays ignored")
def ignored():
    need_kvm()
    child = subprocess.Popen(
        [vmm.path, *ECHO, "--timeout", "30", vmm.kernel("echo")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    equal(child.stdout.readline(), b"ready\n", "first line")
    child.send_signal(signal.SIGINT)
    time.sleep(0.1)
    out, _ = child.communicate(b"ok\x01xq", timeout=PATIENCE)
    equal((child.returncode, out), (33, b"ok\x01x"), "status and output")


suite.run()
