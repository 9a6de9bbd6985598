"""Where a drawing lies on the paper: fitted, turned, mirrored, moved; and cut at the paper's edges."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import vpype

from plotbot.page.layout import document_lines, page_size, to_lines
from plotbot.units import MM_PER_PX, InputError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Placing:
    """What is done to a page to lay it on paper, in this order.

    ``mirror``: left for right (``horizontally``) or top for bottom (``vertically``); ``rotate``: degrees clockwise;
    ``scale``: a factor; all about the page's centre, which comes to lie on the paper's. ``fit``: then what is drawn,
    not the page, is scaled to fill the paper up to this margin, mm, and centred. ``centre``: what is drawn is centred.
    ``move``: mm to the right and down. Pens keep their widths.
    """

    mirror: Literal["horizontally", "vertically"] | None = None
    rotate: float = 0.0
    scale: float = 1.0
    fit: float | None = None
    centre: bool = False
    move: tuple[float, float] = (0.0, 0.0)


def place(document: vpype.Document, placing: Placing, size: tuple[float, float] | None = None) -> vpype.Document:
    """The page on paper of ``size``, (width, height) in mm: a new Document with the same layers and metadata.

    Without ``size`` the paper is as large as the page, and turned with it by a right angle. What comes to lie beyond
    the paper is cut off, and a warning says how much. Raises InputError for a number that is not finite, a scale that
    is not above zero, a scale beside a fit, a margin that is negative or leaves no room, and where nothing of the
    drawing is on the paper.
    """
    old = page_size(document)
    quarters = placing.rotate / 90
    size = size or ((old[1], old[0]) if quarters % 2 == 1 else old)
    _check(placing, size)
    # Exactly 0 and 1 at right angles, so that the paper's edge stays the paper's edge.
    cos, sin = (
        (round(f(math.radians(placing.rotate))) if quarters.is_integer() else f(math.radians(placing.rotate)))
        for f in (math.cos, math.sin)
    )
    flip = {None: (1, 1), "horizontally": (-1, 1), "vertically": (1, -1)}[placing.mirror]
    matrix = placing.scale * np.array([[cos, -sin], [sin, cos]]) * flip
    layers = {
        layer: [(line - np.array(old) / 2) @ matrix.T for line in lines]
        for layer, lines in document_lines(document).items()
    }
    points = [line for lines in layers.values() for line in lines]
    grow, shift = 1.0, np.array(placing.move, dtype=float)
    if points and (placing.fit is not None or placing.centre):
        everything = np.concatenate(points)
        low, high = everything.min(axis=0), everything.max(axis=0)
        if placing.fit is not None:
            grow = _growth(high - low, np.array(size) - 2 * placing.fit)
        shift -= grow * (low + high) / 2
    result = document.clone(keep_layers=True)
    result.page_size = (size[0] / MM_PER_PX, size[1] / MM_PER_PX)
    for layer, lines in layers.items():
        result.add(to_lines([line * grow + shift + np.array(size) / 2 for line in lines]), layer)
    cut, gone = cut_at_edges(result)
    if points and result.is_empty():
        raise InputError("Nothing of the drawing lies on the paper: move it less, or fit it.")
    if cut or gone:
        log.warning("%d lines reach beyond the paper and were cut at its edge; %d outside are left out.", cut, gone)
    return result


def cut_at_edges(document: vpype.Document) -> tuple[int, int]:
    """Cut off what lies outside the page, in place: how many lines were cut, and how many are gone."""
    width, height = document.page_size
    # A line along the edge may come out of the file's units a rounding error beyond it.
    slack = 1e-6
    cut = gone = 0
    for layer in document.layers.values():
        if layer.is_empty():
            continue
        points = np.concatenate(layer.lines)
        over = np.maximum(np.maximum(-points.real, points.real - width), np.maximum(-points.imag, points.imag - height))
        if over.max() <= slack:
            continue
        starts = np.cumsum([0] + [len(line) for line in layer.lines[:-1]])
        kept: list[np.ndarray] = []
        for line, beyond in zip(layer.lines, np.maximum.reduceat(over, starts) > slack, strict=True):
            pieces = vpype.crop(line, -slack, -slack, width + slack, height + slack) if beyond else [line]
            kept += pieces
            gone += not pieces
            cut += bool(pieces and beyond)
        layer.filter(lambda _: False)
        layer.extend(kept)
    return cut, gone


def _check(placing: Placing, size: tuple[float, float]) -> None:
    if not np.isfinite([placing.rotate, placing.scale, placing.fit or 0, *placing.move]).all():
        raise InputError("A drawing is rotated, scaled and moved by finite numbers.")
    if placing.scale <= 0:
        raise InputError(f"A drawing cannot be scaled by {placing.scale:g}: the factor must be above 0.")
    if placing.fit is None:
        return
    if placing.scale != 1:
        raise InputError("A drawing is either scaled or fitted to the paper: give one of the two.")
    if not 0 <= placing.fit < min(size) / 2:
        raise InputError(
            f"A margin of {placing.fit:g} mm does not fit on paper of {size[0]:g} x {size[1]:g} mm: "
            f"it must be at least 0 and less than {min(size) / 2:g} mm."
        )


def _growth(extent: np.ndarray, room: np.ndarray) -> float:
    """The factor by which a box fills the room; 1 for a dot. Extents of rounding noise are none."""
    wide = extent > 1e-9 * max(1.0, float(extent.max()))
    return float((room[wide] / extent[wide]).min()) if wide.any() else 1.0
