"""The words that lift and lower a pen, for each controller."""

from __future__ import annotations

from gcode.profile import Profile


def pen_lines(profile: Profile, down: bool) -> list[str]:
    """The lines that lift (or lower) the pen and wait until it is there; in absolute mm modes."""
    pen = profile.pen
    value, delay = (pen.down, pen.down_delay) if down else (pen.up, pen.up_delay)
    marlin = profile.controller == "marlin"
    if pen.kind == "servo":
        if not marlin:
            return [f"M3S{number(value)}{dwell(profile, delay)}"]
        lines = ["M400", f"M280P{pen.servo}S{number(value)}"]  # a servo does not wait for the motion by itself
    else:
        lines = [f"G1Z{number(value)}F{number(pen.feed if down else profile.max_rate[2])}"]
        lines += ["M400"] if marlin else []
    return lines + ([dwell(profile, delay)] if delay else [])


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
