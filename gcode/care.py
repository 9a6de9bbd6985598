"""Care of a pen while it draws: when it is reloaded, and how gently it is set down and taken along.

Distances in mm, times in s. It belongs to the ink, not to the machine, and so is no part of a profile.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gcode.program import Polyline

SLOW_END_FEED = 1 / 3
"""The share of the drawing feed at which the last millimetres of a stroke are drawn."""


@dataclass(frozen=True)
class Care:
    """What a pen needs; as it stands, nothing.

    It is reloaded before it has drawn more than `every_mm`, or before the plan's time since the last reload is
    over `every_seconds`: the head goes to `place` (mm in work coordinates; the park point if None) and dips the
    pen there `dips` times (once in a well; several times shake a paint marker), or, with no dips, asks the person
    for it. A pen that dips begins with that. No stroke is interrupted, but one that is longer than `every_mm` is
    cut there and taken up again at the same point.

    `slow_end`: the last mm of each stroke are drawn at a third of the feed, so that no dot ends it. `slow_down`:
    the pen is lowered slowly.
    """

    every_mm: float = math.inf
    every_seconds: float = math.inf
    place: tuple[float, float] | None = None
    dips: int = 0
    slow_end: float = 0.0
    slow_down: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError on what no pen can need."""
        if min(self.every_mm, self.every_seconds) <= 0.0 or min(self.dips, self.slow_end) < 0:
            raise ValueError("a pen is reloaded every so many mm or seconds, more than 0, by 0 dips or more")

    @property
    def reloads(self) -> bool:
        """Whether the pen is ever reloaded."""
        return min(self.every_mm, self.every_seconds) < math.inf


def cut(line: Polyline, longest: float) -> list[Polyline]:
    """The polyline (N, 2) in pieces of `longest` mm and a last one of the rest; each begins where one ends."""
    at = _measured(line)
    cuts = np.arange(1, math.ceil(at[-1] / longest - 1e-9)) * longest if longest < math.inf else np.zeros(0)
    pieces = []
    start, first = line[0], 0
    for place in cuts.tolist():
        end, last = _point_at(line, at, place), int(np.searchsorted(at, place))
        pieces.append(np.vstack([start, line[first + 1 : last], end]))
        start, first = end, last - 1
    pieces.append(np.vstack([start, line[first + 1 :]]) if pieces else line)
    return pieces


def slow_tail(line: Polyline, length: float) -> tuple[Polyline, int]:
    """The polyline with a vertex `length` mm before its end, and the index of that vertex; 0 where it is shorter."""
    at = _measured(line)
    place = float(at[-1]) - length
    if place <= 0.0:
        return line, 0
    index = int(np.searchsorted(at, place))
    return np.insert(line, index, _point_at(line, at, place), axis=0), index


def reloads(lengths: Sequence[float], seconds: Iterable[float], care: Care) -> set[int]:
    """The strokes of one pen before which it is reloaded, from the mm and the seconds that each takes."""
    before = {0} if care.dips and care.reloads and lengths else set()
    drawn = past = 0.0
    for stroke, (length, time) in enumerate(zip(lengths, seconds, strict=True)):
        if stroke and (drawn + length > care.every_mm + 1e-6 or past + time > care.every_seconds):
            before.add(stroke)
            drawn = past = 0.0
        drawn += length
        past += time
    return before


def length_of(line: Polyline) -> float:
    """mm along a polyline (N, 2)."""
    return float(_measured(line)[-1])


def _measured(line: Polyline) -> Polyline:
    """mm from the start to each point, (N,)."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])


def _point_at(line: Polyline, at: Polyline, place: float) -> Polyline:
    return np.array([np.interp(place, at, line[:, axis]) for axis in (0, 1)])
