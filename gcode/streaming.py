"""A job on its way to the machine: what to send next, and how far the drawing has got for certain."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from gcode.actions import Dwell, Move, Pause, Vec3
from gcode.course import Course
from gcode.motion import to_steps
from gcode.pen import with_heights

_PAUSE = re.compile(r"^M0*[01]\b.*|M0*0(?![\d.])")  # Marlin's M0 has words of its own, GRBL's may share its line


@dataclass(frozen=True, slots=True)
class Line:
    """One line to send; `block` is its number in the program, from 1, and 0 for one of the driver's own, a mark between
    two strokes or what stands before the program's.

    `pausable`: the pen is up before it, and has had its time to get there. `wait`: the seconds of its dwells. `reach`:
    the place where it ends. `certain`: the place that is reached once it is answered, because it waited for that.
    `moves`: how many moves the machine's ring has been given with it. `asks`: what it wants from a person (M0).
    """

    text: str
    block: int = 0
    pausable: bool = False
    wait: float = 0.0
    reach: float = 0.0
    certain: float = 0.0
    moves: int = 0
    asks: str | None = None


class Job:
    """A course being drawn by a machine whose ring holds `ring` moves, from `place` on, where the pen is lifted first.

    `place` is how far the drawing has got, and never goes back; `sent` is the place that the lines sent so far will
    reach; `marked` is one before which no line was lost on the way. `pen` has the heights in force, which may change
    between two lines. `acknowledged` counts program lines.
    """

    def __init__(self, course: Course, ring: int, drain: str, mark: str, place: float = 0.0) -> None:
        """Nothing is sent. `drain` and `mark` are the board's (`gcode.board.Board`)."""
        self.course, self.pen = course, course.profile.pen
        self.place = self.sent = self.marked = place
        self.acknowledged = 0
        self._ring, self._drain, self._mark = ring, drain, mark
        self._lines, self._moves = _lines(course, mark)
        self._next = 0
        self._lead: deque[str] = deque()  # the driver's own lines, before those of the program
        self._lead_due = 0  # how many of them are to be sent or answered
        self._unanswered: deque[Line] = deque()
        self._drained = False

    def take_up(self) -> None:
        """Begin again at `place`: in the middle of a program, after a stop, after the head was moved by hand."""
        self.place = self.sent = self.marked = self.course.settled(self.place)
        lead, block = self.course.take_up(self.place, self.pen)
        self._next = next((i for i, line in enumerate(self._lines) if line.block > block), len(self._lines))
        self._lead = deque([*lead, self._drain])
        self._lead_due = len(self._lead)
        self._unanswered.clear()
        self._drained = False

    @property
    def at_rest(self) -> bool:
        """Whether all that was sent is drawn: the job stands at its end, at a question, or at a pause."""
        return self._drained and not self._unanswered

    @property
    def done(self) -> bool:
        """Whether the job stands at its end."""
        return self.at_rest and self._next == len(self._lines)

    @property
    def question(self) -> str | None:
        """What the program wants from a person where it stands (M0), empty where it does not say; None elsewhere."""
        return self._lines[self._next].asks if self.at_rest and not self.done else None

    @property
    def oldest(self) -> Line | None:
        """The line whose answer comes next."""
        return self._unanswered[0] if self._unanswered else None

    def answer_question(self) -> None:
        """The person has done it. The M0 itself is never sent: it would lock the machine until it is resumed."""
        self.place = self.sent = self._lines[self._next].reach
        self._next += 1

    def take(self, fits: Callable[[str], bool], pausing: bool) -> str | None:
        """The next line, to be sent now; None where it does not fit yet, or the job has come to a stop: its end, a
        question, or while `pausing` a line before which the pen is up. Before a stop comes a drain."""
        stopping = self._stops(pausing)
        if self._lead:
            line = Line(self._lead[0])
        elif not stopping:
            line = self._lines[self._next]
            line = replace(line, text=with_heights(line.text, self.course.profile, self.pen))
        elif not self._drained:
            line = Line(self._drain, certain=self.sent)
        else:
            return None
        if not fits(line.text):
            return None
        self._unanswered.append(line)
        self._drained = False
        if self._lead:
            self._lead.popleft()
        elif stopping:
            self._drained = True
        else:
            self._next += 1
            self.sent = line.reach
        return line.text

    def _stops(self, pausing: bool) -> bool:
        if self._next == len(self._lines):
            return True
        line = self._lines[self._next]
        return line.asks is not None or (pausing and line.pausable)

    def acknowledge(self) -> None:
        """The machine has taken the oldest line: what that had to wait for is drawn, and so is a move after which it
        has taken as many as its ring holds, and one more."""
        line = self._unanswered.popleft()
        self._lead_due -= self._lead_due > 0
        self.acknowledged += line.block > 0
        self.place = max(self.place, line.certain)
        if line.text == self._mark:
            self.marked = line.reach
        if line.block and line.moves > self._ring + 1:
            self.place = max(self.place, float(self._moves[line.moves - self._ring - 2] + 1))

    def seen_at(self, position: Vec3, tolerance: float) -> None:
        """The machine says where it is (mm, as the program counts): the place moves there if it is on the way."""
        if not self._lead_due and not self.at_rest:
            self.place = max(self.place, self.course.locate(position, self.place, self.sent, tolerance) or 0.0)


def _lines(course: Course, mark: str) -> tuple[list[Line], list[int]]:
    """The lines to send, with a mark before each travel, and the steps of the moves that take a slot in the ring."""
    lines: list[Line] = []
    moves: list[int] = []
    here = to_steps(course.point(0.0), course.profile)
    down = drawn = False
    for index, block in enumerate(course.program.blocks):
        first, last = course.firsts[index], course.firsts[index + 1]
        wait = certain = 0.0
        pausable = False
        asks = None
        for i in range(first, last):
            action = course.steps[i].action
            if isinstance(action, Move):
                pausable = pausable or not down
                there = to_steps(action.target, course.profile)
                if there != here:  # a move of no steps vanishes
                    moves.append(i)
                here = there
            elif isinstance(action, Pause):
                asks = block.note
            else:  # a full stop: what precedes it is drawn
                certain = float(i + 1)
                wait += action.seconds if isinstance(action, Dwell) else 0.0
        if mark and pausable and drawn:
            lines.append(Line(mark, reach=float(first)))
            drawn = False
        if last > first:
            down = course.steps[last - 1].down
            drawn = drawn or down
        text = block.text if asks is None else _PAUSE.sub("", block.text)
        if text:
            reach = float(last if asks is None else last - 1)
            lines.append(Line(text, index + 1, pausable, wait, reach, certain, len(moves)))
        if asks is not None:
            lines.append(Line("", index + 1, reach=float(last), asks=asks))
    return lines, moves
