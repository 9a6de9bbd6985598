"""Options that several commands share, and how a command reports."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

Count = Annotated[int, typer.Option("-n", "--count", min=1, max=10_000, help="How many sketches.")]
Temperature = Annotated[
    float | None,
    typer.Option(help="Chance in the lines: 0.1 sure of itself, 1.0 as wild as the data; the model's own."),
]
PenTemperature = Annotated[
    float | None, typer.Option(help="Chance in pen lifts and the end; at least 0.5 + T / 2 and the model's own.")
]
Pick = Annotated[
    int, typer.Option(min=1, max=50, help="Draw so many for each sketch; the one that a critic knows best is kept.")
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed draws the same.")]
Paper = Annotated[str, typer.Option(help="a0 to a6, letter, or WIDTHxHEIGHT such as 210x297mm.")]
Landscape = Annotated[bool, typer.Option("--landscape", help="Lay the paper's longer side across.")]
Margin = Annotated[str, typer.Option(help="Empty border of the paper, such as 10mm.")]
PenWidth = Annotated[str, typer.Option(help="Width of the pen's line: strokes that meet within it are joined.")]
Machine = Annotated[str, typer.Option(help="A shipped machine (`plotbot machine list`) or a profile.toml.")]
Out = Annotated[Path, typer.Option(help="Folder for what is written.")]
Data = Annotated[
    Path | None, typer.Option(help="Folder of drawings; $PLOTBOT_DATA/quickdraw, else the fetched, if not given.")
]
Json = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]

log = logging.getLogger(__name__)

_NUMBERS = re.compile(r"\[\n([-+.,\d\seE]+)\n *\]")  # a text in JSON has no line ends, so it cannot be one


def report(facts: dict[str, Any], as_json: bool) -> None:
    """Print facts, one a line, or as one JSON object; numbers to a sensible digit for a person."""
    if as_json:
        typer.echo(to_json(facts))
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        shown = f"{value:,.4g}" if isinstance(value, float) and abs(value) < 100 else value
        shown = f"{value:,.0f}" if isinstance(value, float) and abs(value) >= 100 else shown
        typer.echo(f"{name.replace('_', ' '):{width}}  {shown}")


def to_json(facts: dict[str, Any]) -> str:
    """Indented, but a list of numbers on one line."""
    return _NUMBERS.sub(lambda match: f"[{' '.join(match[1].split())}]", json.dumps(facts, indent=2))


def listed(text: str) -> list[str]:
    """What a text names, between commas."""
    return [one.strip() for one in text.split(",") if one.strip()]


def margin_of(text: str) -> float:
    """The margin, mm, with a warning for none; raises InputError where it is no length."""
    from plotbot.units import parse_length

    margin = parse_length(text)
    if margin == 0:
        log.warning("With a margin of 0 mm the pen draws on the paper's edge: 5 mm keep it off clips and table.")
    return margin


def made(**facts: object) -> dict[str, str]:
    """How a sheet is made, to be kept in it: the command line but for where it writes, the version, and the facts."""
    words = [Path(sys.argv[0]).stem.replace("__main__", "plotbot")]
    given = iter(sys.argv[1:])
    for word in given:
        if word in ("-o", "--out"):
            next(given, None)
        elif word != "--json" and not word.startswith("--out="):
            words.append(word)
    return {"command": shlex.join(words), "version": version("plotbot"), **{k: str(v) for k, v in facts.items()}}


def data_folder(given: Path | None) -> Path:
    """The folder of drawings: the one given, else what PLOTBOT_DATA names, else where `data fetch` puts them."""
    from models.fetch import cache_folder

    if given is not None:
        return given
    return Path(os.environ["PLOTBOT_DATA"]) / "quickdraw" if "PLOTBOT_DATA" in os.environ else cache_folder()


def make_folder(folder: Path) -> Path:
    """Create an output folder; raises InputError where a file is in the way or it is not allowed."""
    from plotbot.units import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made a folder ({error.strerror}); choose another --out") from None
    return folder
