"""Sheets to look at: 48 sketches of a model or of a file, none chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models import strokes
from plotbot.page.ink import write_ink_png
from plotbot.page.layout import document_lines, grid

if TYPE_CHECKING:
    from models.checkpoint import TrainedModel

SIZE, MARGIN, COLUMNS, PEN = (240.0, 180.0), 4.0, 8, 0.35  # mm
COUNT = 48


def write_sheet(model: TrainedModel, path: Path, seed: int = 0) -> None:
    """Draw 48 samples at the default temperatures as PNG, those that did not end by themselves too."""
    from models.card import sheet_classes
    from models.sampling import sample

    wanted = sheet_classes(model, COUNT)
    samples = {name: sample(model, wanted.count(name), name, seed=seed) for name in dict.fromkeys(wanted)}
    _write([samples[name].pop().stroke3 for name in wanted], path)


def write_contact_sheet(drawings: Sequence[np.ndarray], path: Path) -> None:
    """Draw 48 stroke-3 drawings, each `(N, 3)`, spread evenly over all of them, as PNG. Raises InputError."""
    count = min(COUNT, len(drawings))
    _write([drawings[place * len(drawings) // count] for place in range(count)], path)


def _write(sketches: Sequence[np.ndarray], path: Path) -> None:
    page = grid([strokes.to_polylines(one) for one in sketches], SIZE, MARGIN, COLUMNS)
    write_ink_png(document_lines(page)[1], SIZE, PEN, path)
