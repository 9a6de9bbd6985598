"""Sheets of paper by name or by size."""

from __future__ import annotations

from plotbot.units import InputError, parse_length

# Portrait, width x height in mm: ISO 216 and ANSI/ASME Y14.1.
PAPERS: dict[str, tuple[float, float]] = {
    "a0": (841.0, 1189.0),
    "a1": (594.0, 841.0),
    "a2": (420.0, 594.0),
    "a3": (297.0, 420.0),
    "a4": (210.0, 297.0),
    "a5": (148.0, 210.0),
    "a6": (105.0, 148.0),
    "letter": (215.9, 279.4),
}


def paper_size(text: str, landscape: bool = False) -> tuple[float, float]:
    """(width, height) in mm of a sheet named ``a4`` or given as ``210x297mm``.

    ``landscape`` lays the longer side across; without it a named sheet is portrait and a size is taken as
    written. Raises InputError for an unknown name, a size without a unit, or a side of zero.
    """
    name = text.strip().lower()
    if name in PAPERS:
        width, height = PAPERS[name]
    else:
        width, height = _parse_size(name, text)
    return (max(width, height), min(width, height)) if landscape else (width, height)


def _parse_size(name: str, text: str) -> tuple[float, float]:
    # "210x297mm": the unit at the end holds for both sides unless the first brings its own.
    sides = [side.strip() for side in name.replace("×", "x").split("x")]
    if len(sides) != 2:
        raise InputError(f"{text!r} is not a paper: use {', '.join(PAPERS)}, or a width and height such as 210x297mm.")
    if not sides[0].endswith(tuple("abcdefghijklmnopqrstuvwxyz")):
        sides[0] += sides[1].lstrip("+-.0123456789 ")
    width, height = parse_length(sides[0]), parse_length(sides[1])
    if width == 0 or height == 0:
        raise InputError(f"{text!r} is not a paper: both sides must be longer than zero.")
    return width, height
