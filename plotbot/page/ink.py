"""What the pen drew: as a picture, and as its distance from what was meant."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from PIL import Image, ImageDraw

from plotbot.files import write_beside
from plotbot.lines.joining import is_dot
from plotbot.page.svg import Group, svg_bytes
from plotbot.units import InputError

# Samples per pixel and side: 16 shades of grey on the edge of a line.
_SUPERSAMPLE = 4
# Rows drawn at a time, which bounds the memory for large sheets.
_BAND = 256
# Lines are compared at points no further apart than this, mm.
_SPACING_MM = 0.25


@dataclass(frozen=True)
class Deviation:
    """How far the ink is from the intent: the largest distance either way in mm, and what is missing."""

    largest_mm: float
    strokes_lost: int
    dots_lost: int


def write_ink_svg(ink: Sequence[np.ndarray], size: tuple[float, float], pen_width: float, path: Path) -> None:
    """Write ``ink``, polylines (N, 2) in page mm (N = 1: a dot), as SVG of (width, height) mm.

    ``pen_width`` in mm. The same ink gives the same bytes. Raises InputError where the file cannot be
    written.
    """
    write_beside(path, svg_bytes(size, [Group(1, ink, pen_width)]))


def write_ink_png(
    ink: Sequence[np.ndarray],
    size: tuple[float, float],
    pen_width: float,
    path: Path,
    dpi: float = 150,
    colours: Sequence[str] = (),
) -> None:
    """Write ``ink``, polylines (N, 2) in page mm (N = 1: a dot), as a PNG of the sheet of ``size`` mm.

    Lines are ``pen_width`` mm wide with round ends and joins, dots are discs, edges are antialiased. The picture
    is grey without ``colours``, which are one for each line, as SVG has them. The same ink gives the same bytes.
    Raises InputError where the file cannot be written or the picture would be empty.
    """
    width, height = (round(side / 25.4 * dpi) for side in size)
    if width < 1 or height < 1 or pen_width <= 0:
        raise InputError(
            f"A picture of {size[0]:g} x {size[1]:g} mm at {dpi:g} dpi with a pen of {pen_width:g} mm "
            "is empty: make them larger."
        )
    scale = _SUPERSAMPLE * dpi / 25.4
    radius = max(pen_width * scale / 2, 0.5)
    lines = [np.asarray(line, dtype=float) * scale for line in ink]
    tops = [line[:, 1].min() - radius for line in lines]
    bottoms = [line[:, 1].max() + radius for line in lines]
    mode, colours = ("RGB", colours) if colours else ("L", ["black"] * len(lines))
    picture = Image.new(mode, (width, height), "white")
    for top in range(0, height, _BAND):
        rows = min(_BAND, height - top)
        low, high = top * _SUPERSAMPLE, (top + rows) * _SUPERSAMPLE
        band = Image.new(mode, (width * _SUPERSAMPLE, high - low), "white")
        draw = ImageDraw.Draw(band)
        for line, colour, first, last in zip(lines, colours, tops, bottoms, strict=True):
            if first <= high and last >= low:
                _draw_line(draw, line - (0, low), radius, colour)
        picture.paste(band.reduce(_SUPERSAMPLE), (0, top))
    stream = io.BytesIO()
    picture.save(stream, "PNG", dpi=(dpi, dpi))
    write_beside(path, stream.getvalue())


def _draw_line(draw: ImageDraw.ImageDraw, line: np.ndarray, radius: float, colour: str) -> None:
    points = [(x, y) for x, y in line.tolist()]
    if len(points) > 1:
        draw.line(points, fill=colour, width=max(1, round(2 * radius)))
    for x, y in points:
        # Pillow's box includes its last row and column.
        draw.ellipse((x - radius, y - radius, x + radius - 1, y + radius - 1), fill=colour)


def distance(intent: Sequence[np.ndarray], ink: Sequence[np.ndarray], tolerance_mm: float = 0.5) -> Deviation:
    """How far the ``ink`` is from the ``intent``, both polylines (N, 2) in mm in the same coordinates.

    ``largest_mm`` is the symmetric Hausdorff distance: stroke by stroke where both have as many, so that
    strokes lying on each other cannot stand in for one another; of all ink to all intent otherwise. Infinite
    where one of them is empty and the other is not. A stroke is lost where some of it has no ink within
    ``tolerance_mm``, a dot where no dot of ink lies within it.
    """
    dots = np.array([is_dot(line) for line in intent], dtype=bool)
    if not intent or not ink:
        return Deviation(math.inf if intent or ink else 0.0, int((~dots).sum()), int(dots.sum()))
    meant, drawn = _geometries(intent), _geometries(ink)
    if len(intent) == len(ink):
        per_stroke = shapely.hausdorff_distance(_dense(meant), _dense(drawn))
        largest, lost = float(per_stroke.max()), per_stroke > tolerance_mm
    else:
        farthest = _farthest(meant, drawn)
        largest = float(max(farthest.max(), _farthest(drawn, meant).max()))
        lost = farthest > tolerance_mm
        # A line that passes by is no dot: only ink that stays near the dot all along will do.
        for index in np.flatnonzero(dots):
            near = drawn[shapely.dwithin(drawn, meant[index], tolerance_mm)]
            lost[index] = not any(shapely.hausdorff_distance(near, meant[index]) <= tolerance_mm)
    return Deviation(largest, int((lost & ~dots).sum()), int((lost & dots).sum()))


def _geometries(lines: Sequence[np.ndarray]) -> np.ndarray:
    """The lines as an array of shapely geometries, those of equal points as points."""
    return np.array(
        [shapely.Point(line[0]) if bool((line == line[0]).all()) else shapely.LineString(line) for line in lines],
        dtype=object,
    )


def _dense(geometries: np.ndarray) -> np.ndarray:
    """The same geometries with points at most ``_SPACING_MM`` apart."""
    return np.asarray(shapely.segmentize(geometries, _SPACING_MM))


def _farthest(lines: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each line the largest distance of its points from the nearest of the others, mm; (len(lines),)."""
    coordinates, owner = shapely.get_coordinates(_dense(lines), return_index=True)
    (of, _), apart = shapely.STRtree(others).query_nearest(
        shapely.points(coordinates), return_distance=True, all_matches=False
    )
    result = np.zeros(len(lines))
    np.maximum.at(result, owner[of], apart)
    return result
