"""Closed strokes drawn in passing: a stroke that comes by one draws it on its way, which saves a pen lift.

A closed stroke may begin anywhere. So where another touches it, that one turns off, goes once round, and is back where
it was. Loops may hang on loops: strokes that touch become trees, each with at most one open stroke, its root.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import shapely

from plotbot.lines.disjoint import Disjoint

# Closer to a vertex than this is the vertex itself, mm.
_SAME_MM = 1e-6


def splice_loops(lines: Sequence[np.ndarray], tolerance_mm: float) -> tuple[list[np.ndarray], list[float]]:
    """Polylines (N, 2), mm, in which strokes draw closed ones that they touch; and the most that each of them adds.

    A stroke is closed where its ends lie within the tolerance; a dot is. Where another draws it, the way there and back
    and the way between its ends add at most ``tolerance_mm`` together. No point is moved or left out, and a stroke that
    turns off between two of its points has one more there. What is drawn together takes the place of its open stroke in
    ``lines``, else of its first.
    """
    lines = list(lines)
    closing = np.hypot(*np.array([line[-1] - line[0] for line in lines], dtype=float).reshape(-1, 2).T)
    is_open = closing > tolerance_mm
    touches, added = _trees(lines, closing, tolerance_mm)
    spliced: dict[int, np.ndarray] = {}
    seen: set[int] = set()
    for root in sorted(range(len(lines)), key=lambda stroke: not is_open[stroke]):
        if root in seen:
            continue
        hangs: list[tuple[int, int, np.ndarray]] = []
        strokes = [root]
        for stroke in strokes:
            seen.add(stroke)
            new = [(stroke, other, touch) for other, touch in touches[stroke] if other not in seen]
            hangs += new
            strokes += [other for _, other, _ in new]
        # Those that hang on others first, so that each is whole when it is drawn in passing.
        for stroke, other, touch in reversed(hangs):
            lines[stroke] = _splice(lines[stroke], lines[other], *touch)
        spliced[root] = lines[root]
    return [spliced[stroke] for stroke in sorted(spliced)], added


def connect(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The polylines (N, 2) as one, by straight ways; a point that ends one and begins the next is there once."""
    kept = [parts[0]]
    for part in parts[1:]:
        same = bool((part[0] == kept[-1][-1]).all())
        if len(part) > same:
            kept.append(part[1:] if same else part)
    return np.concatenate(kept)


def _trees(
    lines: list[np.ndarray], closing: np.ndarray, tolerance_mm: float
) -> tuple[dict[int, list[tuple[int, np.ndarray]]], list[float]]:
    """What to draw in passing: for each stroke its neighbours, with the points (2, 2) on both where they touch.

    And what each such pair adds, mm. ``closing`` (n,): the way between the ends of each. The nearest are taken first
    (Kruskal 1956).
    """
    touches: dict[int, list[tuple[int, np.ndarray]]] = defaultdict(list)
    is_open = closing > tolerance_mm
    closed = np.flatnonzero(~is_open)
    # A line without length is not one to shapely.
    shapes = np.array([shapely.linestrings(x) if (x != x[0]).any() else shapely.points(x[0]) for x in lines], object)
    rows, others = shapely.STRtree(shapes).query(shapes[closed], predicate="dwithin", distance=tolerance_mm / 2)
    strokes = closed[rows]
    once = is_open[others] | (strokes < others)
    strokes, others = strokes[once], others[once]
    ways = shapely.get_coordinates(shapely.shortest_line(shapes[strokes], shapes[others])).reshape(-1, 2, 2)
    distances = np.hypot(*(ways[:, 1] - ways[:, 0]).T)
    added = 2 * distances + np.maximum(closing[strokes], np.where(is_open[others], 0.0, closing[others]))
    taken: list[float] = []
    trees = Disjoint(len(lines))
    rooted = is_open.tolist()
    for pair in np.argsort(distances, kind="stable").tolist():
        stroke, other = int(strokes[pair]), int(others[pair])
        a, b = trees.find(stroke), trees.find(other)
        if added[pair] <= tolerance_mm and not (rooted[a] and rooted[b]) and trees.unite(a, b):
            rooted[b] = rooted[a] or rooted[b]
            touches[stroke].append((other, ways[pair]))
            touches[other].append((stroke, ways[pair, ::-1]))
            taken.append(float(added[pair]))
    return touches, taken


def _splice(host: np.ndarray, guest: np.ndarray, at: np.ndarray, start: np.ndarray) -> np.ndarray:
    """``host`` with the closed ``guest`` drawn once round from its point ``start`` where ``host`` comes to ``at``."""
    before, after = _cut(host, at)
    first, second = _cut(guest, start)
    if len(after) == 1:
        return connect([before, second, first])
    if len(before) == 1:
        return connect([second, first, after])
    return connect([before, second, first, after])


def _cut(line: np.ndarray, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The polyline up to the place nearest to ``point`` (2,) and from there on: both have that place."""
    ways = np.diff(line, axis=0)
    squares = np.maximum((ways**2).sum(axis=1), np.finfo(float).tiny)
    shares = np.clip(((point - line[:-1]) * ways).sum(axis=1) / squares, 0, 1)
    nearest = int(np.argmin(((line[:-1] + shares[:, None] * ways - point) ** 2).sum(axis=1))) if len(ways) else 0
    for vertex in (nearest, nearest + 1):
        if vertex < len(line) and np.hypot(*(line[vertex] - point)) < _SAME_MM:
            return line[: vertex + 1], line[vertex:]
    return np.vstack([line[: nearest + 1], point]), np.vstack([point, line[nearest + 1 :]])
