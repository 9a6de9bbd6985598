"""`preview`: a page or a job looked at before it is plotted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plotbot.cli import options
from plotbot.cli.options import report

if TYPE_CHECKING:
    from gcode.profile import Profile
    from plotbot.page.preview import Drawing

SECONDS = 12.0
"""How long an animation takes of which nobody says."""
GIF_PIXELS, MOST_GIF_PIXELS = 800, 2000
"""The longer side of a GIF of which nobody says, and of any."""


def preview(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A page.svg or a job.gcode.")],
    output: Annotated[Path, typer.Option("-o", help="What to write: .png, .svg, or .gif, which is animated.")],
    travel: Annotated[bool, typer.Option("--travel", help="Show the way with the pen up, too.")] = False,
    order: Annotated[bool, typer.Option("--order", help="Show the order: from blue, first, to orange, last.")] = False,
    animate: Annotated[bool, typer.Option("--animate", help="Write an .svg that draws itself, in a browser.")] = False,
    speed: Annotated[float | None, typer.Option(help="Draw so many times as fast as the machine does.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Draw in so many seconds; 12 by default.")] = None,
    pen_width: Annotated[str | None, typer.Option(help="Width of the line, such as 0.5mm; the page's own.")] = None,
    paper_colour: Annotated[str, typer.Option(help="A name such as ivory, or #f5f0e6.")] = "white",
    paper: Annotated[
        str | None, typer.Option(help="The sheet under a job, a4 or WIDTHxHEIGHT; all that the machine reaches.")
    ] = None,
    pixels: Annotated[
        int | None, typer.Option(min=16, max=10_000, help="Longer side of the picture; 150 dpi, of a GIF 800.")
    ] = None,
    machine: options.Machine = "virtual",
    as_json: options.Json = False,
) -> None:
    """Look at a page or a job before it is plotted: as a picture, or drawing itself at the machine's own pace."""
    from gcode.profile import load_profile
    from plotbot.files import write_beside
    from plotbot.page import animation
    from plotbot.page.ink import png_bytes
    from plotbot.page.preview import Look, colour_of, still
    from plotbot.progress import bar
    from plotbot.units import InputError

    kind = output.suffix.lower()
    moving = kind == ".gif" or animate or speed is not None or seconds is not None
    if kind not in (".png", ".svg", ".gif"):
        raise InputError(f"{output}: a preview is a .png, an .svg or a .gif: call it one of these.")
    if kind == ".png" and moving:
        raise InputError(f"{output}: a .png stands still: write a .gif, or an .svg with --animate.")
    if speed is not None and seconds is not None:
        raise InputError("An animation has one pace: give --speed or --seconds, not both.")
    if kind == ".gif" and (pixels or 0) > MOST_GIF_PIXELS:
        raise InputError(f"A GIF of {pixels} pixels is too large to be looked at: ask for {MOST_GIF_PIXELS} at most.")
    profile, look = load_profile(machine), Look(colour_of(paper_colour), travel, order)
    drawing = _drawing(file, profile, paper, pen_width)
    takes = drawing.seconds / speed if speed else SECONDS if seconds is None else seconds
    if moving and not (0.1 <= takes <= 3600 and (speed is None or speed > 0)):
        raise InputError(
            f"The plot takes {drawing.seconds:.0f} s and its animation 0.1 s to an hour: choose --speed or --seconds."
        )
    dpi = 25.4 * pixels / max(drawing.size) if pixels else 150.0
    with bar(f"drawing {output.name}") as update:
        if kind == ".svg":
            data = animation.svg(drawing, look, takes if moving else None)
        elif kind == ".gif":
            data = animation.gif(drawing, look, 25.4 * (pixels or GIF_PIXELS) / max(drawing.size), takes, update)
        else:
            data = png_bytes(still(drawing, look, dpi, update), dpi)
    write_beside(output, data)
    facts = {"strokes": len(drawing.ink), "pens": len(drawing.pens), "plot_seconds": round(drawing.seconds, 3)}
    if moving:
        facts["animation_seconds"] = round(takes, 3)
    report({**facts, "written": str(output)}, as_json)


def _drawing(file: Path, profile: Profile, paper: str | None, pen_width: str | None) -> Drawing:
    """What a page or a job draws; raises InputError where one of the options does not go with it."""
    from plotbot.page.paper import paper_size
    from plotbot.page.preview import job_drawing, page_drawing
    from plotbot.page.reading import read_page
    from plotbot.plotting import read_job
    from plotbot.units import InputError, parse_length

    pen = None if pen_width is None else parse_length(pen_width)
    if pen == 0:
        raise InputError("A pen of 0 mm leaves no line: make it wider.")
    if file.suffix.lower() != ".svg":
        return job_drawing(read_job(file, profile), profile, None if paper is None else paper_size(paper), pen)
    if paper is not None:
        raise InputError(f"{file}: a page has its own paper: leave out --paper, which is for jobs.")
    return page_drawing(read_page(file), profile, pen)
