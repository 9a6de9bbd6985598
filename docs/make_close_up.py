"""Make gallery/smooth.png: a part of page192 as its lines are, and below it smooth to 0.15 mm. Needs PLOTBOT_DATA."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import shapely

from plotbot.lines.smoothing import smooth
from plotbot.page.ink import write_ink_png
from plotbot.page.layout import document_lines
from plotbot.page.reading import read_page

CORNER, SIZE = np.array([120.0, 282.0]), np.array([75.0, 38.0])  # mm, of the page
PEN_MM, BETWEEN_MM = 0.4, 3.0


def cut(lines: list[np.ndarray]) -> list[np.ndarray]:
    """What lies within the part, from its corner."""
    part = shapely.box(*CORNER, *(CORNER + SIZE))
    pieces = shapely.get_parts(
        shapely.intersection(shapely.linestrings(np.concatenate(lines), indices=_of(lines)), part)
    )
    return [
        np.asarray(piece.coords) - CORNER for piece in pieces if piece.geom_type == "LineString" and not piece.is_empty
    ]


def _of(lines: list[np.ndarray]) -> np.ndarray:
    return np.repeat(np.arange(len(lines)), [len(line) for line in lines])


def main() -> None:
    """Write the picture."""
    lines = document_lines(read_page(Path(os.environ["PLOTBOT_DATA"]) / "pages/page192.svg"))[1]
    below = np.array([0.0, SIZE[1] + BETWEEN_MM])
    shown = cut(lines) + [line + below for line in cut(smooth(lines, 0.15))]
    size = (float(SIZE[0]), float(2 * SIZE[1] + BETWEEN_MM))
    write_ink_png(shown, size, PEN_MM, Path(__file__).parent / "gallery/smooth.png", dpi=400)


if __name__ == "__main__":
    main()
