"""Options of the commands that make a page ready for the pen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, cast, get_args

import typer

if TYPE_CHECKING:
    from plotbot.page.optimise import Finish

Smooth = Annotated[
    str, typer.Option(help="Strokes are drawn as smooth curves no further than this from what they were; 0mm: as is.")
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


def finish_of(pen_width: str, smooth: str, effort: str, seed: int = 0) -> Finish:
    """What the options say; raises InputError for a length or an effort that is none."""
    from plotbot.page.optimise import Finish
    from plotbot.units import parse_length

    return Finish(parse_length(pen_width), parse_length(smooth), effort_of(effort), seed)
