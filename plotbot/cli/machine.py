"""The machine: `simulate`, `machine list` and `machine show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plotbot.cli import options
from plotbot.cli.options import report
from plotbot.cli.simulator import simulate_machine
from plotbot.cli.workshop import console, home, jog, pen, probe, unlock

machines = typer.Typer(help="The plotters that plotbot knows.", no_args_is_help=True)
machines.command("simulate")(simulate_machine)
for command in (probe, home, jog, pen, unlock, console):
    machines.command()(command)


def simulate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .gcode job, or a page.svg.")],
    machine: options.Machine = "virtual",
    pen_width: options.PenWidth = "0.5mm",
    out: Annotated[Path | None, typer.Option(help="Folder for ink.svg, ink.png and report.json.")] = None,
    as_json: options.Json = False,
) -> None:
    """Draw a job on a virtual plotter: how long it takes and what the pen leaves, without a machine."""
    from gcode.profile import load_profile
    from gcode.program import ink as intended_ink
    from plotbot.files import write_beside
    from plotbot.page.ink import write_ink_png, write_ink_svg
    from plotbot.page.toolpath import from_toolpath
    from plotbot.plotting import read_job
    from plotbot.plotting import simulate as run
    from plotbot.progress import bar
    from plotbot.units import parse_length

    profile, pen = load_profile(machine), parse_length(pen_width)
    program = read_job(file, profile)
    with bar(f"simulating {file.name}") as update:
        simulation = run(program, profile, update)
    facts = {"machine": profile.name, **simulation.facts(intended_ink(program, profile))}
    times = simulation.times()
    if out is not None:
        options.make_folder(out)
        size = (profile.width, profile.height)
        drawn = from_toolpath(simulation.ink, size, profile, rotated=False)
        write_ink_svg(drawn, size, pen, out / "ink.svg")
        write_ink_png(drawn, size, pen, out / "ink.png")
        write_beside(out / "report.json", (options.to_json(facts | times) + "\n").encode())
    layers = {
        f"layer_{i}": f"{layer['predicted_seconds']:,.0f} s, {layer['strokes']:,} strokes, {layer['pen'] or 'one pen'}"
        for i, layer in enumerate(times["layers"], start=1)
    }
    report(facts | (times if as_json else layers), as_json)


@machines.command("list")
def list_machines(as_json: options.Json = False) -> None:
    """The shipped machine profiles."""
    from gcode.profile import load_profile, shipped_profiles

    report({name: load_profile(name).description for name in shipped_profiles()}, as_json)


@machines.command("show")
def show_machine(
    name: Annotated[str, typer.Argument(help="A shipped machine or a profile.toml.")], as_json: options.Json = False
) -> None:
    """A machine's profile: work area, motion, pen."""
    from dataclasses import asdict

    from gcode.profile import load_profile

    report(asdict(load_profile(name)), as_json)
