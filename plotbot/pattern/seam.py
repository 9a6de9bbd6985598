"""Lines cut at straight edges, wrapped into a tile that repeats, and a tile repeated over an area."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from plotbot.pattern.motif import Layers, Lines, Placed, Size, bounds_of


def cut(line: np.ndarray, at: np.ndarray, axis: int) -> list[tuple[int, np.ndarray]]:
    """A polyline (N, 2) cut where it crosses the lines x (`axis` 0) or y (1) = `at` (K,), which ascend.

    Returns the pieces in order, each with the number 0 to K of the strip it lies in. Where one is cut, both pieces have
    the same point, exactly on the edge. A strip has its lower edge and not its upper: a dot or a segment that lies on
    an edge belongs to the strip above. A dot comes back whole.
    """
    across = line[:, axis]
    low, high = across.min(), across.max()
    first, last = np.searchsorted(at, low, "right"), np.searchsorted(at, high, "left")
    if first >= last:  # equal: between two edges; more: along one
        return [(int(first), line)]
    pieces: list[tuple[int, list[np.ndarray]]] = []
    for a, b in itertools.pairwise(line):
        for start, end in itertools.pairwise(_crossings(a, b, at, axis)):
            if bool((start == end).all()):
                continue  # a point that is there twice is no piece of its own
            strip = int(np.searchsorted(at, (start[axis] + end[axis]) / 2, "right"))
            if not pieces or pieces[-1][0] != strip:
                pieces.append((strip, [start]))
            pieces[-1][1].append(end)
    return [(strip, np.array(points)) for strip, points in pieces]


def _crossings(a: np.ndarray, b: np.ndarray, at: np.ndarray, axis: int) -> list[np.ndarray]:
    """a, the points where the segment crosses edges, and b."""
    low, high = sorted((a[axis], b[axis]))
    edges = at[np.searchsorted(at, low, "right") : np.searchsorted(at, high, "left")]
    points = []
    for edge in edges if a[axis] < b[axis] else edges[::-1]:
        # From the same end whichever way the line goes, so that a retraced line is cut at the same point.
        lower, upper = (a, b) if a[axis] < b[axis] else (b, a)
        point = lower + (upper - lower) * ((edge - lower[axis]) / (upper[axis] - lower[axis]))
        point[axis] = edge
        points.append(point)
    return [a, *points, b]


def wrap(lines: Sequence[np.ndarray], size: Size) -> Lines:
    """Lines cut at the edges of the tile that they reach over, and moved into it: what goes out on one side comes in
    on the other, at the same point. In mm, the tile's corner at 0."""
    parts = list(lines)
    for axis, side in enumerate(size):
        pieces = []
        for line in parts:
            first, last = np.floor(line[:, axis].min() / side), np.ceil(line[:, axis].max() / side)
            at = np.arange(first - 1, last + 2) * side  # one more on each side: the quotients are rounded
            for strip, piece in cut(line, at, axis):
                moved = piece.copy()
                moved[:, axis] = np.clip(piece[:, axis] - at[strip - 1], 0.0, side)
                moved[piece[:, axis] == at[strip], axis] = side
                pieces.append(moved)
        parts = pieces
    return parts


def clip(lines: Sequence[np.ndarray], low: Sequence[float], high: Sequence[float]) -> Lines:
    """What of the lines lies in the box from `low` to `high`, (x, y) each, and on its edges."""
    parts = list(lines)
    for axis in (0, 1):
        at = np.array([low[axis], high[axis]], dtype=float)
        pieces = [one for line in parts for one in cut(line, at, axis)]
        parts = [
            piece for strip, piece in pieces if strip == 1 or (strip == 2 and (piece[:, axis] == high[axis]).all())
        ]
    return parts


def repeated(placed: Sequence[Placed], period: Size, area: Size) -> Iterator[Placed]:
    """Motifs, whole, wherever a pattern of that period (mm) has them on the area from 0 to (width, height)."""
    step = np.array(period)
    for one in placed:
        low, high = bounds_of(one.lines)
        first, last = np.ceil(-high / step).astype(int), np.floor((area - low) / step).astype(int)
        for row, column in itertools.product(range(first[1], last[1] + 1), range(first[0], last[0] + 1)):
            yield one.moved(step * (column, row))


def nine(layers: Layers, size: Size) -> Layers:
    """3 x 3 copies of a tile's layers, side by side."""
    shifts = [np.array(size) * (column, row) for row in range(3) for column in range(3)]
    return [(pen, [line + shift for shift in shifts for line in lines]) for pen, lines in layers]
