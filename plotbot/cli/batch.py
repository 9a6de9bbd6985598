"""`batch`: a run of sheets by a plan."""

from __future__ import annotations

import io
import logging
import shlex
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plotbot.cli import options
from plotbot.cli.finish import effort_of
from plotbot.cli.options import report

if TYPE_CHECKING:
    from typer.core import TyperCommand

    from plotbot.batch.plan import Sheet
    from plotbot.batch.run import Run

log = logging.getLogger(__name__)


def batch(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The plan of the run.")],
    port: Annotated[
        str | None, typer.Option(help="Where the plotter is: /dev/ttyUSB0, COM3, socket://host:23.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; FILE without .toml by default.")] = None,
    again: Annotated[
        list[int] | None, typer.Option(metavar="NUMBER", help="Plot this sheet from its start, plotted or cut.")
    ] = None,
    home: Annotated[bool, typer.Option("--home", help="Home first: for a machine with limit switches.")] = False,
    as_json: options.Json = False,
) -> None:
    """Make a run of sheets, and plot them one after the other, with a pause for paper between.

    Without --port all is made and nothing plotted: pages, jobs, and contact.png to look at them. The same command goes
    on where it stopped, whatever stopped it: what is made is not made again unless its plan has changed, what is
    plotted never plotted twice, and a sheet that was cut is finished.
    """
    from gcode.plotter import Plotter
    from gcode.profile import ProfileError, load_profile
    from plotbot.batch.plan import read_plan
    from plotbot.batch.run import Run
    from plotbot.units import InputError, span

    if port is not None and not sys.stdin.isatty():
        raise InputError("A batch asks for paper between its sheets: plot it from a terminal, or leave out --port.")
    plan = read_plan(file, commands(), checks())
    folder = file.with_suffix("") if out is None else out
    try:
        profile = load_profile(plan.machine)
    except ProfileError as error:
        raise InputError(f"{file}: machine: {error}") from None
    run = Run(plan.sheets, profile, folder)
    for number in again or ():
        if not 1 <= number <= len(plan.sheets):
            raise InputError(f"There is no sheet {number}: {file} has 1 to {len(plan.sheets)}.")
        run.again(plan.sheets[number - 1])
    if old := run.replanned():
        log.warning(
            "Of the sheets that have ink %s had another plan; they stay as they are, unless --again says otherwise.",
            ", ".join(str(one.number) for one in old),
        )
    made = _make(run)
    picture = run.show()
    left = [one for one in plan.sheets if run.standing(one) != "plotted"]
    left.sort(key=lambda one: run.standing(one) != "cut")  # the paper of a sheet that was cut lies in the machine
    line = shlex.join(["plotbot", "batch", str(file), *(["--out", str(out)] if out else []), "--port", port or "..."])
    if port is not None and left:
        with Plotter.connect(port, profile) as plotter:
            if home:
                plotter.home()
            while left and run.plot(left[0], plotter, sum(map(run.seconds, left[1:])), line):
                del left[0]
    seconds = sum(map(run.seconds, left))
    facts = {
        "sheets": len(plan.sheets),
        "made": made,
        "plotted": len(plan.sheets) - len(left),
        "left": len(left),
        "predicted_seconds_left": round(seconds, 1),
        "machine": profile.name,
        "folder": str(folder),
        "contact_sheet": str(picture),
    }
    report(facts, as_json)
    if left and port is None:
        typer.echo(f"To plot them, in {span(seconds)}: {line}", err=True)
    elif left:
        typer.echo(f"To go on: {line}", err=True)
        raise typer.Exit(130)


def commands() -> dict[str, TyperCommand]:
    """What makes sheets, by its name on the command line."""
    from plotbot.cli import app

    every = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return {name: every[name] for name in ("draw", "pattern")}


def checks() -> dict[str, Callable[[str], object]]:
    """What reads the texts of options; raises InputError."""
    from plotbot.page.paper import paper_size
    from plotbot.units import parse_length

    lengths = dict.fromkeys(("margin", "pen_width", "smooth", "size", "slow_end"), parse_length)
    return {**lengths, **dict.fromkeys(("paper", "tile"), paper_size), "effort": effort_of}


def _make(run: Run) -> int:
    """Make the sheets that are not, the first of each kind before the others, so that a mistake shows early; how many
    were."""
    to_make = [one for one in run.sheets if run.standing(one) == "to make"]
    for sheet in sorted(to_make, key=lambda one: not one.leads):
        try:
            run.make(sheet, _command)
        except Exception:
            typer.echo(f"Sheet {sheet.number} could not be made: {sheet.command}", err=True)
            raise
        typer.echo(f"Sheet {sheet.number} of {len(run.sheets)} is made: {sheet.command}", err=True)
    return len(to_make)


def _command(sheet: Sheet, folder: Path) -> None:
    """Make a sheet as its command line does, which the sheet keeps; what that reports is not asked for here."""
    verb = sheet.words[0]
    command = commands()[verb]
    typed, sys.argv = sys.argv, ["plotbot", *sheet.words]
    try:
        with redirect_stdout(io.StringIO()), command.make_context(verb, sheet.arguments(folder)) as context:
            command.invoke(context)
    finally:
        sys.argv = typed
