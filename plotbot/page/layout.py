"""Sketches laid on a sheet of paper, and the ``vpype.Document`` that a page is, in mm.

A Document is in CSS px with y down; a layer is a pen. vpype drops lines of a single point, so a dot is a line
of two equal points.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import vpype

from plotbot.units import MM_PER_PX, InputError

# Empty space between neighbouring cells, as a share of the cell's smaller side.
GAP = 0.12


def in_grid(
    sketches: Sequence[list[np.ndarray]],
    size: tuple[float, float],
    margin: float,
    columns: int | None = None,
) -> list[list[np.ndarray]]:
    """Place the sketches in rows, left to right and top to bottom, one cell each.

    ``sketches``: each a list of polylines (N, 2), N >= 1, any unit, y down; a polyline of one point or of
    equal points is a dot. ``size`` is the paper's (width, height), ``margin`` the empty border, both mm.
    Without ``columns`` the count is chosen for the largest square that fits a cell. Every sketch is scaled
    uniformly to fill its own cell and centred in it by its bounding box; one without extent (a dot) is only
    centred.

    Returns the sketches in mm. Raises InputError for no sketches, a sketch without points or with coordinates
    that are not finite, and a margin that leaves no room.
    """
    count = len(sketches)
    if count == 0:
        raise InputError("There are no sketches to lay out: give at least one.")
    room_x, room_y = size[0] - 2 * margin, size[1] - 2 * margin
    if margin < 0 or min(room_x, room_y) <= 0:
        raise InputError(
            f"A margin of {margin:g} mm does not fit on paper of {size[0]:g} x {size[1]:g} mm: "
            f"it must be at least 0 and less than {min(size) / 2:g} mm."
        )
    if columns is None:
        columns = _best_columns(count, room_x, room_y)
    elif columns < 1:
        raise InputError(f"{columns} columns cannot hold a sketch: ask for at least 1.")
    rows = -(-count // columns)
    gap = GAP * min(room_x / columns, room_y / rows)
    cell = np.array([(room_x - gap * (columns - 1)) / columns, (room_y - gap * (rows - 1)) / rows])

    placed = []
    for index, sketch in enumerate(sketches):
        row, column = divmod(index, columns)
        centre = margin + np.array([column, row]) * (cell + gap) + cell / 2
        placed.append(_place(sketch, index, centre, cell))
    return placed


def page_of(sketches: Sequence[Sequence[np.ndarray]], size: tuple[float, float]) -> vpype.Document:
    """A page of ``size`` mm with one layer, the sketches' polylines (N, 2), mm, one after the other."""
    document = vpype.Document(page_size=(size[0] / MM_PER_PX, size[1] / MM_PER_PX))
    document.add(to_lines([line for sketch in sketches for line in sketch]), 1)
    return document


def grid(
    sketches: Sequence[list[np.ndarray]],
    size: tuple[float, float],
    margin: float,
    columns: int | None = None,
) -> vpype.Document:
    """The page of the sketches as ``in_grid`` places them."""
    return page_of(in_grid(sketches, size, margin, columns), size)


def document_lines(document: vpype.Document) -> dict[int, list[np.ndarray]]:
    """The Document's layers by ascending id, as polylines (N, 2) in mm, y down; a dot has two points."""
    return {layer: collection_lines(document.layers[layer]) for layer in sorted(document.layers)}


def collection_lines(lines: vpype.LineCollection) -> list[np.ndarray]:
    """A layer's lines as polylines (N, 2) in mm, y down."""
    return [np.column_stack([line.real, line.imag]) * MM_PER_PX for line in lines]


def to_lines(lines: Sequence[np.ndarray]) -> vpype.LineCollection:
    """Polylines (N, 2) in mm, N >= 1, as a layer in px: the inverse of ``collection_lines``."""
    return vpype.LineCollection(_to_px(line) for line in lines)


def page_size(document: vpype.Document) -> tuple[float, float]:
    """The Document's page as (width, height) in mm; raises InputError where it has none."""
    if document.page_size is None:
        raise InputError("The page has no size: set the paper, such as a4, before it is drawn.")
    return document.page_size[0] * MM_PER_PX, document.page_size[1] * MM_PER_PX


def _best_columns(count: int, width: float, height: float) -> int:
    """The count with the largest square inside a cell; of equals, the one with the fewest empty cells."""

    def key(columns: int) -> tuple[float, int]:
        rows = -(-count // columns)
        return -min(width / columns, height / rows), columns * rows - count

    return min(range(1, count + 1), key=key)


def _place(sketch: list[np.ndarray], index: int, centre: np.ndarray, cell: np.ndarray) -> list[np.ndarray]:
    if not sketch or any(len(line) == 0 for line in sketch):
        raise InputError(f"Sketch {index + 1} has a stroke without points: leave it out.")
    points = np.concatenate(sketch).astype(float)
    if not np.isfinite(points).all():
        raise InputError(f"Sketch {index + 1} has a coordinate that is not a finite number: leave it out.")
    low, high = points.min(axis=0), points.max(axis=0)
    extent = high - low
    # A tolerance instead of zero: rounding noise must not be blown up to the size of the cell.
    wide = extent > 1e-9 * max(1.0, float(np.abs(points).max()))
    scale = float((cell[wide] / extent[wide]).min()) if wide.any() else 1.0
    return [(np.asarray(line, dtype=float) - (low + high) / 2) * scale + centre for line in sketch]


def _to_px(line: np.ndarray) -> np.ndarray:
    px = (line[:, 0] + 1j * line[:, 1]) / MM_PER_PX
    return np.repeat(px, 2) if len(px) == 1 else px
