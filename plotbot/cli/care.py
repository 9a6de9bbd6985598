"""The options that say what care a pen needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gcode.care import Care

ReloadEvery = Annotated[
    str | None,
    typer.Option(help="Reload the pen before it has drawn so far (2m, 500mm) or so long (90s, 5min): ask a person."),
]
DipAt = Annotated[str | None, typer.Option(help="X,Y in mm of the machine: reload by dipping the pen there.")]
Shake = Annotated[int, typer.Option(min=0, max=100, help="Reload by so many dips, at the park point or --dip-at.")]
SlowEnd = Annotated[
    str, typer.Option(help="The end of each stroke to draw at a third of the feed, such as 2mm: no dot.")
]
PenDownSlow = Annotated[bool, typer.Option("--pen-down-slow", help="Set the pen down slowly.")]


def care_of(reload_every: str | None, dip_at: str | None, shake: int, slow_end: str, pen_down_slow: bool) -> Care:
    """What the options ask for; raises InputError where one of them cannot be read or lacks another."""
    from gcode.care import Care
    from plotbot.units import InputError, parse_length

    if reload_every is None:
        if dip_at is not None or shake:
            raise InputError("How often is the pen reloaded? Say so with --reload-every, such as 2m or 5min.")
        return Care(slow_end=parse_length(slow_end), slow_down=pen_down_slow)
    every: dict[str, float] = {}
    if time := re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(s|min)", reload_every.strip()):
        every["every_seconds"] = float(time[1]) * (60.0 if time[2] == "min" else 1.0)
    else:
        every["every_mm"] = parse_length(reload_every)
    if 0.0 in every.values():
        raise InputError(f"--reload-every {reload_every} would never draw: give more than 0, such as 2m or 5min.")
    place = None
    if dip_at is not None:
        number = r"\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*"
        match = re.fullmatch(f"{number},{number}", dip_at)
        if match is None:
            raise InputError(f"--dip-at {dip_at!r} is not a place: give x and y in mm, such as 10,20.")
        place = (float(match[1]), float(match[2]))
    dips = shake or (1 if place else 0)
    return Care(place=place, dips=dips, slow_end=parse_length(slow_end), slow_down=pen_down_slow, **every)
