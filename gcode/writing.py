"""A toolpath written as G-code.

A toolpath is a sequence of polylines, each (N, 2) float64 in mm, in drawing order: the pen goes down at the
first point of each and up at its last. A polyline whose points all coincide is a dot.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gcode.pen import dwell, number
from gcode.profile import Profile
from gcode.program import Block, Polyline, Program, WorkAreaError


def write_program(toolpath: Sequence[Polyline], profile: Profile) -> Program:
    """The program that draws the toolpath on the profile's machine, in as few bytes as modal G-code allows.

    Points are rounded to `profile.decimals`, which moves none by more than half a step; those that fall on
    the one before are left out. A header sets the modes and lifts the pen before anything moves; a footer
    parks. Each stroke is: travel, pen down, draw, pen up. Raises WorkAreaError where a rounded point is
    outside the work area and ValueError on a polyline that is not (N >= 1, 2) and finite.
    """
    scale = 10**profile.decimals
    points, ends = _quantised(toolpath, scale)
    _check_work_area(points, ends, profile, scale)
    writer = _Writer(profile, scale)
    writer.pen_up(None)
    coordinates = points.tolist()
    for stroke, (start, end) in enumerate(pairwise([0, *ends])):
        x, y = coordinates[start]
        writer.move(0, x, y, stroke)
        writer.pen_down(stroke)
        for x, y in coordinates[start + 1 : end]:
            writer.move(1, x, y, stroke)
        writer.pen_up(stroke)
    park_x, park_y = (round(value * scale) for value in profile.park)
    writer.move(0, park_x, park_y, None)
    return Program(tuple(writer.blocks))


def _quantised(toolpath: Sequence[Polyline], scale: int) -> tuple[NDArray[np.int64], list[int]]:
    """All points in units of 1 / scale mm, (P, 2), and where each polyline ends among them."""
    ends: list[int] = []
    count = 0
    for stroke, line in enumerate(toolpath):
        if line.ndim != 2 or line.shape[1] != 2 or len(line) == 0:
            raise ValueError(f"stroke {stroke} must be an array (N, 2) with N >= 1, not of shape {line.shape}")
        count += len(line)
        ends.append(count)
    points = np.concatenate(toolpath) if count else np.zeros((0, 2))
    bad = ~np.isfinite(points).all(axis=1)
    if bad.any():
        stroke = int(np.searchsorted(ends, int(bad.argmax()), side="right"))
        raise ValueError(f"stroke {stroke} has a point that is not a finite number")
    # Far beyond any machine, but within an int64: the work area refuses it.
    return np.rint(points * scale).clip(-(2**62), 2**62).astype(np.int64), ends


def _check_work_area(points: NDArray[np.int64], ends: list[int], profile: Profile, scale: int) -> None:
    up = profile.y_axis == "up"
    (left, right), (low, high) = profile.x_range, profile.y_range
    x, y = points[:, 0] / scale, points[:, 1] / scale
    beyond = {
        "left": left - x,
        "right": x - right,
        "bottom" if up else "top": low - y,
        "top" if up else "bottom": y - high,
    }
    outside = np.max(list(beyond.values()), axis=0, initial=0.0) > 1e-9
    if not outside.any():
        return
    side, excess = max(beyond.items(), key=lambda item: float(item[1].max()))
    owners = np.searchsorted(ends, np.arange(len(points)), side="right")
    worst = int(owners[int(excess.argmax())])
    others = len(np.unique(owners[outside])) - 1
    raise WorkAreaError(
        f"stroke {worst}{f' (and {others} more)' if others else ''} leaves the work area of {profile.name}, "
        f"{profile.width:g} x {profile.height:g} mm, by {float(excess.max()):.4g} mm on the {side}: "
        "scale or move the page"
    )


class _Writer:
    """Appends blocks, leaving out every word that repeats what is already in force."""

    def __init__(self, profile: Profile, scale: int) -> None:
        self.profile, self.pen = profile, profile.pen
        self.scale = scale
        self.draw_feed = profile.draw_feed
        self.blocks = [Block("G21G90G17G94", None)]
        self.motion = -1  # unknown: the machine may have been used before
        self.x: int | None = None
        self.y: int | None = None
        self.feed = 0.0
        self.words: dict[int, str] = {}

    def move(self, motion: int, x: int, y: int, stroke: int | None) -> None:
        """A travel (motion 0) or a drawn line (1) to x, y in units of 1 / scale mm."""
        text = ""
        if x != self.x:
            text = f"X{self._coordinate(x)}"
            self.x = x
        if y != self.y:
            text += f"Y{self._coordinate(y)}"
            self.y = y
        if text:
            self._motion(motion, text, self.draw_feed, stroke)

    def pen_up(self, stroke: int | None) -> None:
        if self.pen.kind == "z":
            self._motion(0, f"Z{number(self.pen.up)}", 0.0, stroke)
            if self.pen.up_delay:
                self.blocks.append(Block(dwell(self.profile, self.pen.up_delay), stroke))
        else:
            # Once M3 is in force a bare S moves the servo.
            spindle, wait = "M3" if stroke is None else "", dwell(self.profile, self.pen.up_delay)
            self.blocks.append(Block(f"{spindle}S{number(self.pen.up)}{wait}", stroke))

    def pen_down(self, stroke: int) -> None:
        if self.pen.kind == "z":
            self._motion(1, f"Z{number(self.pen.down)}", self.pen.feed, stroke)
            if self.pen.down_delay:
                self.blocks.append(Block(dwell(self.profile, self.pen.down_delay), stroke))
        else:
            self.blocks.append(Block(f"S{number(self.pen.down)}{dwell(self.profile, self.pen.down_delay)}", stroke))

    def _motion(self, motion: int, axes: str, feed: float, stroke: int | None) -> None:
        if motion != self.motion:
            axes = f"G{motion}{axes}"
            self.motion = motion
        if motion == 1 and feed != self.feed:
            axes += f"F{number(feed)}"
            self.feed = feed
        self.blocks.append(Block(axes, stroke))

    def _coordinate(self, value: int) -> str:
        word = self.words.get(value)
        if word is None:
            word = self.words[value] = number(value / self.scale)
        return word
