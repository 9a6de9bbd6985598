"""A pattern from what a person asks for: its rooms or its packing, a motif in each, and what each pen draws of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from plotbot.lines.hiding import hide
from plotbot.lines.smoothing import smooth
from plotbot.pattern import groups, repeats
from plotbot.pattern.drawing import draw_motifs, morph_motifs
from plotbot.pattern.motif import USUAL, Jitter, Layers, Lines, Motif, Placed, Size
from plotbot.pattern.pens import Pens
from plotbot.pattern.repeats import Plan, lay
from plotbot.pattern.seam import clip, repeated, wrap
from plotbot.pattern.toss import MOST, toss
from plotbot.units import InputError

NAMES = (*repeats.SHAPES, "toss", *groups.GROUPS)
TOSSED = 24  # motifs of a toss, where nobody says how many
DENSITY = 0.6  # of a toss: the squares of its motifs and their gaps, as a share of the area


@dataclass(frozen=True)
class Design:
    """What a pattern is to be: motifs from `sources` (classes and files of sketches) in a repeat of NAMES.

    `count`, `size` (mm) and `spacing` as `repeats.grid`, `groups.symmetric` and `toss` have them, `temperature` and
    `pick` as `draw_motifs`. `distinct`: another motif in each image of a plane group, so that only their places are
    symmetric. `morph`: motifs turn into each other across the pattern; `between` are the drawings at its sides.
    """

    sources: Sequence[str]
    repeat: str = "half-drop"
    count: int | None = None
    size: float | None = None
    spacing: float = 0.2
    jitter: Jitter = field(default_factory=Jitter)
    distinct: bool = False
    morph: bool = False
    between: Sequence[str] = ()
    temperature: float | None = None
    pick: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises InputError for what no pattern can be."""
        if self.repeat not in NAMES:
            raise InputError(f"There is no repeat {self.repeat!r}: choose {', '.join(NAMES)}.")
        if self.distinct and self.repeat not in groups.GROUPS:
            raise InputError(
                f"--distinct is for the plane groups: in {self.repeat} all motifs of a tile are different."
            )
        if self.morph and len(self.sources) != 1:
            raise InputError("A pattern that morphs has one source, a model with an encoder: cat_vae, cat_pig_vae.")
        if len(self.between) not in (0, 2):
            raise InputError("A pattern morphs between two drawings: give --between twice, or not at all.")
        if self.size is not None and not self.size > 0:
            raise InputError("A motif of no size cannot be drawn: make it larger than 0.")
        if not -0.9 <= self.spacing <= 10:
            raise InputError(f"A spacing of {self.spacing:g} is out of range: it is a share of a motif, -0.9 to 10.")
        if self.repeat == "toss" and self.spacing < 0:
            raise InputError("A toss is packed so that nothing overlaps: give it a spacing of 0 or more.")


@dataclass(frozen=True)
class Pattern:
    """Motifs and the pattern's own `lines`, (N, 2) in mm, on an area of `size` (width, height) mm; where it `wraps`, a
    tile that repeats, whose motifs are whole and reach over its edges."""

    placed: Sequence[Placed]
    lines: Lines
    size: Size
    wraps: bool

    def smoothed(self, tolerance: float, junction_deviation: float) -> Pattern:
        """The same with smooth motifs, as `lines.smoothing.smooth` makes them: before they are cut, so that they stay
        seamless."""
        strokes = [line for one in self.placed for line in one.lines]
        smoother = iter(smooth(strokes, tolerance, junction_deviation))
        placed = [replace(one, lines=[next(smoother) for _ in one.lines]) for one in self.placed]
        return replace(self, placed=placed)

    def hidden(self, pen_width: float) -> Pattern:
        """The same with motifs behind those that are lower or further to the right, as scales lie: what these cover is
        left out."""
        tiles = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)] if self.wraps else [(0, 0)]
        stack = [
            (down, one.row, across, one.column, place)
            for place, one in enumerate(self.placed)
            for down, across in tiles
        ]
        stack.sort()
        sketches = [
            self.placed[place].moved(np.array([across, down]) * self.size).lines for down, _, across, _, place in stack
        ]
        seen = {
            (down, across, place): lines
            for (down, _, across, _, place), lines in zip(stack, hide(sketches, pen_width), strict=True)
        }
        left = [replace(one, lines=seen[0, 0, place]) for place, one in enumerate(self.placed)]
        return replace(self, placed=[one for one in left if one.lines])

    def layers(self, area: Size | None, pens: Pens) -> Layers:
        """What each pen draws: of one tile, cut at its edges, or, given an area, of the pattern on all of it, cut at
        its sides; a tile's corner, where a group's symmetry is highest, lies in its middle. The pattern's own lines
        are the first pen's."""
        shares = pens.of(self.placed)
        layers = []
        for number, pen in enumerate(pens.colours):
            part = [one for one, share in zip(self.placed, shares, strict=True) if share == number]
            if number == 0 and self.lines:
                part.append(Placed(self.lines, 0, 0, 0, 0))
            if area is not None and self.wraps:
                centred = [one.moved(np.array(area) / 2) for one in part]
                part = list(repeated(centred, self.size, area))
            lines = [line for one in part for line in one.lines]
            layers.append((pen, wrap(lines, self.size) if area is None else clip(lines, (0, 0), area)))
        return layers


def make(design: Design, tile: Size | None, area: Size | None) -> Pattern:
    """The pattern of a design: a `tile` of (width, height) mm or as large as it takes, or, given an area instead and a
    repeat that is no plane group, one that fills it with whole motifs, no two from the same sample.

    Raises InputError where the motifs do not fit, and what drawing them raises.
    """
    kinds = len(design.sources)
    wraps = area is None or tile is not None or design.repeat in groups.GROUPS
    room = tile if wraps else area
    if design.repeat == "toss":
        number = design.count or _tossed(design, room)
        if number > MOST:
            raise InputError(f"{number:,} motifs are too many to toss: ask for at most {MOST:,}.")
        motifs = _motifs(design, [place % kinds for place in range(number)], None, wraps)
        size = design.size if design.count or room is None else None
        placed, size_mm = toss(motifs, room, size, design.spacing, design.jitter, wraps, design.seed)
        return Pattern(placed, [], size_mm, wraps)
    if design.repeat in groups.GROUPS:
        plan = groups.symmetric(design.repeat, tile, design.count or 1, design.size, design.spacing, kinds)
    else:
        plan = repeats.grid(design.repeat, room, design.count, design.size, design.spacing, kinds, wraps)
    if design.distinct and area is not None:
        plan = _spread(plan, area)
    images = plan.images if design.distinct or design.morph else plan.images[:1]
    wanted = [room.kind for _ in images for room in plan.rooms]
    middles = [image[:, :2] @ room.corners.mean(axis=0) + image[:, 2] for image in images for room in plan.rooms]
    motifs = _motifs(design, wanted, np.array(middles) / plan.size, plan.wraps)
    return Pattern(lay(plan, motifs, design.jitter, design.seed), plan.lines, plan.size, plan.wraps)


def _motifs(design: Design, kinds: Sequence[int], places: np.ndarray | None, wraps: bool) -> list[Motif]:
    if not design.morph:
        return draw_motifs(design.sources, kinds, design.temperature, design.pick, design.seed)
    if places is None:
        raise InputError("A toss has no order in which motifs could turn into each other: choose another repeat.")
    return morph_motifs(design.sources[0], design.between, places, wraps, design.temperature, design.seed)


def _tossed(design: Design, area: Size | None) -> int:
    """How many motifs of the design's size fill the area."""
    if area is None:
        return TOSSED
    return max(1, round(DENSITY * area[0] * area[1] / ((design.size or USUAL) * (1 + design.spacing)) ** 2))


def _spread(plan: Plan, area: Size) -> Plan:
    """A plan with the images of all tiles that reach onto the area, each of its own, instead of one tile's."""
    domain = np.concatenate([room.corners for room in plan.rooms])
    images: list[np.ndarray] = []
    for image in plan.images:
        turned = domain @ image[:, :2].T
        home = Placed([turned + image[:, 2] + np.array(area) / 2], 0, 0, 0, 0)
        for one in repeated([home], plan.size, area):
            images.append(np.column_stack([image[:, :2], one.lines[0][0] - turned[0]]))
    return replace(plan, size=area, wraps=False, images=images)
