"""Motifs that no symmetry leaves as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

FLAG = [[[0, 0, 40, 90], [100, 0, 10, 40]], [[0, 60], [50, 70]], [[80], [90]]]  # x and y of strokes; the last is a dot
BOAT = [[[0, 120, 100, 20, 0], [0, 0, 40, 40, 0]], [[60, 60, 90], [0, -60, -20]]]


def lines_of(drawing: list[list[list[int]]]) -> list[np.ndarray]:
    """Polylines (N, 2) of a drawing in the form of Quick, Draw!."""
    return [np.array(stroke, dtype=float).T for stroke in drawing]


@pytest.fixture
def sketches(tmp_path: Path) -> Callable[[int], str]:
    """The name of a file with so many sketches, no two of them alike."""

    def write(count: int) -> str:
        path = tmp_path / f"{count}.ndjson"
        records = []
        for number in range(count):
            drawing = FLAG if number % 2 else BOAT
            longer = [[[x + (x > 50) * number for x in xs], ys] for xs, ys in drawing]
            records.append(json.dumps({"word": "flag", "drawing": longer}))
        path.write_text("\n".join(records) + "\n")
        return str(path)

    return write
