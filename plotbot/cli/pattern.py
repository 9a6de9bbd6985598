"""`pattern`: motifs laid out as on cloth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plotbot.cli import finish, options
from plotbot.cli.options import made, report

if TYPE_CHECKING:
    import numpy as np

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
    spacing: Annotated[float, typer.Option(help="Between motifs, as a share of their size.")] = 0.2,
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
    smooth: finish.Smooth = "0.15mm",
    effort: finish.Effort = "normal",
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
    from plotbot.page.optimise import optimise
    from plotbot.page.paper import paper_size
    from plotbot.page.svg import write_page
    from plotbot.pattern.design import Design, make
    from plotbot.pattern.motif import Jitter
    from plotbot.pattern.pens import page, pens_of
    from plotbot.pattern.seam import nine
    from plotbot.pattern.sheets import border as frame_line
    from plotbot.pattern.sheets import frame, run_of_sheets
    from plotbot.units import parse_length

    profile, colours, finished = load_profile(machine), pens_of(pens), finish.finish_of(pen_width, "0mm", effort, seed)
    tossed, edge, tolerance = repeat == "toss", parse_length(margin), parse_length(smooth)
    given_size = None if size is None else parse_length(size)
    turned, smaller = (180.0, 0.2) if tossed else (0.0, 0.0)
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
        given_size,
        spacing,
        jitter,
        distinct,
        morph or bool(between),
        between or (),
        temperature,
        pick,
        seed,
    )
    sheet = None if paper is None and cloth is None else paper_size(paper or "a3", landscape)
    area = None if sheet is None else paper_size(cloth) if cloth else frame(sheet, edge)
    pattern = make(design, paper_size(tile) if tile else None, area)
    if tolerance:
        pattern = pattern.smoothed(tolerance, profile.junction_deviation)
    layers = pattern.layers(area, colours, colour_by, seed)
    if border and area is not None:
        layers[0][1].append(frame_line(area))
    pen = finished.pen_width
    facts: dict[str, Any] = {"repeat": repeat, "motifs": len(pattern.placed), "seed": seed}
    if pattern.wraps:
        facts["tile_mm"] = list(pattern.size)
    if area is None or sheet is None:
        write_page(page(layers, pattern.size, pen), output, made(seed=seed))
        picture = output.with_name(f"{output.stem}_3x3.png")
        write_picture(nine(layers, pattern.size), (3 * pattern.size[0], 3 * pattern.size[1]), pen, picture)
        report({**facts, "written": str(output), "picture": str(picture)}, as_json)
        return
    if cloth:
        pages = [
            (output.with_name(f"{output.stem}_{one.row}-{one.column}{output.suffix}"), one.layers)
            for one in run_of_sheets(layers, area, sheet, edge)
        ]
    else:
        pages = [(output, [(colour, [line + edge for line in lines]) for colour, lines in layers])]
    savings = []
    for path, on_sheet in pages:
        document, saving = optimise(page(on_sheet, sheet, pen), profile, finished)
        write_page(document, path, made(seed=seed))
        savings.append(asdict(saving))
    picture = output.with_suffix(".png")
    if cloth:
        write_picture(layers, area, pen, picture)
    else:
        write_picture(pages[0][1], sheet, pen, picture)
    facts |= {name: sum(one[name] for one in savings) for name in savings[0]}
    report({**facts, "sheets": len(pages), "written": str(pages[0][0]), "picture": str(picture)}, as_json)


def write_picture(
    layers: Sequence[tuple[str, list[np.ndarray]]], size: tuple[float, float], pen_width: float, path: Path
) -> None:
    """Layers of lines in mm as a PNG of (width, height) mm, of as many dots as a screen can show."""
    import vpype

    from plotbot.page.ink import write_ink_png

    ink = [line for _, lines in layers for line in lines]
    colours = [vpype.Color(colour).as_hex() for colour, lines in layers for _ in lines]
    write_ink_png(ink, size, pen_width, path, min(150.0, LONGER_SIDE_PX * 25.4 / max(size)), colours)
