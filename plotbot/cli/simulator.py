"""A virtual plotter to try programs on: `machine simulate`."""

from __future__ import annotations

import itertools
import math
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plotbot.cli import options
from plotbot.cli.options import report

if TYPE_CHECKING:
    from gcode.virtual.machine import VirtualPlotter


def simulate_machine(
    machine: options.Machine = "virtual",
    tcp: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Listen at this TCP port of 127.0.0.1, 0 for any; not a serial port."),
    ] = None,
    speed: Annotated[str, typer.Option(help="real, max, or machine seconds per second such as 10.")] = "real",
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME@WHEN",
            help="What goes wrong, and when: overrun@30s, unplug@stroke5, lost-bytes:0.01@200lines; any number of "
            "them. `help` lists them all.",
        ),
    ] = None,
    resets_when_opened: Annotated[
        bool, typer.Option("--resets-when-opened", help="Restart when the port is opened, as an Uno does.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="For the bytes that a bad cable loses.")] = 0,
    pen_width: options.PenWidth = "0.5mm",
    out: Annotated[Path | None, typer.Option(help="Folder for ink.svg and ink.png.")] = None,
    as_json: options.Json = False,
) -> None:
    """A virtual plotter at a port of its own for any sender, until Ctrl-C; then what its pen has drawn.

    Where a fault has pulled its cable or its power, Enter puts them back.
    """
    from gcode.profile import load_profile
    from gcode.virtual.faults import FAULTS, parse_fault
    from gcode.virtual.machine import VirtualPlotter
    from plotbot.page.ink import write_ink_png, write_ink_svg
    from plotbot.page.toolpath import from_toolpath
    from plotbot.units import InputError, parse_length

    if fault == ["help"]:
        report({name: kind.help for name, kind in FAULTS.items()}, as_json)
        return
    profile, pen = load_profile(machine), parse_length(pen_width)
    if out is not None:
        options.make_folder(out)
    try:
        plotter = VirtualPlotter(
            profile,
            _speed(speed),
            resets_when_opened=resets_when_opened,
            seed=seed,
            tcp_port=tcp,
        )
        for text in fault or ():
            plotter.inject(parse_fault(text))
    except ValueError as error:
        raise InputError(str(error)) from None
    except OSError as error:
        raise InputError(f"TCP port {tcp} cannot be had ({error.strerror}): choose another for --tcp") from None
    with plotter:
        _attend(plotter)
    ink = plotter.ink
    if out is not None:
        size = (profile.width, profile.height)
        drawn = from_toolpath(ink, size, profile, rotated=False)
        write_ink_svg(drawn, size, pen, out / "ink.svg")
        write_ink_png(drawn, size, pen, out / "ink.png")
    drawn_mm = sum(math.dist(a, b) for stroke in ink for a, b in itertools.pairwise(stroke))
    report(
        {
            "machine": profile.name,
            "seconds": round(plotter.seconds, 3),
            "lines": len(plotter.lines_received),
            "strokes": len(ink),
            "drawn_mm": round(drawn_mm, 2),
            "travelled_mm": round(plotter.travel, 2),
        },
        as_json,
    )


def _speed(text: str) -> float:
    if text in ("real", "max"):
        return 1.0 if text == "real" else math.inf
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--speed is real, max or a number such as 10, not {text!r}") from None


def _attend(plotter: VirtualPlotter) -> None:
    """Until Ctrl-C; each Enter puts cable and power back."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its background jobs ignore it
    name = plotter.firmware.profile.name
    typer.echo(f"The virtual {name} is at {plotter.port}; Ctrl-C ends it.", err=True)
    try:
        while True:
            try:
                input()
            except EOFError:  # nobody is there to press it
                threading.Event().wait()
            typer.echo(f"The virtual {name} is at {plotter.plug_in()}, plugged in and switched on.", err=True)
    except KeyboardInterrupt:
        typer.echo("", err=True)
