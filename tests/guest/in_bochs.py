# SPDX-License-Identifier: MIT
"""Runs a ROM with room for a command line (bochs/make-rom) in Bochs, and takes what it said apart."""

import os
import shutil
import subprocess
import sys
import tempfile

import boot
import rom

TIMEOUT = 60


def skip_without_bochs():
    if not shutil.which('bochs'):
        print('1..0 # SKIP bochs is not installed')
        sys.exit()


class Bochs:
    """Runs the ROM with one command line after the other."""

    def __init__(self, run_guest, image, memory, model):
        self.script = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'on-bochs')
        self.arguments = run_guest, memory, model
        self.rom = rom.Rom(image)

    def run(self, options):
        run_guest, memory, model = self.arguments
        with tempfile.NamedTemporaryFile(prefix='twofold-rom-') as told:
            told.write(self.rom.tell(f'dump=0 exit=bochs mode=hypervisor {options}'))
            told.flush()
            done = subprocess.run(
                [self.script, run_guest, told.name, memory, model],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT,
                check=False,
            )
        return boot.Run(done.returncode, done.stdout)
