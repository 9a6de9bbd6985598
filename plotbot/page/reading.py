"""SVG files as pages: what vpype reads of them, and the dots that it would drop."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import svgelements
import vpype

from plotbot.units import MM_PER_PX, InputError

log = logging.getLogger(__name__)

# Curves become segments no longer than this, mm.
QUANTISATION_MM = 0.05


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
