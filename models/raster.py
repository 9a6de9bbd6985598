"""Drawings as small pictures, for a judge that looks at ink and not at the order it was drawn in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models import strokes

SIDE = 40  # px
MARGIN = 2.0  # px
SPACING = 0.25  # px between the samples of a line


def rasterise(sketches: Sequence[NDArray[np.floating]], side: int = SIDE) -> NDArray[np.float32]:
    """Stroke-3 drawings, each `(N, 3)`, as pictures `(B, side, side)` of ink 0..1.

    Each is scaled to fill its picture but for a margin, and centred; lines are one to two pixels wide, antialiased.
    """
    pictures = np.zeros((len(sketches), side, side), dtype=np.float32)
    for picture, sketch in zip(pictures, sketches, strict=True):
        lines = strokes.to_polylines(sketch)
        if not lines:
            continue
        points = np.concatenate(lines)
        low, high = points.min(axis=0), points.max(axis=0)
        extent = float((high - low).max())
        scale = (side - 1 - 2 * MARGIN) / extent if extent > 0 else 1.0
        middle = (side - 1) / 2
        dense = np.concatenate(
            [strokes.resample((line - (low + high) / 2) * scale + middle, SPACING) for line in lines]
        )
        corner = np.floor(dense).astype(int)
        share = dense - corner
        for dx in (0, 1):  # each sample is shared among the four pixels around it
            for dy in (0, 1):
                weight = np.abs(1 - dx - share[:, 0]) * np.abs(1 - dy - share[:, 1])
                x, y = (np.clip(corner + np.array([dx, dy]), 0, side - 1)).T
                np.add.at(picture, (y, x), weight)
    ink: NDArray[np.float32] = np.minimum(pictures * np.float32(2 * SPACING), np.float32(1.0))
    return ink
