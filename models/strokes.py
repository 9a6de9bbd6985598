"""What a drawing is: polylines, stroke-3, stroke-5, and the one meaning of the pen states p1, p2, p3.

Row i of stroke-3 `(dx, dy, up)` or stroke-5 `(dx, dy, p1, p2, p3)` moves from point i-1 to point i; the first
row moves from the origin. Whether that move leaves ink is decided by the pen state of row i-1:

    p1  the pen stays down: the next move draws
    p2  the pen lifts after arriving: the next move is travel
    p3  the drawing has ended: this row, and all after it, draw nothing

Before the first row the pen is up (there is no ink from the origin to the first point); the start token of the
networks, (0, 0, 1, 0, 0), is an input and never a row of a drawing. In stroke-3, `up` is p2.
(Ha and Eck, "A Neural Representation of Sketch Drawings", section 3.1.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
PEN_DOWN, PEN_UP, END = 0, 1, 2  # columns 2, 3, 4 of stroke-5; the classes of the pen's cross-entropy
START_TOKEN = np.array([0, 0, 1, 0, 0], dtype=np.float32)


def from_polylines(lines: Sequence[Floats]) -> NDArray[np.float32]:
    """Polylines, each `(n, 2)`, to one stroke-3 array `(sum n, 3)`; a line of one point is a dot. Any unit."""
    lines = [np.asarray(line, dtype=np.float64).reshape(-1, 2) for line in lines]
    lines = [line for line in lines if len(line)]
    if not lines:
        return np.zeros((0, 3), dtype=np.float32)
    points = np.concatenate(lines)
    stroke3 = np.zeros((len(points), 3), dtype=np.float32)
    stroke3[:, :2] = np.diff(points, axis=0, prepend=np.zeros((1, 2)))
    stroke3[np.cumsum([len(line) for line in lines]) - 1, 2] = 1
    return stroke3


def to_polylines(stroke3: Floats) -> list[NDArray[np.float64]]:
    """One stroke-3 array `(N, 3)` to its strokes, each `(n, 2)`, n >= 1, in the unit of the offsets.

    The last stroke ends with the array, whether or not its last row lifts the pen.
    """
    stroke3 = np.asarray(stroke3, dtype=np.float64).reshape(-1, 3)  # int16 files: cast before the sum
    points = np.cumsum(stroke3[:, :2], axis=0)
    lifts = np.flatnonzero(stroke3[:, 2] > 0.5) + 1
    return [line for line in np.split(points, lifts) if len(line)]


def to_stroke5(stroke3: Floats, length: int) -> NDArray[np.float32]:
    """Stroke-3 `(N, 3)` to stroke-5 `(length, 5)`: N rows, then end rows (0, 0, 0, 0, 1).

    `length` must be at least N + 1, so that every drawing has an end to learn. Raises ValueError otherwise.
    """
    n = len(stroke3)
    if length < n + 1:
        raise ValueError(f"a drawing of {n} points needs at least {n + 1} rows, not {length}")
    stroke5 = np.zeros((length, 5), dtype=np.float32)
    stroke5[:n, :2] = stroke3[:, :2]
    stroke5[:n, 2 + PEN_UP] = stroke3[:, 2]
    stroke5[:n, 2 + PEN_DOWN] = 1 - stroke3[:, 2]
    stroke5[n:, 2 + END] = 1
    return stroke5


def from_stroke5(stroke5: Floats) -> NDArray[np.float32]:
    """Stroke-5 `(T, 5)` to stroke-3 `(N, 3)`: the rows before the first p3; none if the first row ends."""
    stroke5 = np.asarray(stroke5, dtype=np.float32).reshape(-1, 5)
    ends = np.flatnonzero(stroke5[:, 2 + END] > 0.5)
    rows = stroke5[: ends[0]] if len(ends) else stroke5
    return np.column_stack([rows[:, :2], rows[:, 2 + PEN_UP]])


def fit(lines: Sequence[Floats], size: float = 255.0) -> list[NDArray[np.float64]]:
    """Move the drawing's top left corner to the origin and scale its longer side to `size`.

    The first two steps of Google's preparation of Quick, Draw! drawings. A drawing without extent is only moved.
    """
    points = np.concatenate([np.asarray(line, dtype=np.float64) for line in lines])
    low = points.min(axis=0)
    extent = float((points.max(axis=0) - low).max())
    scale = size / extent if extent > 0 else 1.0
    return [(np.asarray(line, dtype=np.float64) - low) * scale for line in lines]


def resample(line: Floats, spacing: float = 1.0) -> NDArray[np.float64]:
    """Points along a polyline `(n, 2)` every `spacing` of arc length, both ends kept (Google's third step)."""
    points = np.asarray(line, dtype=np.float64)
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    if arc[-1] == 0:
        return points[:1]
    at = np.append(np.arange(0.0, arc[-1], spacing), arc[-1])
    return np.column_stack([np.interp(at, arc, points[:, 0]), np.interp(at, arc, points[:, 1])])


def simplify(line: Floats, epsilon: float = 2.0) -> NDArray[np.float64]:
    """Ramer-Douglas-Peucker: the fewest of a polyline's points that stay within `epsilon` of it (fourth step)."""
    points = np.asarray(line, dtype=np.float64)
    keep = np.zeros(len(points), dtype=bool)
    keep[[0, -1]] = True
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        chord = points[last] - points[first]
        offsets = points[first + 1 : last] - points[first]
        squared = float(chord @ chord)
        along = np.clip(offsets @ chord / squared, 0, 1) if squared > 0 else np.zeros(len(offsets))
        away = np.hypot(*(offsets - along[:, None] * chord).T)
        worst = int(away.argmax())
        if away[worst] > epsilon:
            middle = first + 1 + worst
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    kept: NDArray[np.float64] = points[keep]
    return kept


def prepare(lines: Sequence[Floats], epsilon: float = 2.0) -> list[NDArray[np.float64]]:
    """Google's whole preparation of a raw drawing: fit to 0..255, resample to 1 px, simplify, whole pixels."""
    return [np.round(simplify(resample(line), epsilon)) for line in fit(lines)]
