# SPDX-License-Identifier: MIT
"""The fuzz targets' own build: by clang, in BUILD-DIRECTORY/fuzz."""

import os
import subprocess

ENVIRONMENT = {'CC': 'clang', 'CFLAGS': '', 'LDFLAGS': ''}


def directory(build):
    return os.path.join(build, 'fuzz')


def run(*command):
    """Returns what went wrong, '' for nothing."""
    done = subprocess.run(
        command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=False
    )
    return '' if done.returncode == 0 else done.stdout + done.stderr


def configure(source, build):
    """As run."""
    script = os.path.join(source, 'configs/configure-build')
    return run(script, directory(build), '-Dfuzz=true', '-Doptimization=1')
