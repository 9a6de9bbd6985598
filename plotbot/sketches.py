"""Sketch files: drawings read from and written to the forms that others use."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models import strokes
from models.readers import LIMIT, SUFFIXES, read
from plotbot.files import write_beside
from plotbot.page.layout import document_lines, page_size
from plotbot.page.reading import read_page
from plotbot.units import InputError

Sketch = list[np.ndarray]  # polylines (N, 2), y down
SIZE = 255.0  # px: the longer side of the drawings that the networks know
MIN_SIZE = 10.0  # px: in less, a closed stroke may be within epsilon of a point
NO_EXTENT = 1e-6  # mm or px: rounding noise, not to be blown up


@dataclass(frozen=True)
class Given:
    """A sketch that a network is given, and the way back to the place where it was drawn.

    `lines` are its polylines `(n, 2)` untouched, y down: mm on the `page` (width, height) of an SVG; px where the
    file has no page (None). `stroke3` `(N, 3)`, N >= 2, is the same for a network, in px of about 0..255; its first
    row moves from the origin and its last lifts the pen. The point p of the network lies at `p * scale + offset`
    among `lines`.
    """

    lines: Sketch
    stroke3: NDArray[np.float32]
    scale: float
    offset: NDArray[np.float64]  # (2,)
    page: tuple[float, float] | None

    def to_source(self, lines: Sequence[np.ndarray]) -> Sketch:
        """Polylines `(n, 2)` in the network's px, such as what it adds to `stroke3`, to their place among `lines`."""
        return [np.asarray(line, dtype=np.float64) * self.scale + self.offset for line in lines]


def read_given(name: str, max_points: int, size: float | None = None) -> Given:
    """The sketch that `name` names, for a network that takes at most `max_points` points.

    `name` is a file that `read_sketches` reads, alone (its first sketch) or with the number of a sketch in it, counted
    from 1: `cats.ndjson:3`. The splits of an npz are counted through as they are stored; drawings that Quick, Draw! did
    not recognise are left out and not counted. Where a file of the whole name exists, colon and all, that one is read.

    Without `size`, an ndjson, npz or bin file is taken as it stands: these are in px of 0..255. An SVG, and with `size`
    any sketch, goes through Google's preparation of Quick, Draw! drawings: top left corner to the origin, longer side
    to `size` px (255 if not given), 1 px resampling, Ramer-Douglas-Peucker with epsilon 2, whole px. Part of a drawing
    wants a `size` in proportion: half a cat 255 px high is a giant.

    Raises InputError or DataError, one sentence, for what cannot be read, a number out of range, and a sketch that is
    empty, a single point, not finite or too long.
    """
    if size is not None and not MIN_SIZE <= size <= LIMIT:
        raise InputError(
            f"{size:g} px is no size for a sketch: choose {MIN_SIZE:g} to {LIMIT:g}; whole, it has {SIZE:g}."
        )
    match = re.fullmatch(r"(.+):(-?\d{1,9})", name)
    if match is None or os.access(name, os.F_OK):
        path, number = Path(name), 1
    else:
        path, number = Path(match[1]), int(match[2])
    sketches, page = _read(path)
    if not sketches:
        raise InputError(f"{path}: holds no sketch (those marked as not recognised do not count); choose another file.")
    if not 1 <= number <= len(sketches):
        raise InputError(f"{path}: has no sketch {number}; choose a number from 1 to {len(sketches)}.")
    lines = sketches[number - 1]
    if not lines:
        raise InputError(f"{name}: is an empty drawing; choose another.")
    points = np.concatenate(lines)
    if not np.isfinite(points).all():
        raise InputError(f"{name}: holds a coordinate that is not a finite number; correct it or choose another.")
    extent = float(np.ptp(points, axis=0).max())
    if extent < NO_EXTENT:
        raise InputError(f"{name}: is a single point, which tells a network nothing; draw more or choose another.")
    if size is None and page is None:
        for_network, scale, offset = lines, 1.0, np.zeros(2)
    else:
        size = size or SIZE
        scale, offset = extent / size, points.min(axis=0)
        for_network = [np.round(strokes.simplify(strokes.resample(line))) for line in strokes.fit(lines, size)]
    stroke3 = strokes.from_polylines(for_network)
    if len(stroke3) > max_points:
        raise InputError(
            f"{name}: has {len(stroke3):,} points, and the network takes at most {max_points:,}; "
            "simplify it or choose another."
        )
    return Given(lines, stroke3, scale, offset, page)


def read_sketches(path: Path) -> list[Sketch]:
    """The sketches of a file as polylines, y down: an .svg is one, in mm on its page; a Quick, Draw! .ndjson or .bin or
    a sketch-rnn .npz has any number, in px.

    An SVG's curves are flattened, its layers follow each other as they stand in the file, and what lies outside its
    page is cut off, with a warning. Drawings in Quick, Draw!'s raw form come prepared, as `models.readers` has them.
    Raises InputError or DataError naming file and place, and for another kind of file.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[list[Sketch], tuple[float, float] | None]:
    """The sketches, and the page they are on: (width, height) in mm."""
    if path.suffix.lower() == ".svg":
        document = read_page(path)
        layers = document_lines(document)
        return [[line for layer in document.layers for line in layers[layer]]], page_size(document)
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: sketches are read from .svg, .ndjson, .npz and .bin; save it as one of these.")
    parts, _ = read(path)
    return [strokes.to_polylines(one) for part in parts.values() for one in part], None


def write_sketches(sketches: Sequence[np.ndarray], class_name: str, path: Path) -> None:
    """Write stroke-3 sketches, each `(N, 3)` in px, as .ndjson (Quick, Draw!'s simplified form, fitted to 0..255 in
    whole pixels) or .npz (sketch-rnn's form, split "train"). Raises InputError for another ending."""
    if path.suffix == ".ndjson":
        records = []
        for one in sketches:
            lines = strokes.fit(strokes.to_polylines(one))
            drawing = [np.round(line).astype(int).T.tolist() for line in lines]
            records.append(json.dumps({"word": class_name, "drawing": drawing}, separators=(",", ":")) + "\n")
        write_beside(path, "".join(records).encode())
    elif path.suffix == ".npz":
        members = np.empty(len(sketches), dtype=object)
        members[:] = [np.asarray(one, dtype=np.float32) for one in sketches]
        stream = io.BytesIO()
        np.savez_compressed(stream, train=members)
        write_beside(path, stream.getvalue())
    else:
        raise InputError(f"{path}: sketches are written as .svg, .png, .ndjson or .npz")
