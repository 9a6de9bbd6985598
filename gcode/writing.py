"""A toolpath written as G-code.

A toolpath is a sequence of polylines, each (N, 2) float64 in mm, in drawing order: the pen goes down at the
first point of each and up at its last. A polyline whose points all coincide is a dot. A layer is what one pen draws.

Lines are short where that costs nothing. Words that are in force are left out, as far as the controller remembers
them, and so are points on a straight way: a curve given in steps of 0.05 mm needs a third of the bytes, and is drawn
a fifth faster without the corners that rounding puts into it. Relative coordinates (G91) would save another 15 to
18 % of a page of sketches, and are not used: such a page needs a hundredth of what a serial line carries, and a line
that is lost or refused would then displace all the rest of its stroke, where it now cuts one corner.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gcode.care import SLOW_END_FEED, Care, cut, length_of, reloads, slow_tail
from gcode.motion import stroke_seconds, timetable
from gcode.pen import number, pen_lines, rapid_feed
from gcode.profile import Profile
from gcode.program import RELOAD, Block, Polyline, Program, WorkAreaError

Point = tuple[int, int]

_WORD = re.compile(r"[A-Z][^A-Z]*")
# What a controller remembers of a word: GRBL all of these, Marlin the axes and the feed.
_MODAL = {"G0": "motion", "G1": "motion", "M3": "spindle"}
_REMEMBERED = frozenset(("motion", "spindle", "X", "Y", "Z", "F", "S"))


@dataclass(frozen=True)
class Layer:
    """What one pen draws, polylines in order; `name` is for the person who puts the pen in, such as a colour."""

    name: str
    lines: Sequence[Polyline]


def write_program(toolpath: Sequence[Polyline], profile: Profile, care: Care | None = None) -> Program:
    """The program that draws the toolpath with one pen; see `write_layers`."""
    return write_layers([Layer("", toolpath)], profile, care)


def write_layers(layers: Sequence[Layer], profile: Profile, care: Care | None = None) -> Program:
    """The program that draws the layers on the profile's machine, in few bytes of its controller's G-code.

    Points are rounded to `profile.decimals`, which moves none by more than half a step, and those that are then
    within half of the last decimal of a straight line are left out. A header sets the modes and lifts the pen before
    anything moves; a footer parks. Each stroke is: travel, pen down, draw, pen up. Where there are several layers,
    the head parks before each and asks for its pen (M0, with a note). `care` is the pen's.

    Strokes are numbered through all layers; those that `care` cuts are several. What a reload touches belongs to no
    stroke. Raises WorkAreaError where a rounded point, or the place of the reloads, is outside the work area and
    ValueError on a polyline that is not (N >= 1, 2) and finite.
    """
    care = care or Care()
    lines = [line for layer in layers for line in layer.lines]
    scale = 10**profile.decimals
    _check_work_area(*_quantised(lines, scale), profile, scale)
    if care.place is not None:
        (left, right), (low, high) = profile.x_range, profile.y_range
        x, y = care.place
        if not (left <= x <= right and low <= y <= high):
            raise WorkAreaError(
                f"the place to reload the pen at, {x:g},{y:g}, is outside the work area of {profile.name}: "
                f"choose x in {left:g}..{right:g} and y in {low:g}..{high:g}"
            )
    if care.every_mm < math.inf:
        layers = [replace(one, lines=[p for line in one.lines for p in cut(line, care.every_mm)]) for one in layers]
    before: set[int] = set()
    if care.reloads:
        seconds = _seconds(layers, profile, care)
        first = 0
        for layer in layers:
            taken = seconds[first : first + len(layer.lines)]
            before |= {first + i for i in reloads([length_of(line) for line in layer.lines], taken, care)}
            first += len(layer.lines)
    return _write(layers, profile, care, before)


def _seconds(layers: Sequence[Layer], profile: Profile, care: Care) -> list[float]:
    """What each stroke takes by the plan, with the travel to it; nothing where nobody asks."""
    count = sum(len(layer.lines) for layer in layers)
    if care.every_seconds == math.inf:
        return [0.0] * count
    program = _write(layers, profile, care, set())
    seconds: list[float] = stroke_seconds(program, timetable(program, profile)).tolist()
    return seconds


def _write(layers: Sequence[Layer], profile: Profile, care: Care, before: set[int]) -> Program:
    """The program, with a reload before each of these strokes."""
    writer = _Writer(profile, care)
    stroke = 0
    for pen, layer in enumerate(layers, start=1):
        if len(layers) > 1:
            writer.ask(f"pen {pen}: {plain}" if (plain := _plain(layer.name)) else f"pen {pen}")
        tails = [slow_tail(line, care.slow_end) if care.slow_end else (line, len(line)) for line in layer.lines]
        points, ends = _quantised([line for line, _ in tails], writer.scale)
        coordinates = [(x, y) for x, y in points.tolist()]
        for (start, end), (_, slow) in zip(pairwise([0, *ends]), tails, strict=True):
            if stroke in before:
                writer.reload()
            writer.stroke(stroke, coordinates[start:end], slow)
            stroke += 1
    writer.park()
    return Program(tuple(writer.blocks))


def _plain(name: str) -> str:
    """A name as a comment may have it: ASCII, without what controllers take for commands."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^\w .,#+-]", "", letters).strip()


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


def thinned(points: Sequence[Point]) -> list[Point]:
    """The points without those that lie within half a unit of a straight line between two that stay.

    From each point that stays, the directions that pass the ones after it closely enough make a cone, which narrows;
    the point before the first that is outside it, or that turns back, stays, too (the cone of Sklansky and Gonzalez,
    Fast polygonal approximation of digitized curves, 1980).
    """
    kept = [points[0]]
    ax, ay = before = points[0]
    reach2 = 0.0  # the square of the furthest distance from the anchor; 0 while there is no cone
    lx = ly = rx = ry = 0.0  # the cone's left and right edges
    for point in points[1:]:
        if point == before:
            continue
        dx, dy = point[0] - ax, point[1] - ay
        square = float(dx * dx + dy * dy)
        if reach2 and (square < reach2 or dx * ly - dy * lx < 0.0 or rx * dy - ry * dx < 0.0):
            kept.append(before)
            ax, ay = before
            dx, dy = point[0] - ax, point[1] - ay
            square = float(dx * dx + dy * dy)
            reach2 = 0.0
        # Points lie on a grid, so each is at least one unit from the anchor: the edges touch its half-unit circle.
        cos, sin = math.sqrt(square - 0.25), 0.5
        new_lx, new_ly = dx * cos - dy * sin, dy * cos + dx * sin
        new_rx, new_ry = dx * cos + dy * sin, dy * cos - dx * sin
        if not reach2 or lx * new_ly - ly * new_lx < 0.0:
            lx, ly = new_lx, new_ly
        if not reach2 or rx * new_ry - ry * new_rx > 0.0:
            rx, ry = new_rx, new_ry
        reach2, before = square, point
    return kept if kept[-1] == before else [*kept, before]


class _Writer:
    """Appends blocks, leaving out every word that repeats what the controller remembers."""

    def __init__(self, profile: Profile, care: Care) -> None:
        """A program's header: its modes, and the pen up."""
        self.profile, self.care = profile, care
        self.scale = 10**profile.decimals
        self.marlin = profile.controller == "marlin"
        self.blocks: list[Block] = []
        self.in_force: dict[str, str] = {}
        self.words: dict[int, str] = {}
        # Marlin takes one command a line.
        for line in ("G21", "G90") if self.marlin else ("G21G90G17G94",):
            self.blocks.append(Block(line, None))
        self.rapid = rapid_feed(profile)
        self.draw_feed = f"F{number(profile.draw_feed)}"
        self.slow_feed = f"F{number(profile.draw_feed * SLOW_END_FEED)}"
        self._pen(False, None)

    def stroke(self, index: int, points: list[Point], slow: int) -> None:
        """Travel, pen down, the points in units of 1 / scale mm, those after the `slow`th slowly, pen up."""
        self._move("G0", points[0], self.rapid, index)
        self._pen(True, index)
        for part, feed in ((points[: slow + 1], self.draw_feed), (points[slow:], self.slow_feed)):
            if len(part) > 1:
                for point in thinned(part)[1:]:
                    self._move("G1", point, feed, index)
        self._pen(False, index)

    def reload(self) -> None:
        """Dip the pen at its place, or go there and ask."""
        place = self.profile.park if self.care.place is None else self.care.place
        if not self.care.dips:
            self.ask("reload the pen", place)
            return
        self._travel(place, RELOAD)
        for _ in range(self.care.dips):
            self._pen(True, None, RELOAD)
            self._pen(False, None, RELOAD)

    def ask(self, note: str, place: tuple[float, float] | None = None) -> None:
        """Park, or go to a place, and wait for a person; nothing is taken for granted afterwards."""
        self._travel(place or self.profile.park)
        self.blocks.append(Block("M0", None, note))
        self.in_force.clear()

    def park(self) -> None:
        """The program's footer."""
        self._travel(self.profile.park)
        if self.marlin:
            self.blocks.append(Block("M400", None))

    def _travel(self, place: tuple[float, float], note: str = "") -> None:
        x, y = (round(value * self.scale) for value in place)
        self._move("G0", (x, y), self.rapid, None, note)

    def _move(self, motion: str, point: Point, feed: str, stroke: int | None, note: str = "") -> None:
        x, y = f"X{self._coordinate(point[0])}", f"Y{self._coordinate(point[1])}"
        if self.in_force.get("X") == x and self.in_force.get("Y") == y:
            return
        self._append([motion, x, y, feed] if feed else [motion, x, y], stroke, note)

    def _pen(self, down: bool, stroke: int | None, note: str = "") -> None:
        for line in pen_lines(self.profile, down, self.care.slow_down and stroke is not None):
            self._append(_WORD.findall(line), stroke, note)

    def _append(self, words: list[str], stroke: int | None, note: str) -> None:
        text = ""
        for word in words:
            key = word if self.marlin and word[0] not in "XYZF" else _MODAL.get(word, word[0])
            if key in _REMEMBERED:
                if self.in_force.get(key) == word:
                    continue
                self.in_force[key] = word
            text += word
        self.blocks.append(Block(text, stroke, note))

    def _coordinate(self, value: int) -> str:
        word = self.words.get(value)
        if word is None:
            word = self.words[value] = number(value / self.scale)
        return word
