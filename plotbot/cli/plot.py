"""`plot`: a job on a real plotter, with a journal from which it can be gone on with."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from plotbot.cli import options
from plotbot.cli.options import report


def plot(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .gcode job, or a page.svg.")],
    port: Annotated[
        str | None, typer.Option(help="Where the plotter is: /dev/ttyUSB0, COM3, socket://host:23.")
    ] = None,
    machine: options.Machine = "virtual",
    resume: Annotated[bool, typer.Option("--resume", help="Finish the job where it was left, by its journal.")] = False,
    whole: Annotated[bool, typer.Option("--whole", help="With --resume: draw a stroke that was cut again.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Draw from the start a job that was left unfinished.")] = False,
    home: Annotated[bool, typer.Option("--home", help="Home first: for a machine with limit switches.")] = False,
    as_json: options.Json = False,
) -> None:
    """Draw a job on a plotter. Ctrl-C pauses it at the next pen-up and asks; once more stops it, pen up. Ctrl-\\ pauses
    it at once.

    A job keeps a journal beside its file, FILE.journal, with which --resume goes on after anything. Without --port
    the job is drawn on the virtual plotter, as fast as it can.
    """
    from gcode.journal import Journal
    from gcode.plotter import Plotter
    from gcode.profile import load_profile
    from gcode.program import parked
    from gcode.virtual.machine import VirtualPlotter
    from plotbot.attended import Attendant
    from plotbot.plotting import read_job
    from plotbot.progress import bar
    from plotbot.units import InputError

    path = file if file.suffix == ".journal" else file.with_name(f"{file.name}.journal")
    profile = load_profile(machine)
    if port is None and (resume or profile.name != "virtual"):
        raise InputError(
            f"Where is the {'plotter' if resume else profile.name}? Give its --port{_ports_at_hand()}; "
            "`plotbot simulate` needs none"
        )
    with ExitStack() as stack:
        journal: Journal | None = None
        if resume:
            journal = stack.enter_context(Journal.reopen(path))
            program, profile = journal.program, journal.profile
        else:
            program = read_job(file, profile)
            if port is not None:
                _refuse_to_forget(path, again)
        at = port or stack.enter_context(VirtualPlotter(profile)).port
        plotter = stack.enter_context(Plotter.connect(at, profile))
        if home:
            plotter.home()
        if journal is None and port is not None:  # not before there is a plotter: an old journal may still be needed
            journal = stack.enter_context(Journal.create(path, program, profile))
        with bar(f"plotting {file.name}") as update:
            person = Attendant(plotter, update, needed=journal is not None)
            done = person.plot(program, journal, f"plotbot plot --resume {path} --port ...", whole)
    x, y, _ = parked(profile)
    report(
        {
            "port": at,
            "finished": done.finished,
            "strokes_drawn": done.strokes_drawn,
            "strokes": done.strokes,
            "seconds": round(done.seconds, 1),
            "mark_mm": [x, y],
        },
        as_json,
    )
    if not done.finished:
        raise typer.Exit(130)


def _refuse_to_forget(path: Path, again: bool) -> None:
    """An unfinished job is not begun anew by mistake."""
    from gcode.course import Course
    from gcode.journal import read_journal
    from plotbot.units import InputError

    if again or not path.exists():
        return
    program, profile, stop = read_journal(path)
    if not stop.finished and stop.sent > 0.0:
        course = Course(program, profile)
        raise InputError(
            f"This job was left with {course.drawn(stop.place)} of {len(course.strokes)} strokes drawn: give --resume "
            "to finish it, or --again to draw it from the start."
        )


def _ports_at_hand() -> str:
    from serial.tools.list_ports import comports

    ports = ", ".join(one.device for one in comports())
    return f" (here are {ports})" if ports else " (no serial port is to be seen)"
