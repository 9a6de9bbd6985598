"""A page's closed lines as areas: filled with ink, or hiding what was drawn before them."""

from __future__ import annotations

import vpype

from plotbot.lines.areas import enclosed
from plotbot.lines.hatching import Style, hatch
from plotbot.lines.hiding import hide
from plotbot.page.layout import document_lines, to_lines


def hatched(
    document: vpype.Document, style: Style, spacing_mm: float, angle_degrees: float, pen_mm: float
) -> vpype.Document:
    """The page with the areas that each pen encloses filled by that pen, as `lines.hatching.hatch` does it."""
    result = document.clone(keep_layers=True)
    for layer, lines in document_lines(document).items():
        filling = hatch(enclosed(lines), style, spacing_mm, angle_degrees, pen_mm)
        result.add(to_lines([*lines, *filling]), layer)
    return result


def hidden(document: vpype.Document, pen_mm: float) -> vpype.Document:
    """The page on which each closed line hides what was drawn before it, by whatever pen: layers from first to last,
    lines in their order. What is drawn later stands in front."""
    layers = document_lines(document)
    of = [layer for layer, lines in layers.items() for _ in lines]
    seen = hide([[line] for lines in layers.values() for line in lines], pen_mm, clearance_mm=0.0, gap=0.0)
    result = document.clone(keep_layers=True)
    for layer in layers:
        left = [line for pen, pieces in zip(of, seen, strict=True) if pen == layer for line in pieces]
        result.add(to_lines(left), layer)
    return result
