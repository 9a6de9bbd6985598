"""The sheet under the virtual machine: what a pen that was moved has drawn on it."""

from __future__ import annotations

import math

from gcode.actions import Vec3
from gcode.profile import Pen

Point = tuple[float, float]


class Paper:
    """Ink by the pen's true place, which differs from the machine's idea of it once that has lost its zero.

    `strokes` are the lines drawn, each from pen-down to pen-up (a dot is one point), and `travel` the way made
    with the pen up; all in mm of the sheet. `down` says whether the pen touches it.
    """

    def __init__(self, pen: Pen, position: Vec3) -> None:
        """A clean sheet, with the head over `position` and no signal for a servo."""
        self._pen = pen
        self._zero: Vec3 = (0.0, 0.0, 0.0)
        self._here = position
        self._on, self._speed = False, 0.0
        self.strokes: list[list[Point]] = []
        self.travel = 0.0
        self.down = False
        self._settle(position[:2])

    def spindle(self, on: bool, speed: float) -> None:
        """The output that moves a servo pen has changed to S `speed`, or off."""
        self._on, self._speed = on, speed
        self._settle(self._here[:2])

    def move(self, start: Vec3, end: Vec3) -> None:
        """The head has gone straight from `start` to `end`, mm in machine coordinates."""
        begin, self._here = self.true(start), self.true(end)
        x, y, z = begin
        touch: Point = self._here[:2]
        if self._pen.kind == "z" and z != self._here[2]:  # where the pen passes the height at which it touches
            share = (0.5 * (self._pen.up + self._pen.down) - z) / (self._here[2] - z)
            if 0.0 <= share <= 1.0:
                touch = (x + share * (self._here[0] - x), y + share * (self._here[1] - y))
        was_down = self.down
        if was_down:
            self._draw(touch)
        self._settle(touch)
        if self.down:
            self._draw(self._here[:2])
        if not (was_down and self.down):
            self.travel += math.dist((x, y), touch) if not was_down else math.dist(touch, self._here[:2])

    def true(self, position: Vec3) -> Vec3:
        """Where the head really is when the machine says `position`."""
        x, y, z = (p + zero for p, zero in zip(position, self._zero, strict=True))
        return (x, y, z)

    def zero_here(self, position: Vec3) -> None:
        """The machine, at `position`, now takes that for 0, 0, 0."""
        self._zero = self.true(position)

    def found_zero(self) -> None:
        """Homing: the machine's zero is the sheet's again."""
        self._zero = (0.0, 0.0, 0.0)

    def _settle(self, at: Point) -> None:
        down = self._pen.is_down(self._on, self._speed, self._here[2])
        if down and not self.down:
            self.strokes.append([at])
        self.down = down

    def _draw(self, to: Point) -> None:
        if to != self.strokes[-1][-1]:
            self.strokes[-1].append(to)
