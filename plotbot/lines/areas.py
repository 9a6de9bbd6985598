"""What strokes enclose: the areas that hatching fills, and the silhouettes that hide what is behind them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from plotbot.lines.joining import is_dot
from plotbot.units import InputError

# Areas keep to the strokes within this, mm, less than a machine's step: flattened curves have far too many points.
TOLERANCE_MM = 0.005
# Areas are computed on a grid of this step, mm, so that ends that touch and crossings are points and not rounding.
_GRID_MM = 1e-4

Geometries = NDArray[np.object_]


def enclosed(lines: Sequence[np.ndarray], gap: float = 0.1) -> shapely.Geometry:
    """The area that the closed strokes among the polylines (N, 2), mm, enclose: polygons, or none at all.

    A stroke is closed where its ends are no further apart than ``gap``, a share of its length: nine hand-drawn
    circles of ten miss by less. A stroke that crosses itself encloses all that it goes round. Of several strokes
    the even-odd rule decides: what lies in an odd number of them is inside, so that an eye is a hole in a face, and
    its pupil is not. Open strokes and dots enclose nothing. Raises InputError for a coordinate that is not finite.
    """
    rings = [np.concatenate([line, line[:1]]) for line in _finite(lines) if _is_closed(line, gap)]
    if not rings:
        return shapely.MultiPolygon()
    areas = _gone_round(np.array([shapely.linestrings(ring) for ring in rings]))
    faces = shapely.get_parts(shapely.polygonize([shapely.union_all(shapely.boundary(areas), grid_size=_GRID_MM)]))
    of, _ = shapely.STRtree(areas).query(shapely.point_on_surface(faces), predicate="within")
    return shapely.coverage_union_all(faces[np.bincount(of, minlength=len(faces)) % 2 == 1])


def silhouettes(sketches: Sequence[Sequence[np.ndarray]], gap: float = 0.1) -> Geometries:
    """The area that each sketch covers when it is taken for opaque, as an array of polygons, some of them empty.

    ``sketches``: each a list of polylines (N, 2), mm. A sketch covers all that its strokes together go round. Outlines
    have gaps: so wherever a stroke ends, it counts as going on to the two nearest strokes of its sketch, itself
    included, that are no further away than ``gap``, a share of the longer side of the sketch. What stays open
    (whiskers, a tail) covers nothing. Raises InputError for a coordinate that is not finite.
    """
    strokes = [(sketch, line) for sketch, lines in enumerate(sketches) for line in _finite(lines) if not is_dot(line)]
    if not strokes:
        return np.full(len(sketches), shapely.MultiPolygon(), dtype=object)
    of_stroke = np.array([sketch for sketch, _ in strokes])
    lines = [line for _, line in strokes]
    drawn = linework(lines, of_stroke, len(sketches))
    left, top, right, bottom = np.nan_to_num(shapely.bounds(drawn)).T
    size = np.maximum(right - left, bottom - top)
    # All in a row and far apart, so that what is near an end is of its own sketch.
    apart = np.column_stack([np.cumsum(size) * 2 * (1 + gap) - left, -top])[of_stroke]
    moved = [line + shift for line, shift in zip(lines, apart, strict=True)]
    bridges, of_bridge = _bridges(moved, gap * size[of_stroke])
    bridges -= apart[of_bridge, None]
    return _gone_round(linework([*lines, *bridges], np.concatenate([of_stroke, of_stroke[of_bridge]]), len(sketches)))


def linework(lines: Sequence[np.ndarray], of: NDArray[np.int_], count: int) -> Geometries:
    """The polylines (N, 2) as ``count`` multilinestrings: line i belongs to number ``of[i]``. A dot is two points."""
    result = np.full(count, shapely.MultiLineString(), dtype=object)
    lines = [np.repeat(line, 2, axis=0) if len(line) == 1 else line for line in lines]
    if lines:
        points = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
        order = np.argsort(of, kind="stable")
        shapely.multilinestrings(
            shapely.linestrings(np.concatenate(lines), indices=points)[order], indices=of[order], out=result
        )
    return result


def _finite(lines: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    if not all(np.isfinite(line).all() for line in lines):
        raise InputError("A stroke has a coordinate that is not a finite number: correct or remove it.")
    return lines


def _is_closed(line: np.ndarray, gap: float) -> bool:
    length = np.hypot(*np.diff(line, axis=0).T).sum()
    return len(line) > 2 and not is_dot(line) and bool(np.hypot(*(line[-1] - line[0])) <= gap * length)


def _gone_round(drawn: Geometries) -> Geometries:
    """What each of the lines goes round, holes filled: polygons, or nothing."""
    drawn = shapely.simplify(drawn, TOLERANCE_MM, preserve_topology=False)
    noded = shapely.union_all(drawn[:, None], grid_size=_GRID_MM, axis=1)
    areas = [shapely.coverage_union_all(shapely.polygonize([line])) for line in noded]
    return np.array(areas, dtype=object)


def _bridges(lines: Sequence[np.ndarray], reach: NDArray[np.float64]) -> tuple[np.ndarray, NDArray[np.int_]]:
    """The shortest ways (n, 2, 2) from both ends of each stroke to the two nearest strokes within its ``reach`` (mm),
    and the stroke that each way comes from.

    An end's own stroke counts from 2 reach along it: nearer, it is what leads to the end.
    """
    of = np.repeat(np.arange(len(lines)), [len(line) - 1 for line in lines])
    segments = shapely.linestrings(np.concatenate([np.stack([line[:-1], line[1:]], axis=1) for line in lines]))
    lengths = shapely.length(segments)
    start = np.cumsum(lengths) - lengths
    start -= start[np.searchsorted(of, of)]
    total = np.bincount(of, lengths)
    # Along the stroke from its first point, and from its last.
    along = np.stack([start, total[of] - start - lengths])

    ends = shapely.points(np.array([point for line in lines for point in (line[0], line[-1])]))
    end, segment = shapely.STRtree(segments).query(ends, predicate="dwithin", distance=np.repeat(reach, 2))
    stroke, to = end // 2, of[segment]
    found = (stroke != to) | (along[end % 2, segment] >= 2 * reach[stroke])
    end, segment = end[found], segment[found]
    away = shapely.distance(ends[end], segments[segment])
    # The nearest segment of each stroke around each end, and of these the two nearest.
    order = np.lexsort((segment, away))
    _, first = np.unique(end[order] * len(lines) + of[segment[order]], return_index=True)
    nearest = order[first]
    nearest = nearest[np.lexsort((away[nearest], end[nearest]))]
    rank = np.arange(len(nearest)) - np.searchsorted(end[nearest], end[nearest])
    nearest = nearest[(rank < 2) & (away[nearest] > 0)]
    ways = shapely.shortest_line(ends[end[nearest]], segments[segment[nearest]])
    return shapely.get_coordinates(ways).reshape(-1, 2, 2), end[nearest] // 2
