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
_LEVELS = 255
_CORNER = 0.5 * 2**0.5  # from a pixel's middle


def segments_of(lines: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Polylines (N, 2), N >= 1, as segments (S, 4), x0 y0 x1 y1, and the line of each, (S,); a dot is one segment."""
    if not lines:
        return np.zeros((0, 4)), np.zeros(0, dtype=np.int64)
    cut = [np.hstack([line[:-1], line[1:]] if len(line) > 1 else [line, line]) for line in lines]
    return np.concatenate(cut), np.repeat(np.arange(len(cut)), [len(one) for one in cut])


class Coverage:
    """How much of each of (rows, columns) pixels is covered, and by the line of which number.

    Where lines cross, the one that covers more counts, of equals the one with the higher number: drawing a line again
    changes nothing, nor does the order in which lines are drawn.
    """

    def __init__(self, rows: int, columns: int) -> None:
        """Nothing is covered."""
        self._keys = np.zeros((rows, columns), dtype=np.int64)  # level and number, to be compared at once

    def draw(self, segments: np.ndarray, numbers: np.ndarray, radius: float) -> None:
        """Cover what is within `radius` of segments (S, 4), all in pixels; `numbers` (S,) are less than 2**32."""
        steep = np.abs(segments[:, 3] - segments[:, 1]) > np.abs(segments[:, 2] - segments[:, 0])
        self._draw(self._keys, segments[~steep], numbers[~steep], radius)
        self._draw(self._keys.T, segments[steep][:, [1, 0, 3, 2]], numbers[steep], radius)

    def share(self, rows: slice, columns: slice) -> np.ndarray:
        """The covered share, 0 to 1, of a part of the pixels, float32."""
        return (self._keys[rows, columns] >> 32).astype(np.float32) / _LEVELS

    def numbers(self, rows: slice, columns: slice) -> np.ndarray:
        """The line that covers each of a part of the pixels, 0 where none does."""
        return self._keys[rows, columns] & 0xFFFFFFFF

    def _draw(self, keys: np.ndarray, segments: np.ndarray, numbers: np.ndarray, radius: float) -> None:
        """Draw segments that are no steeper than 45 degrees."""
        reach = radius + _CORNER
        segments = np.where(segments[:, :1] <= segments[:, 2:3], segments, segments[:, [2, 3, 0, 1]])
        first = np.maximum(np.floor(segments[:, 0] - reach), 0).astype(np.int64)
        last = np.minimum(np.floor(segments[:, 2] + reach), keys.shape[1] - 1).astype(np.int64)
        low, high = np.minimum(segments[:, 1], segments[:, 3]), np.maximum(segments[:, 1], segments[:, 3])
        seen = np.flatnonzero((first <= last) & (low - reach < keys.shape[0]) & (high + reach > 0))
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
            self._cover(keys, segments[these][owner], first[these][owner] + offset, numbers[these][owner], radius)
            start = stop

    def _cover(
        self, keys: np.ndarray, segments: np.ndarray, columns: np.ndarray, numbers: np.ndarray, radius: float
    ) -> None:
        """Cover the pixels of one column for each segment."""
        x0, y0, x1, y1 = segments.T
        dx, dy = x1 - x0, y1 - y0
        x, slope = columns + 0.5 - x0, np.divide(dy, dx, out=np.zeros_like(dx), where=dx > 0)
        middle = y0 + np.clip(x, 0, dx) * slope
        height = _height(radius)
        rows = np.floor(middle - height / 2 + 0.5).astype(np.int64)[:, None] + np.arange(height)
        y = rows + 0.5 - y0[:, None]
        square = np.maximum(dx * dx + dy * dy, 1e-12)
        share = np.clip((x * dx / square)[:, None] + y * (dy / square)[:, None], 0, 1)
        apart = np.hypot(x[:, None] - share * dx[:, None], y - share * dy[:, None])
        wide, narrow = np.where(dx > 0, (dx, np.abs(dy)) / np.sqrt(square), [[1.0], [0.0]])[..., None]
        cover = _within(radius - apart, wide, narrow) + _within(radius + apart, wide, narrow)
        level = np.round(np.clip(cover, 0, 1) * _LEVELS).astype(np.int64)
        hit = (level > 0) & (rows >= 0) & (rows < keys.shape[0])
        at = np.nonzero(hit)[0]
        np.maximum.at(keys, (rows[hit], columns[at]), (level[hit] << 32) | numbers[at])


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


def _height(radius: float) -> int:
    """Rows in which a segment no steeper than 45 degrees can cover pixels of one column."""
    return int(2 * (radius + _CORNER) * 2**0.5) + 2


def _within(apart: np.ndarray, wide: np.ndarray, narrow: np.ndarray) -> np.ndarray:
    """The part of a pixel between its middle and a straight edge `apart` from it, -1/2 to 1/2.

    The pixel is seen along the edge, as a trapezoid: `wide` and `narrow` are |cos| and |sin| of the edge's angle, the
    larger first.
    """
    u = np.abs(apart)
    rim = np.maximum((wide + narrow) / 2 - u, 0)
    flank = 0.5 - rim * rim / np.maximum(2 * wide * narrow, 1e-12)
    return np.asarray(np.copysign(np.where(u <= (wide - narrow) / 2, u / wide, flank), apart))
