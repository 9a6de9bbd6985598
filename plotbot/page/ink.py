"""What the pen drew: as a picture, and as its distance from what was meant."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from PIL import Image

from plotbot.files import write_beside
from plotbot.lines.joining import is_dot
from plotbot.page.raster import Coverage, Paint, blank, channels_of, image_of, mixes
from plotbot.page.svg import Group, svg_bytes
from plotbot.units import InputError

# Rows drawn at a time, which bounds the memory for large sheets.
_BAND = 512
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

    Lines are ``pen_width`` mm wide; black without ``colours``, which are one for each line, as SVG has them. See
    ``picture``. Raises InputError where the file cannot be written or the picture would be empty.
    """
    write_beside(path, png_bytes(picture(size, [Group(1, ink, pen_width, colours=colours)], dpi), dpi))


def png_bytes(image: Image.Image, dpi: float) -> bytes:
    """A PNG that prints at its own size."""
    stream = io.BytesIO()
    image.save(stream, "PNG", dpi=(dpi, dpi))
    return stream.getvalue()


def picture(
    size: tuple[float, float],
    inks: Sequence[Group],
    dpi: float = 150,
    paper: str = "#ffffff",
    over: Sequence[Group] = (),
    progress: Callable[[float, str], None] = lambda share, remark: None,
) -> Image.Image:
    """A sheet of (width, height) mm with its inks, each the lines of one pen, as its pen leaves them.

    Lines have round ends and joins, dots are discs, edges are antialiased. Inks that cross mix as translucent ones do,
    by multiplication; one that is lighter than the ``paper`` covers what is below it, and so does all that is ``over``
    the inks, and a group with ``colours``. Colours are those that PIL.ImageColor knows; where all are grey, so is the
    picture. The same ink gives the same pixels. ``progress`` is told the share done, 0 to 1. Raises InputError where
    the picture would be empty.
    """
    width, height = (round(side / 25.4 * dpi) for side in size)
    for group in (*inks, *over):
        if not group.width > 0:
            raise InputError(f"A pen of {group.width:g} mm leaves no line: make it wider.")
    if width < 1 or height < 1:
        raise InputError(f"A picture of {size[0]:g} x {size[1]:g} mm at {dpi:g} dpi is empty: make it larger.")
    channels = channels_of([paper, *(colour for group in (*inks, *over) for colour in group.colours or [group.colour])])
    paints = [Paint.of(group, dpi / 25.4, channels, mixes(group, paper)) for group in inks]
    paints += [Paint.of(group, dpi / 25.4, channels, False) for group in over]
    image = np.empty((height, width, channels), dtype=np.uint8)
    for top in range(0, height, _BAND):
        progress(top / height, "drawn")
        band = blank(paper, min(_BAND, height - top), width, channels)
        for paint in paints:
            coverage = Coverage(*band.shape[:2])
            coverage.draw(paint.segments - (0, top, 0, top), paint.numbers, paint.radius)
            paint.blend(band, coverage)
        image[top : top + _BAND] = np.round(band)
    return image_of(image)


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
