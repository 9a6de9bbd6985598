"""Pages: `draw`, the main job, and its parts `page` and `gcode`."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from plotbot.cli import care, finish, options
from plotbot.cli.options import made, report

LONG_SECONDS = 3.0  # a wait of which a person is told beforehand


def draw(
    class_name: Annotated[str, typer.Argument(metavar="CLASS", help="What to draw: cat, dog, 'ice cream', ...")],
    count: options.Count = 12,
    temperature: options.Temperature = None,
    pen_temperature: options.PenTemperature = None,
    pick: options.Pick = 4,
    paper: options.Paper = "a4",
    landscape: options.Landscape = False,
    margin: options.Margin = "10mm",
    pen_width: options.PenWidth = "0.5mm",
    machine: options.Machine = "virtual",
    seed: options.Seed = 0,
    smooth: finish.Smooth = None,
    effort: finish.Effort = "fast",
    single_line: finish.SingleLine = False,
    reload_every: care.ReloadEvery = None,
    dip_at: care.DipAt = None,
    shake: care.Shake = 0,
    slow_end: care.SlowEnd = "0mm",
    pen_down_slow: care.PenDownSlow = False,
    out: options.Out = Path("out"),
    as_json: options.Json = False,
) -> None:
    """Sample sketches, lay them on paper, and plot them on the virtual machine.

    Writes page.svg, job.gcode, ink.svg, ink.png and report.json; `plotbot plot OUT/job.gcode --port ...` draws it
    on paper.
    """
    from gcode.profile import load_profile
    from gcode.program import owners
    from gcode.writing import write_layers
    from plotbot.files import write_beside
    from plotbot.page.ink import write_ink_png, write_ink_svg
    from plotbot.page.layout import in_grid, page_of
    from plotbot.page.optimise import Finish, as_single_lines, optimise
    from plotbot.page.paper import paper_size
    from plotbot.page.svg import write_page
    from plotbot.page.toolpath import from_toolpath, to_toolpath
    from plotbot.plotting import simulate
    from plotbot.progress import bar
    from plotbot.samples import draw_samples
    from plotbot.units import parse_length

    profile, size, pen = load_profile(machine), paper_size(paper, landscape), parse_length(pen_width)
    habits = care.care_of(reload_every, dip_at, shake, slow_end, pen_down_slow)
    hard = finish.effort_of(effort)
    with bar(f"drawing {count} x {class_name}"):
        samples = draw_samples(class_name, count, temperature, pen_temperature, pick, seed)
    placed = in_grid(samples.sketches, size, options.margin_of(margin))
    ready = Finish(pen, finish.smooth_of(smooth, placed), hard, seed)
    if single_line:
        placed, ready = as_single_lines(placed, ready, profile)
    document, saving = optimise(page_of(placed, size), profile, ready)
    toolpath = to_toolpath(document, profile)
    program = write_layers(toolpath.layers, profile, habits)
    with bar(f"plotting {count} x {samples.name} on the virtual {profile.name}") as update:
        simulation = simulate(program, profile, update)
    touched = zip(simulation.ink, owners(program, profile), strict=False)
    drawing = replace(simulation, ink=[line for line, stroke in touched if stroke is not None])  # reloads are none
    facts = {
        "class": samples.name,
        "model": samples.model,
        "sketches": count,
        "replaced_because_they_did_not_end": samples.replaced,
        "seed": seed,
        "picked_from": samples.picked_from,
        "temperature": samples.temperature,
        "paper_mm": list(size),
        "page_turned_to_fit": toolpath.rotated,
        "machine": profile.name,
        "smooth_mm": round(ready.smooth, 3),
        **asdict(saving),
        **drawing.facts(toolpath.lines),
    }
    options.make_folder(out)
    ink = from_toolpath(simulation.ink, size, profile, toolpath.rotated)
    write_page(document, out / "page.svg", made(model=samples.model, seed=seed))
    write_beside(out / "job.gcode", program.text.encode())
    write_ink_svg(ink, size, pen, out / "ink.svg")
    write_ink_png(ink, size, pen, out / "ink.png")
    write_beside(out / "report.json", (json.dumps(facts, indent=2) + "\n").encode())
    report(facts, as_json)
    if not as_json:
        typer.echo(f"\nThe picture is {out / 'ink.png'}; the job for a machine is {out / 'job.gcode'}.")


def page(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="A drawing.svg, or sketches: .ndjson, .npz, .bin.")
    ],
    output: Annotated[Path, typer.Option("-o", help="The page to write, .svg.")],
    paper: Annotated[str | None, typer.Option(help="As of `draw`; a4 for sketches, an SVG's own if not given.")] = None,
    landscape: options.Landscape = False,
    margin: options.Margin = "10mm",
    columns: Annotated[int | None, typer.Option(help="Sketches in a row; chosen to fit by default.")] = None,
    pens: Annotated[
        Literal["layers", "groups", "colours", "one"], typer.Option(help="What of an SVG is a pen, drawn by itself.")
    ] = "layers",
    fit: Annotated[bool, typer.Option("--fit", help="Scale an SVG to fill the paper up to the margin.")] = False,
    scale: Annotated[float, typer.Option(help="Make an SVG's drawing so many times as large.")] = 1.0,
    rotate: Annotated[float, typer.Option(help="Turn an SVG by so many degrees, clockwise.")] = 0.0,
    mirror: Annotated[Literal["horizontally", "vertically"] | None, typer.Option(help="Mirror an SVG.")] = None,
    centre: Annotated[bool, typer.Option("--centre", help="Put an SVG's drawing in the paper's middle.")] = False,
    hide: Annotated[
        bool, typer.Option("--hide", help="Each closed line of an SVG hides what was drawn before it.")
    ] = False,
    hatch: Annotated[
        Literal["parallel", "cross", "concentric"] | None, typer.Option(help="Fill what closed lines enclose.")
    ] = None,
    hatch_spacing: Annotated[str, typer.Option(help="From line to line of the filling.")] = "1mm",
    hatch_angle: Annotated[float, typer.Option(help="Of its lines, in degrees.")] = 45.0,
    pen_width: options.PenWidth = "0.5mm",
    smooth: finish.Smooth = None,
    single_line: finish.SingleLine = False,
    keep_doubled: Annotated[
        bool, typer.Option("--keep-doubled", help="Draw lines that lie on each other as often as they are there.")
    ] = False,
    effort: finish.Effort = "fast",
    seed: options.Seed = 0,
    machine: options.Machine = "virtual",
    as_json: options.Json = False,
) -> None:
    """Make a page that is quick to plot: sketches laid on paper, or an SVG, which keeps its lines as they are unless
    --smooth is given. Doubled lines are drawn once, lines that meet are joined, and all are put in order."""
    from gcode.profile import load_profile
    from plotbot.lines.travel import predicted_seconds
    from plotbot.page.filling import hatched, hidden
    from plotbot.page.layout import in_grid, page_of
    from plotbot.page.optimise import Finish, as_single_lines, optimise
    from plotbot.page.paper import paper_size
    from plotbot.page.placing import Placing, place
    from plotbot.page.reading import read_page
    from plotbot.page.svg import write_page
    from plotbot.progress import bar
    from plotbot.sketches import read_sketches
    from plotbot.units import InputError, parse_length, span

    profile, pen, edge = load_profile(machine), parse_length(pen_width), options.margin_of(margin)
    hard = finish.effort_of(effort)
    placing = Placing(mirror, rotate, scale, edge if fit else None, centre)
    size = paper_size(paper or "a4", landscape)
    if any(path.suffix.lower() == ".svg" for path in files):
        if len(files) > 1:
            raise InputError(
                "A page is one SVG file, or any number of sketch files (.ndjson, .npz, .bin): give one SVG alone."
            )
        if single_line:
            raise InputError("--single-line is for sketches: an SVG has none that could be told apart.")
        document = place(read_page(files[0], pens), placing, size if paper else None)
        ready = Finish(pen, parse_length(smooth or "0mm"), hard, seed, once=not keep_doubled)
    elif placing != Placing():
        raise InputError("--fit, --scale, --rotate, --mirror and --centre are for an SVG; sketches fill their cells.")
    else:
        placed = in_grid([one for path in files for one in read_sketches(path)], size, edge, columns)
        ready = Finish(pen, finish.smooth_of(smooth, placed), hard, seed, once=not keep_doubled)
        if single_line:
            placed, ready = as_single_lines(placed, ready, profile)
        document = page_of(placed, size)
    if hide:
        document = hidden(document, pen)
    if hatch:
        document = hatched(document, hatch, parse_length(hatch_spacing), hatch_angle, pen)
    strokes = sum(map(len, document.layers.values()))
    if (seconds := predicted_seconds(strokes, hard)) > LONG_SECONDS:
        typer.echo(f"{strokes:,} strokes: the order takes about {span(seconds)}.", err=True)
    with bar("ordering") as update:
        document, saving = optimise(document, profile, ready, update)
    write_page(document, output, made(seed=seed))
    report({**asdict(saving), "written": str(output)}, as_json)


def gcode(
    file: Annotated[Path, typer.Argument(metavar="PAGE.svg", help="The page, drawn in its own order.")],
    output: Annotated[Path, typer.Option("-o", help="The G-code to write.")],
    machine: options.Machine = "virtual",
    reload_every: care.ReloadEvery = None,
    dip_at: care.DipAt = None,
    shake: care.Shake = 0,
    slow_end: care.SlowEnd = "0mm",
    pen_down_slow: care.PenDownSlow = False,
    as_json: options.Json = False,
) -> None:
    """Write a page as G-code for a machine, in the page's own order (`plotbot page` finds a quicker one).

    A layer is a pen: at a change the machine parks and asks for it.
    """
    from gcode.motion import estimate
    from gcode.profile import load_profile
    from gcode.writing import write_layers
    from plotbot.files import write_beside
    from plotbot.page.reading import read_page
    from plotbot.page.toolpath import to_toolpath

    profile, habits = load_profile(machine), care.care_of(reload_every, dip_at, shake, slow_end, pen_down_slow)
    toolpath = to_toolpath(read_page(file), profile)
    program = write_layers(toolpath.layers, profile, habits)
    write_beside(output, program.text.encode())
    plan = estimate(program, profile)
    report(
        {
            "pens": len(toolpath.layers),
            "strokes": len(toolpath.lines),
            "page_turned_to_fit": toolpath.rotated,
            "bytes": len(program.text),
            "predicted_seconds": round(plan.seconds, 3),
            "written": str(output),
        },
        as_json,
    )
