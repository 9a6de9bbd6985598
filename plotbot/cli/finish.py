"""Options of the commands that make a page ready for the pen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

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
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*s?")


def finish_of(pen_width: str, smooth: str, effort: str, seed: int = 0) -> Finish:
    """What the options say; raises InputError for a length or an effort that is none."""
    from plotbot.page.optimise import Finish
    from plotbot.units import InputError, parse_length

    if effort in ("fast", "normal", "best"):
        return Finish(parse_length(pen_width), parse_length(smooth), effort, seed)  # type: ignore[arg-type]
    match = _SECONDS.fullmatch(effort)
    if match is None or float(match[1]) <= 0:
        raise InputError(f"{effort!r} is no effort: use fast, normal, best, or a time above zero such as 30s.")
    return Finish(parse_length(pen_width), parse_length(smooth), float(match[1]), seed)
