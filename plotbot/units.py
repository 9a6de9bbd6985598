"""Lengths with units, and the error for input that cannot be used."""

from __future__ import annotations

import math
import re

MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4, "pt": 25.4 / 72, "px": 25.4 / 96}
MM_PER_PX = MM_PER_UNIT["px"]

_LENGTH = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


class InputError(ValueError):
    """An argument or a file that cannot be used; the message is one sentence that says what to do."""


def parse_length(text: str) -> float:
    """A length with its unit, as mm: ``120mm``, ``5cm``, ``2in``, ``300px`` (CSS px, 96/inch), ``12pt``.

    Raises InputError for a bare number (``120`` could be anything), an unknown unit, and a length that is
    negative or not finite.
    """
    match = _LENGTH.fullmatch(text)
    units = "mm, cm, m, in, pt or px"
    if match is None:
        raise InputError(f"{text!r} is not a length: write a number and its unit, such as 120mm or 5cm.")
    number, unit = float(match[1]), match[2].lower()
    if not unit:
        raise InputError(f"{text!r} has no unit: write {text.strip()}mm, or another of {units}.")
    if unit not in MM_PER_UNIT:
        raise InputError(f"{text!r} has an unknown unit {match[2]!r}: use {units}.")
    if number < 0 or not math.isfinite(number):
        raise InputError(f"{text!r} is not a usable length: it must be zero or more, and finite.")
    return number * MM_PER_UNIT[unit]


def span(seconds: float) -> str:
    """Seconds as a person says them: ``40 s``, ``12 min``, ``3 h 05 min``."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
