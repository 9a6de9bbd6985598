"""A sketch as one line with no pen lift, by as little new ink as that takes.

Strokes are cut where they cross, which makes a graph. Its parts are linked by the shortest new lines between any of
their points (a minimum spanning tree, Boruvka 1926). Where an odd number of ways meet, the pen must pass along ink a
second time, which nobody sees: as little of it as a matching of these places finds (the Chinese postman's problem,
Kwan 1962; of the rural one, the part that shows is solved first). The line begins and ends at two of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from plotbot.lines.disjoint import Disjoint
from plotbot.lines.joining import is_dot
from plotbot.lines.loops import connect
from plotbot.lines.trails import straightest_trail
from plotbot.units import InputError

# Points are the same where they fall into one cell of such a grid, mm: far below the step of a machine.
_GRID_MM = 1e-3
# The direction in which a way leaves a crossing is taken over this share of the sketch's longer side.
_REACH = 0.02
# So many strokes take a few seconds; all pairs of their ends are looked at.
_MOST_STROKES = 1000


@dataclass(frozen=True)
class Single:
    """A drawing as one polyline ``line`` (N, 2), mm: how much of it is new ink, and how much is drawn a second time."""

    line: np.ndarray
    new_mm: float
    retraced_mm: float


def single_line(lines: Sequence[np.ndarray], home: tuple[float, float]) -> Single:
    """Polylines (N, 2), N >= 1, mm, as one continuous line that covers them all, dots among them.

    New ink is as short as links between the parts that do not touch can be; then what is drawn a second time is kept
    short. At crossings the line goes straight on where it can. It begins at the one of its ends that is nearer to
    ``home``, or if it is closed at its point that is nearest. Points move by at most a micrometre. Deterministic.
    Raises InputError where there is nothing to draw, for a point that is not finite, and for more than 1,000 strokes.
    """
    if not lines:
        raise InputError("There is nothing to draw as one line: the sketch has no strokes.")
    if len(lines) > _MOST_STROKES:
        raise InputError(
            f"A drawing of {len(lines):,} strokes is too much for one line: draw parts of up to {_MOST_STROKES:,}."
        )
    if not np.isfinite(np.concatenate(lines)).all():
        raise InputError("A stroke has a coordinate that is not a finite number: correct the sketch.")
    strokes = shapely.union_all([shapely.linestrings(x) for x in lines if not is_dot(x)], grid_size=_GRID_MM)
    dots = np.unique(_to_grid(np.array([x[0] for x in lines if is_dot(x)]).reshape(-1, 2)), axis=0)
    links = _links(strokes, dots)
    ways = shapely.get_parts(shapely.union_all([strokes, *links], grid_size=_GRID_MM))
    if not len(ways):
        return Single(np.repeat(dots[:1], 2, axis=0), 0.0, 0.0)
    nodes = _nodes(ways)
    again, ends = _retrace(nodes, shapely.length(ways))
    line = _walk(ways, nodes, again, ends)
    to_home = np.hypot(*(line - home).T)
    if ends:
        line = line[::-1] if to_home[-1] < to_home[0] else line
    else:
        line = connect([line[np.argmin(to_home) :], line[: np.argmin(to_home) + 1]])
    return Single(line, float(shapely.length(links).sum()), float(shapely.length(ways[again]).sum()))


def _to_grid(points: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(points / _GRID_MM) * _GRID_MM)


def _nodes(ways: np.ndarray) -> np.ndarray:
    """The numbers (E, 2) of the places at which E LineStrings begin and end."""
    ends = np.array([shapely.get_coordinates(way)[[0, -1]] for way in ways]).reshape(-1, 2)
    _, numbers = np.unique(np.round(ends / _GRID_MM).astype(np.int64), axis=0, return_inverse=True)
    return np.asarray(numbers.reshape(-1, 2))


def _links(strokes: shapely.Geometry, dots: np.ndarray) -> list[shapely.LineString]:
    """The shortest lines that link all parts of the ``strokes`` and the ``dots`` (D, 2)."""
    ways = shapely.get_parts(strokes)
    parts: list[list[shapely.Geometry]] = [[shapely.points(dot)] for dot in dots]
    if len(ways):
        nodes = _nodes(ways)
        _, part = connected_components(coo_matrix((np.ones(len(nodes)), nodes.T), shape=(nodes.max() + 1,) * 2))
        parts += [ways[part[nodes[:, 0]] == number].tolist() for number in range(part.max() + 1)]
    links: list[shapely.LineString] = []
    while len(parts) > 1:
        shapes = np.array([shapely.GeometryCollection(part) for part in parts])
        own, other = shapely.STRtree(shapes).query_nearest(shapes, exclusive=True, all_matches=False)
        shortest = shapely.shortest_line(shapes[own], shapes[other])
        whole = Disjoint(len(parts))
        merged: dict[int, list[shapely.Geometry]] = {}
        for near in np.argsort(shapely.length(shortest), kind="stable").tolist():
            if whole.unite(int(own[near]), int(other[near])) and shapely.length(shortest[near]):
                links.append(shortest[near])
                parts[own[near]].append(shortest[near])
        for number, part in enumerate(parts):
            merged.setdefault(whole.find(number), []).extend(part)
        parts = list(merged.values())
    return links


def _retrace(nodes: np.ndarray, lengths: np.ndarray) -> tuple[list[int], tuple[int, int] | None]:
    """Which of the ways to draw twice, and the two nodes where the line ends; None if it is closed.

    ``nodes`` (E, 2), ``lengths`` (E,): where the ways begin and end, and how long they are.
    """
    odd = np.flatnonzero(np.bincount(nodes.ravel()) % 2)
    if not len(odd):
        return [], None
    between = np.sort(nodes, axis=1)
    order = np.lexsort((lengths, between[:, 1], between[:, 0]))
    between, first = np.unique(between[order], axis=0, return_index=True)
    shortest = order[first]
    way = {(a, b): edge for (a, b), edge in zip(between.tolist(), shortest.tolist(), strict=True)}
    graph = coo_matrix((lengths[shortest], between.T), shape=(nodes.max() + 1,) * 2).tocsr()
    distances, before = dijkstra(graph, directed=False, indices=odd, return_predecessors=True)
    # Two more that are near all: who is matched with them is where the line ends.
    cost = np.zeros((len(odd) + 2, len(odd) + 2))
    cost[:-2, :-2] = distances[:, odd]
    again: set[int] = set()
    ends: list[int] = []
    for a, b in _match(cost):
        if b >= len(odd):
            ends += odd[[end for end in (a, b) if end < len(odd)]].tolist()
            continue
        node = int(odd[b])
        while node != odd[a]:
            previous = int(before[a, node])
            again ^= {way[min(previous, node), max(previous, node)]}
            node = previous
    return sorted(again), (ends[0], ends[1]) if ends else None


def _match(cost: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (a, b), a < b, of all 2n numbers, for which the sum of the ``cost`` (2n, 2n) is small.

    Nearest first, then two pairs exchange partners for as long as that helps.
    """
    upper = np.column_stack(np.triu_indices(len(cost), 1))
    free = np.ones(len(cost), bool)
    pairs = []
    for a, b in upper[np.argsort(cost[tuple(upper.T)], kind="stable")].tolist():
        if free[a] and free[b]:
            free[[a, b]] = False
            pairs.append((a, b))
    a, b = np.array(pairs).T
    while True:
        now = cost[a, b]
        straight, crossed = cost[np.ix_(a, a)] + cost[np.ix_(b, b)], cost[np.ix_(a, b)] + cost[np.ix_(b, a)]
        gain = np.triu(now[:, None] + now - np.minimum(straight, crossed), 1)
        swaps = np.argwhere(gain > _GRID_MM)
        if not len(swaps):
            return [(min(pair), max(pair)) for pair in zip(a.tolist(), b.tolist(), strict=True)]
        fresh = np.ones(len(a), bool)
        for i, j in swaps[np.argsort(-gain[tuple(swaps.T)], kind="stable")].tolist():
            if fresh[i] and fresh[j]:
                fresh[[i, j]] = False
                if straight[i, j] < crossed[i, j]:
                    b[i], a[j] = a[j], b[i]
                else:
                    b[i], b[j] = b[j], b[i]


def _walk(ways: np.ndarray, nodes: np.ndarray, again: list[int], ends: tuple[int, int] | None) -> np.ndarray:
    """One polyline (N, 2) along all ways, and once more along those ``again``, from end to end."""
    edges = [*range(len(ways)), *again]
    lines = [shapely.get_coordinates(way) for way in ways]
    reach = _REACH * float(np.ptp(np.concatenate(lines), axis=0).max())
    towards = np.stack([shapely.line_interpolate_point(ways, side * reach) for side in (1, -1)], axis=1)
    origin = np.array([line[[0, -1]] for line in lines])
    leaves = shapely.get_coordinates(towards.ravel()).reshape(-1, 2, 2) - origin
    leaves /= np.maximum(np.hypot(leaves[..., 0], leaves[..., 1]), np.finfo(float).tiny)[..., None]
    halves, directions = nodes[edges], leaves[edges]
    if ends:
        # The way back through the air, which comes first and is not drawn.
        halves = np.concatenate([[ends], halves])
        directions = np.concatenate([np.zeros((1, 2, 2)), directions])
        edges.insert(0, -1)
    trail = straightest_trail(halves.ravel(), directions.reshape(-1, 2))
    return connect([lines[edges[half // 2]][:: -1 if half % 2 else 1] for half in trail if edges[half // 2] >= 0])
