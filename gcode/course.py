"""The way of a program: its steps, the places on it, and how to take it up again at one of them.

A place is one number: 17.25 is a quarter of the way through step 17, 17.0 where step 17 begins (`gcode.program.trace`
gives the steps). It is found by where the machine says it is, and not by what it was sent.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate

from gcode.actions import Action, Dwell, GcodeError, Move, Spindle, Vec3
from gcode.dialects import interpreter as interpreter_for
from gcode.pen import dwell, number, pen_lines, rapid_feed, with_heights
from gcode.profile import Pen, Profile
from gcode.program import Program, parked, trace
from gcode.transport import PlotterError

_AS_GOOD = 0.02  # mm by which a place may be further from the machine's than the nearest one


class Course:
    """A program's steps in order, and where the head is between them.

    `strokes` holds, for each stroke, the step that lowers the pen and the one that lifts it: a stroke is drawn when its
    lift begins. `firsts` has the first step of each of the program's blocks, and one more for the end.
    """

    def __init__(self, program: Program, profile: Profile) -> None:
        """Trace the program. Raises PlotterError naming the first block that the machine would refuse."""
        self.program, self.profile = program, profile
        try:
            self.steps = list(trace(program, profile))
        except GcodeError as error:
            raise _first_mistake(program, profile) from error
        self._points = [parked(profile)]  # before each step, and after the last
        for step in self.steps:
            self._points.append(step.action.target if isinstance(step.action, Move) else self._points[-1])
        lands = [i for i, step in enumerate(self.steps) if step.down and not step.was_down]
        self._lifts = [i for i, step in enumerate(self.steps) if step.was_down and not step.down]
        if len(self._lifts) < len(lands):
            self._lifts.append(len(self.steps))  # a program that ends with the pen on the paper
        self.strokes = list(zip(lands, self._lifts, strict=True))
        counts = [0] * len(program.blocks)
        for step in self.steps:
            counts[step.block] += 1
        self.firsts = list(accumulate(counts, initial=0))

    @property
    def end(self) -> float:
        """The place after the last step."""
        return float(len(self.steps))

    def point(self, place: float) -> Vec3:
        """Where the head is at a place, mm."""
        i = int(place)
        if place == i:
            return self._points[i]
        return _between(self._points[i], self._points[i + 1], place - i)

    def down(self, place: float) -> bool:
        """Whether the pen is on the paper at a place."""
        before = math.ceil(place) - 1
        return before >= 0 and (self.steps[before].down if place == before + 1 else self.steps[before].was_down)

    def drawn(self, place: float) -> int:
        """How many strokes are complete at a place."""
        return bisect_right(self._lifts, place)

    def stroke_start(self, place: float) -> float:
        """Where the pen comes down for the stroke that is under way at a place; the place where none is."""
        return float(self.strokes[self.drawn(place)][0]) if self.down(place) else place

    def settled(self, place: float) -> float:
        """The place, moved past the lift of a stroke that lacks nothing else: a dot is not made twice. In an action of
        the pen, which is done or not, it moves back to its start."""
        i = int(place)
        if place > i and not isinstance(self.steps[i].action, Move):
            place = float(i)
        if not self.down(place):
            return place
        stroke = min(self.drawn(place), len(self.strokes) - 1)
        lift = self.strokes[stroke][1] if place < self.strokes[stroke][1] else int(place)
        here = self.point(place)
        if any(math.dist(point, here) > 1e-9 for point in self._points[math.ceil(place) : lift + 1]):
            return place
        return float(self.firsts[self.steps[lift].block + 1]) if lift < len(self.steps) else self.end

    def locate(self, position: Vec3, low: float, high: float, tolerance: float, flat: bool = False) -> float | None:
        """The earliest place between two at which the head can be, by the machine's word; None beyond `tolerance`, mm.

        `flat` leaves the height out. Where the way crosses itself, the earliest place is the one that loses no ink.
        """
        found = [(_distance(position, self.point(low), flat), low)]
        for i in range(int(low), min(math.ceil(high), len(self.steps))):
            start, end = self._points[i], self._points[i + 1]
            if start != end:
                share = min(max(_projection(position, start, end, flat), low - i, 0.0), high - i, 1.0)
                found.append((_distance(position, _between(start, end, share), flat), i + share))
        best = min(found)[0]
        return min(place for apart, place in found if apart <= best + _AS_GOOD) if best <= tolerance else None

    def take_up(self, place: float, pen: Pen) -> tuple[list[str], int]:
        """The lines that bring a machine whose modes are unknown to a place, ready to go on, and the index of the block
        that comes next. The way there is made with the pen up; `pen` has the heights to use from here on."""
        i = int(place)
        block = self.steps[i].block if i < len(self.steps) else len(self.program.blocks)
        reader = interpreter_for(self.profile, parked(self.profile))
        following = block + (place > self.firsts[block])  # what is left of a block that was cut is written anew
        for one in self.program.blocks[:following]:
            reader.execute(one.text)
        while not reader.restorable and following < len(self.program.blocks):
            reader.execute(self.program.blocks[following].text)
            following += 1
        x, y, _ = self.point(place)
        lines = [
            "G21",
            "G90",
            *pen_lines(self.profile, down=False),
            f"G0X{number(x)}Y{number(y)}{rapid_feed(self.profile)}",
        ]
        if self.down(place):
            lines += pen_lines(self.profile, down=True)
        lines += [text for step in self.steps[i : self.firsts[following]] if (text := self._written(step.action))]
        lines = [with_heights(line, self.profile, pen) for line in lines]
        return [*lines, *reader.modes()], following

    def _written(self, action: Action) -> str:
        """A step in absolute mm."""
        if isinstance(action, Dwell):
            return dwell(self.profile, action.seconds)
        if isinstance(action, Spindle):
            marlin = self.profile.controller == "marlin"
            return f"M280P{self.profile.pen.servo}S{number(action.speed)}" if marlin else f"M3S{number(action.speed)}"
        if not isinstance(action, Move):
            return ""
        x, y, z = action.target
        height = f"Z{number(z)}" if self.profile.pen.kind == "z" else ""
        feed = rapid_feed(self.profile) if action.rapid else f"F{number(action.feed)}"
        return f"G{0 if action.rapid else 1}X{number(x)}Y{number(y)}{height}{feed}"


def _between(start: Vec3, end: Vec3, share: float) -> Vec3:
    x, y, z = (a + share * (b - a) for a, b in zip(start, end, strict=True))
    return (x, y, z)


def _distance(a: Vec3, b: Vec3, flat: bool) -> float:
    return math.dist(a[:2], b[:2]) if flat else math.dist(a, b)


def _projection(point: Vec3, start: Vec3, end: Vec3, flat: bool) -> float:
    """The share of the way from start to end at which the perpendicular from a point meets it."""
    axes = range(2 if flat else 3)
    square = sum((end[k] - start[k]) ** 2 for k in axes)
    return sum((point[k] - start[k]) * (end[k] - start[k]) for k in axes) / square if square else 0.0


def _first_mistake(program: Program, profile: Profile) -> PlotterError:
    reader = interpreter_for(profile, parked(profile))
    for number_, block in enumerate(program.blocks, start=1):
        try:
            reader.execute(block.text)
        except GcodeError as error:
            return PlotterError(f"Nothing was drawn: line {number_} of the program, {block.text!r}, is wrong: {error}.")
    raise AssertionError("a program refused as a whole has a block that is refused")
