"""Lines that lie on each other drawn once: shared edges, retraced strokes, whole drawings that a file holds twice.

A stretch is left out where all of it lies within a tolerance of ink that stays, so the paper is as black as before but
for edges that are narrower by no more than that. Strokes are laid end to end on one axis, in mm, and what is covered is
a set of intervals on it: the part of a segment within a distance of another is one interval, since the distance to
something convex is convex.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from plotbot.lines.joining import is_dot
from plotbot.lines.loops import connect
from plotbot.units import InputError

PEN_SHARE = 0.25
"""The tolerance that suits a pen, in its widths: an edge of 0.3 mm ink is off by less than an eye tells apart."""

# A stretch of fewer tolerances is where strokes cross or meet, and stays.
_LEAST = 10
# What a stroke drew less than so many tolerances before is where it comes from, and not what it retraces.
_APART = 4
# Between two strokes on the axis; and what is no distance, mm.
_GAP_MM, _NOTHING_MM = 1.0, 1e-6


@dataclass(frozen=True)
class Once:
    """What ``draw_once`` left: polylines (N, 2) in mm, ``strokes`` fewer than there were and ``saved_mm`` shorter."""

    lines: list[np.ndarray]
    strokes: int
    saved_mm: float


def draw_once(lines: Sequence[np.ndarray], tolerance_mm: float, worth_mm: float = 20.0) -> Once:
    """The polylines (N, 2), N >= 1, mm, without what lies within ``tolerance_mm`` of ink that stays.

    The longer of two strokes stays, and of one stroke what it draws first. Whole strokes and their ends are left out
    where they are covered, and of a closed stroke one stretch. Any other stretch costs a pen lift, and is left out if
    it is longer than ``worth_mm``: what the pen draws in the time of a lift. A dot is left out only where the same dot
    came before. What is left keeps its order and direction. Raises InputError for a tolerance or a worth that is
    negative or not finite, and for a point that is not finite.
    """
    if not all(value >= 0 and math.isfinite(value) for value in (tolerance_mm, worth_mm)):
        raise InputError(f"{tolerance_mm} and {worth_mm} mm are no lengths to find doubled lines by: use zero or more.")
    if lines and not np.isfinite(np.concatenate(lines)).all():
        raise InputError("A stroke has a coordinate that is not a finite number: correct the page.")
    first_dots = {tuple(line[0].tolist()): i for i, line in reversed(list(enumerate(lines))) if is_dot(line)}
    result = {i: [lines[i]] for i in first_dots.values()}
    strokes = [i for i, line in enumerate(lines) if not is_dot(line)]
    runs = np.empty((0, 2))
    if strokes:
        axis = _Axis([lines[i] for i in strokes])
        runs = _worthwhile(axis, _covered(axis, axis, tolerance_mm, ranked=True), _LEAST * tolerance_mm, worth_mm)
        if len(runs):
            # What covers a run may be left out itself, for something that is further from it: then the run stays.
            gone = _Axis([axis.cut(run) for run in runs])
            stays = _Axis([piece for number in range(len(strokes)) for piece in axis.without(number, runs)])
            runs = runs[_within(gone.ends, _covered(gone, stays, tolerance_mm))]
        result |= {i: axis.without(number, runs) for number, i in enumerate(strokes)}
    left = [piece for i in sorted(result) for piece in result[i]]
    return Once(left, len(lines) - len(left), float((runs[:, 1] - runs[:, 0]).sum()))


class _Axis:
    """Polylines laid end to end on an axis, with a gap after each.

    ``points`` (P, 2) are theirs and ``at`` (P,) where these are on it, ``ends`` (n, 2) where each polyline begins and
    ends. Of its S segments with a length, ``a`` and ``b`` (S, 2) are the ends, ``low`` and ``high`` (S,) these on the
    axis, and ``owner`` (S,) is the number of the polyline.
    """

    def __init__(self, lines: list[np.ndarray]) -> None:
        self.lines = lines
        self.points = np.concatenate([np.empty((0, 2)), *lines])
        owner = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
        steps = np.hypot(*np.diff(self.points, axis=0).T)
        inside = np.diff(owner) == 0
        self.at = np.append(0.0, np.cumsum(np.where(inside, steps, _GAP_MM)))[: len(owner)]
        first = np.searchsorted(owner, np.arange(len(lines)))
        self.ends = np.column_stack([self.at[first], self.at[np.append(first[1:], len(owner)) - 1]])
        segments = np.flatnonzero(inside & (steps > 0))
        self.a, self.b = self.points[segments], self.points[segments + 1]
        self.low, self.high, self.owner = self.at[segments], self.at[segments + 1], owner[segments]

    def cut(self, run: np.ndarray) -> np.ndarray:
        """The polyline (N, 2) of an interval (2,) on the axis, inside one stroke."""
        first = int(np.searchsorted(self.at, run[0] - _NOTHING_MM))
        last = int(np.searchsorted(self.at, run[1] + _NOTHING_MM, side="right"))
        parts = [self.points[first:last]]
        if first == last or self.at[first] > run[0] + _NOTHING_MM:
            parts.insert(0, self._point(first, run[0]))
        if first == last or self.at[last - 1] < run[1] - _NOTHING_MM:
            parts.append(self._point(last, run[1]))
        return np.asarray(np.concatenate(parts))

    def _point(self, after: int, at: float) -> np.ndarray:
        """The point (1, 2) that lies ``at`` a place on the axis, between the point ``after`` and the one before it."""
        share = (at - self.at[after - 1]) / (self.at[after] - self.at[after - 1])
        return np.asarray(self.points[[after - 1]] * (1 - share) + self.points[[after]] * share)

    def without(self, number: int, runs: np.ndarray) -> list[np.ndarray]:
        """What the sorted intervals ``runs`` (R, 2) leave of a polyline; of a closed one its two ends are one piece."""
        line, (low, high) = self.lines[number], self.ends[number]
        own = runs[np.searchsorted(runs[:, 0], low - _NOTHING_MM) : np.searchsorted(runs[:, 0], high)]
        if not len(own):
            return [line]
        stays = np.concatenate([[low], own.ravel(), [high]]).reshape(-1, 2)
        pieces = [self.cut(one) for one in stays if one[1] - one[0] > _NOTHING_MM]
        if len(pieces) == len(stays) > 1 and _is_closed(line):
            pieces = [connect([pieces[-1], pieces[0]]), *pieces[1:-1]]
        return pieces


def _is_closed(line: np.ndarray) -> bool:
    return bool(np.hypot(*(line[-1] - line[0])) < _NOTHING_MM)


def _covered(axis: _Axis, by: _Axis, tolerance_mm: float, ranked: bool = False) -> np.ndarray:
    """What of ``axis`` lies within the tolerance of the segments of ``by``: intervals (K, 2), sorted and disjoint.

    ``ranked``: the two are the same, and a stroke is covered by longer ones (equally long: earlier ones) and by what it
    drew before itself.
    """
    shapes, others = (shapely.linestrings(np.stack([of.a, of.b], axis=1)) for of in (axis, by))
    i, j = shapely.STRtree(others).query(shapes, predicate="dwithin", distance=tolerance_mm + _NOTHING_MM)
    same = np.zeros(len(i), bool)
    if ranked:
        lengths = np.round(axis.ends[:, 1] - axis.ends[:, 0], 6)
        rank = np.empty(len(lengths), int)
        rank[np.argsort(-lengths, kind="stable")] = np.arange(len(lengths))
        ranks = rank[axis.owner]
        first = (ranks[j] < ranks[i]) | ((ranks[j] == ranks[i]) & (j < i))
        i, j = i[first], j[first]
        same = ranks[j] == ranks[i]
    start, stop = _near(axis.a[i], axis.b[i], by.a[j], by.b[j], tolerance_mm + _NOTHING_MM)
    low, high = axis.low[i] + start, axis.low[i] + stop
    low = np.where(same, np.maximum(low, by.high[j] + _APART * tolerance_mm), low)
    low, high = low[high > low], high[high > low]
    order = np.argsort(low, kind="stable")
    low, high = low[order], np.maximum.accumulate(high[order])
    new = np.append(True, low[1:] > high[:-1] + _NOTHING_MM)[: len(low)]
    last = np.append(new[1:], True)[: len(low)]
    return np.column_stack([low[new], high[last]])


def _near(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """From where to where, mm after a, the segment a b is within the ``radius`` of the segment c d; all (M, 2).

    Where it is nowhere, from is more than to. What is near c d is a rectangle with a disc at either end.
    """
    length, other = np.hypot(*(b - a).T), np.hypot(*(d - c).T)
    u, v = (b - a) / length[:, None], (d - c) / other[:, None]

    def between(place: np.ndarray, speed: np.ndarray, low: float, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(divide="ignore", invalid="ignore"):
            times = np.sort([(low - place) / speed, (high - place) / speed], axis=0)
        still, inside = speed == 0, (low <= place) & (place <= high)
        always, never = np.where(inside, -np.inf, np.inf), np.where(inside, np.inf, -np.inf)
        return np.asarray(np.where(still, always, times[0])), np.asarray(np.where(still, never, times[1]))

    def disc(centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        way = centre - a
        nearest = (way * u).sum(axis=1)
        squares = radius**2 - (way**2).sum(axis=1) + nearest**2
        half = np.where(squares >= 0, np.sqrt(np.maximum(squares, 0)), -np.inf)
        return np.asarray(nearest - half), np.asarray(nearest + half)

    def cross(one: np.ndarray, two: np.ndarray) -> np.ndarray:
        return np.asarray(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0], float)

    along = between(((a - c) * v).sum(axis=1), (u * v).sum(axis=1), 0.0, other)
    aside = between(cross(v, a - c), cross(v, u), -radius, np.full(len(a), radius))
    start, stop = np.maximum(along[0], aside[0]), np.minimum(along[1], aside[1])
    start, stop = np.where(start <= stop, start, np.inf), np.where(start <= stop, stop, -np.inf)
    for one in (disc(c), disc(d)):
        start, stop = np.minimum(start, one[0]), np.maximum(stop, one[1])
    return np.maximum(start, 0), np.minimum(stop, length)


def _worthwhile(axis: _Axis, covered: np.ndarray, least_mm: float, worth_mm: float) -> np.ndarray:
    """Those of the intervals (K, 2) that are worth leaving out: see ``draw_once``."""
    owner = np.searchsorted(axis.ends[:, 0], covered[:, 0] + _NOTHING_MM, side="right") - 1
    length = covered[:, 1] - covered[:, 0]
    at_start = covered[:, 0] < axis.ends[owner, 0] + _NOTHING_MM
    at_end = covered[:, 1] > axis.ends[owner, 1] - _NOTHING_MM
    taken = (at_start & at_end) | ((at_start | at_end) & (length >= least_mm)) | (length >= max(worth_mm, least_mm))
    for number in np.unique(owner[~taken & (length >= least_mm)]).tolist():
        own = np.arange(*np.searchsorted(owner, [number, number + 1]))
        if _is_closed(axis.lines[number]) and not taken[own].any():
            taken[own[np.argmax(length[own])]] = True
    return np.asarray(covered[taken])


def _within(ranges: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Which of the ``ranges`` (R, 2) lie in one of the sorted intervals (K, 2)."""
    if not len(covered):
        return np.zeros(len(ranges), bool)
    which = np.maximum(np.searchsorted(covered[:, 0], ranges[:, 0] + _NOTHING_MM, side="right") - 1, 0)
    low, high = covered[which].T
    return np.asarray((low <= ranges[:, 0] + _NOTHING_MM) & (ranges[:, 1] <= high + _NOTHING_MM))
