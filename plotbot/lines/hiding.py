"""Hidden lines: a sketch in front hides those behind it, so that motifs may overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from plotbot.lines.areas import TOLERANCE_MM, Geometries, linework, silhouettes
from plotbot.units import InputError

# Segments looked at in one go, which bounds the memory where very many sketches lie on one spot.
_BLOCK = 4096


def hide(
    sketches: Sequence[Sequence[np.ndarray]], pen_mm: float, clearance_mm: float | None = None, gap: float = 0.1
) -> list[list[np.ndarray]]:
    """The sketches without what those in front of them cover.

    ``sketches``: from back to front, each a list of polylines (N, 2), mm. A sketch covers its silhouette (see
    ``areas.silhouettes``, which also says what ``gap`` is), and everything within ``clearance_mm`` of it and of all
    its lines: the halo that sets it off from what is behind (Appel, Rohlf and Stein 1979, "The haloed line effect for
    hidden line elimination"). It is measured between the middles of lines; twice the pen's width, the default,
    leaves a pen's width of white, and with 0 lines behind run up to the outline; one that runs along it is covered, so
    that it is drawn once. A sketch never hides itself.

    For the closed strokes of a page that hide each other in the order they are drawn in, give each stroke as a
    sketch of its own, with a ``gap`` and clearance of 0.

    What is left keeps its place, order and direction; a stroke untouched is the same array. A dot is covered or
    not. Pieces of a cut stroke that are shorter than half the pen's width are left out. Raises InputError for a
    coordinate or a distance that is not finite, and a distance that is negative.
    """
    clearance_mm = 2 * pen_mm if clearance_mm is None else clearance_mm
    for distance in (pen_mm, clearance_mm, gap):
        if not (distance >= 0 and math.isfinite(distance)):
            raise InputError(f"{distance} is no width to hide lines with: use zero or more.")
    lines = [line for sketch in sketches for line in sketch]
    of = np.repeat(np.arange(len(sketches)), [len(sketch) for sketch in sketches])
    # Never less than the tolerance, so that a line along an outline in front is all covered.
    covers = shapely.union(
        shapely.buffer(silhouettes(sketches, gap), max(clearance_mm, TOLERANCE_MM)),
        shapely.buffer(linework(lines, of, len(sketches)), clearance_mm),
    )
    result: list[list[np.ndarray]] = [[] for _ in sketches]
    hidden = _hidden(lines, of, covers)
    for stroke, (sketch, line) in enumerate(zip(of, lines, strict=True)):
        result[sketch] += _visible(line, hidden[stroke], pen_mm / 2) if stroke in hidden else [line]
    return result


def _hidden(lines: Sequence[np.ndarray], of: NDArray[np.int_], covers: Geometries) -> dict[int, NDArray[np.float64]]:
    """For each stroke that is covered at all, where: (n, 2) from and to, in segments from its start, by start.

    A stroke of sketch ``of`` is covered by those after it.
    """
    if not lines:
        return {}
    starts = [line[:-1] if len(line) > 1 else line for line in lines]
    stops = [line[1:] if len(line) > 1 else line for line in lines]
    stroke = np.repeat(np.arange(len(lines)), [len(part) for part in starts])
    number = np.arange(len(stroke)) - np.searchsorted(stroke, stroke)
    a, b = np.concatenate(starts), np.concatenate(stops)
    segments = shapely.linestrings(np.stack([a, b], axis=1))
    # A segment without length is a point, which a line of two equal points is not to every predicate.
    still = (a == b).all(axis=1)
    segments[still] = shapely.points(a[still])

    shapely.prepare(covers)
    tree = shapely.STRtree(covers)
    found = []
    for first in range(0, len(segments), _BLOCK):
        segment, cover = tree.query(segments[first : first + _BLOCK])
        segment += first
        ahead = cover > of[stroke[segment]]
        segment, cover = segment[ahead], cover[ahead]
        whole = shapely.covers(covers[cover], segments[segment])
        gone = np.unique(segment[whole])
        found.append(np.column_stack([gone, np.zeros(len(gone)), np.ones(len(gone))]))
        partly = ~np.isin(segment, gone)
        segment, cover = segment[partly], cover[partly]
        touched = shapely.intersects(covers[cover], segments[segment])
        segment, cover = segment[touched], cover[touched]
        parts, index = shapely.get_parts(shapely.intersection(segments[segment], covers[cover]), return_index=True)
        along = shapely.get_type_id(parts) == shapely.GeometryType.LINESTRING
        parts, segment = parts[along], segment[index[along]]
        way = b[segment] - a[segment]
        ends = np.stack([shapely.get_coordinates(shapely.get_point(parts, k)) for k in (0, -1)], axis=1)
        places = ((ends - a[segment, None]) * way[:, None]).sum(axis=2) / (way**2).sum(axis=1)[:, None]
        found.append(np.column_stack([segment, np.sort(places, axis=1)]))
    segment, low, high = np.concatenate(found).T
    segment = segment.astype(int)
    order = np.lexsort((low, number[segment], stroke[segment]))
    segment = segment[order]
    spans = np.column_stack([low[order], high[order]]) + number[segment, None]
    strokes, first_of = np.unique(stroke[segment], return_index=True)
    return dict(zip(strokes.tolist(), np.split(spans, first_of)[1:], strict=True))


def _visible(line: np.ndarray, hidden: NDArray[np.float64], shortest: float) -> list[np.ndarray]:
    """The pieces of ``line`` (N, 2) between the ``hidden`` spans (n, 2) of ``_hidden``, none under ``shortest`` mm."""
    # A span hides what the longest before it has not.
    reached = np.maximum.accumulate(np.concatenate([[0.0], hidden[:, 1]]))
    until = np.concatenate([hidden[:, 0], [max(len(line) - 1.0, 1.0)]])
    pieces = []
    for low, high in zip(reached.tolist(), until.tolist(), strict=True):
        if low < high:
            inner = line[math.floor(low) + 1 : math.ceil(high)]
            piece = np.concatenate([[_at(line, low)], inner, [_at(line, high)]])
            if np.hypot(*np.diff(piece, axis=0).T).sum() > shortest:
                pieces.append(piece)
    return pieces


def _at(line: np.ndarray, place: float) -> np.ndarray:
    """The point (2,) of ``line`` at ``place``, in segments from its start."""
    before = min(math.floor(place), len(line) - 2)
    return np.asarray(line[before] + (place - before) * (line[before + 1] - line[before]))
