"""Which pen draws which motif, and the page with a layer for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import vpype

from plotbot.page.layout import to_lines
from plotbot.page.preview import colour_of
from plotbot.pattern.motif import Layers, Placed
from plotbot.units import MM_PER_PX, InputError

MARKS = "registration"  # the name of a layer that no colour of the pattern's is for
RULES: dict[str, Callable[[Placed], int]] = {
    "class": lambda one: one.kind,
    "motif": lambda one: one.index,
    "row": lambda one: one.row,
    "column": lambda one: one.column,
    "diagonal": lambda one: one.row + one.column,
}
"""What pens take turns by; by motif they do by chance, each about as often."""


@dataclass(frozen=True)
class Pens:
    """Colours, and the rule of RULES by which they take turns."""

    colours: Sequence[str]
    rule: str
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises InputError for no colours, one that SVG and vpype do not know, and another rule."""
        for one in self.colours:
            colour_of(one)
        if not self.colours:
            raise InputError("There are no pens: name at least one colour, such as black.")
        if self.rule not in RULES:
            raise InputError(f"Pens do not go by {self.rule!r}: choose {', '.join(RULES)}.")

    def of(self, placed: Sequence[Placed]) -> list[int]:
        """The number of the pen that draws each motif."""
        turns = [RULES[self.rule](one) for one in placed]
        if self.rule == "motif" and turns:
            shuffled = np.random.default_rng(self.seed).permutation(max(turns) + 1)
            turns = shuffled[turns].tolist()
        return [turn % len(self.colours) for turn in turns]


def page(layers: Layers, size: tuple[float, float], pen_width: float) -> vpype.Document:
    """A page of (width, height) mm with a layer for each pen, by its colour, its lines (N, 2) in mm, and `pen_width`
    in mm. A pen that draws nothing has no layer."""
    document = vpype.Document(page_size=(size[0] / MM_PER_PX, size[1] / MM_PER_PX))
    for number, (pen, lines) in enumerate(layers, start=1):
        if lines:
            document.add(to_lines(lines), number)
            layer = document.layers[number]
            layer.set_property("vp_name", pen)
            layer.set_property("vp_color", vpype.Color("black" if pen == MARKS else colour_of(pen)))
            layer.set_property("vp_pen_width", pen_width / MM_PER_PX)
    return document
