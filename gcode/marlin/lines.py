"""Numbered lines on their way to a Marlin board: which are sent, which are answered, and which it wants again.

An `ok` does not say what it answers, one follows every request to send again, and any may be lost. So they count only
as long as all is well; in `doubt` a mark (M118) is sent, whose words come back when all before it is executed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from gcode.marlin.interpreter import checksum
from gcode.marlin.replies import RX_BUFFER, mark_text

DRAIN = "M400"
RESET = "M110 N0"
SETTLE = 0.05  # s of silence before lines are sent again: until the board has read, and refused, what was on its way
_MARK_BYTES = 34  # of the buffer, kept free for a mark
_KEPT = 64  # lines that can still be sent again after they were answered


@dataclass(frozen=True, slots=True)
class _Sent:
    """A numbered line; `own`: the driver's, of which nobody hears. A `drain` is answered by the mark behind it."""

    data: bytes
    own: bool
    drain: bool


class Lines:
    """Lines up to `answered` are answered, those before `_cursor` are sent, those before `_next` have a number.

    The board's buffer can hold no line up to `_gone`: it was read, or thrown away. `mark` and `_drain` are the numbers
    of the last mark and the last drain.
    """

    def __init__(self, write: Callable[[bytes], None]) -> None:
        """Nothing is sent, and the board counts as we do: see `restart`."""
        self._write = write
        self._lines: dict[int, _Sent] = {}
        self.answered = self._gone = self.mark = self._drain = 0
        self._cursor = self._next = 1
        self.doubt = False
        self._oks = 0  # that have come and answer nothing yet; below 0: answers that were taken too early
        self._quiet = 0.0  # time.monotonic() before which nothing is sent
        self._tag = "".join(chr(97 + byte % 26) for byte in os.urandom(3))

    def restart(self) -> None:
        """Make the board count from here. What it has read is still executed, before a mark that is sent at once."""
        self._write(f"\nN0 {RESET}*{checksum(f'N0 {RESET}')}\n".encode("ascii"))
        self.send_mark()

    @property
    def waiting(self) -> int:
        """How many lines that are not the driver's own are unanswered."""
        return sum(not self._lines[n].own for n in range(self.answered + 1, self._next))

    @property
    def pending(self) -> bool:
        """Whether any line is unanswered."""
        return self.answered + 1 < self._next

    @property
    def planned(self) -> bool:
        """Whether the board has put all moves into its planner, for certain."""
        unanswered = range(self.answered + 1, self._next)
        return not self.doubt and all(n >= self._drain > self.answered for n in unanswered)

    def fits(self, line: str) -> bool:
        """Whether the line and a mark find room in the board's buffer beside what it may not have read.

        Nothing is sent behind a drain: so the board never has lines that it would draw after it was stopped.
        """
        ready = self._cursor == self._next and self._drain <= self.answered and time.monotonic() >= self._quiet
        return ready and self._room(self._numbered(line, False))

    def send(self, line: str, own: bool = False) -> None:
        """Number a line, and send it as soon as it finds room; a drain with a mark behind it."""
        self._lines[self._next] = self._numbered(line, own)
        self._drain = self._next if line == DRAIN else self._drain
        self._next += 1
        self.pump()
        if line == DRAIN:
            self.send_mark()

    def send_mark(self) -> None:
        """Send a mark, for which there is always room."""
        self.mark = self._next
        self.send(mark_text(self._tag, self._next), own=True)

    def pump(self) -> None:
        """Send what has a number and finds room; in doubt, a mark."""
        if time.monotonic() < self._quiet:
            return
        while self._cursor < self._next and self._room(self._lines[self._cursor]):
            self._cursor += 1
            self._write(self._lines[self._cursor - 1].data)
        if self.doubt and self._cursor == self._next and self.mark <= max(self.answered, self._gone):
            self.send_mark()

    def _numbered(self, line: str, own: bool) -> _Sent:
        body = f"N{self._next} {line}"
        return _Sent(f"{body}*{checksum(body)}\n".encode("ascii"), own, line == DRAIN)

    def _room(self, line: _Sent) -> bool:
        """The oldest unanswered line has left the buffer: the board is at work on it."""
        oldest = max(self.answered, self._gone) + 1
        used = sum(len(self._lines[n].data) for n in range(oldest + 1, self._cursor))
        return used + len(line.data) <= RX_BUFFER - (0 if line.own else _MARK_BYTES)

    # ---- what the board says of them ----

    def ok(self) -> int:
        """An ok has come; how many lines that are not our own are answered now."""
        if self.doubt:
            return 0
        self._oks += 1
        taken = 0
        while self._oks > 0 and self.answered + 1 < self._cursor and not self._lines[self.answered + 1].drain:
            self._oks -= 1
            taken += self._take()
        return taken

    def proven(self, tag: str, mark: int) -> int:
        """A mark has come back; how many lines that are not our own are answered now. That of others says nothing."""
        if tag != self._tag or not self.answered - _KEPT < mark < self._cursor:
            return 0
        taken = 0
        while self.answered < mark:
            taken += self._take()
        self._oks = mark - 1 - self.answered  # the mark's own ok comes behind it
        self.doubt = False
        return taken

    def _take(self) -> int:
        self.answered += 1
        self._lines.pop(self.answered - _KEPT, None)
        return not self._lines[self.answered].own

    def again(self, number: int) -> bool:
        """The board wants `number` next and has emptied its buffer; False where that is no line of ours."""
        self.doubt = True
        if number not in self._lines and number != self._next:
            return False
        self._cursor, self._gone = number, number - 1
        self._quiet = time.monotonic() + SETTLE
        return True

    def probe(self) -> None:
        """Nothing has come for long: what was sent is not in the buffer any more, and a mark tells the rest."""
        self.doubt = True
        self._gone = self._cursor - 1
        self.send_mark()
