"""Options of the commands that make a page ready for the pen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, cast, get_args

import typer

if TYPE_CHECKING:
    import numpy as np

Smooth = Annotated[
    str | None,
    typer.Option(
        help="Strokes become smooth curves no further than this from what they were; 0mm leaves them. A 128th of a "
        "sketch's size, if not given: by so much are the drawings simplified that the networks know."
    ),
]
Effort = Annotated[
    str, typer.Option(help="How hard to look for an order with little travel: fast, normal, best, or a time as 30s.")
]
SingleLine = Annotated[
    bool, typer.Option("--single-line", help="Draw each sketch in one line, the pen never lifted within it.")
]
Named: TypeAlias = Literal["fast", "normal", "best"]
_NAMES = get_args(Named)
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*s?")


def effort_of(text: str) -> Named | float:
    """The effort of a name or a time; raises InputError where it is none."""
    from plotbot.units import InputError

    match = _SECONDS.fullmatch(text)
    if text not in _NAMES and (match is None or float(match[1]) <= 0):
        raise InputError(f"{text!r} is no effort: use fast, normal, best, or a time above zero such as 30s.")
    return float(match[1]) if match else cast("Named", text)


def smooth_of(text: str | None, sketches: Sequence[Sequence[np.ndarray]]) -> float:
    """The distance of the option, mm; if it is not given, by how much these `sketches` (mm) are simplified: 2 of 255 px
    of the middle one of their sizes (`models.strokes.simplify`). Raises InputError for a length that is none."""
    from statistics import median

    import numpy as np

    from plotbot.units import parse_length

    if text is not None:
        return parse_length(text)
    return 2 / 255 * median(float(np.ptp(np.concatenate(one), axis=0).max()) for one in sketches)
