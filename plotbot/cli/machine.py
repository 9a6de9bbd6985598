"""The machine: `plot`, `simulate`, `machine list` and `machine show`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plotbot.cli import options
from plotbot.cli.options import report
from plotbot.cli.simulator import simulate_machine

if TYPE_CHECKING:
    from gcode.plotter import Plotter
    from gcode.program import Program
    from gcode.session import Outcome, Progress
    from plotbot.progress import Bar

machines = typer.Typer(help="The plotters that plotbot knows.", no_args_is_help=True)
machines.command("simulate")(simulate_machine)


def plot(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .gcode job, or a page.svg.")],
    port: Annotated[
        str | None, typer.Option(help="Where the plotter is: /dev/ttyUSB0, COM3, socket://host:23.")
    ] = None,
    machine: options.Machine = "virtual",
    as_json: options.Json = False,
) -> None:
    """Draw a job on a plotter. Ctrl-C pauses it at the next pen-up and asks; once more stops it, pen up.

    Without --port the job is drawn on the virtual plotter, as fast as it can.
    """
    from contextlib import ExitStack

    from gcode.motion import estimate
    from gcode.plotter import Plotter
    from gcode.profile import load_profile
    from gcode.virtual.machine import VirtualPlotter
    from plotbot.plotting import read_job
    from plotbot.progress import bar
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
        with Plotter.connect(port, profile) as plotter, bar(f"plotting {file.name}") as update:
            done = _plot_attended(plotter, program, update)
    report(
        {
            "port": port,
            "finished": done.finished,
            "strokes_drawn": done.strokes_drawn,
            "strokes": done.strokes,
            "predicted_seconds": round(plan.seconds, 1),
            "seconds": round(done.seconds, 1),
        },
        as_json,
    )
    if not done.finished:
        raise typer.Exit(130)


def _plot_attended(plotter: Plotter, program: Program, update: Bar) -> Outcome:
    """Plot with a person beside the machine, who may pause, go on or stop."""

    def pause(*_: object) -> None:
        # A second Ctrl-C, or one where nobody can be asked, stops: `plot` then lifts the pen.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if not sys.stdin.isatty():
            raise KeyboardInterrupt
        plotter.pause()

    def watch(progress: Progress) -> None:
        remark = f"{progress.strokes_drawn}/{progress.strokes} strokes"
        if progress.activity != "drawing":
            remark += f"  {progress.activity}"
        update(progress.strokes_drawn / max(1, progress.strokes), remark)
        if progress.activity == "paused":
            with update.aside():
                answer = input(f"Paused with the pen up after {remark}: Enter goes on, c and Enter cancels. ")
            signal.signal(signal.SIGINT, pause)
            if answer.strip().lower().startswith("c"):
                plotter.cancel()
            else:
                plotter.resume()

    before = signal.signal(signal.SIGINT, pause)
    try:
        return plotter.plot(program, watch)
    except KeyboardInterrupt:
        typer.echo("Stopped; the pen is up.", err=True)
        raise
    finally:
        signal.signal(signal.SIGINT, before)


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


def _ports_at_hand() -> str:
    from serial.tools.list_ports import comports

    ports = ", ".join(one.device for one in comports())
    return f" (here are {ports})" if ports else " (no serial port is to be seen)"
