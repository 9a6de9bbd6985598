"""What the pen drew: as a picture, and as its distance from what was meant."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from PIL import Image, ImageChops, ImageColor, ImageDraw

from plotbot.files import write_beside
from plotbot.lines.joining import is_dot
from plotbot.page.svg import Group, svg_bytes
from plotbot.units import InputError

SUPERSAMPLE = 4
"""Samples per pixel and side: 16 shades of grey on the edge of a line."""
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
    the inks. Colours are those that PIL.ImageColor knows; where all are grey, so is the picture. The same ink gives
    the same pixels. ``progress`` is told the share done, 0 to 1. Raises InputError where the picture would be empty.
    """
    width, height = (round(side / 25.4 * dpi) for side in size)
    for group in (*inks, *over):
        if not group.width > 0:
            raise InputError(f"A pen of {group.width:g} mm leaves no line: make it wider.")
    if width < 1 or height < 1:
        raise InputError(f"A picture of {size[0]:g} x {size[1]:g} mm at {dpi:g} dpi is empty: make it larger.")
    scale = SUPERSAMPLE * dpi / 25.4
    coats = [(Brush.of(group, scale), mixes(group.colour, paper)) for group in inks]
    coats += [(Brush.of(group, scale), False) for group in over]
    mode = picture_mode([paper, *(colour for group in (*inks, *over) for colour in group.colours or [group.colour])])
    image = Image.new(mode, (width, height))
    for top in range(0, height, _BAND):
        progress(top / height, "drawn")
        rows = min(_BAND, height - top)
        band = Image.new(mode, (width * SUPERSAMPLE, rows * SUPERSAMPLE), paper)
        for brush, mixing in coats:
            within = brush.between(top * SUPERSAMPLE, (top + rows) * SUPERSAMPLE)
            if mixing and len(within.segments):
                coat = Image.new(mode, band.size, "white")
                within.draw(coat, top * SUPERSAMPLE)
                band = ImageChops.multiply(band, coat)
            else:
                within.draw(band, top * SUPERSAMPLE)
        image.paste(band.reduce(SUPERSAMPLE), (0, top))
    return image


def picture_mode(colours: Iterable[str]) -> str:
    """Pillow's mode for a picture in these colours: L where all are grey."""
    return "L" if all(len(set(ImageColor.getrgb(one)[:3])) == 1 for one in set(colours)) else "RGB"


def mixes(ink: str, paper: str) -> bool:
    """Whether an ink lets the paper through: one that is lighter than the paper cannot."""
    return ImageColor.getcolor(ink, "L") <= ImageColor.getcolor(paper, "L")  # type: ignore[operator]


@dataclass(frozen=True)
class Brush:
    """Lines cut to ``segments`` (S, 4), x0 y0 x1 y1 in samples, to be drawn in their order with a ``radius``.

    Each line begins with a segment without length, its round start. ``colours`` has one for each segment.
    """

    segments: np.ndarray
    colours: list[str]
    radius: float

    @classmethod
    def of(cls, group: Group, scale: float) -> Brush:
        """The lines of a group, with ``scale`` samples a mm."""
        lines = [np.asarray(line, dtype=float) * scale for line in group.lines]
        cut = [np.hstack([np.concatenate([line[:1], line[:-1]]), line]) for line in lines]
        of_lines = group.colours or [group.colour] * len(lines)
        colours = [colour for line, colour in zip(lines, of_lines, strict=True) for _ in range(len(line))]
        return cls(np.concatenate(cut) if cut else np.zeros((0, 4)), colours, max(group.width * scale / 2, 0.5))

    def between(self, top: float, bottom: float) -> Brush:
        """What of it may be seen between two rows of samples."""
        y = self.segments[:, 1::2]
        seen = (y.max(axis=1) + self.radius >= top) & (y.min(axis=1) - self.radius <= bottom)
        return self.only(np.flatnonzero(seen))

    def only(self, which: np.ndarray) -> Brush:
        """Some of its segments, by their indices (K,)."""
        return replace(self, segments=self.segments[which], colours=[self.colours[i] for i in which.tolist()])

    def draw(self, image: Image.Image, top: float = 0.0) -> None:
        """Draw it on a picture that begins at the row ``top``."""
        draw, width, r = ImageDraw.Draw(image), max(1, round(2 * self.radius)), self.radius
        moved = self.segments - (0.0, top, 0.0, top)
        for colour, (x0, y0, x1, y1) in zip(self.colours, moved.tolist(), strict=True):
            if x0 != x1 or y0 != y1:
                draw.line((x0, y0, x1, y1), fill=colour, width=width)
            # Pillow's box includes its last row and column.
            draw.ellipse((x1 - r, y1 - r, x1 + r - 1, y1 + r - 1), fill=colour)


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
