# SPDX-License-Identifier: MIT
"""Writes cpio archives in the "newc" format, as Linux unpacks them into its first file system.

Each entry is a header of 110 characters, "070701" and thirteen numbers of eight hexadecimal digits, then
the name with a NUL, then the content; both end at a multiple of four bytes.
"""

import stat

TRAILER = 'TRAILER!!!'


class Archive:
    """Files and directories by absolute name; each is written once, after the directories above it."""

    def __init__(self):
        self._parts = []
        self._size = 0
        self._inode = 0
        self._entries = {}

    def __contains__(self, name):
        return _inner(name) in self._entries

    def directory(self, name, mode=0o755):
        name = _inner(name)
        if self._entries.get(name) == 'directory' or not name:
            return
        self._add(name, 'directory', stat.S_IFDIR | mode, b'')

    def file(self, name, content, mode=0o644):
        self._add(_inner(name), 'file', stat.S_IFREG | mode, content)

    def symlink(self, name, target):
        self._add(_inner(name), 'symlink', stat.S_IFLNK | 0o777, target.encode())

    def _add(self, name, kind, mode, content):
        if name in self._entries:
            raise ValueError(f'/{name} is in the archive already, as a {self._entries[name]}')
        if '/' in name:
            self.directory('/' + name.rpartition('/')[0])
        self._entries[name] = kind
        self._inode += 1
        self._write(name, mode, content, self._inode, 2 if kind == 'directory' else 1)

    def _write(self, name, mode, content, inode, links):
        encoded = name.encode('utf-8', 'surrogateescape') + b'\0'
        fields = (inode, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        header = b'070701' + b''.join(b'%08X' % field for field in fields)
        self._put(header + encoded)
        self._put(content)

    def _put(self, data):
        padding = bytes(-len(data) % 4)
        # The header's 110 bytes and the name count together.
        self._parts += [data, padding]
        self._size += len(data) + len(padding)

    def finish(self):
        """All of the archive."""
        self._write(TRAILER, 0, b'', 0, 1)
        return b''.join(self._parts)


def _inner(name):
    """The name as it stands in the archive: without the slash at the front."""
    parts = name.split('/')
    if not name.startswith('/') or any(part in ('.', '..') for part in parts):
        raise ValueError(f'{name}: not an absolute name without . and ..')
    return '/'.join(part for part in parts if part)
