# SPDX-License-Identifier: MIT
"""ROMs for Bochs (bochs/make-rom) that were made with room for a command line: 100 or more times ~."""

import re

ROOM = re.compile(rb'~{100,}')


class Rom:
    def __init__(self, path):
        with open(path, 'rb') as stream:
            self._content = stream.read()
        self._room = ROOM.search(self._content)
        if not self._room:
            raise ValueError(f'{path}: no room for a command line')

    def tell(self, command_line):
        """The ROM, with that command line in it."""
        start, end = self._room.span()
        text = command_line.encode()
        if len(text) > end - start:
            raise ValueError(f'too long a command line, there is room for {end - start} bytes: {command_line}')
        return self._content[:start] + text.ljust(end - start, b'\0') + self._content[end:]
