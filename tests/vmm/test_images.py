# SPDX-License-Identifier: MIT
"""Every malformed image is refused with its own message, and sound ones are not."""

import sys

import images
from harness import Suite, Vmm, equal, need_kvm

vmm = Vmm(sys.argv[1])
suite = Suite()


def refused(name, image, message):
    path = vmm.file(name, image)
    vmm.refuses(["-m", "32", path], f"kernel {path}: {message}")


def accepted(name, image):
    need_kvm()
    seen = vmm.run("-m", "32", "--timeout", "20", vmm.file(name, image))
    equal(seen.status, 46, f"status\n{seen}\n")


@suite.point("every refusal has a message of its own kind")
def distinct():
    kinds = {message for _, message in images.IMAGES.values()}
    # The same words for the same thing: three images without the note, three bad notes, and two
    # without anything to load.
    equal(len(kinds), len(images.IMAGES) - 2 - 2 - 1, "different messages")


for image_name, (content, text) in images.IMAGES.items():
    suite.add(f"refused: {image_name}", refused, image_name, content, text)
for image_name, content in images.ACCEPTED.items():
    suite.add(f"accepted: {image_name}", accepted, image_name, content)


def refuses_files(arguments, message):
    vmm.refuses(["-m", "32", *arguments], message)


good = vmm.file("good", images.GOOD)
missing = vmm.scratch + "/missing"
suite.add(
    "refused: a kernel that is not there",
    refuses_files,
    [missing],
    f"kernel {missing}: cannot be opened: No such file or directory",
)
suite.add(
    "refused: a folder as kernel",
    refuses_files,
    [vmm.scratch],
    f"kernel {vmm.scratch}: is not a regular file; expected one",
)
suite.add(
    "refused: a device as kernel",
    refuses_files,
    ["/dev/zero"],
    "kernel /dev/zero: is not a regular file; expected one",
)
suite.add(
    "refused: an initrd that is not there",
    refuses_files,
    [good, "-i", missing],
    f"initrd {missing}: cannot be opened: No such file or directory",
)
suite.add(
    "refused: a folder as initrd",
    refuses_files,
    [good, "-i", vmm.scratch],
    f"initrd {vmm.scratch}: is not a regular file; expected one",
)
empty = vmm.file("empty-initrd", b"")
suite.add(
    "refused: an empty initrd",
    refuses_files,
    [good, "-i", empty],
    f"initrd {empty}: is empty; expected some content",
)
big = vmm.file("big-initrd", b"\1" * (31 * 2**20))
suite.add(
    "refused: an initrd that is too big",
    refuses_files,
    [good, "-i", big],
    f"initrd {big}: {31 * 2**20} bytes are too big for the free memory beside the kernel; "
    "more memory (-m) is needed",
)
LONG = "command line of 4096 bytes; expected at most 4095"
suite.add("refused: a command line that is too long", refuses_files, [good, "-p", "x" * 4096],
          f"--append: {LONG}")
suite.add("refused: arguments that make the command line too long", refuses_files,
          [good, "-p", "x" * 4000, "--", "y" * 90, "zzzz"], f"arguments after --: {LONG}")

suite.run()
