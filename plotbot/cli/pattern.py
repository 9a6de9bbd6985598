"""`pattern`: motifs laid out as on cloth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plotbot.cli import finish, options
from plotbot.cli.options import made, report

if TYPE_CHECKING:
    from gcode.profile import Profile
    from plotbot.page.optimise import Finish
    from plotbot.pattern.motif import Layers, Size

LONGER_SIDE_PX = 2600


def lay_out(
    sources: Annotated[
        list[str], typer.Argument(metavar="CLASS...", help="What to draw: classes, or files of sketches.")
    ],
    output: Annotated[Path, typer.Option("-o", help="The tile or the sheet to write, .svg, and a .png beside it.")],
    repeat: Annotated[
        str,
        typer.Option(
            "-r",
            "--repeat",
            help="block, brick, half-drop, diamond, stripe, toss, or a plane group: p1 p2 pm pg cm pmm pmg pgg cmm p4 "
            "p4m p4g p3 p3m1 p31m p6 p6m.",
        ),
    ] = "half-drop",
    count: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--count",
            min=1,
            max=20_000,
            help="Motifs, at least: of the tile; of the sheet, if it has no --tile; of a plane group's domain.",
        ),
    ] = None,
    size: Annotated[str | None, typer.Option(help="Of a motif, such as 30mm; else as large as fits.")] = None,
    tile: Annotated[
        str | None, typer.Option(help="Size of the part that repeats, such as 160x160mm; else as large as it takes.")
    ] = None,
    spacing: Annotated[
        float, typer.Option(help="Between motifs, as a share of their size; less than 0, and they overlap.")
    ] = 0.2,
    size_jitter: Annotated[
        float | None, typer.Option(help="Up to what share motifs are smaller, by chance; 0.2 in a toss.")
    ] = None,
    spacing_jitter: Annotated[float, typer.Option(help="Up to what share of the spacing they are moved.")] = 0.0,
    angle_jitter: Annotated[
        float | None, typer.Option(help="Up to how many degrees they are turned; 180 in a toss.")
    ] = None,
    mirror: Annotated[bool, typer.Option("--mirror", help="Mirror half of them, by chance.")] = False,
    distinct: Annotated[
        bool, typer.Option("--distinct", help="Another sample in each image of a plane group: only places are alike.")
    ] = False,
    morph: Annotated[
        bool, typer.Option("--morph", help="Motifs turn into each other across the pattern; CLASS is a VAE: cat_vae.")
    ] = False,
    between: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Twice: the drawings to morph between (cats.ndjson:3), else by chance."),
    ] = None,
    paper: Annotated[str | None, typer.Option(help="Fill a sheet: a0 to a6, letter, or 210x297mm.")] = None,
    landscape: options.Landscape = False,
    margin: options.Margin = "10mm",
    cloth: Annotated[
        str | None, typer.Option(help="Fill a cloth of this size, such as 1500x900mm, on sheets of --paper.")
    ] = None,
    border: Annotated[bool, typer.Option("--border", help="Draw a frame round the sheet's pattern.")] = False,
    pens: Annotated[str, typer.Option(help="Colours, such as red,navy: a layer each.")] = "black",
    colour_by: Annotated[
        str, typer.Option(help="What pens take turns by: class, motif (by chance), row, column, diagonal.")
    ] = "class",
    pen_width: options.PenWidth = "0.5mm",
    smooth: finish.Smooth = None,
    effort: finish.Effort = "fast",
    temperature: options.Temperature = None,
    pick: options.Pick = 4,
    machine: options.Machine = "virtual",
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Lay motifs out as on cloth, each another sample: a seamless tile, a sheet, or sheets for a cloth.

    Without --paper it writes a tile that repeats without a seam, and a picture of 3 x 3 of it. On --paper no two motifs
    are alike, unless a --tile repeats there; a plane group always repeats. Sheets are joined and ordered for the
    machine.
    """
    from gcode.profile import load_profile
    from plotbot.page.optimise import Finish
    from plotbot.page.paper import paper_size
    from plotbot.pattern.design import Design, make
    from plotbot.pattern.motif import Jitter
    from plotbot.pattern.pens import Pens
    from plotbot.pattern.sheets import border as frame_line
    from plotbot.pattern.sheets import frame, run_of_sheets
    from plotbot.progress import bar
    from plotbot.units import InputError, parse_length

    if output.suffix != ".svg":
        raise InputError(
            f"{output}: a pattern is written as .svg, with a picture beside it; call it {output.stem}.svg."
        )
    profile, finished = load_profile(machine), Finish(parse_length(pen_width), 0.0, finish.effort_of(effort), seed)
    colours = Pens(options.listed(pens), colour_by, seed)
    edge, length = options.margin_of(margin), parse_length(size) if size else None
    smaller, turned = (0.2, 180.0) if repeat == "toss" else (0.0, 0.0)
    jitter = Jitter(
        smaller if size_jitter is None else size_jitter,
        spacing_jitter,
        turned if angle_jitter is None else angle_jitter,
        mirror,
    )
    design = Design(
        sources,
        repeat,
        count,
        length,
        spacing,
        jitter,
        distinct,
        morph or bool(between),
        between or (),
        temperature,
        pick,
        seed,
    )
    sheet = paper_size(paper or "a3", landscape) if paper or cloth else None
    inside = frame(sheet, edge, marks=bool(cloth)) if sheet else None
    area = paper_size(cloth) if cloth else inside
    with bar("drawing the motifs"):
        pattern = make(design, paper_size(tile) if tile else None, area)
    # Before anything is cut, so that it meets again.
    if tolerance := finish.smooth_of(smooth, [one.lines for one in pattern.placed]):
        pattern = pattern.smoothed(tolerance, profile.junction_deviation)
    if spacing < 0:
        pattern = pattern.hidden(finished.pen_width)
    layers = pattern.layers(area, colours)
    facts: dict[str, Any] = {"repeat": repeat, "motifs": len(pattern.placed), "seed": seed}
    if pattern.wraps:
        facts["tile_mm"] = [round(side, 3) for side in pattern.size]
    if area is None or sheet is None:
        report(facts | _write_tile(layers, pattern.size, finished, output), as_json)
        return
    if border:
        layers[0][1].append(frame_line(area))
    if cloth:
        sheets = [
            (output.with_name(f"{output.stem}_{one.row}-{one.column}{output.suffix}"), one.layers)
            for one in run_of_sheets(layers, area, sheet, edge)
        ]
        picture, shown = area, layers
    else:
        sheets = [(output, [(colour, [line + edge for line in lines]) for colour, lines in layers])]
        picture, shown = sheet, sheets[0][1]
    facts["sheets"] = len(sheets)
    savings = [_write_sheet(on_sheet, sheet, path, profile, finished) for path, on_sheet in sheets]
    facts |= {name: sum(one[name] for one in savings) for name in savings[0]}
    facts["written"] = str(sheets[0][0])
    facts["picture"] = str(_write_picture(shown, picture, finished.pen_width, output.with_suffix(".png")))
    report(facts, as_json)


def _write_tile(layers: Layers, size: Size, finished: Finish, output: Path) -> dict[str, str]:
    from plotbot.page.svg import write_page
    from plotbot.pattern.pens import page
    from plotbot.pattern.seam import nine

    write_page(page(layers, size, finished.pen_width), output, made(seed=finished.seed))
    path = output.with_name(f"{output.stem}_3x3.png")
    picture = _write_picture(nine(layers, size), (3 * size[0], 3 * size[1]), finished.pen_width, path)
    return {"written": str(output), "picture": str(picture)}


def _write_sheet(layers: Layers, size: Size, output: Path, profile: Profile, finished: Finish) -> dict[str, float]:
    from plotbot.page.optimise import optimise
    from plotbot.page.svg import write_page
    from plotbot.pattern.pens import page

    document, saving = optimise(page(layers, size, finished.pen_width), profile, finished)
    write_page(document, output, made(seed=finished.seed))
    return asdict(saving)


def _write_picture(layers: Layers, size: Size, pen_width: float, path: Path) -> Path:
    """Layers of lines in mm as a PNG of (width, height) mm, of no more dots than a screen shows."""
    from plotbot.page.ink import write_ink_png
    from plotbot.page.preview import colour_of

    ink = [line for _, lines in layers for line in lines]
    colours = [colour_of(colour) for colour, lines in layers for _ in lines]
    write_ink_png(ink, size, pen_width, path, min(150.0, LONGER_SIDE_PX * 25.4 / max(size)), colours)
    return path
