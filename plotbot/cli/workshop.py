"""A machine set up and moved by hand: `machine probe`, `home`, `jog`, `pen`, `unlock` and `console`.

Each opens the port anew. Boards that restart when their port is opened (Uno, Nano) then take the place where the head
stands for zero, and lock themselves again where homing is on.
"""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from plotbot.cli import options
from plotbot.cli.options import report

if TYPE_CHECKING:
    from gcode.board import Board
    from gcode.plotter import Plotter
    from gcode.profile import Profile

Port = Annotated[str, typer.Option(help="Where the plotter is: /dev/ttyUSB0, COM3, socket://host:23.")]
Way = Annotated[str, typer.Option(metavar="LENGTH", help="How far, such as 10mm or -2.5cm.")]

CONSOLE_HELP = (
    "Lines go to the plotter one by one. ? tells where it is, :hold (!) halts it, :resume (~) goes on, "
    ":reset (Ctrl-X) makes it forget what is queued, :quit ends."
)
_ALIASES = {"!": ":hold", "~": ":resume", "\x18": ":reset"}


def probe(
    port: Port,
    machine: Annotated[
        str | None, typer.Option(help="A shipped machine or a profile.toml that the board is to be compared with.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="MINE.toml", help="Write the proposed profile here.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Find out what is on a port, propose a profile for it, and warn of what hurts pens. Changes nothing."""
    from gcode.advice import warnings
    from gcode.probe import BAUDS, differences, find, in_words, nearest, propose, to_toml
    from gcode.profile import load_profile
    from plotbot.files import write_beside
    from plotbot.units import InputError

    if out is not None and out.suffix != ".toml":
        raise InputError(f"{out}: a profile's name ends in .toml: write {out.with_suffix('.toml')}.")
    named = load_profile(machine) if machine else None
    found = find(port, (named.baud, *BAUDS) if named else BAUDS)
    base = named or load_profile(nearest(found))
    proposal = propose(found, base)
    other = {one.name: [one.value, one.of(named)] for one in differences(found, named)} if named else {}
    said = warnings(found, proposal)
    if out is not None:
        write_beside(out, to_toml(found, proposal, base.name).encode())
    if as_json:
        facts = {"firmware": found.firmware, "baud": found.baud, "settings": found.settings, "profile": base.name}
        report({**facts, "differences": other, "warnings": said}, as_json)
        return
    at = f", {found.baud} bits/s" if found.baud else ""
    guess = "" if named else f" (nearest, a guess: its pen is {_PENS[base.pen.kind]}; name another with --machine)"
    report({"port": f"{port}{at}", **in_words(found), "profile": f"{base.name}{guess}"}, as_json=False)
    for name, (here, there) in other.items():
        typer.echo(f"differs: {name} is {here:g} on the board and {there:g} in {base.name}")
    for warning in said:
        typer.echo(f"warning: {warning}")
    if out is not None:
        typer.echo(f"{out} is written: check origin, y_axis and the pen's heights in it, then use --machine {out}.")


_PENS = {"servo": "a servo on M3 S", "z": "on the Z axis"}


def home(port: Port, machine: options.Machine) -> None:
    """Find the machine's zero by its switches.

    A board that restarts when its port is opened has forgotten it by the next command: give `plot --home` instead.
    Marlin drives to its end stops whether there are any or not.
    """
    from gcode.transport import PlotterError

    with _by_hand(port, machine) as plotter:
        if not plotter.board.homes and plotter.profile.controller == "grbl":  # Marlin does not tell
            raise PlotterError(
                "This plotter does not home (no switches, or $22=0); bring the head to its zero by `machine jog`."
            )
        plotter.home()
        typer.echo(_place(plotter.board))


def jog(port: Port, machine: options.Machine, x: Way = "0mm", y: Way = "0mm", z: Way = "0mm") -> None:
    """Move the head by so much; the pen stays as it is.

    Where the board restarts when its port is opened, zero is wherever the head stands at that moment: so jog to
    where the paper begins, then plot.
    """
    from plotbot.units import InputError

    way = [_signed_length(text) for text in (x, y, z)]
    if not any(way):
        raise InputError("Say how far: --x 10mm, --y -5mm or --z 1mm.")
    with _by_hand(port, machine) as plotter:
        _refuse_locked(plotter)
        plotter.jog(*way)
        typer.echo(_place(plotter.board))


def pen(
    port: Port,
    machine: options.Machine,
    way: Annotated[Literal["up", "down"] | None, typer.Argument(help="Where the profile has it.")] = None,
    at: Annotated[float | None, typer.Option(help="A height to try: an S value (servo) or mm of Z.")] = None,
) -> None:
    """Lift or lower the pen, or try a height; with neither, asks for one after the other until an empty line.

    Where the board restarts when its port is opened, a pen on Z has its zero wherever it stands at that moment: try
    its heights one after the other, in one go.
    """
    from gcode.transport import PlotterError

    with _by_hand(port, machine) as plotter:
        _refuse_locked(plotter)
        if way is not None or at is not None:
            _set_pen(plotter, way or f"{at}")
            return
        unit = "mm of Z" if plotter.profile.pen.kind == "z" else "S"
        typer.echo(f"Type a height ({unit}), up or down; an empty line ends.")
        while text := _line():
            try:
                _set_pen(plotter, text)
            except (PlotterError, ValueError) as error:
                plotter.board.lines()  # raises where the port is gone
                typer.echo(str(error))


def unlock(port: Port, machine: options.Machine) -> None:
    """Leave an alarm without homing; the position counts as it is.

    A board that restarts when its port is opened is locked again by the next command: unlock such a one in the console.
    """
    with _by_hand(port, machine) as plotter:
        plotter.board.unlock()
        typer.echo(_place(plotter.board))


def console(port: Port, machine: options.Machine) -> None:
    """Talk to the board: each line is sent alone, and what it answers is shown. Reads a pipe, too."""
    with _by_hand(port, machine, any_pen=True) as plotter:
        typer.echo(CONSOLE_HELP)
        while (line := _line()) is not None and line != ":quit":
            if line:
                _talk(plotter.board, _ALIASES.get(line, line))


def _talk(board: Board, line: str) -> None:
    from gcode.transport import PlotterError

    try:
        if line == "?":
            typer.echo(_place(board))
        elif line == ":hold":
            typer.echo("It slows down; :resume goes on." if board.hold() else "It cannot be held: :reset stops it.")
        elif line == ":resume":
            board.release()
        elif line == ":reset":
            typer.echo(_place(board) if board.stop() else "It does not answer: switch it off and on.")
        elif line.startswith(":"):
            typer.echo(CONSOLE_HELP)
        elif not line.isascii():
            typer.echo("The plotter reads plain ASCII only.")
        else:
            for text in board.command(line, board.timing.home):
                typer.echo(text)
            typer.echo("ok")
    except PlotterError as error:
        typer.echo(str(error))
    for text in board.lines():  # raises where the port is gone
        typer.echo(text)


@contextmanager
def _by_hand(port: str, machine: str, any_pen: bool = False) -> Iterator[Plotter]:
    """The plotter on a port; Ctrl-C leaves it standing. With `any_pen` it is not refused for its laser mode."""
    from gcode.plotter import Plotter
    from gcode.profile import load_profile

    signal.signal(signal.SIGINT, signal.default_int_handler)
    profile = load_profile(machine)
    with Plotter.connect(port, _without_servo(profile) if any_pen else profile) as plotter:
        try:
            yield plotter
        except KeyboardInterrupt:
            stands = plotter.board.stop()
            if not stands:
                said = "The plotter did not answer when it was to stop: switch it off."
            elif plotter.board.known:
                said = "Stopped; the plotter stands, and knows where."
            else:
                said = "Stopped; the plotter stands, and has lost its zero."
            typer.echo(f"\n{said}", err=True)
            raise typer.Exit(130) from None


def _without_servo(profile: Profile) -> Profile:
    return replace(profile, pen=replace(profile.pen, kind="z"))


def _refuse_locked(plotter: Plotter) -> None:
    from gcode.transport import PlotterError

    if plotter.board.where().state == "alarm":
        raise PlotterError(
            "The plotter is locked: `machine home` finds its zero, `machine unlock` takes it to be where it stands; an "
            "Uno, which locks itself again whenever its port is opened, needs $22=0 (`machine console`)."
        )


def _set_pen(plotter: Plotter, text: str) -> None:
    """`up`, `down`, or a height. Raises ValueError where it is none."""
    before = plotter.profile.pen
    text = {"up": f"{before.up}", "down": f"{before.down}"}.get(text, text)
    try:
        height = float(text)
    except ValueError:
        height = math.nan
    if not math.isfinite(height):
        raise ValueError(f"{text!r} is no height: write a number, up or down.")
    plotter.adjust(pen=replace(before, down=height))
    try:
        plotter.pen(down=True)
    finally:
        plotter.adjust(pen=before)
    typer.echo(f"The pen is at {f'Z{height:g} mm' if before.kind == 'z' else f'S{height:g}'}.")


def _line() -> str | None:
    """A line that a person types, or one of a pipe, which is shown; None at the end."""
    try:
        if sys.stdin.isatty():
            return input("> ").strip()
        line = input().strip()
    except EOFError:
        return None
    typer.echo(f"> {line}")
    return line


def _place(board: Board) -> str:
    """What the board says of itself: `idle at X10.000 Y20.000 Z0.000 mm`."""
    now = board.where()
    here = " ".join(f"{axis}{value:.3f}" for axis, value in zip("XYZ", now.position, strict=True))
    own = [p - o for p, o in zip(now.position, now.offset, strict=True)]
    work = " ".join(f"{axis}{value:.3f}" for axis, value in zip("XYZ", own, strict=True))
    return f"{now.state} at {here} mm" + (f", which it calls {work}" if any(now.offset) else "")


def _signed_length(text: str) -> float:
    from plotbot.units import parse_length

    return -parse_length(text[1:]) if text.startswith("-") else parse_length(text)
