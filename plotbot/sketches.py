"""Sketch files: drawings read from and written to the forms that others use."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models import strokes
from models.readers import read
from plotbot.files import write_beside
from plotbot.units import InputError

Sketch = list[np.ndarray]  # polylines (N, 2), y down


def read_sketches(path: Path) -> list[Sketch]:
    """The sketches of a Quick, Draw! .ndjson or .bin or a sketch-rnn .npz, as polylines in px, y down.

    Raises DataError naming file and place, and for another kind of file.
    """
    return [strokes.to_polylines(one) for part in read(path)[0].values() for one in part]


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
