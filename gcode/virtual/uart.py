"""GRBL's serial receiver: 128 bytes of patience, and deaf while it writes to its EEPROM.

Writing a byte to the EEPROM takes 3.4 ms with interrupts off. Of the bytes that arrive meanwhile the ATmega328P keeps
three, two in its FIFO and one in its shift register (its data sheet, "Data Overrun"), and loses the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gcode.grbl.replies import RX_BUFFER

SETTING_BYTES = 5  # written for one changed setting: a float and the checksum

_EEPROM_SECONDS = 3.4e-3  # per byte
_KEPT = 3.001  # bytes that survive each of them; the rest of the figure is for rounding
_REALTIME = frozenset(b"?!~\x18") | frozenset(range(0x80, 0x100))
_PIECE = re.compile(rb"[?!~\x18\x80-\xff]|[^?!~\x18\x80-\xff\r\n]*[\r\n]|[^?!~\x18\x80-\xff\r\n]+")
_LINE_END = re.compile(rb"[\r\n]")


class Uart:
    """The receive ring in front of a line buffer. Bytes of one burst follow each other at the baud rate."""

    def __init__(self, baud: int) -> None:
        """An empty ring behind a line of `baud`."""
        self._per_second = baud / 10.0
        self._deaf = 0.0  # byte times until the EEPROM is written
        self._counted = 0  # bytes that have come since time last passed, each of them a byte time
        self.clear()

    def clear(self) -> None:
        """Forget what has come."""
        self.ring = bytearray()
        self._line = bytearray()

    def pieces(self, burst: bytes) -> Iterator[int | bytes]:
        """A burst as the board meets it: realtime bytes as numbers, and text up to the end of each line.

        What is lost while the board writes to its EEPROM, because of an earlier piece, is left out.
        """
        self._counted += len(burst)
        burst = self._heard(burst)
        position = 0
        while match := _PIECE.match(burst, position):
            position = match.end()
            yield match[0][0] if match[0][0] in _REALTIME else match[0]
            if self._deaf:
                burst, position = self._heard(burst[position:]), 0

    def put(self, data: bytes) -> bytes:
        """Stores what there is room for; returns what there is not."""
        room = RX_BUFFER - len(self.ring)
        self.ring += data[:room]
        return data[room:]

    def next_line(self) -> str | None:
        """The next whole line; a part of one leaves the ring, too, and waits for the rest."""
        match = _LINE_END.search(self.ring)
        end = match.start() if match else len(self.ring)
        self._line += self.ring[:end]
        del self.ring[: end + 1]
        if match is None:
            return None
        line = self._line.decode("ascii")
        self._line.clear()
        return line

    def stall(self, count: int) -> None:
        """`count` bytes of EEPROM are being written from now on."""
        self._deaf += count * _EEPROM_SECONDS * self._per_second

    def wait(self, seconds: float) -> None:
        """`seconds` have passed, in which the bytes since the last call have come."""
        self._deaf = max(0.0, self._deaf - max(0.0, seconds * self._per_second - self._counted))
        self._counted = 0

    def _heard(self, burst: bytes) -> bytes:
        if not self._deaf:
            return burst
        heard = bytearray()
        for n, byte in enumerate(burst):
            if self._deaf <= 0.0:
                heard += burst[n:]
                break
            self._deaf -= 1.0
            if -self._deaf % (_EEPROM_SECONDS * self._per_second) <= _KEPT:
                heard.append(byte)
        self._deaf = max(0.0, self._deaf)
        return bytes(heard)
