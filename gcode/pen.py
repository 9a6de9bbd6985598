"""The words that lift and lower a pen, for each controller."""

from __future__ import annotations

import math
import re

from gcode.profile import Pen, Profile

SLOW_STEPS = 6
"""A servo pen that is lowered slowly goes down in so many steps."""
SLOW_WAIT = 0.05
"""Seconds between two of these steps: the shortest that GRBL can wait."""
SLOW_FEED = 1 / 3
"""The share of its feed at which a Z pen is lowered slowly."""


def pen_lines(profile: Profile, down: bool, slowly: bool = False) -> list[str]:
    """The lines that lift (or lower, `slowly` where asked) the pen and wait until it is there, in absolute mm modes.

    In GRBL a pen up on Z is a rapid; Marlin's rapids have a feed, too.
    """
    pen = profile.pen
    value, delay = (pen.down, pen.down_delay) if down else (pen.up, pen.up_delay)
    marlin = profile.controller == "marlin"
    wait = [dwell(profile, delay)] if delay else []
    if pen.kind == "z":
        if down:
            lower = f"G1Z{number(value)}F{number(pen.feed * (SLOW_FEED if slowly else 1.0))}"
            return [lower, *(["M400"] if marlin else []), *wait]
        if marlin:
            return [f"G0Z{number(value)}F{number(profile.max_rate[2])}", "M400", *wait]
        return [f"G0Z{number(value)}", *wait]
    steps = SLOW_STEPS if down and slowly else 1
    values = [pen.up + (pen.down - pen.up) * step / steps for step in range(1, steps)] + [value]
    pause = dwell(profile, SLOW_WAIT)
    if not marlin:
        return [f"M3S{number(one)}{pause}" for one in values[:-1]] + [f"M3S{number(value)}{dwell(profile, delay)}"]
    lines = ["M400"]  # a servo does not wait for the motion by itself
    for one in values[:-1]:
        lines += [f"M280P{pen.servo}S{round(one)}", pause]
    return [*lines, f"M280P{pen.servo}S{number(value)}", *wait]


def with_heights(line: str, profile: Profile, pen: Pen) -> str:
    """A program's line with the pen's heights changed from those of the profile to those of `pen`.

    Heights between up and down keep their share of the way.
    """
    old = profile.pen
    if (pen.up, pen.down) == (old.up, old.down):
        return line
    if old.kind == "servo" and profile.controller == "marlin" and "M280" not in line:
        return line  # S has other meanings there, such as the seconds of a G4
    word = "Z" if old.kind == "z" else "S"

    def changed(match: re.Match[str]) -> str:
        share = (float(match[1]) - old.up) / (old.down - old.up)
        return f"{word}{number(pen.up + share * (pen.down - pen.up))}"

    return re.sub(rf"{word}([+-]?[\d.]+)", changed, line)


def rapid_feed(profile: Profile) -> str:
    """The F word of a rapid: Marlin has one feed for rapids and lines, so a rapid asks for what the axes can do."""
    return f"F{math.ceil(math.hypot(*profile.max_rate[:2]))}" if profile.controller == "marlin" else ""


def dwell(profile: Profile, seconds: float) -> str:
    """The words for a wait, none for no wait: GRBL counts P in seconds, Marlin in milliseconds."""
    if not seconds:
        return ""
    return f"G4P{number(seconds * 1000.0 if profile.controller == 'marlin' else seconds)}"


def number(value: float) -> str:
    """The shortest decimal, to 0.0001: `10`, `-.5`, `0`."""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text)
    if digits == "0":
        return "0"
    return sign + digits.removeprefix("0")
