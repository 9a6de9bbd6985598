"""Contact sheets: many pictures small on one sheet, numbered, as a run of sheets is looked over."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import vpype

from plotbot.files import write_beside
from plotbot.page.ink import picture, png_bytes
from plotbot.page.svg import Group, svg_bytes
from plotbot.units import MM_PER_PX, InputError

PICTURE_MM, GAP_MM, LETTER_MM = 60.0, 8.0, 3.0
"""The longer side of the largest picture, the space between two, the height of a label."""
_DPI = 150.0
_FRAME, _LABEL, _THIN_MM = "#c8c8c8", "#404040", 0.2
_LEAST_MM = 0.1  # a line that is thinner at its scale would hardly be seen


@dataclass(frozen=True)
class Picture:
    """A sheet of (width, height) mm: its title, and a group for each pen, in page mm."""

    title: str
    groups: Sequence[Group]
    size: tuple[float, float]


def contact_sheet(pictures: Sequence[Picture], columns: int | None = None) -> tuple[tuple[float, float], list[Group]]:
    """The pictures in rows, all at one scale, each with its number, from 1, and its title below it.

    Returns the contact sheet's (width, height) and what is on it, mm: a group for each kind of pen, then the edges of
    the paper and the labels. Without `columns` it is about as wide as high. Raises InputError for no pictures.
    """
    if not pictures:
        raise InputError("A contact sheet needs at least one picture.")
    largest = np.max([one.size for one in pictures], axis=0)
    scale = PICTURE_MM / largest.max()
    cell = largest * scale + (GAP_MM, GAP_MM + 2 * LETTER_MM)
    columns = min(columns or math.ceil(math.sqrt(len(pictures) * cell[1] / cell[0])), len(pictures))
    inks: dict[tuple[str, float], list[np.ndarray]] = {}
    frames, labels = [], []
    for index, one in enumerate(pictures):
        corner = np.array([index % columns, index // columns]) * cell + GAP_MM
        size = np.array(one.size) * scale
        frames.append(corner + size * [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])
        below = corner + np.array([0, size[1] + 1.6 * LETTER_MM])
        labels += [below + line for line in _text(f"{index + 1} {one.title}", cell[0] - GAP_MM)]
        for group in one.groups:
            width = max(group.width * scale, _LEAST_MM)
            for line, colour in zip(group.lines, group.colours or [group.colour] * len(group.lines), strict=True):
                inks.setdefault((colour, width), []).append(corner + np.asarray(line) * scale)
    found = [Group(i, lines, width, colour) for i, ((colour, width), lines) in enumerate(inks.items(), start=1)]
    found.append(Group(len(found) + 1, frames, _THIN_MM, _FRAME, name="paper"))
    found.append(Group(len(found) + 1, labels, _THIN_MM, _LABEL, name="labels"))
    width, height = cell * (columns, -(-len(pictures) // columns)) + GAP_MM
    return (float(width), float(height)), found


def write_contact_sheet(pictures: Sequence[Picture], path: Path, columns: int | None = None) -> None:
    """Write `contact_sheet` as .png or .svg. Raises InputError for another file, and where it cannot be written."""
    size, groups = contact_sheet(pictures, columns)
    if path.suffix.lower() == ".svg":
        write_beside(path, svg_bytes(size, groups))
    elif path.suffix.lower() == ".png":
        write_beside(path, png_bytes(picture(size, groups, _DPI), _DPI))
    else:
        raise InputError(f"{path}: a contact sheet is a .png or an .svg: call it one of these.")


def _text(text: str, room: float) -> list[np.ndarray]:
    """Lines of a text whose first letter stands at (0, 0), LETTER_MM high or what fits into `room` mm.

    The letters are Hershey's, which are ASCII: accents are left out.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    letters = vpype.text_line(plain, size=1.4 * LETTER_MM / MM_PER_PX)
    lines = [np.column_stack([line.real, line.imag]) * MM_PER_PX for line in letters]
    widest = max(float(line[:, 0].max()) for line in lines)
    return [line * min(1.0, room / widest) for line in lines]
