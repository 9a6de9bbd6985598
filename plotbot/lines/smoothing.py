"""Polylines made smooth: hard corners cost a plotter half its time and look nervous.

A stroke is cut into short pieces. The nodes between them are free to move within a disc around where they were, and
what bends the curve through them is kept small: the smoothing spline of Reinsch (Smoothing by spline functions, 1967)
with a bound at each node in place of one for all. As every node stays in its disc and the stroke is straight between
two, the curve is nowhere further from the stroke than the discs' radius, in the sense of Frechet, which bounds both
Hausdorff distances. Strokes do not touch each other, so that thousands are one banded system.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded, solveh_banded

from plotbot.lines.joining import is_dot
from plotbot.units import InputError

# Lengths in tolerances: from node to node, each so many times as far from a leg's end to its middle; how far along the
# stroke a bend is spread where nothing bounds it.
_NODE = 4 / 3
_GROWTH = 1.2
_REACH = 2.0
# A corner is real where the ways to it and from it, as long as an arm, part by this angle, and by so many times what
# they would along a circle on which they are as bent.
_ARM = 10.0
_CORNER = math.radians(60)
_CIRCLES = 1.3
# A closed stroke runs on over its seam for so many tolerances both ways, so that the seam is smooth, too.
_OVERLAP = 20.0
_CLOSED_MM = 1e-6
# So many chords' deviations are kept free between the discs and the tolerance: a span has a whole number of chords.
_CHORDS = 1.5
# No disc is larger than this share of its stroke (the diagonal of its box): an eye stays nearly as large as it was.
_SHARE = 1 / 20

# Rounds of the alternating directions, and their over-relaxation.
_ROUNDS = 30
_RELAXATION = 1.6
# The pull back to where a node was, beside the disc's bound: with more a circle keeps more of its size, and what is
# no corner is less round.
_HOLD = 0.1
# Points smoothed at a time: what the solver works on then stays in the processor's cache.
_BATCH = 4_000
# Places between two nodes at which the curvature is looked at.
_FINE = 4
# A curve may be so much slower than its parameter, mm per mm, before it counts as turning on the spot.
_TURNING = 0.5


def smooth(lines: Sequence[np.ndarray], tolerance_mm: float, junction_deviation_mm: float = 0.01) -> list[np.ndarray]:
    """The strokes (N, 2) as smooth curves, nowhere further than ``tolerance_mm`` from them, sampled for a planner.

    All in mm. Ends and real corners stay where they are, and sharp; a closed stroke stays closed and is smooth at its
    seam if that is no corner. Dots and straight lines come back as they are. The chords leave the curve by
    ``junction_deviation_mm``, which is the machine's own (GRBL's $11): then the speed that its planner allows at a
    vertex, v^2 = 8 a d (r / h)^2 for chords h, is what the curve allows, v^2 = a r. With longer chords it brakes at
    every vertex, with shorter ones it takes the curve too fast. Deterministic. Raises InputError for a tolerance that
    is not a positive number and for points that are not finite.
    """
    if not (tolerance_mm > 0 and math.isfinite(tolerance_mm)):
        raise InputError(f"{tolerance_mm} mm is no distance to smooth strokes by: use more than zero, such as 0.15.")
    if not all(np.isfinite(line).all() for line in lines):
        raise InputError("A stroke has a coordinate that is not a finite number: correct the page.")
    chord = min(max(junction_deviation_mm, tolerance_mm / 50), tolerance_mm / 4)
    result = list(lines)
    for batch in _batches(lines):
        indices = list(batch)
        for index, line in zip(indices, _smoothed(list(batch.values()), tolerance_mm, chord), strict=True):
            result[index] = line
    return result


def _batches(lines: Sequence[np.ndarray]) -> Iterator[dict[int, np.ndarray]]:
    """The strokes that can be smoothed by their indices, without repeated points, about ``_BATCH`` points at a time."""
    batch: dict[int, np.ndarray] = {}
    points = 0
    for index, line in enumerate(lines):
        if len(line) < 3 or is_dot(line):
            continue
        legs = np.hypot(*np.diff(line, axis=0).T)
        kept = line[np.append(True, legs > 0)]
        if len(kept) > 2:
            batch[index] = kept
            points += len(kept)
        if points > _BATCH:
            yield batch
            batch, points = {}, 0
    if batch:
        yield batch


@dataclass(frozen=True)
class _Nodes:
    """The nodes of several strokes, one stroke behind the other.

    ``place`` (n, 2) is where they were, ``step`` (n,) the parameter's step to the next one, ``along`` (n,) the mm
    along the stroke; a stroke's last node has step 0. ``ends`` (s, 2) are the nodes where each stroke begins and ends:
    a closed one runs on over both. ``bounds`` (s, 2) are its first and its last node; ``stroke`` (n,) is the stroke
    and ``size`` (s,) its extent, mm.
    """

    place: np.ndarray
    step: np.ndarray
    along: np.ndarray
    ends: np.ndarray
    bounds: np.ndarray
    stroke: np.ndarray
    size: np.ndarray


def _smoothed(lines: list[np.ndarray], tolerance: float, chord: float) -> list[np.ndarray]:
    nodes = _nodes(lines, tolerance)
    fixed = np.zeros(len(nodes.place), bool)
    fixed[nodes.bounds] = True
    fixed[_corners(nodes, tolerance)] = True
    radius = np.minimum(tolerance - _CHORDS * chord, _SHARE * nodes.size)[nodes.stroke]
    points = nodes.place + _relaxed(nodes, fixed, radius, (_REACH * tolerance) ** 4)
    return _sampled(nodes, points, fixed, tolerance, chord)


def _nodes(lines: list[np.ndarray], tolerance: float) -> _Nodes:
    parts, ends = zip(*(_run_on(line, _OVERLAP * tolerance) for line in lines), strict=True)
    points = np.concatenate(parts)
    after = np.cumsum([len(part) for part in parts])
    first, last = np.append(0, after[:-1]), after - 1
    legs = np.diff(points, axis=0)
    length = np.hypot(*legs.T)
    length[last[:-1]] = 0.0  # from one stroke to the next there is nothing
    # Twice as many pieces as make half a leg, the first of a node's length; what is no longer than that is one.
    node = _NODE * tolerance
    half = np.ceil(np.log1p((_GROWTH - 1) * length / (2 * node)) / math.log(_GROWTH)).astype(int)
    pieces = np.where(length > node, 2 * half, 1)
    vertex = np.append(0, np.cumsum(pieces))  # the node on each point
    leg = np.repeat(np.arange(len(pieces)), pieces)
    count = np.arange(len(leg)) - vertex[leg]
    nearer = np.minimum(count, pieces[leg] - count)
    share = np.expm1(nearer * math.log(_GROWTH)) / (2 * np.expm1(np.maximum(half[leg], 1) * math.log(_GROWTH)))
    share = np.where(nearer < count, 1 - share, share)
    place = np.vstack([points[leg] + share[:, None] * legs[leg], points[-1:]])
    bounds = vertex[np.column_stack([first, last])]
    piece = np.hypot(*np.diff(place, axis=0, append=place[-1:]).T)
    piece[bounds[:, 1]] = 0.0
    # Points that nearly coincide would make the system stiff, and the parameter need not be the length.
    step = np.where(piece > 0, np.maximum(piece, 0.15 * node), 0.0)
    return _Nodes(
        place,
        step,
        np.append(0.0, np.cumsum(piece[:-1])),
        vertex[np.array(ends) + first[:, None]],
        bounds,
        np.repeat(np.arange(len(lines)), bounds[:, 1] - bounds[:, 0] + 1),
        np.array([float(np.hypot(*np.ptp(line, axis=0))) for line in lines]),
    )


def _run_on(line: np.ndarray, overlap: float) -> tuple[np.ndarray, tuple[int, int]]:
    """A closed stroke with its end before its start and its start behind its end, and where these are now."""
    if len(line) < 4 or not np.hypot(*(line[-1] - line[0])) < _CLOSED_MM:
        return line, (0, len(line) - 1)
    way = np.cumsum(np.hypot(*np.diff(line, axis=0).T))
    after = min(int(np.searchsorted(way, overlap)) + 1, len(way))
    before = min(int(np.searchsorted(way[-1] - way[::-1], overlap, side="right")), len(way))
    return np.concatenate([line[-1 - before : -1], line, line[1 : after + 1]]), (before, before + len(line) - 1)


def _corners(nodes: _Nodes, tolerance: float) -> np.ndarray:
    """The nodes that are real corners, (k,)."""
    arm, stroke = _ARM * tolerance, nodes.stroke
    first, last = nodes.along[nodes.bounds].T
    at = nodes.along + stroke * 3 * arm  # so that no arm reaches into another stroke

    def to(way: np.ndarray) -> np.ndarray:
        return np.column_stack([np.interp(way, at, nodes.place[:, axis]) for axis in (0, 1)])

    come, go = nodes.place - to(at - arm), to(at + arm) - nodes.place
    turn = np.abs(np.arctan2(come[:, 0] * go[:, 1] - come[:, 1] * go[:, 0], (come * go).sum(axis=1)))
    room = np.minimum(nodes.along - first[stroke], last[stroke] - nodes.along)
    straight = np.minimum(np.hypot(*come.T), np.hypot(*go.T)) / arm
    # On a circle an arm that turns by x has its chord over its arc at sin(x/2) / (x/2), nearly 1 - x^2 / 24.
    circle = np.sqrt(24 * np.maximum(1 - straight, 0))
    real = np.flatnonzero((room >= arm) & (turn >= np.maximum(_CORNER, _CIRCLES * circle)))
    # Of those within half an arm of each other, the sharpest; rounded, so that both sides of a seam agree.
    sharp = np.round(turn[real], 6)
    near = np.searchsorted(at[real], at[real] + [[-arm / 2], [arm / 2]])
    kept = [
        bool((sharp[low:i] < sharp[i]).all() and (sharp[i:high] <= sharp[i]).all())
        for i, (low, high) in enumerate(near.T.tolist())
    ]
    return np.asarray(real[np.array(kept, bool)])


def _relaxed(nodes: _Nodes, fixed: np.ndarray, radius: np.ndarray, bend: float) -> np.ndarray:
    """How far each node moves, (n, 2) mm: at most ``radius`` (n,), not at all where it is ``fixed``.

    Minimises ``bend`` times the square of the second derivative plus ``_HOLD`` times that of the way moved, along the
    strokes, by alternating directions (Boyd et al., Distributed optimization, 2011): a banded system, the same in each
    round, and a projection onto the discs.
    """
    inner = np.flatnonzero(~fixed)
    before, after = nodes.step[inner - 1], nodes.step[inner]
    weight = np.ones(len(fixed))
    weight[inner] = (before + after) / 2
    # The second derivative at a node that is not fixed is a, b, c times the places around it.
    a, c = 1 / before / weight[inner], 1 / after / weight[inner]
    b = -(a + c)
    scale = bend * weight[inner]
    bands = np.zeros((3, len(fixed)))  # bands[k, i] = A[i + k, i]
    for row, node, value in (
        (0, inner - 1, a * a),
        (0, inner, b * b),
        (0, inner + 1, c * c),
        (1, inner - 1, a * b),
        (1, inner, b * c),
        (2, inner - 1, a * c),
    ):
        bands[row, node] += scale * value
    bands[0] += weight
    for row in range(3):
        bands[row, fixed] = 0.0
        bands[row, np.flatnonzero(fixed[row:])] = 0.0
    bands[0, fixed] = 1.0
    factor = (cholesky_banded(bands, lower=True, check_finite=False), True)

    second = a[:, None] * nodes.place[inner - 1] + b[:, None] * nodes.place[inner] + c[:, None] * nodes.place[inner + 1]
    pull = np.zeros_like(nodes.place)
    for node, value in ((inner - 1, a), (inner, b), (inner + 1, c)):
        pull[node] -= (scale * value)[:, None] * second
    pull[fixed] = 0.0
    moved, bounded, gap = (np.zeros_like(nodes.place) for _ in range(3))
    for _ in range(_ROUNDS):
        right = pull + weight[:, None] * (bounded - gap)
        moved = cho_solve_banded(factor, right, overwrite_b=True, check_finite=False)
        mixed = _RELAXATION * moved + (1 - _RELAXATION) * bounded + gap
        bounded = _within(mixed / (1 + _HOLD), radius)
        gap = mixed - bounded
    return _within(moved, radius)


def _within(moved: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Vectors (n, 2) shortened to their ``radius`` (n,) where they are longer."""
    length = np.sqrt(moved[:, 0] ** 2 + moved[:, 1] ** 2)
    return np.asarray(moved * (radius / np.maximum(length, radius))[:, None])


def _sampled(nodes: _Nodes, points: np.ndarray, fixed: np.ndarray, tolerance: float, chord: float) -> list[np.ndarray]:
    """The spline through the points, broken where they are fixed, as polylines whose chords leave it by ``chord``."""
    curve = _Spline.through(points, nodes.step, fixed)
    first, last = nodes.ends.T
    node = np.arange(len(points))
    own = np.flatnonzero((node >= first[nodes.stroke]) & (node <= last[nodes.stroke]))
    ends = np.zeros(len(points), bool)
    ends[nodes.ends] = True
    stops = own[(fixed | ends)[own]]
    # As many chords from each stop to the next as the curve asks for; from a stroke's last one there are none.
    asked = curve.chords(chord)
    span = np.diff(asked[stops * _FINE])
    count = np.append(np.where(nodes.stroke[stops[1:]] == nodes.stroke[stops[:-1]], np.maximum(np.rint(span), 1), 1), 1)
    count = count.astype(int)
    start = np.repeat(np.arange(len(stops)), count)
    share = (np.arange(len(start)) - (np.cumsum(count) - count)[start]) / count[start]
    wanted = asked[stops * _FINE][start] + share * np.append(span, 0.0)[start]
    place = np.where(share > 0, np.interp(wanted, asked, np.arange(len(asked)) / _FINE), stops[start])

    # Where a chord leaves the tube it is cut in two; a stroke that still does is drawn from node to node.
    place = np.union1d(place, own[_node_apart(nodes, own, curve.at(place), place) > tolerance])
    line = curve.at(place)
    astray = np.zeros(len(first), bool)
    astray[nodes.stroke[own[_node_apart(nodes, own, line, place) > tolerance]]] = True
    before = np.column_stack([np.interp(place, node, axis) for axis in nodes.place.T])
    astray[nodes.stroke[place.astype(int)[np.hypot(*(line - before).T) > tolerance]]] = True
    if astray.any():
        place = np.union1d(place[~astray[nodes.stroke[place.astype(int)]]], own[astray[nodes.stroke[own]]])
        line = curve.at(place)
    lines = np.split(line, np.searchsorted(place, first[1:]))
    return [
        line if pinned else _closed(line) for line, pinned in zip(lines, fixed[nodes.ends].all(axis=1), strict=True)
    ]


def _closed(line: np.ndarray) -> np.ndarray:
    """A line whose ends are the same but for rounding and for what was far behind each, with both in their middle."""
    line = line + np.linspace(0.5, -0.5, len(line))[:, None] * (line[-1] - line[0])
    line[-1] = line[0]
    return line


def _node_apart(nodes: _Nodes, own: np.ndarray, line: np.ndarray, place: np.ndarray) -> np.ndarray:
    """How far the nodes ``own`` were from the chords that now stand for them, (n,)."""
    chord = np.minimum(np.searchsorted(place, own, side="right"), len(place) - 1)
    start = line[chord - 1]
    way, to = line[chord] - start, nodes.place[own] - start
    share = (to * way).sum(axis=1) / np.maximum((way**2).sum(axis=1), 1e-12)
    return np.asarray(np.hypot(*(to - np.clip(share, 0, 1)[:, None] * way).T))


@dataclass(frozen=True)
class _Spline:
    """A cubic spline: its points (n, 2), its second derivatives there, and the parameter's steps (n,)."""

    points: np.ndarray
    second: np.ndarray
    step: np.ndarray

    @staticmethod
    def through(points: np.ndarray, step: np.ndarray, broken: np.ndarray) -> _Spline:
        """The natural spline through the points, broken at some of them."""
        slope = np.diff(points, axis=0) / np.where(step[:-1] > 0, step[:-1], 1.0)[:, None]
        bands = np.zeros((2, len(points)))
        bands[0] = 1.0
        inner = np.flatnonzero(~broken)
        bands[0, inner] = (step[inner - 1] + step[inner]) / 3
        bands[1, :-1] = np.where(broken[:-1] | broken[1:], 0.0, step[:-1] / 6)
        right = np.zeros_like(points)
        right[inner] = slope[inner] - slope[inner - 1]
        return _Spline(points, solveh_banded(bands, right, lower=True, check_finite=False), step)

    def at(self, place: np.ndarray) -> np.ndarray:
        """Points on the curve, (k, 2); 17.25 is a quarter of the way from node 17 to 18."""
        node = np.minimum(place.astype(int), len(self.points) - 2)
        share = (place - node)[:, None]
        rest = 1 - share
        square = self.step[node, None] ** 2 / 6
        bent = (rest**3 - rest) * self.second[node] + (share**3 - share) * self.second[node + 1]
        return np.asarray(rest * self.points[node] + share * self.points[node + 1] + square * bent)

    def chords(self, chord: float) -> np.ndarray:
        """The number of chords, each ``chord`` from the curve at its middle, from the first node to each of the
        ``_FINE`` places between nodes, (``_FINE`` (n - 1) + 1,); it grows a little where the curve is straight."""
        share = ((np.arange(_FINE) + 0.5) / _FINE)[:, None, None]
        step, first, second = self.step[:-1, None], self.second[:-1], self.second[1:]
        bend = (1 - share) * first + share * second
        velocity = np.diff(self.points, axis=0) / np.where(step > 0, step, 1.0)
        velocity = velocity + step / 6 * ((3 * share**2 - 1) * second - (3 * (1 - share) ** 2 - 1) * first)
        speed = np.hypot(velocity[..., 0], velocity[..., 1])
        across = np.abs(velocity[..., 0] * bend[..., 1] - velocity[..., 1] * bend[..., 0]) / np.maximum(speed, _TURNING)
        across = np.where(speed < _TURNING, np.hypot(bend[..., 0], bend[..., 1]), across)
        # A chord h leaves a circle of radius r by h^2 / 8r, and ``across`` is speed^2 / r.
        rate = np.sqrt(across / (8 * chord)) + 1e-3
        return np.append(0.0, np.cumsum((rate * self.step[:-1] / _FINE).T.ravel()))
