"""Which pen draws which motif, and the page with a layer for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import vpype

from plotbot.page.layout import to_lines
from plotbot.pattern.motif import Lines, Placed
from plotbot.units import MM_PER_PX, InputError

RULES = ("class", "motif", "row", "column", "diagonal")
"""What pens take turns by; `motif`: by chance, each pen about as often."""


def pens_of(text: str) -> list[str]:
    """`red,blue` as colours that SVG and vpype know. Raises InputError for others."""
    pens = [one.strip() for one in text.split(",") if one.strip()]
    for one in pens:
        try:
            vpype.Color(one)
        except (ValueError, TypeError, AttributeError):
            raise InputError(f"{one!r} is no colour for a pen: use names such as red,navy, or #d02040.") from None
    if not pens:
        raise InputError("There are no pens: name at least one colour, such as black.")
    return pens


def shared_out(placed: Sequence[Placed], pens: int, rule: str, seed: int) -> list[int]:
    """The pen, 0 to `pens` - 1, of each motif by a rule of RULES; raises InputError for another."""
    if rule not in RULES:
        raise InputError(f"Pens do not go by {rule!r}: choose {', '.join(RULES)}.")
    if rule == "motif":
        turns = np.random.default_rng(seed).permutation(max((one.index for one in placed), default=0) + 1)
        return [int(turns[one.index]) % pens for one in placed]
    by: dict[str, Callable[[Placed], int]] = {
        "class": lambda one: one.kind,
        "row": lambda one: one.row,
        "column": lambda one: one.column,
        "diagonal": lambda one: one.row + one.column,
    }
    return [by[rule](one) % pens for one in placed]


def page(layers: Sequence[tuple[str, Lines]], size: tuple[float, float], pen_width: float) -> vpype.Document:
    """A page of (width, height) mm with a layer for each pen, by its colour, its lines (N, 2) in mm, and `pen_width`
    in mm. A pen that draws nothing has no layer."""
    document = vpype.Document(page_size=(size[0] / MM_PER_PX, size[1] / MM_PER_PX))
    for number, (colour, lines) in enumerate(layers, start=1):
        if lines:
            document.add(to_lines(lines), number)
            layer = document.layers[number]
            layer.set_property("vp_name", colour)
            layer.set_property("vp_color", vpype.Color(colour))
            layer.set_property("vp_pen_width", pen_width / MM_PER_PX)
    return document
