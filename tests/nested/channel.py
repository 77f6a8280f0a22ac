# SPDX-License-Identifier: MIT
"""The result channel's host end: takes bytes, gives frames (l1/channel.h says what those are).

A guest's output is the payload of frames and cannot become one: lengths come first, and each header has
a nonce that nothing but L1's init knows. Whatever does not fit exactly is an error.
"""

import struct

HEADER = struct.Struct('<16s4sII')
END = struct.Struct('<IIII')
PAYLOAD_LIMIT = 4096
# What may come before the first frame: a driver that tries out the line.
NOISE_LIMIT = 256
TYPES = {b'up  ', b'note', b'begn', b'out ', b'err ', b'end ', b'file', b'data', b'done'}

# How a command ended: struct frame_end's kind.
EXIT, SIGNAL, TIMEOUT, START = range(4)


class Garbled(Exception):
    """The bytes are no frames of this run."""


class Reader:
    def __init__(self, nonce):
        self._nonce = nonce
        self._bytes = bytearray()
        self._sequence = 0
        self._noise = 0

    def feed(self, data):
        """Take bytes as they come; yields (type, payload) for each frame that they complete."""
        self._bytes += data
        if self._sequence == 0:
            self._skip_noise()
        while len(self._bytes) >= HEADER.size:
            nonce, kind, sequence, length = HEADER.unpack_from(self._bytes)
            if nonce != self._nonce or kind not in TYPES or length > PAYLOAD_LIMIT:
                raise Garbled(f'no frame where frame {self._sequence} was due: {bytes(self._bytes[:32])!r}')
            if sequence != self._sequence:
                raise Garbled(f'frame {sequence} came where frame {self._sequence} was due')
            if len(self._bytes) < HEADER.size + length:
                return
            payload = bytes(self._bytes[HEADER.size : HEADER.size + length])
            del self._bytes[: HEADER.size + length]
            self._sequence += 1
            yield kind.decode().strip(), payload

    def _skip_noise(self):
        start = self._bytes.find(self._nonce)
        if start < 0:
            # What is kept may be the beginning of the nonce.
            start = max(0, len(self._bytes) - len(self._nonce) + 1)
        self._noise += start
        if self._noise > NOISE_LIMIT:
            raise Garbled(f'no frame in the first {self._noise} bytes')
        del self._bytes[:start]

    def rest(self):
        """How many bytes there are of a frame that is not whole."""
        return len(self._bytes)
