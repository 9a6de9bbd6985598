"""Areas filled with ink: parallel lines, crossed lines, or rings from the outline inwards."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
import shapely

from plotbot.units import InputError

Style = Literal["parallel", "cross", "concentric"]

# More ink than this is a mistake in the spacing: days of plotting, and a dozen of pens.
_MOST_METRES = 10_000


def hatch(
    area: shapely.Geometry, style: Style, spacing_mm: float, angle_degrees: float = 45.0, pen_mm: float = 0.3
) -> list[np.ndarray]:
    """Polylines (N, 2) in mm that fill ``area``, polygons in mm (see ``areas.enclosed`` and ``areas.silhouettes``).

    The ink ends at the outline: lines stay half of ``pen_mm`` inside. ``parallel`` lines are ``spacing_mm`` apart, from
    middle to middle, at ``angle_degrees`` to the horizontal (45 rises to the right), and counted from the page's
    corner, so that they go on from one area into the next. Neighbours are drawn in one stroke, back and forth, joined
    along the outline. ``cross`` adds a second set at a right angle. ``concentric`` repeats the outline, each time
    ``spacing_mm`` further in; the last ring of an island comes half a spacing sooner where its middle would stay
    open, and is a dot where it is smaller than the pen.

    An area narrower than the pen stays empty, its outline fills it; lines shorter than half a pen are left out.
    Raises InputError for an unknown style, a spacing that is not above zero, and one that asks for an absurd amount
    of ink.
    """
    if style not in get_args(Style):
        raise InputError(f"{style!r} is no way to hatch: use {', '.join(get_args(Style))}.")
    if not (spacing_mm > 0 and math.isfinite(spacing_mm)):
        raise InputError(f"Lines {spacing_mm:g} mm apart fill nothing: use a spacing above zero, such as 1mm.")
    if not (pen_mm >= 0 and math.isfinite(pen_mm) and math.isfinite(angle_degrees)):
        raise InputError(f"A pen of {pen_mm:g} mm at {angle_degrees:g} degrees cannot hatch: use finite numbers.")
    metres_at_1mm = area.area / 1000 * (2 if style == "cross" else 1)
    if metres_at_1mm / spacing_mm > _MOST_METRES:
        raise InputError(
            f"Lines {spacing_mm:g} mm apart would take {metres_at_1mm / spacing_mm:,.0f} m of ink: "
            f"ask for {metres_at_1mm / _MOST_METRES:.2g} mm or more."
        )
    if style == "concentric":
        return _rings(area, spacing_mm, pen_mm)
    inside = shapely.buffer(area, -pen_mm / 2)
    angles = [angle_degrees, angle_degrees + 90] if style == "cross" else [angle_degrees]
    lines = [line for angle in angles for line in _serpentines(inside, spacing_mm, angle)]
    return [line for line in lines if np.hypot(*np.diff(line, axis=0).T).sum() > pen_mm / 2]


def _rings(area: shapely.Geometry, spacing: float, pen: float) -> list[np.ndarray]:
    """What lies 1, 2, ... spacings inside the outlines of ``area``, each island down to its middle."""
    half = max(spacing, pen) / 2
    islands = _inwards(area, half, max(spacing - half, 0))
    rings = []
    while islands:
        island = islands.pop()
        for ring in shapely.get_rings(island):
            points = shapely.get_coordinates(ring)
            is_small = np.hypot(*np.ptp(points, axis=0)) < pen
            rings.append(points[:-1].mean(axis=0, keepdims=True) if is_small else points)
        islands += _inwards(island, spacing / 2, spacing / 2)
    return rings


def _inwards(area: shapely.Geometry, half: float, rest: float) -> list[shapely.Polygon]:
    """The islands ``half`` and ``rest`` inside the outlines of ``area``; at ``half`` where that is all there is."""
    return [island for wide in _islands(area, half) for island in _islands(wide, rest) or [wide]]


def _islands(area: shapely.Geometry, inset: float) -> list[shapely.Polygon]:
    inner = shapely.buffer(area, -inset)
    return [] if inner.is_empty else list(shapely.get_parts(inner))


def _serpentines(inside: shapely.Geometry, spacing: float, angle: float) -> list[np.ndarray]:
    """Parallel lines across ``inside``, joined to serpentines along its outline.

    Level k is the line k spacings from the page's corner. The outline crosses it in ends; those of a level, sorted
    from left to right, are by turns where a line begins and where it stops: line i has the ends 2i and 2i + 1. Even
    levels are drawn from left to right, odd ones back, so an end leads on to the next level on the same side, if the
    outline goes there directly: then nothing lies between the two, and no line is led to twice.
    """
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turn = np.array([[cosine, sine], [-sine, cosine]])
    rings = shapely.get_rings(shapely.get_parts(inside))
    points, of = shapely.get_coordinates(rings, return_index=True)
    along, across = (points @ turn).T / spacing
    # The levels that each edge of the outline crosses: above its lower end and up to its higher one.
    edge = np.flatnonzero(of[:-1] == of[1:])
    first = np.floor(np.minimum(across[edge], across[edge + 1])).astype(int) + 1
    times = np.floor(np.maximum(across[edge], across[edge + 1])).astype(int) + 1 - first
    level = np.arange(times.sum()) + np.repeat(first - np.cumsum(times) + times, times)
    edge = np.repeat(edge, times)
    share = (level - across[edge]) / (across[edge + 1] - across[edge])
    where = along[edge] + share * (along[edge + 1] - along[edge])
    order = np.lexsort((where, level))
    edge, share, level, where = edge[order], share[order], level[order], where[order]
    ends = np.column_stack([where, level]) * spacing @ turn.T

    # Around each ring from one end to the next, and where that is a way from line to line, up a level.
    around = np.lexsort((share, edge))
    cuts = np.flatnonzero(np.diff(of[edge[around]])) + 1
    after = np.concatenate([np.roll(part, -1) for part in np.split(around, cuts)])
    lower = np.minimum(level[around], level[after])
    side = around % 2
    # Where two rings touch on a level, which of their ends is which is open: hence the look at both.
    leads = (np.abs(level[after] - level[around]) == 1) & (side == after % 2) & (side != lower % 2)
    up: dict[int, tuple[int, np.ndarray]] = {}
    for a, b in zip(around[leads].tolist(), after[leads].tolist(), strict=True):
        way = _way(points, of, edge[a] + share[a], edge[b] + share[b])
        if level[a] < level[b]:
            up[a // 2] = b // 2, way
        else:
            up[b // 2] = a // 2, way[::-1]

    lines = []
    reached = {line for line, _ in up.values()}
    for start in range(len(ends) // 2):
        if start not in reached:
            line, parts = start, [_drawn(ends, level, start)]
            while line in up:
                line, way = up[line]
                parts += [way, _drawn(ends, level, line)]
            lines.append(np.concatenate(parts))
    return lines


def _drawn(ends: np.ndarray, level: np.ndarray, line: int) -> np.ndarray:
    return ends[2 * line : 2 * line + 2][:: -1 if level[2 * line] % 2 else 1]


def _way(points: np.ndarray, of: np.ndarray, start: float, stop: float) -> np.ndarray:
    """The corners passed on the way around a ring between two places: a quarter along edge 17 is 17.25."""
    if start <= stop:
        return points[math.floor(start) + 1 : math.floor(stop) + 1]
    ring = of[math.floor(start)]
    first, last = np.searchsorted(of, ring), np.searchsorted(of, ring, side="right")
    return np.concatenate([points[math.floor(start) + 1 : last], points[first + 1 : math.floor(stop) + 1]])
