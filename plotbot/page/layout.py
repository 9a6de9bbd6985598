"""Pages: sketches laid on a sheet of paper, and SVG files, as a ``vpype.Document``.

A Document is in CSS px with y down; a layer is a pen. vpype drops lines of a single point, so a dot is a line
of two equal points.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import svgelements
import vpype

from plotbot.files import write_beside
from plotbot.page.svg import Group, svg_bytes
from plotbot.units import MM_PER_PX, InputError

log = logging.getLogger(__name__)

# Curves become segments no longer than this, mm.
QUANTISATION_MM = 0.05
# The width of a pen that the Document says nothing about, mm.
DEFAULT_PEN_MM = 0.3
# Empty space between neighbouring cells, as a share of the cell's smaller side.
GAP = 0.12


def grid(
    sketches: Sequence[list[np.ndarray]],
    size: tuple[float, float],
    margin: float,
    columns: int | None = None,
) -> vpype.Document:
    """Lay the sketches out in rows, left to right and top to bottom, one cell each.

    ``sketches``: each a list of polylines (N, 2), N >= 1, any unit, y down; a polyline of one point or of
    equal points is a dot. ``size`` is the paper's (width, height), ``margin`` the empty border, both mm.
    Without ``columns`` the count is chosen for the largest square that fits a cell. Every sketch is scaled
    uniformly to fill its own cell and centred in it by its bounding box; one without extent (a dot) is only
    centred.

    Returns a Document with one layer, in px, its page size set. Raises InputError for no sketches, a sketch
    without points or with coordinates that are not finite, and a margin that leaves no room.
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

    lines: list[np.ndarray] = []
    for index, sketch in enumerate(sketches):
        row, column = divmod(index, columns)
        centre = margin + np.array([column, row]) * (cell + gap) + cell / 2
        lines += _place(sketch, index, centre, cell)
    document = vpype.Document(page_size=(size[0] / MM_PER_PX, size[1] / MM_PER_PX))
    document.add(to_lines(lines), 1)
    return document


def read_page(path: Path) -> vpype.Document:
    """An SVG file as a Document: a top-level group is a layer, curves are flattened, the page size is kept.

    Dots (subpaths and lines of zero length) are kept. What lies outside the page is cut off, and a warning
    is logged that says how much. Raises InputError where the file is missing, is not SVG, or has nothing to
    draw.
    """
    try:
        tree = ElementTree.parse(path)
        _draw_dots(tree.getroot())
        stream = io.BytesIO()
        tree.write(stream, encoding="utf-8")
        stream.seek(0)
        document = vpype.read_multilayer_svg(stream, QUANTISATION_MM / MM_PER_PX, crop=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the name.") from error
    except ElementTree.ParseError as error:
        raise InputError(f"{path}: is not a complete SVG file ({error}); save it again.") from error
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        reason = str(error) or type(error).__name__
        raise InputError(f"{path}: holds a shape that cannot be read ({reason}); save it as plain SVG.") from error
    if not all(np.isfinite(line).all() for layer in document.layers.values() for line in layer):
        raise InputError(f"{path}: holds a coordinate that is not a finite number; correct or remove the shape.")
    _clip(document, path)
    if document.is_empty():
        raise InputError(f"{path}: has nothing to draw on its page; turn text and images into paths first.")
    return document


def write_page(document: vpype.Document, path: Path) -> None:
    """Write the Document as SVG in mm with its page size, an Inkscape layer per pen; always the same bytes.

    Coordinates are rounded to 0.001 mm. The file is written beside ``path`` and then renamed. Raises
    InputError where the page has no size or the file cannot be written.
    """
    groups = []
    for layer, lines in document_lines(document).items():
        pen_px = document.layers[layer].property("vp_pen_width")
        pen = DEFAULT_PEN_MM if pen_px is None else pen_px * MM_PER_PX
        colour = vpype.Color(document.layers[layer].property("vp_color") or "black").as_hex()
        name = document.layers[layer].property("vp_name") or ""
        groups.append(Group(layer, lines, pen, colour, name=name))
    write_beside(path, svg_bytes(page_size(document), groups))


def document_lines(document: vpype.Document) -> dict[int, list[np.ndarray]]:
    """The Document's layers by ascending id, as polylines (N, 2) in mm, y down; a dot has two points."""
    return {
        layer: [np.column_stack([line.real, line.imag]) * MM_PER_PX for line in document.layers[layer]]
        for layer in sorted(document.layers)
    }


def to_lines(lines: Sequence[np.ndarray]) -> vpype.LineCollection:
    """Polylines (N, 2) in mm, N >= 1, as a layer in px: the inverse of ``document_lines``."""
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


def _draw_dots(root: ElementTree.Element) -> None:
    """Turn lines and subpaths of zero length into polylines of two equal points, in place.

    vpype's reader keeps the latter and drops the former.
    """
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str):
                continue  # a comment
            namespace, _, tag = child.tag.rpartition("}")
            polyline = f"{namespace}}}polyline" if namespace else "polyline"
            if tag == "path":
                points = [f"{x},{y} {x},{y}" for x, y in _subpath_dots(child.get("d", ""))]
            elif tag == "line" and all(child.get(a, "0") == child.get(b, "0") for a, b in (("x1", "x2"), ("y1", "y2"))):
                x, y = child.get("x1", "0"), child.get("y1", "0")
                points = [f"{x},{y} {x},{y}"]
            elif tag == "polygon" and len(point := child.get("points", "").replace(",", " ").split()) == 2:
                points = [" ".join(point * 2)]
            else:
                continue
            place = list(parent).index(child)
            for offset, text in enumerate(points, start=1):
                kept = {k: v for k, v in child.attrib.items() if k not in ("d", "id", "points")}
                parent.insert(place + offset, ElementTree.Element(polyline, {**kept, "points": text}))


def _subpath_dots(d: str) -> Iterator[tuple[float, float]]:
    """Where the path data draws dots: subpaths that draw, and only straight, and never leave their start."""
    for subpath in svgelements.Path(d).as_subpaths():
        drawn = [segment for segment in subpath if not isinstance(segment, svgelements.Move)]
        if drawn and all(
            isinstance(segment, svgelements.Line | svgelements.Close) and segment.start == segment.end
            for segment in drawn
        ):
            yield float(drawn[0].end.x), float(drawn[0].end.y)


def _clip(document: vpype.Document, path: Path) -> None:
    """Cut off what lies outside the page, and say how much it was."""
    width, height = document.page_size
    left, top, right, bottom = document.bounds() or (0, 0, 0, 0)
    # A line along the edge may come out of the file's units a rounding error beyond it.
    slack = 1e-6
    if min(left, top, width - right, height - bottom) >= -slack:
        return
    cut = gone = 0
    for layer in document.layers.values():
        before = layer.lines
        pieces = [vpype.crop(line, -slack, -slack, width + slack, height + slack) for line in before]
        gone += sum(not piece for piece in pieces)
        cut += sum(
            bool(piece) and (len(piece) > 1 or not np.array_equal(piece[0], line))
            for piece, line in zip(pieces, before, strict=True)
        )
        layer.filter(lambda _: False)
        layer.extend([line for piece in pieces for line in piece])
    if cut or gone:
        log.warning(
            "%s: %d lines reach beyond the page and were cut at its edge; %d outside are left out.",
            path,
            cut,
            gone,
        )


def _to_px(line: np.ndarray) -> np.ndarray:
    px = (line[:, 0] + 1j * line[:, 1]) / MM_PER_PX
    return np.repeat(px, 2) if len(px) == 1 else px
