"""Lines as pixels: how much of each a pen covers, by the pixel's distance from the line, and inks on one another.

Between its ends a line covers exactly its area, so that it is as dark as it is wide, whatever its direction and
however thin. (Gupta and Sproull, Filtered edges for gray-scale displays, 1981, with the pixel's own square as filter.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageColor

from plotbot.page.svg import Group

# Pixels looked at in one go, which bounds the memory.
_CHUNK = 2_000_000
_LEVELS, _WHOLE = 255, 4080
_CORNER = 0.5 * 2**0.5  # from a pixel's middle


def segments_of(lines: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Polylines (N, 2), N >= 1, as segments (S, 4), x0 y0 x1 y1, and the line of each, (S,); a dot is one segment."""
    if not lines:
        return np.zeros((0, 4)), np.zeros(0, dtype=np.int64)
    cut = [np.hstack([line[:-1], line[1:]] if len(line) > 1 else [line, line]) for line in lines]
    return np.concatenate(cut), np.repeat(np.arange(len(cut)), [len(one) for one in cut])


class Coverage:
    """How much of each of (rows, columns) pixels is covered, and by the line of which number.

    Lines side by side add up, so that a hatching without gaps has none here. At the ends of segments and in corners,
    where they overlap, the one that covers most counts. Of lines that cross, the number is that of the one that covers
    more, of equals the higher. In what order lines are drawn changes nothing; a line drawn twice has bolder edges.
    """

    def __init__(self, rows: int, columns: int) -> None:
        """Nothing is covered."""
        self._most = np.zeros((rows, columns), dtype=np.int64)  # level and number, to be compared at once
        self._sums = np.zeros((rows, columns), dtype=np.int32)  # in 1 / _WHOLE of a pixel

    def draw(self, segments: np.ndarray, numbers: np.ndarray, radius: float) -> None:
        """Cover what is within `radius` of segments (S, 4), all in pixels; `numbers` (S,) are less than 2**32."""
        steep = np.abs(segments[:, 3] - segments[:, 1]) > np.abs(segments[:, 2] - segments[:, 0])
        self._draw(self._most, self._sums, segments[~steep], numbers[~steep], radius)
        self._draw(self._most.T, self._sums.T, segments[steep][:, [1, 0, 3, 2]], numbers[steep], radius)

    def share(self, rows: slice, columns: slice) -> np.ndarray:
        """The covered share, 0 to 1, of a part of the pixels, float32."""
        most = (self._most[rows, columns] >> 32).astype(np.float32) / _LEVELS
        sums = np.minimum(self._sums[rows, columns], _WHOLE).astype(np.float32) / _WHOLE
        return np.asarray(np.maximum(most, sums))

    def numbers(self, rows: slice, columns: slice) -> np.ndarray:
        """The line that covers each of a part of the pixels, 0 where none does."""
        return self._most[rows, columns] & 0xFFFFFFFF

    def _draw(
        self, most: np.ndarray, sums: np.ndarray, segments: np.ndarray, numbers: np.ndarray, radius: float
    ) -> None:
        """Draw segments that are no steeper than 45 degrees."""
        reach = radius + _CORNER
        segments = np.where(segments[:, :1] <= segments[:, 2:3], segments, segments[:, [2, 3, 0, 1]])
        first = np.maximum(np.floor(segments[:, 0] - reach), 0).astype(np.int64)
        last = np.minimum(np.floor(segments[:, 2] + reach), most.shape[1] - 1).astype(np.int64)
        low, high = np.minimum(segments[:, 1], segments[:, 3]), np.maximum(segments[:, 1], segments[:, 3])
        seen = np.flatnonzero((first <= last) & (low - reach < most.shape[0]) & (high + reach > 0))
        counts = last[seen] - first[seen] + 1
        height = _height(radius)
        ends = np.cumsum(counts)
        start = 0
        while start < len(seen):
            past = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, past + _CHUNK // height, side="right")))
            these = seen[start:stop]
            owner = np.repeat(np.arange(stop - start), counts[start:stop])
            offset = np.arange(len(owner)) - np.repeat(ends[start:stop] - counts[start:stop] - past, counts[start:stop])
            columns = first[these][owner] + offset
            rows, level, part = _cover(segments[these][owner], columns, radius)
            hit = (level > 0) & (rows >= 0) & (rows < most.shape[0])
            at = np.nonzero(hit)[0]
            pixels = rows[hit], columns[at]
            np.maximum.at(most, pixels, (level[hit] << 32) | numbers[these][owner][at])
            np.add.at(sums, pixels, part[hit])
            start = stop


@dataclass(frozen=True)
class Paint:
    """A pen's ``segments`` (S, 4) in pixels, its ``radius``, and for each segment which of ``colours`` it has.

    ``colours`` (K, channels) are 0 to 255. An ink that ``mixes`` lets what is below it through.
    """

    segments: np.ndarray
    numbers: np.ndarray
    radius: float
    colours: np.ndarray
    mixes: bool

    @classmethod
    def of(cls, group: Group, scale: float, channels: int, mixes: bool) -> Paint:
        """A group's, with ``scale`` pixels a mm."""
        segments, numbers = segments_of([np.asarray(line, dtype=float) * scale for line in group.lines])
        colours = np.array([_levels(one, channels) for one in group.colours or [group.colour]], dtype=np.float32)
        return cls(segments, numbers if group.colours else numbers * 0, group.width * scale / 2, colours, mixes)

    def blend(
        self, image: np.ndarray, coverage: Coverage, rows: slice = slice(None), columns: slice = slice(None)
    ) -> None:
        """Lay it on an image (rows, columns, channels), float32, the part of what it covers."""
        share = coverage.share(rows, columns)[..., None]
        colour = self.colours[coverage.numbers(rows, columns)] if len(self.colours) > 1 else self.colours[0]
        if self.mixes:
            image *= 1 - share * (1 - colour / 255)
        else:
            image += share * (colour - image)


def mixes(ink: Group, paper: str) -> bool:
    """Whether an ink lets what is below it through: one that is lighter than the paper cannot."""
    own, other = (np.dot(ImageColor.getrgb(colour)[:3], (0.299, 0.587, 0.114)) for colour in (ink.colour, paper))
    return not ink.colours and bool(own <= other)


def image_of(levels: np.ndarray) -> Image.Image:
    """Levels (rows, columns, channels), 0 to 255, as a picture."""
    whole = np.round(levels).astype(np.uint8)
    return Image.fromarray(whole[..., 0] if whole.shape[2] == 1 else whole)


def channels_of(colours: Iterable[str]) -> int:
    """1 where all colours are grey, else 3."""
    return 1 if all(len(set(ImageColor.getrgb(one)[:3])) == 1 for one in set(colours)) else 3


def blank(paper: str, rows: int, columns: int, channels: int) -> np.ndarray:
    """An empty sheet (rows, columns, channels), float32, 0 to 255."""
    return np.full((rows, columns, channels), _levels(paper, channels), dtype=np.float32)


def _levels(colour: str, channels: int) -> tuple[int, ...]:
    return ImageColor.getrgb(colour)[:channels]


def _cover(segments: np.ndarray, columns: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For the pixels of one column (P,) near each segment (P, 4): their rows, the level to which the segment with its
    round ends covers each, and what it covers without them, in 1 / _WHOLE; all (P, height) integers."""
    x0, y0, x1, y1 = segments.T
    dx, dy = x1 - x0, y1 - y0
    x, slope = columns + 0.5 - x0, np.divide(dy, dx, out=np.zeros_like(dx), where=dx > 0)
    height = _height(radius)
    rows = np.floor(y0 + np.clip(x, 0, dx) * slope - height / 2 + 0.5).astype(np.int64)[:, None] + np.arange(height)
    y = rows + 0.5 - y0[:, None]
    length = np.hypot(dx, dy)
    # A segment next to nothing long has no direction: it is a dot.
    wide, narrow = np.where(length > 1e-6, (dx, np.abs(dy)) / np.maximum(length, 1e-6), [[1.0], [0.0]])[..., None]
    ux, uy = wide, np.copysign(narrow, dy[:, None])
    along, beside, end = x[:, None] * ux + y * uy, np.abs(y * ux - x[:, None] * uy), length[:, None]
    beyond = along - np.clip(along, 0, end)
    capped = _across(np.hypot(beyond, beside), radius, wide, narrow)
    within = np.clip(np.minimum(along + 0.5, end) - np.maximum(along - 0.5, 0), 0, 1)
    part = within * np.where(beyond == 0, capped, _across(beside, radius, wide, narrow))
    return rows, np.round(capped * _LEVELS).astype(np.int64), np.round(part * _WHOLE).astype(np.int32)


def _height(radius: float) -> int:
    """Rows in which a segment no steeper than 45 degrees can cover pixels of one column."""
    return int(2 * (radius + _CORNER) * 2**0.5) + 2


def _across(apart: np.ndarray, radius: float, wide: np.ndarray, narrow: np.ndarray) -> np.ndarray:
    """The share of a pixel that a line covers whose middle is `apart` from the pixel's, 0 to 1."""
    cover = _within(radius - apart, wide, narrow) + _within(radius + apart, wide, narrow)
    return np.asarray(np.clip(cover, 0, 1))


def _within(apart: np.ndarray, wide: np.ndarray, narrow: np.ndarray) -> np.ndarray:
    """The part of a pixel between its middle and a straight edge `apart` from it, -1/2 to 1/2.

    The pixel is seen along the edge, as a trapezoid: `wide` and `narrow` are |cos| and |sin| of the edge's angle, the
    larger first.
    """
    u = np.abs(apart)
    rim = np.maximum((wide + narrow) / 2 - u, 0)
    flank = 0.5 - rim * rim / np.maximum(2 * wide * narrow, 1e-12)
    return np.asarray(np.copysign(np.where(u <= (wide - narrow) / 2, u / wide, flank), apart))
