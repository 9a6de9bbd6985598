"""GIF files (CompuServe, Graphics Interchange Format 89a) of pictures that change little from one to the next."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image
from PIL.GifImagePlugin import getdata

# The index of what stays as it was, and more 1/100 s than a frame can last.
_CLEAR, _MOST_TICKS = 255, 1 << 16


class Gif:
    """Frames of which each keeps only the pixels that it changes; whatever is shown twice is shown longer."""

    def __init__(self, paper: str, size: tuple[int, int], pictures: Sequence[Image.Image]) -> None:
        """On paper of (width, height) px, in the colours of the pictures."""
        sheet = Image.new("RGB", size, paper)
        self._colours = _palette([sheet, *pictures])
        self._nearest = np.full(1 << 24, -1, dtype=np.int16)  # of every colour, once it has been asked for
        self._now = self._indices(sheet)
        self._frames: list[tuple[np.ndarray, tuple[int, int], int]] = []  # indices, left and top, 1/100 s

    def show(self, part: Image.Image, at: tuple[int, int], ticks: int) -> None:
        """Lay a part at its left and top on what was shown before, for so many 1/100 s."""
        left, top = at
        area = slice(top, top + part.height), slice(left, left + part.width)
        new = self._indices(part)
        changed = new != self._now[area]
        self._now[area] = new
        if not self._frames:
            self._frames.append((self._now.copy(), (0, 0), ticks))
        elif not changed.any() and self._frames[-1][2] + ticks < _MOST_TICKS:
            self._frames[-1] = (*self._frames[-1][:2], self._frames[-1][2] + ticks)
        else:
            rows, columns = np.nonzero(changed if changed.any() else ~changed[:1, :1])
            low, high = (rows.min(), columns.min()), (rows.max() + 1, columns.max() + 1)
            inner = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            place = (left + int(low[1]), top + int(low[0]))
            self._frames.append((np.where(changed, new, _CLEAR)[inner], place, ticks))

    def file(self) -> bytes:
        """The frames, over and over."""
        colours = self._colours.astype(np.uint8).tobytes().ljust(3 * 256, b"\0")
        data = [b"GIF89a", struct.pack("<HHBBB", *self._now.shape[::-1], 0xF7, 0, 0), colours]
        data.append(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")
        for indices, place, ticks in self._frames:
            image = Image.fromarray(indices)
            data += getdata(image, place, duration=10 * ticks, transparency=_CLEAR, disposal=1)
        return b"".join([*data, b";"])

    def _indices(self, picture: Image.Image) -> np.ndarray:
        """Which of the colours is nearest to each pixel, (rows, columns) uint8."""
        packed = _packed(picture)
        new = np.unique(packed[self._nearest[packed] < 0])
        apart = _channels(new)[:, None] - self._colours
        self._nearest[new] = (apart * apart).sum(axis=2).argmin(axis=1)
        return np.asarray(self._nearest[packed].astype(np.uint8).reshape(picture.height, picture.width))


def _palette(pictures: Sequence[Image.Image]) -> np.ndarray:
    """At most 255 colours (K, 3) for the pictures: of those much alike the commonest, so that paper and inks stay."""
    packed, counts = np.unique(np.concatenate([_packed(one) for one in pictures]), return_counts=True)
    colours = _channels(packed[np.argsort(-counts, kind="stable")])
    for step in (8, 12, 16, 24, 32, 48, 64):
        _, first = np.unique((colours + step // 2) // step, axis=0, return_index=True)
        if len(first) <= _CLEAR:
            break
    return np.asarray(colours[first])


def _packed(picture: Image.Image) -> np.ndarray:
    """The colour of each pixel as one number, (pixels,)."""
    return np.asarray(np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(np.int64) @ (1 << 16, 1 << 8, 1))


def _channels(packed: np.ndarray) -> np.ndarray:
    """Red, green and blue of colours that are one number each, (K, 3)."""
    return np.column_stack([packed >> 16, packed >> 8 & 255, packed & 255])
