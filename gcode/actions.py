"""What G-code makes a machine do, whatever its dialect, and what the interpreters of the dialects have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

Vec3 = tuple[float, float, float]
MM_PER_INCH = 25.4


def minus(a: Vec3, b: Vec3) -> Vec3:
    """The difference of two places."""
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


class GcodeError(ValueError):
    """A line that the machine refuses: `code` is GRBL's error number, 0 in Marlin; the message says it in words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Move:
    """A straight move to `target` (mm, machine coordinates); `feed` in mm/min, 0.0 on a rapid."""

    target: Vec3
    rapid: bool
    feed: float


@dataclass(frozen=True, slots=True)
class Dwell:
    """A full stop, then a wait of `seconds` as written (GRBL rounds up to 50 ms). M8 and M9 stop for 0 s."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Spindle:
    """A full stop, then the spindle output goes `on` with S `speed`, or off. Moves a servo pen."""

    on: bool
    speed: float


@dataclass(frozen=True, slots=True)
class Pause:
    """M0: a full stop until the operator resumes. (GRBL 1.1 reads M1 and ignores it.)"""


@dataclass(frozen=True, slots=True)
class End:
    """M2 or M30: the program's end; the modal state has gone back to its defaults."""


Action = Move | Dwell | Spindle | Pause | End


class Interpreter(Protocol):
    """The state of a controller's parser, which `execute` takes from line to line.

    `position` is where the last block ends, mm in machine coordinates; `offset` is what work coordinates lack of
    them (G92).
    """

    position: Vec3
    offset: Vec3

    @staticmethod
    def bare(line: str) -> str:
        """What of a line is worth sending: no comment, no needless space."""
        ...

    def execute(self, line: str) -> list[Action]:
        """What the machine does on a line, in order. Raises GcodeError and then leaves the state as it was."""
        ...

    @property
    def restorable(self) -> bool:
        """Whether `modes` can bring a machine into this state: GRBL enters the mode of an arc by drawing one only."""
        ...

    def modes(self) -> list[str]:
        """Lines that bring a machine that was just reset into this state, without a move and without the pen."""
        ...


def chords(start: Vec3, target: Vec3, i: float, j: float, clockwise: bool, tolerance: float) -> list[Vec3]:
    """The ends of the chords of an arc or helix in the XY plane about `start` + (i, j), mm; the last is the target.

    Equal angles, none further than `tolerance` from the arc, as GRBL's mc_arc cuts it. Raises GcodeError where
    there would be more than 65,535, which is what GRBL can count to.
    """
    x0, y0, z0 = start
    cx, cy = x0 + i, y0 + j
    radius = math.hypot(i, j)
    to_x, to_y = target[0] - cx, target[1] - cy
    angle = math.atan2(-i * to_y + j * to_x, -i * to_x - j * to_y)
    epsilon = 5e-7  # radians: less than this is a full circle
    if clockwise and angle >= -epsilon:
        angle -= 2.0 * math.pi
    elif not clockwise and angle <= epsilon:
        angle += 2.0 * math.pi
    sagitta = tolerance * (2.0 * radius - tolerance)
    count = int(abs(0.5 * angle * radius) / math.sqrt(sagitta)) if sagitta > 0.0 else 0
    if count > 65535:
        raise GcodeError(33, f"an arc of radius {radius:g} mm has too many chords")
    points: list[Vec3] = []
    for n in range(1, count):
        share = n / count
        cos, sin = math.cos(angle * share), math.sin(angle * share)
        points.append((cx - i * cos + j * sin, cy - i * sin - j * cos, z0 + (target[2] - z0) * share))
    points.append(target)
    return points
