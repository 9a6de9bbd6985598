"""From the page (px, y down) to the machine's work coordinates (mm), and back.

The paper's corner lies on the machine's origin corner: a profile with its origin at the bottom left has the
bottom left corner of the paper at X0 Y0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gcode.writing import Layer
from plotbot.page.layout import document_lines, page_size
from plotbot.units import InputError

if TYPE_CHECKING:
    import vpype

    from gcode.profile import Profile

# A page that is larger than the machine by less than this fits: px to mm does not round-trip exactly.
SLACK_MM = 1e-3


@dataclass(frozen=True)
class Toolpath:
    """Polylines (N, 2) in mm, machine work coordinates, in drawing order, pen by pen.

    ``layers``: one per pen, in the order of the layer ids, with the name that the page gives it, else its colour.
    ``rotated``: the page was turned by 90 degrees clockwise to fit the machine, and so must the paper be.
    """

    layers: tuple[Layer, ...]
    rotated: bool

    @property
    def lines(self) -> list[np.ndarray]:
        """The polylines of all pens, one pen after the other."""
        return [line for layer in self.layers for line in layer.lines]


def to_toolpath(document: vpype.Document, profile: Profile) -> Toolpath:
    """The Document's lines in the machine's work coordinates, mm.

    A page that fits only when turned is turned by 90 degrees clockwise, and ``rotated`` says so. Nothing is
    scaled. Raises InputError where the page has no size, holds no lines, or is larger than the machine either
    way round.
    """
    size = page_size(document)
    rotated = _must_turn(size, profile)
    layers = tuple(
        Layer(_pen_name(document, layer), [_to_machine(line, size, profile, rotated) for line in lines])
        for layer, lines in document_lines(document).items()
        if lines
    )
    if not layers:
        raise InputError("The page has nothing to draw: it holds no lines.")
    return Toolpath(layers, rotated)


def from_toolpath(
    lines: Sequence[np.ndarray], size: tuple[float, float], profile: Profile, rotated: bool
) -> list[np.ndarray]:
    """The inverse of ``to_toolpath``: polylines (N, 2), machine mm back to page mm, y down, origin top left.

    ``size`` is the page's (width, height) in mm as it was designed, that is before it was turned.
    """
    sign, shift = _placement(size, profile, rotated)
    result = []
    for line in lines:
        page = (np.asarray(line, dtype=float) - shift) * sign
        if rotated:
            page = np.column_stack([page[:, 1], size[1] - page[:, 0]])
        result.append(page)
    return result


def _pen_name(document: vpype.Document, layer: int) -> str:
    """What the page calls a layer, else its colour as the file has it, else nothing."""
    name = document.layers[layer].property("vp_name")
    if name and name != str(layer):  # a page that was written here calls its layers by their numbers
        return str(name)
    written, colour = document.layers[layer].property("svg_stroke"), document.layers[layer].property("vp_color")
    return str(written or (colour.as_hex() if colour else ""))


def _to_machine(line: np.ndarray, size: tuple[float, float], profile: Profile, rotated: bool) -> np.ndarray:
    sign, shift = _placement(size, profile, rotated)
    if rotated:
        line = np.column_stack([size[1] - line[:, 1], line[:, 0]])
    # A nanometre is far below a step; rounding to it lets a line on the paper's edge be at 0, not at -1e-14.
    return np.asarray(np.round(line * sign + shift, 6) + 0.0)


def _placement(size: tuple[float, float], profile: Profile, rotated: bool) -> tuple[np.ndarray, np.ndarray]:
    """(sign, shift) of machine = page * sign + shift for the page as it lies on the machine; both (2,)."""
    width, height = (size[1], size[0]) if rotated else size
    right = profile.origin.endswith("right")
    bottom = profile.origin.startswith("bottom")
    up = profile.y_axis == "up"
    edge = height if bottom else 0.0
    return np.array([1.0, -1.0 if up else 1.0]), np.array([-width if right else 0.0, edge if up else -edge])


def _must_turn(size: tuple[float, float], profile: Profile) -> bool:
    over = _excess(size, profile)
    if max(over) <= SLACK_MM:
        return False
    turned = _excess((size[1], size[0]), profile)
    if max(turned) <= SLACK_MM:
        return True
    best = min(over, turned, key=max)
    by = " and ".join(f"{o:.3g} mm too {w}" for o, w in zip(best, ("wide", "high"), strict=True) if o > SLACK_MM)
    raise InputError(
        f"The page of {size[0]:.4g} x {size[1]:.4g} mm is {by} for machine {profile.name!r} "
        f"({profile.width:g} x {profile.height:g} mm){' even when turned' if best is turned else ''}: "
        "choose a smaller paper or another machine."
    )


def _excess(size: tuple[float, float], profile: Profile) -> tuple[float, float]:
    return size[0] - profile.width, size[1] - profile.height
