"""The machine: `plot`, `simulate`, `machine list` and `machine show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from plotbot.cli import options
from plotbot.cli.options import report

machines = typer.Typer(help="The plotters that plotbot knows.", no_args_is_help=True)


def plot(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .gcode job, or a page.svg.")],
    port: Annotated[
        str | None, typer.Option(help="Where the plotter is: /dev/ttyUSB0, COM3, socket://host:23.")
    ] = None,
    machine: options.Machine = "virtual",
    as_json: options.Json = False,
) -> None:
    """Draw a job on a plotter. Ctrl-C stops it with the pen up.

    Without --port the job is drawn on the virtual plotter, as fast as it can.
    """
    from contextlib import ExitStack

    from gcode.motion import estimate
    from gcode.plotter import Plotter
    from gcode.profile import load_profile
    from gcode.virtual import VirtualPlotter
    from plotbot.plotting import read_job
    from plotbot.progress import plot_progress
    from plotbot.units import InputError

    profile = load_profile(machine)
    if port is None and profile.name != "virtual":
        raise InputError(
            f"Where is the {profile.name}? Give its --port{_ports_at_hand()}; `plotbot simulate` needs none"
        )
    program = read_job(file, profile)
    plan = estimate(program, profile)
    with ExitStack() as stack:
        if port is None:
            port = stack.enter_context(VirtualPlotter(profile)).port
        with Plotter.connect(port, profile) as plotter, plot_progress(f"plotting {file.name}") as progress:
            done = plotter.plot(program, progress)
    report(
        {
            "port": port,
            "strokes_drawn": done.strokes_drawn,
            "predicted_seconds": round(plan.seconds, 1),
            "seconds": round(done.seconds, 1),
        },
        as_json,
    )


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
    from plotbot.progress import plot_progress
    from plotbot.units import parse_length

    profile, pen = load_profile(machine), parse_length(pen_width)
    program = read_job(file, profile)
    with plot_progress(f"simulating {file.name}") as progress:
        simulation = run(program, profile, progress)
    facts = {"machine": profile.name, **simulation.facts(intended_ink(program, profile))}
    if out is not None:
        options.make_folder(out)
        size = (profile.width, profile.height)
        drawn = from_toolpath(simulation.ink, size, profile, rotated=False)
        write_ink_svg(drawn, size, pen, out / "ink.svg")
        write_ink_png(drawn, size, pen, out / "ink.png")
        write_beside(out / "report.json", (json.dumps(facts, indent=2) + "\n").encode())
    report(facts, as_json)


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


def _ports_at_hand() -> str:
    from serial.tools.list_ports import comports

    ports = ", ".join(one.device for one in comports())
    return f" (here are {ports})" if ports else " (no serial port is to be seen)"
