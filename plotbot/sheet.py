"""A sheet of samples to look at: what a model draws, none chosen."""

from __future__ import annotations

from pathlib import Path

from models import strokes
from models.card import sheet_classes
from models.checkpoint import TrainedModel
from models.sampling import sample
from plotbot.page.ink import write_ink_png
from plotbot.page.layout import document_lines, grid

SIZE, MARGIN, COLUMNS, PEN = (240.0, 180.0), 4.0, 8, 0.35  # mm


def write_sheet(model: TrainedModel, path: Path, seed: int = 0) -> None:
    """Draw 48 samples at the default temperatures as PNG, those that did not end by themselves too."""
    wanted = sheet_classes(model)
    samples = {name: sample(model, wanted.count(name), name, seed=seed) for name in dict.fromkeys(wanted)}
    sketches = [strokes.to_polylines(samples[name].pop().stroke3) for name in wanted]
    page = grid(sketches, SIZE, MARGIN, COLUMNS)
    write_ink_png(document_lines(page)[1], SIZE, PEN, path)
