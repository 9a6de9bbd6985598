"""Sheets: a pattern within the margins of its paper, or cut into as many sheets as a cloth takes."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import vpype

from plotbot.pattern.motif import Layers, Lines, Size
from plotbot.pattern.pens import MARKS
from plotbot.pattern.seam import cut
from plotbot.units import MM_PER_PX, InputError

log = logging.getLogger(__name__)

ARM = 4.0  # mm, of a registration mark
LABEL = 3.0  # mm, the height of a sheet's label
MARKS_MARGIN = 8.0  # mm that marks and a label take


@dataclass(frozen=True)
class Sheet:
    """One of a run: its row and column, counted from 1, and what each pen draws on it, mm on the paper."""

    row: int
    column: int
    layers: Layers


def frame(paper: Size, margin: float, marks: bool = False) -> Size:
    """The (width, height) in mm inside the margins; raises InputError where there is none, and where `marks` have no
    room in them."""
    if marks and margin < MARKS_MARGIN:
        raise InputError(
            f"Sheets that go on in others need a margin of {MARKS_MARGIN:g} mm for their marks, not {margin:g}."
        )
    if margin == 0:
        log.warning("Without a margin the pen goes to the very edge of the paper: check that nothing holds it there.")
    size = paper[0] - 2 * margin, paper[1] - 2 * margin
    if min(size) <= 0:
        raise InputError(
            f"A margin of {margin:g} mm leaves nothing of {paper[0]:g} x {paper[1]:g} mm: make it smaller."
        )
    return size


def border(size: Size) -> np.ndarray:
    """The rectangle from 0 to (width, height) mm, closed (5, 2)."""
    width, height = size
    return np.array([[0, 0], [width, 0], [width, height], [0, height], [0, 0]], dtype=float)


def run_of_sheets(layers: Layers, cloth: Size, paper: Size, margin: float) -> Iterator[Sheet]:
    """The sheets, row by row, that a cloth of (width, height) mm is drawn on: all show equal parts of it, the largest
    that a paper holds inside its margins.

    What is drawn is cut where sheets meet, both pieces ending in the same point. Each sheet has crosses in a layer of
    their own on the four corners of its part, and its number: laid cross on cross, sheets (or the same cloth, moved on
    under the pen) go on exactly. Raises InputError where the margin has no room for the marks.
    """
    inside = frame(paper, margin, marks=True)
    columns, rows = (math.ceil(side / room - 1e-9) for side, room in zip(cloth, inside, strict=True))
    part = np.array(cloth) / (columns, rows)
    corner = (np.array(paper) - part) / 2
    pieces: dict[tuple[int, int], Layers] = {}
    for pen, (_, lines) in enumerate(layers):
        inner = [np.arange(1, number) * side for number, side in zip((columns, rows), part, strict=True)]
        for line in lines:
            for column, strip in cut(line, inner[0], 0):
                for row, piece in cut(strip, inner[1], 1):
                    sheet = pieces.setdefault((row, column), [(name, []) for name, _ in layers])
                    sheet[pen][1].append(piece - part * (column, row) + corner)
    for row in range(rows):
        for column in range(columns):
            marks = [(MARKS, _marks(part, corner, f"row {row + 1} of {rows}, column {column + 1} of {columns}"))]
            yield Sheet(row + 1, column + 1, pieces.get((row, column), []) + marks)


def _marks(part: np.ndarray, corner: np.ndarray, label: str) -> Lines:
    lines = []
    for at in corner + part * np.array([[0, 0], [1, 0], [0, 1], [1, 1]]):
        lines += [at + ARM * np.array([[-1.0, 0], [1, 0]]), at + ARM * np.array([[0, -1.0], [0, 1]])]
    text = [np.column_stack([one.real, one.imag]) for one in vpype.text_line(label, size=LABEL / MM_PER_PX)]
    at = corner + np.array([2 * ARM, part[1] + 1.5 * LABEL])
    return lines + [line * MM_PER_PX + at for line in text]
