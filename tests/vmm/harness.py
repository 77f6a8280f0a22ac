# SPDX-License-Identifier: MIT
"""What the tests of the vmm command have in common: TAP, and running the command."""

import os
import re
import subprocess
import sys
import tempfile
import traceback

TIME_LIMIT = 60  # seconds; every guest here ends within one, or by a --timeout of its own


class Failed(Exception):
    """A check did not hold."""


class Skipped(Exception):
    """The check needs what this machine does not have."""


def check(condition, message):
    if not condition:
        raise Failed(message)


def equal(seen, expected, what):
    check(seen == expected, f"{what}: {seen!r}, expected {expected!r}")


class Suite:
    """Test points by name, in order."""

    def __init__(self):
        self.points = []

    def add(self, name, function, *arguments):
        self.points.append((name, function, arguments))

    def point(self, name, *arguments):
        def decorate(function):
            self.add(name, function, *arguments)
            return function

        return decorate

    def run(self):
        print(f"1..{len(self.points)}", flush=True)
        failures = 0
        for number, (name, function, arguments) in enumerate(self.points, 1):
            try:
                function(*arguments)
                print(f"ok {number} - {name}", flush=True)
            except Skipped as skipped:
                print(f"ok {number} - {name} # SKIP {skipped}", flush=True)
            except Exception as error:  # whatever it is, the other points still run
                failures += 1
                print(f"not ok {number} - {name}", flush=True)
                text = str(error) if isinstance(error, Failed) else traceback.format_exc()
                for line in text.splitlines():
                    print(f"# {line}", flush=True)
        sys.exit(1 if failures else 0)


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __str__(self):
        return f"status {self.status}\nstdout: {self.out!r}\nstderr: {self.err!r}"


class Vmm:
    """The command under test, and a scratch folder of its own."""

    def __init__(self, path, kernels=None):
        self.path = os.path.abspath(path)
        self.kernels = os.path.abspath(kernels) if kernels else None
        self._scratch = tempfile.TemporaryDirectory(prefix="vmm-test-")
        self.scratch = self._scratch.name

    def kernel(self, name):
        return os.path.join(self.kernels, f"test-kernel-{name}.elf")

    def file(self, name, content):
        """A file in the scratch folder; its path."""
        path = os.path.join(self.scratch, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, *arguments, stdin=b"", cwd=None):
        done = subprocess.run(
            [self.path, *arguments],
            input=stdin,
            capture_output=True,
            timeout=TIME_LIMIT,
            cwd=cwd,
            check=False,
        )
        return Result(
            done.returncode,
            done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"),
        )

    def refuses(self, arguments, message, status=2, cwd=None):
        """It must end with `status` and say one line that is exactly `message` (or matches it, if
        it is a compiled expression)."""
        seen = self.run(*arguments, cwd=cwd)
        equal(seen.status, status, f"status\n{seen}\n")
        equal(seen.out, "", "stdout")
        check(
            seen.err.count("\n") == 1 and seen.err.startswith("vmm: "),
            f"stderr is not one line of vmm's: {seen.err!r}",
        )
        text = seen.err[len("vmm: ") : -1]
        if isinstance(message, re.Pattern):
            check(message.fullmatch(text), f"stderr: {text!r}, expected {message.pattern!r}")
        else:
            equal(text, message, "stderr")


def need_kvm():
    """Guests need a /dev/kvm that lets us in."""
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except FileNotFoundError:
        raise Skipped("no /dev/kvm") from None
    except OSError as error:
        raise Skipped(f"/dev/kvm: {error.strerror}") from None


def interprets():
    """Whether this machine's KVM is an interpreter: it works, and the CPU has neither VMX nor SVM."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        return not re.search(r"^flags\s*:.*\b(vmx|svm)\b", file.read(), re.MULTILINE)
