"""`calibrate`: test sheets that show how a machine is set."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plotbot.cli import options
from plotbot.cli.options import report

if TYPE_CHECKING:
    from gcode.profile import Profile
    from plotbot.calibration import Sheet

calibrate = typer.Typer(
    help="Test sheets: what to draw, what to look for, what to change in the profile.", no_args_is_help=True
)

Output = Annotated[Path, typer.Option("-o", help="The G-code to write.")]


@calibrate.command()
def ruler(output: Output, machine: options.Machine = "virtual", as_json: options.Json = False) -> None:
    """A square of 100 mm with ticks and crossed lines: steps per mm, and whether the axes are square."""
    from gcode.profile import load_profile
    from plotbot import calibration

    profile = load_profile(machine)
    _write(calibration.ruler(profile), profile, output, as_json)


@calibrate.command()
def pen(
    output: Output,
    first: Annotated[float | None, typer.Option("--from", help="The first height: an S value, or mm of Z.")] = None,
    last: Annotated[float | None, typer.Option("--to", help="The last height.")] = None,
    machine: options.Machine = "virtual",
    as_json: options.Json = False,
) -> None:
    """Rungs drawn with the pen at growing depths: pen.down."""
    from gcode.profile import load_profile
    from plotbot import calibration

    profile = load_profile(machine)
    _write(calibration.pen(profile, first, last), profile, output, as_json)


@calibrate.command()
def speed(output: Output, machine: options.Machine = "virtual", as_json: options.Json = False) -> None:
    """Rungs at growing feeds, zigzags at growing accelerations: draw_feed and acceleration."""
    from gcode.profile import load_profile
    from plotbot import calibration

    profile = load_profile(machine)
    _write(calibration.speed(profile), profile, output, as_json)


@calibrate.command()
def corner(output: Output, machine: options.Machine = "virtual", as_json: options.Json = False) -> None:
    """Zigzags of growing angles: junction deviation."""
    from gcode.profile import load_profile
    from plotbot import calibration

    profile = load_profile(machine)
    _write(calibration.corner(profile), profile, output, as_json)


@calibrate.command()
def backlash(output: Output, machine: options.Machine = "virtual", as_json: options.Json = False) -> None:
    """Ticks whose halves are approached from opposite sides: backlash, in tenths of a mm."""
    from gcode.profile import load_profile
    from plotbot import calibration

    profile = load_profile(machine)
    _write(calibration.backlash(profile), profile, output, as_json)


def _write(sheet: Sheet, profile: Profile, output: Path, as_json: bool) -> None:
    from gcode.motion import estimate
    from plotbot.files import write_beside

    write_beside(output, sheet.program.text.encode())
    facts = {
        "machine": profile.name,
        "sheet_mm": list(sheet.size),
        "predicted_seconds": round(estimate(sheet.program, profile).seconds, 1),
        "written": str(output),
    }
    report({**facts, "reading": sheet.reading} if as_json else facts, as_json)
    if not as_json:
        for paragraph in sheet.reading.split("\n"):
            typer.echo("\n" + textwrap.fill(paragraph, 100))
