"""Character counting: what may be sent, what has been answered, and which strokes are on the paper for certain."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass

from gcode.actions import Dwell, GcodeError, Move
from gcode.dialects import interpreter as interpreter_for
from gcode.profile import Profile
from gcode.program import Program, Step, parked, trace
from gcode.transport import PlotterError

DRAIN = b"G4P.01\n"  # its ok comes only when everything before it has been drawn


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a program as it is sent; `block` is its number in the program, from 1.

    `pausable`: the pen is up before it, and has had its time to get there. `wait`: the seconds of its dwells.
    `drawn`: the strokes that are complete once it is answered, because it waited for them. `moves`: how many
    moves the program has made with it.
    """

    data: bytes
    block: int
    pausable: bool
    wait: float
    drawn: int
    moves: int


class Job:
    """A program on its way to a machine that holds `rx` bytes unread and `ring` moves undrawn.

    `drained` says that a `DRAIN` was the last line sent. Raises PlotterError on a program GRBL would refuse.
    """

    def __init__(self, program: Program, profile: Profile, rx: int, ring: int) -> None:
        """Read the program; nothing is sent."""
        self.lines, self._lifts = _read(program, profile)
        self.strokes = len(self._lifts)
        self.drawn = 0
        self.acknowledged = 0  # lines
        self.drained = False
        self._rx, self._ring = rx, ring
        self._next = 0
        self._unanswered: deque[tuple[int, Line | None]] = deque()
        self._bytes = 0

    @property
    def waiting(self) -> bool:
        """Whether an answer is due."""
        return bool(self._unanswered)

    @property
    def done(self) -> bool:
        """Whether all is sent, answered and drawn."""
        return self._next == len(self.lines) and self.drained and not self._unanswered

    @property
    def oldest(self) -> Line | None:
        """The line whose answer comes next; None where that is a drain, or nothing is due."""
        return self._unanswered[0][1] if self._unanswered else None

    def feed(self, pausing: bool) -> bytes:
        """The lines that fit the machine's buffer now; while `pausing`, none beyond the next pen-up."""
        data = bytearray()
        while True:
            stop = self._next == len(self.lines) or (pausing and self.lines[self._next].pausable)
            line = None if stop else self.lines[self._next]
            text = line.data if line else DRAIN
            if (stop and self.drained) or self._bytes + len(text) > self._rx:
                return bytes(data)
            data += text
            self._unanswered.append((len(text), line))
            self._bytes += len(text)
            self._next += not stop
            self.drained = stop

    def acknowledge(self) -> None:
        """The machine has said `ok`: the oldest line was read, and what it had to wait for is drawn."""
        if not self._unanswered:
            raise PlotterError("The plotter answers more than it was asked: another program talks to it, too")
        size, line = self._unanswered.popleft()
        self._bytes -= size
        if line is None:
            self.drawn = bisect_right(self._lifts, self.lines[self._next - 1].moves) if self._next else 0
            return
        self.acknowledged += 1
        # A move is drawn when as many others as the ring holds have been answered after it, and one runs out.
        self.drawn = max(self.drawn, line.drawn, bisect_right(self._lifts, line.moves - self._ring - 1))


def _read(program: Program, profile: Profile) -> tuple[list[Line], list[int]]:
    """The lines to send, and for each stroke the number of moves after which it is complete."""
    steps: list[list[Step]] = [[] for _ in program.blocks]
    try:
        for step in trace(program, profile):
            steps[step.block].append(step)
    except GcodeError as error:
        raise _refused(program, profile) from error
    lines: list[Line] = []
    lifts: list[int] = []
    moves = drawn = 0
    down = False
    for number, (block, actions) in enumerate(zip(program.blocks, steps, strict=True), start=1):
        pausable = not down and any(isinstance(step.action, Move) for step in actions)
        wait = 0.0
        for _, action, was_down, down in actions:
            moves += isinstance(action, Move)
            if was_down and not down:
                lifts.append(moves)
            if not isinstance(action, Move):  # a full stop: what precedes it is drawn
                drawn = len(lifts)
                wait += action.seconds if isinstance(action, Dwell) else 0.0
        if text := block.text:
            lines.append(Line(f"{text}\n".encode("ascii"), number, pausable, wait, drawn, moves))
    return lines, lifts


def _refused(program: Program, profile: Profile) -> PlotterError:
    """Names the first block that GRBL would refuse."""
    interpreter = interpreter_for(profile, parked(profile))
    for number, block in enumerate(program.blocks, start=1):
        try:
            interpreter.execute(block.text)
        except GcodeError as error:
            return PlotterError(f"Nothing was drawn: line {number} of the program, {block.text!r}, is wrong: {error}.")
    raise AssertionError("a program refused as a whole has a block that is refused")
