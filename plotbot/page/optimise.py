"""A page made ready for the pen: lines drawn once, joined, smooth, and in an order with little travel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gcode.profile import Profile
from plotbot.lines.doubled import PEN_SHARE, draw_once
from plotbot.lines.joining import join_strokes
from plotbot.lines.rapids import Rapids
from plotbot.lines.single import single_line
from plotbot.lines.smoothing import smooth
from plotbot.lines.travel import Effort, order_strokes, travel_mm
from plotbot.page.layout import page_size, to_lines
from plotbot.page.toolpath import from_toolpath, to_toolpath

if TYPE_CHECKING:
    import numpy as np
    import vpype


@dataclass(frozen=True)
class Finish:
    """How a page is made ready: lines that lie on each other are drawn `once`, strokes that meet within the `pen_width`
    are joined, lines are smooth to within `smooth` (both mm; 0 leaves the step out), and `effort` is spent on the
    order, by chance from `seed`."""

    pen_width: float
    smooth: float = 0.0
    effort: Effort = "fast"
    seed: int = 0
    once: bool = True


@dataclass(frozen=True)
class Saving:
    """What optimising a page changed: strokes (each a pen lift) and mm of travel, before and after, the ink that was
    there twice, and what joining strokes added."""

    strokes_before: int
    strokes_after: int
    doubled_mm: float
    joins: int
    joins_added_mm: float
    travel_before_mm: float
    travel_after_mm: float


def as_single_lines(
    sketches: Sequence[list[np.ndarray]], finish: Finish, profile: Profile
) -> tuple[list[list[np.ndarray]], Finish]:
    """Each sketch, polylines (N, 2) in mm, as one line without a lift, and what is left of `finish` for their page.

    They are smooth already, before they are one line, so that ink drawn a second time lies on the first; and for that
    ink they are not drawn once.
    """
    if finish.smooth:
        sketches = [smooth(one, finish.smooth, profile.junction_deviation) for one in sketches]
    return [[single_line(one, (0.0, 0.0)).line] for one in sketches], replace(finish, smooth=0.0, once=False)


def optimise(
    document: vpype.Document,
    profile: Profile,
    finish: Finish,
    progress: Callable[[float, str], None] | None = None,
) -> tuple[vpype.Document, Saving]:
    """The page in the order to plot it in, from the machine's park point through all strokes and back.

    Every pen (layer) is made ready on its own. `progress` is told of the search for the order. Raises InputError for
    a page that does not fit the machine.
    """
    toolpath = to_toolpath(document, profile)
    size, home, rapids = page_size(document), profile.park, Rapids.of(profile)

    def ready(lines: list[np.ndarray]) -> list[np.ndarray]:
        if finish.smooth:
            lines = smooth(lines, finish.smooth, profile.junction_deviation)
        return order_strokes(lines, home, rapids, finish.effort, finish.seed, progress)

    drawn = [list(layer.lines) for layer in toolpath.layers]
    doubled_mm = 0.0
    if finish.once:
        once = [draw_once(one, PEN_SHARE * finish.pen_width) for one in drawn]
        drawn, doubled_mm = [one.lines for one in once], sum(one.saved_mm for one in once)
    joined = [join_strokes(one, finish.pen_width) for one in drawn]
    pens = [ready(one.lines) for one in joined]
    result = document.empty_copy(keep_layers=True)
    layers = [layer for layer in sorted(document.layers) if len(document.layers[layer])]
    for layer, lines in zip(layers, pens, strict=True):
        result.add(to_lines(from_toolpath(lines, size, profile, toolpath.rotated)), layer)
    after = [line for lines in pens for line in lines]
    return result, Saving(
        strokes_before=len(toolpath.lines),
        strokes_after=len(after),
        doubled_mm=doubled_mm,
        joins=sum(one.ends + one.loops for one in joined),
        joins_added_mm=sum(one.added_mm for one in joined),
        travel_before_mm=travel_mm(toolpath.lines, home),
        travel_after_mm=travel_mm(after, home),
    )
