"""Motifs that no symmetry leaves as they are."""

from __future__ import annotations

import numpy as np

FLAG = [[[0, 0, 40, 90], [100, 0, 10, 40]], [[0, 60], [50, 70]], [[80], [90]]]  # x and y of strokes; the last is a dot
BOAT = [[[0, 120, 100, 20, 0], [0, 0, 40, 40, 0]], [[60, 60, 90], [0, -60, -20]]]


def lines_of(drawing: list[list[list[int]]]) -> list[np.ndarray]:
    """Polylines (N, 2) of a drawing in the form of Quick, Draw!."""
    return [np.array(stroke, dtype=float).T for stroke in drawing]
