"""How a virtual Marlin reads: its receive buffer, its line numbers and checksums, and its emergency parser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from gcode.marlin.interpreter import MarlinInterpreter, checksum
from gcode.marlin.replies import LINE_BYTES, RX_BUFFER

_LINE_END = re.compile(rb"[\r\n]")
_EMERGENCY = re.compile(rb" *(?:N[\d -]*)?M *(108|112|410)")
_NUMBERED = re.compile(r"N\s*(-?\d+)?")
_CHECKSUM = re.compile(r"\s*(\d*)")


def bare(line: str) -> str:
    """What Marlin makes of a line: what stands behind a star is not looked at."""
    return MarlinInterpreter.bare(line.partition("*")[0])


class Reader:
    """Bytes become commands; a numbered line that is not the next one, or is damaged, is asked for again.

    `say` prints a line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        """Empty, at line number 0."""
        self._say = say
        self._rx = bytearray()
        self._line = bytearray()
        self._heard = b""  # of the line that is arriving, for the emergency parser
        self._last = 0

    def pieces(self, data: bytes) -> Iterator[tuple[bytes, int]]:
        """The bytes that arrive, cut behind the lines that act at once, each with its M number; 0 with the rest.

        M108, M112 and M410 are heard as they arrive, numbered or not, and even where no buffer has room for them.
        """
        kept = line = 0  # where what was not yet given starts, and the line that is arriving
        for end in _LINE_END.finditer(data):
            if match := _EMERGENCY.match(self._heard + data[line : end.start()]):
                yield data[kept : end.end()], int(match[1])
                kept = end.end()
            self._heard, line = b"", end.end()
        self._heard = (self._heard + data[line:])[:LINE_BYTES]
        yield data[kept:], 0

    def take(self, data: bytes) -> bytes:
        """Buffers what there is room for; the rest."""
        room = RX_BUFFER - len(self._rx)
        self._rx += data[:room]
        return data[room:]

    @property
    def full(self) -> bool:
        """Whether the next byte is lost."""
        return len(self._rx) == RX_BUFFER

    def next(self) -> str | None:
        """The next command, its number and checksum still there; None where its line has not ended."""
        while self._rx:
            match = _LINE_END.search(self._rx)
            end = match.start() if match else len(self._rx)
            self._line += self._rx[:end]
            del self._rx[: end + 1]
            if match is None:
                return None
            line = self._line.decode("latin-1").partition(";")[0][:LINE_BYTES].lstrip(" ")
            self._line.clear()
            if line and (trouble := self._trouble(line)):
                self._rx.clear()
                for text in (f"Error:{trouble}, Last Line: {self._last}", f"Resend: {self._last + 1}", "ok"):
                    self._say(text)
            elif line:
                return line
        return None

    def _trouble(self, line: str) -> str:
        """What is wrong with the line's number and checksum; nothing where it has neither."""
        match = _NUMBERED.match(line)
        if match is None:
            return ""
        body, star, given = line.rpartition("*")
        sets = re.search(r"M110.*?N\s*(-?\d+)", line)  # M110 N5 sets the number, whatever stands in front
        number = int((sets or match)[1] or 0)
        if number != self._last + 1 and "M110" not in line:
            return "Line Number is not Last Line Number+1"
        if not star:
            return "No Checksum with line number"
        digits = _CHECKSUM.match(given)
        if digits is None or int(digits[1] or 0) != checksum(body.encode("latin-1")):
            return "checksum mismatch"
        self._last = number
        return ""
