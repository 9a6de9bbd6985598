"""A drawing as it will be plotted, to be looked at: its ink, the pen's way between, and when the pen is where."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import vpype
from PIL import Image, ImageColor

from gcode.actions import Move, Pause
from gcode.motion import timetable_of
from gcode.profile import Profile
from gcode.program import RELOAD, Program, parked, trace
from gcode.writing import write_layers
from plotbot.page.ink import picture
from plotbot.page.layout import page_size
from plotbot.page.raster import mixes
from plotbot.page.svg import DEFAULT_PEN_MM, Group, groups_of
from plotbot.page.toolpath import from_toolpath, to_toolpath
from plotbot.units import InputError

log = logging.getLogger(__name__)

TRAVEL = "#1f8fff"
"""The colour of the way with the pen up, and of the places where it comes down (a disc) and goes up (a ring)."""
TRAVEL_MM, PLACE_MM = 0.15, 0.9
PALETTE = ("#000000", "#d62828", "#1d5fb4", "#2a9d3a", "#f08c00", "#8b2fc9", "#00a0a0", "#d6589f")
"""Colours for the pens of a job that names none."""
GRADIENT = ("#2c4fd8", "#8b2fc9", "#e0396b", "#f59b23")
"""From what is drawn first to what is drawn last: seen on white, on black, and by those who see no red or green."""
_SHADES = 128


@dataclass(frozen=True)
class Pen:
    """A pen's colour, ``#rrggbb``, and the width of its line, mm."""

    colour: str
    width: float


@dataclass(frozen=True)
class Way:
    """The head's way from one pen action to the next: `points` (N, 2), page mm, N >= 1, reached at `times` (N,), s.

    `pen` is the index of the pen that draws it; None where the pen is up. A dot is a way of one point.
    """

    points: np.ndarray
    times: np.ndarray
    pen: int | None


@dataclass(frozen=True)
class Drawing:
    """All ways on a sheet of (width, height) mm, in the order in which they are made."""

    size: tuple[float, float]
    pens: tuple[Pen, ...]
    ways: tuple[Way, ...]

    @property
    def seconds(self) -> float:
        """What the plot takes."""
        return float(self.ways[-1].times[-1])

    @property
    def ink(self) -> list[Way]:
        """The ways with the pen down."""
        return [way for way in self.ways if way.pen is not None]


@dataclass(frozen=True)
class Look:
    """What is shown: ink on `paper`, ``#rrggbb``; the `travel` above it; the `order` as a gradient instead of pens."""

    paper: str = "#ffffff"
    travel: bool = False
    order: bool = False


@dataclass(frozen=True)
class Coat:
    """Lines of one width, `over` all inks or not; `times` has for each line when its points are drawn, (N,) s."""

    group: Group
    times: Sequence[np.ndarray]
    over: bool

    def mixes(self, paper: str) -> bool:
        """Whether it lets what is below it through."""
        return not self.over and mixes(self.group, paper)


def page_drawing(document: vpype.Document, profile: Profile, pen_width: float | None = None) -> Drawing:
    """A page as the profile's machine draws it, in its own order, with its layers' colours.

    Pens are `pen_width` mm wide, by default as wide as the page says. Raises InputError where it does not fit.
    """
    toolpath = to_toolpath(document, profile)
    pens = [
        Pen(colour_of(group.colour), (group.width or DEFAULT_PEN_MM) if pen_width is None else pen_width)
        for group in groups_of(document)
        if group.lines
    ]
    size = page_size(document)
    ways, _ = _ways(write_layers(toolpath.layers, profile), profile, size, toolpath.rotated)
    return Drawing(size, tuple(pens), ways)


def job_drawing(
    program: Program, profile: Profile, paper: tuple[float, float] | None = None, pen_width: float | None = None
) -> Drawing:
    """A job as it lies on `paper`, (width, height) mm, in the machine's origin corner; on all that it reaches if None.

    Each pen that the job asks for has the colour that the job calls it by, else one of PALETTE. Warns of ink beside
    the paper. Raises InputError where the pen is never down, GcodeError on a block that the machine refuses.
    """
    size = paper or (profile.width, profile.height)
    ways, notes = _ways(program, profile, size, rotated=False)
    width = DEFAULT_PEN_MM if pen_width is None else pen_width
    pens = [Pen(_named_colour(note) or PALETTE[i % len(PALETTE)], width) for i, note in enumerate(notes)]
    drawing = Drawing(size, tuple(pens), ways)
    ink = np.concatenate([way.points for way in drawing.ink])
    beyond = float(np.max([-ink, ink - size]))
    if beyond > 0.05:
        log.warning("The drawing reaches %.3g mm beyond the paper of %g x %g mm.", beyond, *size)
    return drawing


def colour_of(text: str) -> str:
    """A colour as ``#rrggbb``, whatever it is called; raises InputError where nothing is called so."""
    try:
        return "#{:02x}{:02x}{:02x}".format(*ImageColor.getrgb(text)[:3])
    except ValueError:
        raise InputError(f"{text!r} is not a colour: write a name such as ivory, or #f5f0e6.") from None


def coats(drawing: Drawing, look: Look) -> list[Coat]:
    """What is seen of a drawing, the lowest first: a coat for each pen, and for the travel and its ends."""
    found = []
    for index, pen in enumerate(drawing.pens):
        ways = [way for way in drawing.ways if way.pen == index]
        group = Group(index + 1, [way.points for way in ways], pen.width, pen.colour)
        times = [way.times for way in ways]
        if look.order:
            group, times = _graded(group, times, drawing.ink[0].times[0], drawing.ink[-1].times[-1])
        found.append(Coat(group, times, over=False))
    if look.travel:
        ups = [way for way in drawing.ways if way.pen is None and len(way.points) > 1]
        ends = [Way(way.points[-1:], way.times[-1:], None) for way in drawing.ink]
        starts = [Way(way.points[:1], way.times[:1], None) for way in drawing.ink]
        for ways, width, colour in (
            (ups, TRAVEL_MM, TRAVEL),
            (ends, PLACE_MM, TRAVEL),
            (ends, PLACE_MM * 0.6, look.paper),
            (starts, PLACE_MM * 0.6, TRAVEL),
        ):
            group = Group(len(found) + 1, [way.points for way in ways], width, colour)
            found.append(Coat(group, [way.times for way in ways], over=True))
    return found


def still(
    drawing: Drawing,
    look: Look,
    dpi: float,
    progress: Callable[[float, str], None] = lambda share, remark: None,
) -> Image.Image:
    """The finished drawing as a picture; see `plotbot.page.ink.picture`."""
    seen = coats(drawing, look)
    inks, over = ([coat.group for coat in seen if coat.over == above] for above in (False, True))
    return picture(drawing.size, inks, dpi, look.paper, over, progress)


def _ways(
    program: Program, profile: Profile, size: tuple[float, float], rotated: bool
) -> tuple[tuple[Way, ...], list[str]]:
    """The ways on a page of `size` mm, and what the program calls each of their pens.

    What a reload touches is no ink. A pause that is for no reload changes the pen.
    """
    steps = list(trace(program, profile))
    ends: list[float] = timetable_of(steps, profile, parked(profile)).ends.tolist()
    lines: list[np.ndarray] = []
    moments: list[np.ndarray] = []
    pens: list[int | None] = []
    notes = [""]
    points, times, down, now = [profile.park], [0.0], False, 0.0

    def close(at: float) -> None:
        nonlocal points, times
        lines.append(np.array(points))
        moments.append(np.array(times))
        pens.append(len(notes) - 1 if down else None)
        points, times = [points[-1]], [at]

    for (index, action, _, on_paper), end in zip(steps, ends, strict=True):
        note = program.blocks[index].note
        touches = on_paper and note != RELOAD
        if down and not touches:
            close(now)
            down = False
        if isinstance(action, Move) and (target := action.target[:2]) != points[-1]:
            if len(points) == 1:
                times = [now]
            elif now > times[-1]:  # it stood still
                points.append(points[-1])
                times.append(now)
            points.append(target)
            times.append(end)
        if touches and not down:
            close(end)
            down = True
        if isinstance(action, Pause) and not note.startswith(RELOAD):
            notes.append(note)
        now = end
    points.append(points[-1])
    times.append(now)
    close(now)
    used = sorted({pen for pen in pens if pen is not None})
    if not used:
        raise InputError(f"The job draws nothing on machine {profile.name!r}: say which --machine it was written for.")
    ways = zip(from_toolpath(lines, size, profile, rotated), moments, pens, strict=True)
    placed = tuple(Way(line, when, None if pen is None else used.index(pen)) for line, when, pen in ways)
    return placed, [notes[pen] for pen in used]


def _named_colour(note: str) -> str | None:
    try:
        return colour_of(note.rpartition(":")[2].strip())
    except InputError:
        return None


def _graded(group: Group, times: Sequence[np.ndarray], first: float, last: float) -> tuple[Group, list[np.ndarray]]:
    """The group's lines cut where their shade changes, in the shade of the time at which they are drawn, and the times
    of the pieces; all ink is drawn from `first` to `last`."""
    stops = np.array([ImageColor.getrgb(one) for one in GRADIENT], dtype=float)
    at = np.linspace(0, len(stops) - 1, _SHADES)
    rgb = np.column_stack([np.interp(at, np.arange(len(stops)), channel) for channel in stops.T]).round().astype(int)
    shades = ["#{:02x}{:02x}{:02x}".format(*one) for one in rgb.tolist()]
    lines, colours, moments = [], [], []
    for line, when in zip(group.lines, times, strict=True):
        middle = (when[1:] + when[:-1]) / 2 if len(when) > 1 else when
        shade = np.minimum((middle - first) / max(last - first, 1e-9) * _SHADES, _SHADES - 1).astype(int)
        cuts = [0, *(np.flatnonzero(np.diff(shade)) + 1).tolist(), len(shade)]
        for start, end in pairwise(cuts):
            lines.append(line[start : end + 1])
            moments.append(when[start : end + 1])
            colours.append(shades[shade[start]])
    return Group(group.layer, lines, group.width, group.colour, colours), moments
