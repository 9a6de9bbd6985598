"""Test sheets: programs that draw what shows how a machine is set, and the words that say how to read it.

A sheet is laid out in mm from its own bottom left corner, x to the right and y up as one sees it, and placed 10 mm
from the machine's origin, where the paper's corner lies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gcode.pen import number
from gcode.profile import Profile
from gcode.program import Block, Program
from gcode.writing import write_program
from plotbot.units import InputError

MARGIN_MM = 10.0
"""Between the sheet and the machine's origin."""
DIGIT_MM = 3.0
"""The height of a label."""

# Strokes on a grid of 2 x 4, y up.
_DIGITS: dict[str, tuple[tuple[tuple[int, int], ...], ...]] = {
    "0": (((0, 0), (2, 0), (2, 4), (0, 4), (0, 0)),),
    "1": (((0, 3), (1, 4), (1, 0)),),
    "2": (((0, 4), (2, 4), (2, 2), (0, 2), (0, 0), (2, 0)),),
    "3": (((0, 4), (2, 4), (2, 0), (0, 0)), ((0, 2), (2, 2))),
    "4": (((0, 4), (0, 2), (2, 2)), ((2, 4), (2, 0))),
    "5": (((2, 4), (0, 4), (0, 2), (2, 2), (2, 0), (0, 0)),),
    "6": (((2, 4), (0, 4), (0, 0), (2, 0), (2, 2), (0, 2)),),
    "7": (((0, 4), (2, 4), (1, 0)),),
    "8": (((0, 0), (2, 0), (2, 4), (0, 4), (0, 0)), ((0, 2), (2, 2))),
    "9": (((2, 2), (0, 2), (0, 4), (2, 4), (2, 0), (0, 0)),),
    ".": (((0, 0),),),
    "-": (((0, 2), (2, 2)),),
}

Lines = list[np.ndarray]


@dataclass(frozen=True)
class Sheet:
    """A test sheet: the program that draws it, its size (width, height) in mm, and what to look for and change."""

    program: Program
    size: tuple[float, float]
    reading: str


@dataclass(frozen=True)
class _Part:
    """Lines (N, 2) in sheet mm that are drawn under settings of their own.

    `profile` has these where the program itself makes them (feed, pen height); `command` sends the others.
    """

    lines: Lines
    profile: Profile
    command: str = ""


def ruler(profile: Profile) -> Sheet:
    """A square of 100 mm with a tick each mm and its diagonals: for the steps per mm, and whether axes are square."""
    side = 100.0
    lines = [_line((0, 0), (side, 0), (side, side), (0, side), (0, 0))]
    for x, y in ((1, 0), (0, 1)):
        for mm in range(3, 100):  # nearer the corner the two edges' ticks would cross
            length = 5.0 if mm % 10 == 0 else 3.5 if mm % 5 == 0 else 2.0
            lines.append(_line((mm * x, mm * y), (mm * x + length * y, mm * y + length * x)))
    for mm in range(10, 100, 10):
        lines += label(str(mm), mm, 6.0, align=0.5)
        if mm > 10:  # where that of the lower edge is
            lines += label(str(mm), 6.0, mm - DIGIT_MM / 2)
    lines += [_line((20, 20), (80, 80)), _line((80, 20), (20, 80))]
    sx, sy, _ = (f"{value:g}" for value in profile.steps_per_mm)
    marlin = profile.controller == "marlin"
    where = "M92 X... Y..., then M500" if marlin else "$100=... and $101=..."
    return _sheet(
        [_Part(lines, profile)],
        (side, side),
        profile,
        "Measure the square's sides from outer edge to outer edge, less the width of one line.\n"
        "New steps per mm = old x 100 / measured: "
        f"X {sx} x 100 / width, Y {sy} x 100 / height ({where}, and steps_per_mm in the profile).\n"
        "The two crossed lines are each 84.85 mm long: where one is longer, the axes are not at right angles.",
    )


def pen(profile: Profile, first: float | None = None, last: float | None = None) -> Sheet:
    """Rungs with the pen lowered to eleven heights from `first` to `last`, labelled with the height.

    They are S values or mm of Z, from 60 to 110 % of the way from up to down where none are given.
    """
    up, down = profile.pen.up, profile.pen.down
    first = up + 0.6 * (down - up) if first is None else first
    last = up + 1.1 * (down - up) if last is None else last
    if profile.pen.kind == "servo" and min(first, last) < 0.0:
        raise InputError(f"A servo has no height below 0, as in {first:g} to {last:g}: give --from and --to.")
    if min((first - up) / (down - up), (last - up) / (down - up)) <= 0.0:
        side = "below" if down < up else "above"
        raise InputError(f"At {up:g} the pen is up: give --from and --to {side} that.")
    parts = []
    for rung, height in enumerate(np.linspace(first, last, 11).tolist()):
        y = 6.0 * rung
        lines = [*label(f"{height:.3g}", 0.0, y), _line((16, y + 1.5), (60, y + 1.5))]
        parts.append(_Part(lines, replace(profile, pen=replace(profile.pen, down=height))))
    return _sheet(
        parts,
        (60.0, 63.0),
        profile,
        "Each rung is drawn with the pen lowered to the value beside it, which it writes itself. Take the first "
        "rung that is whole from end to end, and go one further for safety: that is pen.down in the profile. "
        "A rung with blots at its ends, or a bent tip, is too low.",
    )


def speed(profile: Profile) -> Sheet:
    """Rungs at ten feeds up to the machine's rate, then zigzags at growing accelerations, between two crosses."""
    top = min(profile.max_rate[:2])
    cross = [_line((2, 0), (2, 4)), _line((0, 2), (4, 2))]
    parts = [_Part(cross, profile)]
    for rung in range(10):
        y = 10.0 + 6.0 * rung
        feed = top * (rung + 1) / 10
        lines = [*label(f"{feed:.0f}", 0.0, y), _line((18, y + 1.5), (110, y + 1.5))]
        parts.append(_Part(lines, replace(profile, draw_feed=feed)))
    marlin = profile.controller == "marlin"
    usual = profile.path_acceleration if marlin else min(profile.acceleration[:2])
    for rung in range(6 if marlin else 1):
        y = 76.0 + 8.0 * rung
        value = usual * (rung + 1) / 2 if marlin else usual
        zigzag = [(18.0 + 4.0 * i, y + 4.0 * (i % 2)) for i in range(24)]
        lines = [*label(f"{value:.0f}", 0.0, y + 0.5), _line(*zigzag)]
        part = replace(profile, draw_feed=top, path_acceleration=value) if marlin else replace(profile, draw_feed=top)
        parts.append(_Part(lines, part, f"M204T{number(value)}" if marlin else ""))
    parts.append(_Part([line[::-1] for line in cross], profile, f"M204T{number(usual)}" if marlin else ""))
    height = 76.0 + 8.0 * (6 if marlin else 1)
    zigzags = (
        "The zigzags are drawn at growing accelerations, mm/s2 along the path; what an axis may (M201) limits them, "
        "too. Take the last with straight legs, less a fifth: path_acceleration in the profile, M204 T and M500 on the "
        "board."
        if marlin
        else "The zigzag is drawn at the board's own acceleration: GRBL keeps it in settings, which a sheet leaves "
        "alone. Where its legs are wavy, lower $120 and $121 by a third; where they are straight, raise them; then "
        "draw the sheet again. The profile's acceleration must agree with them."
    )
    return _sheet(
        parts,
        (110.0, height),
        profile,
        "Each rung is drawn at the feed beside it, mm/min. Take the last that is not pale, wavy or broken: draw_feed "
        f"in the profile.\n{zigzags}\n"
        "The cross at the bottom is drawn first and last: where it is double, steps were lost on the way; lower "
        "max_rate or acceleration.",
    )


def corner(profile: Profile) -> Sheet:
    """Zigzags of growing angles, in rows of growing junction deviation (Marlin) or feed (GRBL)."""
    marlin = profile.controller == "marlin"
    angles = (30, 60, 90, 120, 150)
    values = [0.005, 0.01, 0.02, 0.05, 0.1] if marlin else [profile.draw_feed * s for s in (0.25, 0.5, 1.0, 1.5, 2.0)]
    head = [one for i, angle in enumerate(angles) for one in label(str(angle), 26.0 + 24.0 * i, 65.0, align=0.5)]
    parts = [_Part(head, profile)]
    for row, value in enumerate(values):
        y = 13.0 * row
        lines = label(f"{value:g}" if marlin else f"{value:.0f}", 0.0, y + 3.5)
        for i, angle in enumerate(angles):
            lines.append(_zigzag(16.0 + 24.0 * i, y, 20.0, 10.0, angle))
        part = replace(profile, junction_deviation=value) if marlin else replace(profile, draw_feed=value)
        parts.append(_Part(lines, part, f"M205J{number(value)}" if marlin else ""))
    if marlin:
        parts.append(_Part([], profile, f"M205J{number(profile.junction_deviation)}"))
    reading = (
        "Each row is drawn at the junction deviation beside it, in mm; each column has the angle above it. "
        "Take the highest row whose corners are not overshot or shaken: junction_deviation in the profile, M205 J and "
        "M500 on the board."
        if marlin
        else "Each row is drawn at the feed beside it, in mm/min; each column has the angle above it. All are drawn "
        f"at the board's own junction deviation, $11, {profile.junction_deviation:g} mm in the profile: GRBL keeps it "
        "in a setting, which a sheet leaves alone. Where corners are overshot or shaken in the row of your draw_feed, "
        "halve $11; where all are clean, double it; then draw the sheet again."
    )
    return _sheet(parts, (132.0, 68.0), profile, reading)


def backlash(profile: Profile) -> Sheet:
    """Two combs, one for each axis, whose halves are approached from opposite sides and shifted like a vernier."""
    # A head that comes back lags behind by the backlash, so that the half which meets the other is ahead by it.
    shifts = [round(-0.1 * k, 1) for k in range(11)]
    # Along each row the head goes one way only, so that each tick is met from that side: the stroke before the row
    # lies beyond its end, and a tick itself does not move the axis.
    across: Lines = [_line((0, 14), (0, 20))]
    across += [_line((8.0 + 9.0 * i, 14), (8.0 + 9.0 * i, 20)) for i in range(11)]
    across.append(_line((106, 14), (106, 8)))
    across += [_line((8.0 + 9.0 * i + shift, 14), (8.0 + 9.0 * i + shift, 8)) for i, shift in enumerate(shifts)][::-1]
    upward: Lines = [_line((14, 28), (20, 28))]
    upward += [_line((14, 36.0 + 7.0 * i), (20, 36.0 + 7.0 * i)) for i in range(11)]
    upward.append(_line((14, 114), (8, 114)))
    upward += [_line((14, 36.0 + 7.0 * i + shift), (8, 36.0 + 7.0 * i + shift)) for i, shift in enumerate(shifts)][::-1]
    labels: Lines = []
    for i, shift in enumerate(shifts):
        name = f"{-shift:g}"
        labels += label(name, 8.0 + 9.0 * i, 2.0, align=0.5)
        labels += label(name, 23.0, 36.0 + 7.0 * i - DIGIT_MM / 2)
    return _sheet(
        [_Part([*across, *upward, *labels], profile)],
        (106.0, 114.0),
        profile,
        "The two halves of each tick are approached from opposite sides, and the lower (or left) half is shifted by "
        "the mm beside it. The tick whose halves meet has the axis's backlash beside it: at 0 there is none. Tighten "
        "the belt, the pulley's screw or the nut of that axis: nothing here makes up for it.",
    )


def label(text: str, x: float, y: float, align: float = 0.0) -> Lines:
    """Digits, points and minus signs as strokes, DIGIT_MM high on the base line `y`; `x` is where the share `align` of
    the text's width is: 0 its left, 1 its right end."""
    unit = DIGIT_MM / 4
    widths = [1.5 if letter == "." else 3.0 for letter in text]
    left = x - align * (sum(widths) - 1.0) * unit
    lines = []
    for letter, width in zip(text, widths, strict=True):
        lines += [np.array(stroke, dtype=float) * unit + (left, y) for stroke in _DIGITS[letter]]
        left += width * unit
    return lines


def _line(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, dtype=float)


def _zigzag(x: float, y: float, width: float, height: float, angle: float) -> np.ndarray:
    """Legs that meet at `angle` degrees, from left to right inside a box."""
    half = math.tan(math.radians(angle / 2))
    legs = max(6, math.ceil(width / (height * half)))
    rise = width / legs / half
    return np.array([(x + width * i / legs, y + rise * (i % 2)) for i in range(legs + 1)])


def _sheet(parts: Sequence[_Part], size: tuple[float, float], profile: Profile, reading: str) -> Sheet:
    """The parts one after the other, as one program on the machine."""
    place = _placed(size, profile)
    placed = [replace(part, lines=[place(line) for line in part.lines]) for part in parts]
    blocks: list[Block] = []
    count = 0
    for part, after in zip(placed, [*placed[1:], None], strict=True):
        if part.command:
            blocks.append(Block(part.command, None))
        # Each part ends where the next begins.
        x, y = after.lines[0][0].tolist() if after and after.lines else profile.park
        written = write_program(part.lines, replace(part.profile, park=(x, y)))
        blocks += [one if one.stroke is None else replace(one, stroke=one.stroke + count) for one in written.blocks]
        count += len(part.lines)
    return Sheet(Program(tuple(blocks)), size, reading)


def _placed(size: tuple[float, float], profile: Profile) -> Callable[[np.ndarray], np.ndarray]:
    """From sheet mm to the machine's. Raises InputError where the sheet does not fit."""
    if size[0] + MARGIN_MM > profile.width or size[1] + MARGIN_MM > profile.height:
        raise InputError(
            f"The sheet of {size[0]:g} x {size[1]:g} mm, {MARGIN_MM:g} mm from the corner, does not fit "
            f"{profile.name!r} ({profile.width:g} x {profile.height:g} mm)."
        )
    (left, right), (low, high) = profile.x_range, profile.y_range
    x = left + MARGIN_MM if profile.origin.endswith("left") else right - MARGIN_MM - size[0]
    up = 1.0 if profile.y_axis == "up" else -1.0
    bottom = low if profile.y_axis == "up" else high
    lift = MARGIN_MM if profile.origin.startswith("bottom") else profile.height - MARGIN_MM - size[1]
    return lambda line: line * (1.0, up) + (x, bottom + up * lift)
